"""The loop of the service: receive, diagnose, commit, answer, publish; on the main thread, until it is stopped.

A window goes one way: inbox -> pipeline -> committer -> delivery. Commands and chores are done between the windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.service import systemd

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from drsn.agent.delivery.delivery import Delivery
    from drsn.agent.service.agent_id_lease import AgentIdLease
    from drsn.agent.service.chores import Chore
    from drsn.agent.service.clock import Clock
    from drsn.agent.service.commands import Commands
    from drsn.agent.service.committer import Committer
    from drsn.agent.service.pipeline import Pipeline
    from drsn.agent.service.receiver import Receiver
    from drsn.agent.service.shutdown import Shutdown
    from drsn.agent.service.waits import Waits


@dataclass
class Loop:
    """Turns until it is stopped."""

    receiver: Receiver
    pipeline: Pipeline
    committer: Committer
    commands: Commands
    chores: Sequence[Chore]
    """Before the commit of a turn."""
    reports: Sequence[Chore]
    """After everything of a turn is published: health, warnings, the watchdog."""
    delivery: Delivery
    lease: AgentIdLease
    shutdown: Shutdown
    waits: Waits
    clock: Clock
    on_ready: Callable[[], None]
    """Called once, when the service is ready."""

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set, then end in order.

        Raises:
            ConfigurationError: another agent has this agent.id, or this state directory.
            UnavailableError: another client takes our connection, or an agent that holds the id for longer is back.
        """
        self.lease.request()
        systemd.notify("READY=1")
        self.on_ready()
        try:
            while not stop.is_set():
                self.turn()
            self.shutdown.drain()
        except BaseException as error:
            self.shutdown.abandon(error)
            raise
        self.shutdown.farewell()

    def turn(self) -> None:
        """Receive messages, diagnose a batch that is due, do commands and chores, publish."""
        self.receiver.receive(self.waits.messages_a_turn, self._wait_s())
        self.committer.commit_windows(self.pipeline.tend(self.clock.monotonic_s()))
        self.commands.run(self.waits.commands_a_turn)
        now_s = self.clock.monotonic_s()
        for chore in self.chores:
            chore.tend(now_s)
        self.committer.commit()  # before anything is published, also when no packet comes
        self.delivery.pump(now_s)
        for report in self.reports:
            report.tend(now_s)

    def _wait_s(self) -> float:
        """How long the loop may wait for a message: until a batch or a commit is due."""
        now_s = self.clock.monotonic_s()
        idle_s = 0.0 if self.commands.waiting else self.waits.idle_wait_s
        waits_s = (self.pipeline.wait_s(now_s), self.committer.wait_s(now_s), idle_s)
        return min(wait_s for wait_s in waits_s if wait_s is not None)
