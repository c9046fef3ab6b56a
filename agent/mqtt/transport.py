"""The connection to a broker as its users see it: a protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Mapping

    from drsn.agent.mqtt.message import Confirmation


class Transport(Protocol):
    """Connection to a broker, kept alive between `start` and `stop`."""

    last_error: str | None
    """Why there is no connection."""
    taken_over: bool
    """Other clients took the client id over too often; there will be no further connection."""
    confirmations: deque[Confirmation]
    """Answers of the broker to publishes; the publisher removes them."""

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted this connection."""
        ...

    @property
    def protocol(self) -> str:
        """MQTT version of the last connection that the broker accepted: "5" or "3.1.1"."""
        ...

    @property
    def epoch(self) -> int:
        """Number of connections that the broker has accepted so far."""
        ...

    @property
    def denied(self) -> tuple[str, ...]:
        """Filters that the broker refused on the last connection."""
        ...

    @property
    def certificate(self) -> bytes | None:
        """Certificate that the broker showed on the last connection, DER; None: none yet, or no TLS."""
        ...

    @property
    def alive(self) -> bool:
        """Whether the thread that keeps the connection alive is running."""
        ...

    def start(self) -> None:
        """Begin to connect; returns at once, also without a broker."""
        ...

    def stop(self, *, with_will: bool = False) -> None:
        """Disconnect for good. The broker publishes the will only if `with_will` is set."""
        ...

    def reconnect(self) -> None:
        """Cut the connection; the broker sends unacknowledged messages again on the next one."""
        ...

    def subscribe(self, filters: tuple[str, ...]) -> None:
        """Subscribe to more topic filters, with QoS 1, on this connection; the next one does not have them."""
        ...

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int,
        retain: bool = False,
        properties: Mapping[str, str] | None = None,
        correlation: bytes = b"",
    ) -> int | None:
        """Send a message. Returns its packet id; None: there is no connection."""
        ...
