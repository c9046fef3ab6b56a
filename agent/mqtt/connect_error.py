"""Waits for a connection, and says what may help when a broker accepts none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.transport import Transport

CONNECT_S: Final = 10.0
"""How long a command waits for its connection."""

POLL_S: Final = 0.01

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


def require_connection(
    connection: Transport, where: str, timeout_s: float = CONNECT_S, stopped: Callable[[], bool] = lambda: False
) -> None:
    """Wait until the broker has accepted a connection, or `stopped` returns true.

    Args:
        connection: that was started.
        where: host and port of the broker, for the error.
        timeout_s: longest wait.
        stopped: ends the wait.

    Raises:
        UnavailableError: there is no connection after `timeout_s`; the error has host, reason and remedy.
    """
    deadline_s = time.monotonic() + timeout_s
    while not connection.connected and not stopped():
        if time.monotonic() > deadline_s:
            error = connection.last_error
            text = f"broker {where}: no connection in {timeout_s:g} s: {error or 'no answer'}; {remedy_of(error)}"
            raise UnavailableError(f"{text} `drsn-agent doctor` finds out more")
        time.sleep(POLL_S)
