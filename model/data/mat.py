"""Read MATLAB .mat files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drsn.model.errors import BadDataError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path


def variables(path: Path) -> dict[str, Any]:
    """Read every variable of a file.

    Raises:
        BadDataError: missing, or no MATLAB file of version 4 to 7.2.
        UnavailableError: scipy is not installed.
    """
    try:
        from scipy.io import loadmat  # noqa: PLC0415 (the agent replays recordings without scipy until it meets one)
    except ImportError as error:
        raise UnavailableError(f"{path}: .mat files need scipy; pip install 'drsn-edge[files]'") from error
    try:
        found: dict[str, Any] = loadmat(path)
    except Exception as error:
        raise BadDataError(f"{path}: no recording: {error!r}; export it or download it again") from error
    return {name: value for name, value in found.items() if not name.startswith("__")}
