"""The table of all commands. The dispatcher, the command line's help and the alarm tests read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drsn.agent.rpc import alarm_verbs
from drsn.agent.rpc.commission_verb import commission
from drsn.agent.rpc.events_verb import events
from drsn.agent.rpc.evidence_verb import evidence
from drsn.agent.rpc.forget_verb import forget
from drsn.agent.rpc.reload_verb import RELOAD, reload

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.rpc.reply import Work
    from drsn.agent.schema.documents import CommandDocument


@dataclass(frozen=True, slots=True)
class Handler:
    """How a verb is carried out."""

    help: str
    """One line for the command line."""
    run: Callable[[CommandContext, CommandDocument, int], Work]
    """Carries out a command at a wall-clock time in ns; raises RefusedError with a reason for the sender."""
    kept: bool = True
    """The same `request_id` is answered from the stored reply; False: the verb only reads, and is done again."""
    needs: str | None = None
    """Field of the context without which the verb is not offered."""


VERBS: Final[dict[str, Handler]] = {
    "ack": Handler("acknowledge an alarm", alarm_verbs.ack),
    "reset": Handler("reset a latched alarm whose cause is gone", alarm_verbs.reset),
    "shelve": Handler("suppress alarms of a sensor for some time, 8 hours at most", alarm_verbs.shelve),
    "unshelve": Handler("end a shelving", alarm_verbs.unshelve),
    "out_of_service": Handler("suppress alarms of a sensor until `in-service`", alarm_verbs.out_of_service),
    "in_service": Handler("end `out-of-service`", alarm_verbs.in_service),
    "events": Handler("what happened to a sensor, from the agent's journal", events, kept=False),
    "evidence": Handler("publish the record of an event", evidence, kept=False, needs="state_dir"),
    "commission": Handler("learn the baseline of a machine from a healthy minute", commission, needs="commission_s"),
    "forget": Handler(
        "remove a sensor that is gone: its alarm and its state, not its history", forget, needs="forget_sensor"
    ),
    RELOAD: Handler("take over new settings or another bundle, if they pass the check", reload, needs="reload"),
}

CORE_VERBS: Final = tuple(verb for verb, handler in VERBS.items() if handler.needs is None)
"""Verbs that need no more than alarm states and a journal: those of the alarm tests."""
