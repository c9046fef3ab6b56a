"""Types of settings that pydantic lacks: quorums, topic prefixes, user names, brokers' URLs."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from drsn.agent.acquisition.shard import Shard
from drsn.agent.decision.voting import Quorum
from drsn.agent.mqtt.utf8 import flaw

PREFIX = r"^[^$/+#{}\x00-\x1f][^/+#{}\x00-\x1f]*(/[^/+#{}\x00-\x1f]+)*$"
"""Plain topic levels; topics that begin with $ belong to the broker."""

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
"""Scheme of a broker's URL -> its port: MQTT over TCP, over TLS, over WebSocket, over WebSocket and TLS."""

SHOWN = 80
"""Characters of a wrong value that a message shows."""

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,253}")


def _quorum(value: object) -> object:
    return Quorum.parse(value) if isinstance(value, str) else value


def _shard(value: object) -> object:
    return Shard.parse(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    if (wrong := flaw(text)) is not None:
        raise ValueError(wrong)
    return text


def _prefix(value: object) -> object:
    if isinstance(value, str) and re.search(PREFIX, _text(value)) is None:
        raise ValueError(
            f"{value[:SHOWN]!r} is not a plain topic: use non-empty levels without + # {{ }} and no $ at the start"
        )
    return value


def _url(url: str) -> str:
    if "@" in url:  # checked first: no message may contain a password
        raise ValueError("contains credentials; use username and password_file")
    # Checked before the URL is split: urlsplit drops line ends silently.
    if odd := next((c for c in url if c.isspace() or not c.isprintable()), None):
        raise ValueError(f"{url[:SHOWN]!r} contains U+{ord(odd):04X}; a URL has no spaces and no control characters")
    try:
        parts = urlsplit(url)
        websocket, rest = parts.scheme in ("ws", "wss"), parts.query + parts.fragment
        ends = not rest and parts.path.isascii() if websocket else parts.path + rest in ("", "/")
        right = ends and parts.scheme in DEFAULT_PORTS and _is_host(parts.hostname or "") and parts.port != 0
    except ValueError:  # an open bracket, a port out of range, a host name that IDNA can't encode
        right = False
    if not right:
        raise ValueError(
            f"{url[:SHOWN]!r} is not mqtt://host[:port], mqtts://host[:port], ws://host[:port][/path] or wss://..."
        )
    return url


def _is_host(name: str) -> bool:
    if ":" in name:
        return bool(IPv6Address(name.partition("%")[0]))  # the interface follows the address
    return _HOST.fullmatch(name.encode("idna").decode()) is not None


AS_TEXT: Final = "text"
"""Of a type whose values an environment variable holds as text, such as 6/8, not as JSON."""

QuorumText = Annotated[Quorum, AS_TEXT, BeforeValidator(_quorum)]

ShardText = Annotated[Shard, AS_TEXT, BeforeValidator(_shard)]

Prefix = Annotated[str, Field(pattern=PREFIX, max_length=200), BeforeValidator(_prefix)]
UserName = Annotated[str, AfterValidator(_text)]
BrokerUrl = Annotated[str, AfterValidator(_url)]
