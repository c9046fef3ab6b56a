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
