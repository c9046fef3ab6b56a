"""What the core and the runner need from the outside, as protocols; adapters are named only in `app`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from drsn.agent.mqtt.message import Confirmation


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a network says of a batch; arrays are valid until the next `infer` or `close`: copy what is kept."""

    probabilities: NDArray[np.float32]
    """float32[batch, labels], each row sums to 1."""
    novelty: NDArray[np.float32]
    """float32[batch], higher: less known."""
    alpha: NDArray[np.float32] | None
    """float32[batch, units], the learned threshold factors; None when the network has none."""


class Backend(Protocol):
    """Runs a bundle's network. Opened by a `with` block or closed by `close`."""

    name: str

    def infer(self, x: NDArray[np.float32]) -> Outputs:
        """Diagnose float32[batch, channels, window]; any batch from 1 to the size it was opened for.

        Raises:
            ValueError: x has another shape or dtype.
        """
        ...

    def close(self) -> None:
        """Free the session; calling twice is fine."""
        ...


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
