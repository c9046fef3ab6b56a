"""The objects that the handlers of commands work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drsn.agent.rpc.error_log import ErrorLog
from drsn.agent.rpc.pending import PendingCommands

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.agent.decision.alarm_engine import AlarmEngine, Outcome
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.schema.evidence import SnapshotDocument
    from drsn.agent.schema.render import Renderer
    from drsn.agent.schema.trend import TrendDocument
    from drsn.agent.storage.journal import Journal


@dataclass(slots=True)
class CommandContext:
    """One for each agent. A verb whose handler needs a field that is None is not offered."""

    engine: AlarmEngine
    renderer: Renderer
    journal: Journal
    """Has the events and the stored replies."""
    topics: Topics
    pending: PendingCommands = field(default_factory=PendingCommands)
    errors: ErrorLog = field(default_factory=ErrorLog)
    state_dir: Path | None = None
    """Where evidence is; `evidence` needs it."""
    commission_s: float | None = None
    """Signal that a baseline takes, in seconds; `commission` needs it."""
    unknown_states: Callable[[], dict[str, int]] = dict
    """Sensor -> windows that lay in no operating state of its baseline."""
    trend_of: Callable[[str], TrendDocument] | None = None
    """Sensor -> its trend; `trend` needs it."""
    snapshot_of: Callable[[str], SnapshotDocument] | None = None
    """Sensor -> its newest window, or raises BadDataError with the reason; `snapshot` needs it."""
    forget_sensor: Callable[[str], None] | None = None
    """Drops what else is in memory of a sensor: its stream and its windows; `forget` needs it."""
    forget_left: Callable[[str], Outcome | None] = lambda _sensor: None
    """Removes a retained alarm with our agent.id, of a sensor that the agent does not have; None: there is none."""
    reload: Callable[[str], None] | None = None
    """Starts the check for this `request_id`, or raises RefusedError; `reload` needs it."""
