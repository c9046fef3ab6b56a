"""The nearest known word to one that is not known: for messages about settings, options, commands and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_CHARS = 64
"""Characters of a word that are compared: the comparison takes quadratic time."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?", or an empty text if no known word is near.

    Args:
        word: what was written.
        known: the words that exist.
    """
    from difflib import get_close_matches  # noqa: PLC0415 (only an error needs it)

    names = {name.lower(): name for name in known}
    near = get_close_matches(word[:MAX_CHARS].lower(), names, n=1)
    return f"; did you mean {names[near[0]]!r}?" if near else ""
