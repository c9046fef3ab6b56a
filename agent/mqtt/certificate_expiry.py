"""Certificates that end soon: said in time, for one that has ended stops the agent from connecting ever again.

An agent whose certificate ends in a month watches as its machine was prepared to: so that is a warning in its status,
and does not degrade it.
"""

from __future__ import annotations

import logging
import math
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

from drsn.agent.mqtt.certificates import Certificate, in_file, parsed
from drsn.agent.observability.logs import fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.mqtt.broker_address import BrokerAddress

SOON_S: Final = 30 * 86_400.0

LOOK_S: Final = 3600.0
"""How long a renewed file may still be warned of."""

SAY_S: Final = 86_400.0

log = logging.getLogger(__name__)


def ending(broker: BrokerAddress, peer: bytes | None, now_unix_s: float) -> tuple[str, ...]:
    """What ends within 30 days of what a connection needs: one line each, with what to do.

    Args:
        broker: what the settings say of it.
        peer: its certificate in DER; None: nobody has seen it, or there is no TLS.
        now_unix_s: the time.
    """
    return tuple(_ending(broker, peer, now_unix_s)) if broker.tls else ()


def _ending(broker: BrokerAddress, peer: bytes | None, now_unix_s: float) -> Iterator[str]:
    theirs = None if peer is None or broker.insecure else _peer(peer)
    if theirs is not None and (when := _soon(theirs.ends_unix_s, now_unix_s)):
        yield f"the broker's certificate {when}; renew it at the broker"
    ours = _of(broker.cert_file)
    # With its chain: what ends first breaks it.
    if ours and (when := _soon(min(each.ends_unix_s for each in ours), now_unix_s)):
        yield f"mqtt.cert_file: {broker.cert_file} {when}; have the authority sign a new one"
    authorities = [] if broker.insecure else _of(broker.ca_file)
    issuers = [each for each in authorities if theirs is not None and each.subject == theirs.issuer]
    # Old and new stand side by side while one follows the other: the last one counts.
    last_s = max((each.ends_unix_s for each in issuers or authorities), default=math.inf)
    if when := _soon(last_s, now_unix_s):
        yield f"mqtt.ca_file: {broker.ca_file} {when}; put the authority's new certificate there"


class CertificateExpiry:
    """Looks every hour, and when the broker shows another certificate; says it in the log once a day."""

    def __init__(self, broker: BrokerAddress) -> None:
        self.warnings: tuple[str, ...] = ()
        """What ends soon."""
        self._broker = broker
        self._peer: bytes | None = None
        self._due_s = -math.inf
        self._said_s: dict[str, float] = {}

    def tend(self, now_s: float, now_unix_s: float, peer: bytes | None) -> None:
        """Called in each turn; `peer` is what the broker has shown last."""
        if now_s < self._due_s and peer == self._peer:
            return
        self._due_s, self._peer = now_s + LOOK_S, peer
        self.warnings = ending(self._broker, peer, now_unix_s)
        self._said_s = {text: s for text, s in self._said_s.items() if text in self.warnings}
        for text in self.warnings:
            if now_s >= self._said_s.get(text, -math.inf) + SAY_S:
                self._said_s[text] = now_s
                log.warning("certificate ends", extra=fields(reason=text))


def _soon(ends_unix_s: float, now_unix_s: float) -> str:
    """When, for people; empty: not soon."""
    if ends_unix_s - now_unix_s > SOON_S:
        return ""
    moment = datetime.fromtimestamp(ends_unix_s, tz=timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return f"{'ends' if ends_unix_s > now_unix_s else 'has ended'} on {moment}"


def _peer(der: bytes) -> Certificate | None:
    try:
        return parsed(der)
    except ValueError:
        return None


def _of(path: str | None) -> list[Certificate]:
    """None where the file is away or half written: the next attempt to connect says that."""
    try:
        return [] if path is None else in_file(Path(path))
    except (OSError, ValueError):
        return []
