"""What delivery asks about sources of packets that are not watched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drsn.agent.acquisition.not_watched import NotWatched


@dataclass(frozen=True, slots=True)
class WatchView:
    """The sources that are not watched."""

    of: Callable[[str], NotWatched | None]
    """Sensor -> why it is not watched; None: it is."""
    sources: Callable[[], tuple[Sequence[NotWatched], int]]
    """The sources, a bounded number of them, and how many they are in all."""


ALL_WATCHED: Final = WatchView(of=lambda _sensor: None, sources=lambda: ((), 0))
