"""What `forget` drops of a sensor in memory, beside its alarm state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Forgetting(Protocol):
    """A part that keeps something of each sensor."""

    def forget(self, sensor: str) -> None:
        """Drop it."""


def forget_in(*parts: Forgetting | None) -> Callable[[str], None]:
    """Return a function that drops a sensor from these parts; None: a part that the agent does not have."""

    def forget(sensor: str) -> None:
        for part in parts:
            if part is not None:
                part.forget(sensor)

    return forget
