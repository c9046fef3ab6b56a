"""Where the broker is and how to get in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and how to get in."""

    host: str
    port: int
    tls: bool = False
    ca_file: str | None = None
    """Of the authority that signed the broker's certificate; None: the system's."""
    cert_file: str | None = None
    """Our own certificate; None: the broker does not ask for one."""
    key_file: str | None = None
    """Its key; None: in `cert_file`."""
    insecure: bool = False
    """The broker's certificate is not checked."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    keepalive_s: int = 30
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
