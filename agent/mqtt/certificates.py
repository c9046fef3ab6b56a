"""When certificates end, and whose they are: the three fields of X.509 (RFC 5280, 4.1) that are needed for that.

The standard library tells them only of a peer that it has checked, and of files only those of authorities.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_PEM: Final = re.compile(r"-----BEGIN (X509 )?CERTIFICATE-----([^-]+)-----END (X509 )?CERTIFICATE-----")
"""Base64 has no dash: without that, each BEGIN that lacks its END would be looked for to the end of the file."""
MAX_BYTES: Final = 4 << 20
"""Of a file; all that a system trusts come to 250 kB."""

_VERSION, _UTC_TIME, _GENERALIZED_TIME = 0xA0, 0x17, 0x18
"""Tags of DER."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Names are as they are encoded: enough to see that an issuer is a subject."""

    subject: bytes
    issuer: bytes
    ends_unix_s: float


def parsed(der: bytes) -> Certificate:
    """One certificate.

    Raises:
        ValueError: it is none.
    """
    try:
        return _parsed(der)
    except (ValueError, OverflowError):
        raise ValueError("no certificate") from None


def _parsed(der: bytes) -> Certificate:
    _, at, _ = _element(der, 0)  # certificate
    _, at, _ = _element(der, at)  # what of it is signed
    tag, _, end = _element(der, at)
    if tag == _VERSION:
        _, _, end = _element(der, end)  # serial number
    _, _, issuer = _element(der, end)  # algorithm
    _, _, validity = _element(der, issuer)
    _, not_before, subject = _element(der, validity)
    _, _, not_after = _element(der, not_before)
    _, _, end = _element(der, subject)
    return Certificate(der[subject:end], der[issuer:validity], _time(*_element(der, not_after), der))


def in_file(path: Path) -> list[Certificate]:
    """Those of a PEM file, in its order; what else stands there, such as a key, is passed over.

    Raises:
        OSError: it can't be read.
        ValueError: what looks like a certificate is none.
    """
    with path.open("rb") as file:
        text = file.read(MAX_BYTES).decode("ascii", errors="replace")
    pem = "-----BEGIN CERTIFICATE-----{}-----END CERTIFICATE-----"
    return [parsed(ssl.PEM_cert_to_DER_cert(pem.format(found[2]))) for found in _PEM.finditer(text)]


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, first byte of the content, and the byte behind it."""
    if at + 2 > len(der):
        raise ValueError("ends too early")
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        start, digits = start + (length & 0x7F), der[start : start + (length & 0x7F)]
        length = int.from_bytes(digits, "big")
    if start + length > len(der):
        raise ValueError("ends too early")
    return tag, start, start + length


def _time(tag: int, start: int, end: int, der: bytes) -> float:
    text = der[start:end].decode("ascii")
    if tag == _UTC_TIME:  # 1950 to 2049
        text = f"{'19' if text[:2] >= '50' else '20'}{text}"
    elif tag != _GENERALIZED_TIME:
        raise ValueError("no time where it should be")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
