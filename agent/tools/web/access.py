"""Which requests the page answers: the name of the host, the origin of a command, the token. Pure functions."""

from __future__ import annotations

import hmac
import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADERS: Final[Mapping[bytes, bytes]] = {
    b"content-security-policy": (
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
}
"""Headers of every answer."""

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")


def host_allowed(host: str, allowed: frozenset[str]) -> bool:
    """Whether a `Host` header names this page.

    A name that is not ours is refused: a page of another site could let its own name point to our address (DNS
    rebinding), and a browser would give it our answers. An IP address can't be pointed elsewhere.

    Args:
        host: the header, with or without a port.
        allowed: names in lower case; one with a port fits this port alone.
    """
    name, _ = split_host(host)
    if not name:
        return False
    if name in allowed or host.lower() in allowed or name in LOOPBACK_NAMES:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def split_host(host: str) -> tuple[str, str]:
    """Name in lower case without brackets, and port, of a `Host` header; empty texts if it is none."""
    if any(c in host for c in "/@?#\\ ") or not host.isascii():
        return "", ""
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "").lower(), str(parts.port or "")
    except ValueError:
        return "", ""


def same_origin(origin: str | None, host: str) -> bool:
    """Whether an `Origin` header is that of the page: a page of another site must not command an agent.

    The scheme is not compared, because a proxy may end TLS.
    """
    scheme, separator, rest = (origin or "").partition("://")
    return bool(separator) and scheme in ("http", "https") and rest.lower() == host.lower()


def token_fits(given: str | None, token: str | None) -> bool:
    """Whether the token is right, in constant time; any is if none is set."""
    return token is None or hmac.compare_digest((given or "").encode(), token.encode())
