"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from drsn.model.errors import EXIT_OK, ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.model.errors import DrsnError


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; a problem, a limit, or a problem that comes soon has a remedy."""

    state: Literal["ok", "soon", "limited", "problem", "unneeded"]
    text: str
    """One line; the field `said` of `doctor --json`."""
    remedy: str = ""
    exit_code: int = EXIT_OK


def ok(text: str) -> Finding:
    """Return that all is right."""
    return Finding("ok", text)


def soon(text: str, remedy: str) -> Finding:
    """Return that all is right now, but not for long; the exit code stays 0."""
    return Finding("soon", text, remedy)


def limited(text: str, remedy: str) -> Finding:
    """Return that it works with a limit of the broker, and how to live with that; the exit code stays 0."""
    return Finding("limited", text, remedy)


def unneeded(text: str) -> Finding:
    """Return that nothing needs it, or that something else must be right before it can be tried."""
    return Finding("unneeded", text)


def unavailable(text: str, remedy: str) -> Finding:
    """Return that a broker, a device or a library does not answer."""
    return Finding("problem", text, remedy, UnavailableError.exit_code)


def misconfigured(text: str, remedy: str) -> Finding:
    """Return that configuration, bundle, engine or directory is wrong; a restart won't help."""
    return Finding("problem", text, remedy, ConfigurationError.exit_code)


def of_error(error: DrsnError, remedy: str = "") -> Finding:
    """Return an error as a problem. Its remedy follows the first semicolon; `remedy` is for errors without one."""
    text, _, own_remedy = " ".join(str(error).split()).partition("; ")
    return Finding("problem", text, own_remedy or remedy, error.exit_code)


def exit_code_of(findings: Iterable[Finding]) -> int:
    """Return the largest exit code: 78, a wrong configuration, comes before 69, for waiting won't help."""
    return max((finding.exit_code for finding in findings), default=EXIT_OK)
