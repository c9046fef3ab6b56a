"""Address of the broker, and the login."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Address of the broker, TLS files and login."""

    host: str
    port: int
    tls: bool = False
    ca_file: str | None = None
    """PEM file of the authority that signed the broker's certificate; None: the system's authorities."""
    cert_file: str | None = None
    """PEM file of the client certificate; None: the broker does not ask for one."""
    key_file: str | None = None
    """PEM file of the client key; None: it is in `cert_file`."""
    insecure: bool = False
    """Do not verify the broker's certificate."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    keepalive_s: int = 30
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """MQTT version; auto: 5, or 3.1.1 if the broker does not accept 5."""
    websocket_path: str | None = None
    """Path of the HTTP request that opens the WebSocket; None: plain TCP or TLS."""
