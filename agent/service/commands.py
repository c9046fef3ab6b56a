"""The commands of one turn: each is done, committed, and then answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.rpc.dispatcher import CommandDispatcher
    from drsn.agent.service.clock import Clock
    from drsn.agent.service.committer import Committer


@dataclass(frozen=True)
class Commands:
    """The second half of a command: the dispatcher does it, this commits and sends the answer."""

    dispatcher: CommandDispatcher
    control: Transport
    """Answers go out by this connection."""
    committer: Committer
    clock: Clock

    @property
    def waiting(self) -> int:
        """Commands that wait to be done."""
        return self.dispatcher.waiting

    def report_progress(self) -> None:
        """Send the replies of commands that take time, as far as there is progress; begin no other command."""
        while (answer := self.dispatcher.progress(self.clock.unix_ns())) is not None:
            self.committer.commit(answer.outcomes, answer)
            self.dispatcher.send(answer, self.control)

    def run(self, limit: int) -> None:
        """Do at most `limit` commands that wait; no answer goes out before what it reports is committed."""
        for _ in range(limit):
            answer = self.dispatcher.next(self.clock.unix_ns())
            if answer is None:
                return
            if answer.commits:
                self.committer.commit(answer.outcomes, answer)
            self.dispatcher.send(answer, self.control)
