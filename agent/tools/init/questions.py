"""Questions on a terminal; without one, or with --yes, each answers itself with its default."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from drsn.model.errors import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.agent.tools.init.candidate import Candidate
    from drsn.agent.tools.init.payload import Payload

MAX_OPTIONS: Final = 9


class Questions:
    """Asks a person.

    Args:
        ask: false: nobody is there, defaults answer.
    """

    def __init__(self, *, ask: bool) -> None:
        self.ask = ask

    def text(self, question: str, default: str = "") -> str:
        """Return a text; the default where nothing is typed, or a `y` that accepts a shown default."""
        if not self.ask:
            return default
        shown = f" [{default}]" if default else ""
        answer = self._typed(f"{question}{shown}: ")
        accepted = default and answer.lower() in ("y", "yes")
        return default if accepted else answer or default

    def yes(self, question: str) -> bool:
        """Return whether the answer is yes, which is the default."""
        return not self.ask or self._typed(f"{question} [Y/n] ").lower() not in ("n", "no")

    def one_of(self, payload: Payload, candidates: Sequence[Candidate]) -> Candidate | None:
        """Return the candidate that a person chooses; None: none of them, or nobody is there."""
        if not self.ask:
            return None
        options = list(candidates[:MAX_OPTIONS])
        unlike = [each for at, each in enumerate(options) if each.settings not in [o.settings for o in options[:at]]]
        self._say(f"\n{payload.message.topic}: {payload.shown}\nHow is it to be read?")
        for number, each in enumerate(unlike, 1):
            shown = ", ".join(f"{key} = {value}" for key, value in each.settings.items())
            self._say(f"  {number}. {shown}\n     {each.reasons[-2] if len(each.reasons) > 1 else ''}")
        answer = self._typed(f"1 to {len(unlike)}, or 0 for none of them [0]: ")
        return unlike[int(answer) - 1] if answer.isdecimal() and 0 < int(answer) <= len(unlike) else None

    def number(self, question: str, default: float | None) -> float | None:
        """Return a number above 0; the default where nothing or no number is typed."""
        answer = self.text(question, "" if default is None else f"{default:g}")
        try:
            value = float(answer)
        except ValueError:
            return default
        return value if value > 0 else default

    def _say(self, text: str) -> None:
        sys.stderr.write("\n".join(map(printable, text.split("\n"))) + "\n")

    def _typed(self, prompt: str) -> str:
        sys.stderr.write(printable(prompt))
        sys.stderr.flush()
        return sys.stdin.readline().strip()
