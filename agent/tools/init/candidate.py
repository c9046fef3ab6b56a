"""A candidate: settings of an input that may read the payloads of a family, how certain they are, and why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ABSENT: Final = "-"
"""A path that no document has: the field of this name is not what the agent means by it, and is not read."""

AXES: Final = ("x", "y", "z")


@dataclass(frozen=True)
class Candidate:
    """One way to read payloads."""

    settings: Mapping[str, Any]
    """Of `[[inputs]]`, without its topic and sensor."""
    score: float
    """0 to 1: the share of packets that it reads, times how plausible the numbers are."""
    reasons: tuple[str, ...] = ()
    """What speaks for it, or against it."""
    guesses: Mapping[str, str] = field(default_factory=dict)
    """Setting that is a guess -> of what."""

    def with_settings(self, settings: Mapping[str, Any], *reasons: str, **guesses: str) -> Candidate:
        """This candidate with more settings; those of `fields` are joined."""
        merged = {**self.settings, **settings}
        if "fields" in settings:
            merged["fields"] = {**self.settings.get("fields", {}), **settings["fields"]}
        return replace(self, settings=merged, reasons=(*self.reasons, *reasons), guesses={**self.guesses, **guesses})


@dataclass(frozen=True)
class Guess:
    """What the payloads of a family are."""

    candidates: tuple[Candidate, ...] = ()
    """The best first. One: it is accepted. Several: a person has to choose. None: `refusal` says why."""
    refusal: str = ""
    remedy: str = ""
    """Which settings to write by hand."""

    @property
    def accepted(self) -> Candidate | None:
        """The candidate that is certain enough to be written without a question."""
        return self.candidates[0] if len(self.candidates) == 1 else None


def channel_names(count: int) -> list[str]:
    """Names for channels that have none."""
    return list(AXES) if count == len(AXES) else [f"ch{at + 1}" for at in range(count)]
