"""The error of one attempt to deliver a message."""

from __future__ import annotations

from drsn.model.errors import excerpt


class UndeliveredError(Exception):
    """An attempt has failed.

    Args:
        reason: one line, without a secret.
        again: another attempt can succeed.
    """

    def __init__(self, reason: str, *, again: bool = True) -> None:
        super().__init__(excerpt(ValueError(reason)))
        self.again = again


def reason_of(error: Exception) -> str:
    """Why a connection failed; texts of other errors may quote the URL or the password, so only their kind is given."""
    return (isinstance(error, OSError) and str(error)) or type(error).__name__
