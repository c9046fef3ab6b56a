"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from drsn.model.errors import EXIT_OK, ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.model.errors import DrsnError


@dataclass(frozen=True, slots=True)
class Finding:
    """One line, and a second one with the remedy where there is a problem, or will be one soon."""

    state: Literal["ok", "soon", "problem", "unneeded"]
    said: str
    remedy: str = ""
    exit_code: int = EXIT_OK


def ok(said: str) -> Finding:
    """As it should be."""
    return Finding("ok", said)


def soon(said: str, remedy: str) -> Finding:
    """As it should be, but not for long: no script is to stop at it."""
    return Finding("soon", said, remedy)


def unneeded(said: str) -> Finding:
    """Not there, and nothing needs it; or it can't be tried before something else is right."""
    return Finding("unneeded", said)


def unavailable(said: str, remedy: str) -> Finding:
    """A broker, a device or a library does not answer."""
    return Finding("problem", said, remedy, UnavailableError.exit_code)


def misconfigured(said: str, remedy: str) -> Finding:
    """Configuration, bundle, engine or directory is wrong; starting again won't help."""
    return Finding("problem", said, remedy, ConfigurationError.exit_code)


def of_error(error: DrsnError, remedy: str = "") -> Finding:
    """Our errors end with their remedy, behind the first semicolon; `remedy` is for those that have none."""
    said, _, told = " ".join(str(error).split()).partition("; ")
    return Finding("problem", said, told or remedy, error.exit_code)


def exit_code_of(findings: Iterable[Finding]) -> int:
    """Wrong configuration before what is unavailable: it is the one that waiting won't cure."""
    return max((finding.exit_code for finding in findings), default=EXIT_OK)
