"""Warnings of TLS certificates that expire soon: an expired one ends the connection to the broker for good.

A certificate that is still valid does no harm, so a warning does not degrade the agent. Reading certificates needs
`cryptography`, from the extra `drsn-edge[certificates]`; without it, nothing is watched.
"""

from __future__ import annotations

import logging
import math
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from drsn.agent.observability.logs import fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.x509 import Name

    from drsn.agent.mqtt.broker_address import BrokerAddress

WARN_BEFORE_S: Final = 30 * 86_400.0
MAX_FILE_BYTES: Final = 4 << 20
"""Bytes that are read of a file. All authorities that a system trusts together have 250 kB."""

BROKER, OWN, AUTHORITY = "broker", "own", "authority"
"""The certificates of a connection."""

NOT_WATCHED: Final = "certificates are not checked for expiry: install drsn-edge[certificates]"

log = logging.getLogger(__name__)


class _Certificate(NamedTuple):
    subject: Name
    issuer: Name
    ends_unix_s: float


def not_watched(broker: BrokerAddress) -> str:
    """Why certificates are not watched; empty: they are, or there is no TLS."""
    return NOT_WATCHED if broker.tls and not _is_installed() else ""


def expiry_warnings(broker: BrokerAddress, peer: bytes | None, now_unix_s: float) -> tuple[str, ...]:
    """Certificates of a connection that expire within 30 days, or have expired: one line each, with the remedy.

    Args:
        broker: address and files.
        peer: certificate of the broker, DER; None: unknown, or no TLS.
        now_unix_s: current time.

    Returns:
        Empty also without TLS or without `cryptography`. Files that can't be read are left out: the next attempt to
        connect reports them.
    """
    return tuple(_warnings(broker, peer, now_unix_s)) if broker.tls and _is_installed() else ()


def _warnings(broker: BrokerAddress, peer: bytes | None, now_unix_s: float) -> Iterator[str]:
    remedies = {
        BROKER: ("the broker's certificate", "renew it at the broker"),
        OWN: (f"mqtt.cert_file: {broker.cert_file}", "get a new one from the certificate authority"),
        AUTHORITY: (f"mqtt.ca_file: {broker.ca_file}", "replace it by the authority's new certificate"),
    }
    for name, ends_unix_s in _ends(broker, peer).items():
        if when := _soon(ends_unix_s, now_unix_s):
            subject, remedy = remedies[name]
            yield f"{subject} {when}; {remedy}"


def expiry_times(broker: BrokerAddress, peer: bytes | None) -> dict[str, float]:
    """When the certificates of a connection end, Unix time in seconds, by `BROKER`, `OWN` and `AUTHORITY`.

    Those that are not known are left out, as in `expiry_warnings`.
    """
    return _ends(broker, peer) if broker.tls and _is_installed() else {}


def _ends(broker: BrokerAddress, peer: bytes | None) -> dict[str, float]:
    peers = [] if peer is None or broker.insecure else _parse(peer, pem=False)
    own = _read(broker.cert_file)
    authorities = [] if broker.insecure else _read(broker.ca_file)
    issuers = [each for each in authorities if any(each.subject == of.issuer for of in peers)]
    ends = {
        # The files hold chains: the first certificate to expire breaks them. Old and new certificates of an authority
        # overlap during a renewal: the last one to expire counts.
        BROKER: min((each.ends_unix_s for each in peers), default=math.inf),
        OWN: min((each.ends_unix_s for each in own), default=math.inf),
        AUTHORITY: max((each.ends_unix_s for each in issuers or authorities), default=math.inf),
    }
    return {name: ends_unix_s for name, ends_unix_s in ends.items() if ends_unix_s < math.inf}


class CertificateExpiry:
    """Checks the certificates of the connection now and then, and logs each warning once a day.

    Args:
        broker: address and files.
        check_every_s: how long a renewed file may still be reported.
        log_every_s: time between two log lines of one warning.
    """

    def __init__(self, broker: BrokerAddress, *, check_every_s: float = 3600.0, log_every_s: float = 86_400.0) -> None:
        self.warnings: tuple[str, ...] = ()
        """Current warnings, for the status."""
        self._broker = broker
        self._check_every_s, self._log_every_s = check_every_s, log_every_s
        self._peer: bytes | None = None
        self._due_s = -math.inf
        self._logged_s: dict[str, float] = {}
        if not_watched(broker):
            log.warning(NOT_WATCHED)

    def tend(self, now_s: float, now_unix_s: float, peer: bytes | None) -> None:
        """Check, if it is time or the broker has shown another certificate. The loop calls this in each turn.

        Args:
            now_s: monotonic time.
            now_unix_s: current time.
            peer: certificate that the broker showed last, DER.
        """
        if now_s < self._due_s and peer == self._peer:
            return
        self._due_s, self._peer = now_s + self._check_every_s, peer
        self.warnings = expiry_warnings(self._broker, peer, now_unix_s)
        self._logged_s = {text: s for text, s in self._logged_s.items() if text in self.warnings}
        for text in self.warnings:
            if now_s >= self._logged_s.get(text, -math.inf) + self._log_every_s:
                self._logged_s[text] = now_s
                log.warning("certificate expires", extra=fields(reason=text))


def _is_installed() -> bool:
    try:
        import cryptography.x509  # noqa: F401, PLC0415 (optional, and slow to import)
    except ImportError:
        return False
    return True


def _soon(ends_unix_s: float, now_unix_s: float) -> str:
    """When a certificate expires, as text; empty: not within 30 days."""
    if ends_unix_s - now_unix_s > WARN_BEFORE_S:
        return ""
    moment = datetime.fromtimestamp(ends_unix_s, tz=timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return f"{'expires' if ends_unix_s > now_unix_s else 'expired'} on {moment}"


def _read(path: str | None) -> list[_Certificate]:
    """Certificates of a PEM file, in its order; other contents, such as a key, are skipped. Empty: unreadable."""
    if path is None:
        return []
    try:
        with Path(path).open("rb") as file:
            return _parse(file.read(MAX_FILE_BYTES), pem=True)
    except OSError:
        return []


def _parse(data: bytes, *, pem: bool) -> list[_Certificate]:
    """Certificates in PEM, or the one in DER; empty: broken data."""
    from cryptography import x509  # noqa: PLC0415 (optional, and slow to import)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about serial numbers and country codes, which are not used here
            found = x509.load_pem_x509_certificates(data) if pem else [x509.load_der_x509_certificate(data)]
            return [_Certificate(each.subject, each.issuer, each.not_valid_after_utc.timestamp()) for each in found]
    except (ValueError, x509.InvalidVersion):
        return []
