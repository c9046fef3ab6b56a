"""Creates empty matplotlib figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def canvas(width: float, height: float) -> Figure:
    """An empty figure of the given size in inches, with constrained layout.

    Raises:
        UnavailableError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 (slow to import; a plain evaluation draws nothing)
    except ImportError as error:
        raise UnavailableError("pictures need matplotlib; pip install 'drsn-edge[plots]'") from error
    return Figure(figsize=(width, height), layout="constrained")
