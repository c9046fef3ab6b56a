"""The connection to a broker as its users see it: a protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Mapping

    from drsn.agent.mqtt.message import Confirmation


class Transport(Protocol):
    """One connection to a broker, kept alive between `start` and `stop`."""

    epoch: int
    """Rises with each connection that came about."""
    denied: tuple[str, ...]
    """Subscriptions that the broker refused."""
    last_error: str | None
    """Why there is no connection."""
    certificate: bytes | None
    """The broker's, in DER, as it was shown last; None: there is no encrypted connection yet."""
    taken_over: bool
    """Somebody else takes our client id again and again; there will be no other connection."""
    confirmations: deque[Confirmation]
    """The broker's word on what was published; whoever publishes takes them out."""

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted this connection."""
        ...

    @property
    def alive(self) -> bool:
        """Whether something still works at keeping it connected."""
        ...

    def start(self) -> None:
        """Begin to connect; returns at once, broker or not."""
        ...

    def stop(self, *, with_will: bool = False) -> None:
        """Disconnect and end. The broker sends the will only if it is asked to."""
        ...

    def reconnect(self) -> None:
        """Cut the connection; the next one brings again what is not acknowledged."""
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
        """Send a message; its id when it is under way, None when there is no connection."""
        ...
