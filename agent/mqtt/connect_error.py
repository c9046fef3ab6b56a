"""What may help when a broker accepts no connection."""

from __future__ import annotations

from typing import Final

REMEDIES: Final = {
    "user name or password": "check the user name and the password",
    "not authorized": "check the user name, the password and the broker's ACL",
    "certificate": "check the CA file, and whether the host is the one that the certificate names",
    "client identifier": "choose another client id",
    "protocol": "choose another version of MQTT",
}
"""Part of the error -> remedy. These errors come from a broker that runs."""

IS_IT_RUNNING: Final = "check that the broker runs and that the URL is right"


def remedy_of(error: str | None) -> str:
    """Return the remedy for the error of a connection; None: no answer came."""
    plain = (error or "").lower()
    return next((remedy for part, remedy in REMEDIES.items() if part in plain), IS_IT_RUNNING)
