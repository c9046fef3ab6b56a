"""The status code of a method: what a client gets when an agent refuses a command or does not answer."""

from __future__ import annotations

from typing import Final

GOOD: Final = "Good"

_REASONS: Final = (
    ("does not belong to the present alarm", "BadEventIdUnknown"),
    ("event is of an earlier alarm", "BadEventIdUnknown"),
    ("is active_acked", "BadConditionBranchAlreadyAcked"),
    ("is normal", "BadConditionBranchAlreadyAcked"),
    ("8 hours at most", "BadShelvingTimeOutOfRange"),
    ("did not answer", "BadTimeout"),
    ("no connection", "BadNoCommunication"),
    ("no condition", "BadNodeIdUnknown"),
    ("nothing to do", "BadInvalidState"),
    ("is still active", "BadInvalidState"),
)
"""Part of the reason of a reply -> status code. Part 9 names the codes of each method."""


def status_of(reason: str | None) -> str:
    """The name of the status code.

    Args:
        reason: why the command was refused or not sent; None: it was carried out.
    """
    if reason is None:
        return GOOD
    return next((code for part, code in _REASONS if part in reason), "BadInvalidState")
