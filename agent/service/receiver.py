"""Takes messages out of the inbox and puts them through the pipeline; a refused packet is counted and logged."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs import PacketError, Reason
from drsn.agent.acquisition.not_watched import shown_source
from drsn.agent.observability.logs import Throttle, fields

if TYPE_CHECKING:
    from drsn.agent.acquisition.ack_tracker import InFlight
    from drsn.agent.acquisition.inbox import Inbox
    from drsn.agent.delivery.delivery import Delivery
    from drsn.agent.service.clock import Clock
    from drsn.agent.service.committer import Committer
    from drsn.agent.service.pipeline import Pipeline
    from drsn.agent.storage.poison_guard import PoisonGuard

log = logging.getLogger(__name__)

REFUSALS_A_MINUTE = 50
"""Log lines about refused packets, at most; one sensor and reason has one line a minute. Health has the counts."""


class Receiver:
    """The first half of a turn of the loop.

    Args:
        inbox: messages of the network's thread.
        pipeline: packets -> outcomes.
        committer: tracks the packets in flight, and commits the outcomes.
        poison_guard: after a crash, packets are handled one by one, and what crashed the agent repeatedly is refused.
        delivery: publishes after each commit of a batch, so that events do not wait for the end of the turn.
        clock: for the throttle of the log.
    """

    def __init__(
        self,
        inbox: Inbox,
        pipeline: Pipeline,
        committer: Committer,
        poison_guard: PoisonGuard,
        delivery: Delivery,
        clock: Clock,
    ) -> None:
        self._inbox, self._pipeline, self._committer, self._poison_guard = inbox, pipeline, committer, poison_guard
        self._delivery, self._clock = delivery, clock
        self._throttle = Throttle()
        self._refusals = Throttle(max_lines=REFUSALS_A_MINUTE)

    def receive(self, limit: int, timeout_s: float) -> bool:
        """Handle at most `limit` messages; wait for the first one for `timeout_s` at most.

        Returns:
            False: there was no message.
        """
        probation = self._poison_guard.probation
        messages = self._inbox.take(1 if probation else limit, timeout_s)
        # All packets are tracked before the first is handled, so that each is counted somewhere at every moment.
        handle = self._handle_on_probation if probation else self._handle
        try:
            for packet in self._committer.track(messages):
                handle(packet)
        finally:
            self._log_notices()  # also those of a packet that ends the process
        return bool(messages)

    def _handle(self, packet: InFlight) -> None:
        try:
            decisions = self._pipeline.process(packet)
        except PacketError as error:
            self._log_refusal(packet, error)
            self._committer.note(self._pipeline.refuse(packet, error))
        else:
            for refusal in packet.partly_refused:
                self._log_refusal(packet, refusal)
                self._committer.note(self._pipeline.note_refusal(refusal, packet.message.topic))
            if decisions and self._committer.commit_windows(decisions):
                self._delivery.pump(self._clock.monotonic_s())

    def _handle_on_probation(self, packet: InFlight) -> None:
        """One packet, written down before it is handled, and committed at once."""
        guard = self._poison_guard
        if guard.begin(packet.message):
            self._handle(packet)
        else:
            self._pipeline.refuse(
                packet, PacketError(Reason.POISON, "the agent crashed repeatedly while it handled this packet")
            )
            log.error("packet refused: the agent crashed repeatedly while it handled this packet",
                      extra=fields(topic=packet.message.topic))  # fmt: skip
        self._committer.commit_windows(self._pipeline.flush())
        self._committer.commit(now=True)
        guard.finish()

    def _log_refusal(self, packet: InFlight, error: PacketError) -> None:
        source = shown_source(error.sensors[0] if error.sensors else packet.message.topic)
        held_back = self._refusals.held_back((error.reason, source), self._clock.monotonic_s())
        if held_back is not None:
            refused = fields(source=source, topic=packet.message.topic, reason=str(error), more_like_it=held_back)
            log.warning("packet refused", extra=refused)

    def _log_notices(self) -> None:
        for notice in self._pipeline.take_notices():
            held_back = self._throttle.held_back(notice.key, self._clock.monotonic_s())
            if held_back is not None:
                details = fields(**notice.fields, more_like_it=held_back)
                log.log(notice.level, notice.event, extra=details, exc_info=notice.error)
