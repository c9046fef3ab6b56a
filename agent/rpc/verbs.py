"""The table of all commands. The dispatcher and the alarm tests read it; `verb_help` has their lines for the shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drsn.agent.rpc import alarm_verbs
from drsn.agent.rpc.commission_verb import commission
from drsn.agent.rpc.events_verb import events
from drsn.agent.rpc.evidence_verb import evidence
from drsn.agent.rpc.false_alarm_verb import false_alarm
from drsn.agent.rpc.forget_verb import forget
from drsn.agent.rpc.reload_verb import RELOAD, reload
from drsn.agent.rpc.snapshot_verb import snapshot
from drsn.agent.rpc.trend_verb import trend

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.rpc.reply import Work
    from drsn.agent.schema.documents import CommandDocument


@dataclass(frozen=True, slots=True)
class Handler:
    """How a verb is carried out."""

    run: Callable[[CommandContext, CommandDocument, int], Work]
    """Carries out a command at a wall-clock time in ns; raises RefusedError with a reason for the sender."""
    kept: bool = True
    """The same `request_id` is answered from the stored reply; False: the verb only reads, and is done again."""
    frequent: bool = False
    """Several a second are usual: neither an answer nor a refusal is stored, committed, or logged above `debug`."""
    needs: str | None = None
    """Field of the context without which the verb is not offered."""


VERBS: Final[dict[str, Handler]] = {
    "ack": Handler(alarm_verbs.ack),
    "reset": Handler(alarm_verbs.reset),
    "shelve": Handler(alarm_verbs.shelve),
    "unshelve": Handler(alarm_verbs.unshelve),
    "out_of_service": Handler(alarm_verbs.out_of_service),
    "in_service": Handler(alarm_verbs.in_service),
    "false_alarm": Handler(false_alarm),
    "events": Handler(events, kept=False),
    "evidence": Handler(evidence, kept=False, needs="state_dir"),
    "snapshot": Handler(snapshot, kept=False, frequent=True, needs="snapshot_of"),
    "commission": Handler(commission, needs="commission_s"),
    "trend": Handler(trend, kept=False, needs="trend_of"),
    "forget": Handler(forget, needs="forget_sensor"),
    RELOAD: Handler(reload, needs="reload"),
}

CORE_VERBS: Final = tuple(verb for verb, handler in VERBS.items() if handler.needs is None)
"""Verbs that need no more than alarm states and a journal: those of the alarm tests."""
