"""Commands that take time, and the progress that is reported on them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drsn.agent.decision.commissioning import Progress
from drsn.agent.rpc.pending import PendingCommands

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message


@pytest.fixture
def pending(make_message: Callable[..., Message]) -> PendingCommands:
    """`a` and `b` are being commissioned."""
    pending = PendingCommands()
    for request_id in "ab":
        pending.add(request_id, "commission", make_message())
    return pending


def test_progress_is_reported_in_order_and_the_last_one_ends_the_command(pending: PendingCommands):
    pending.sources.append(lambda: [Progress("a", "press4", pending="5 of 60 s"), Progress("a", "press4")])
    pending.poll()
    taken = [pending.take() for _ in range(3)]
    assert [each and each[0].pending for each in taken] == ["5 of 60 s", None, None]
    assert ("a" in pending, "b" in pending, list(pending.of("commission"))) == (False, True, ["b"])


def test_a_source_is_asked_only_when_nothing_waits(pending: PendingCommands):
    asked: list[str] = []

    def source(name: str) -> Callable[[], list[Progress]]:
        return lambda: [asked.append(name), [Progress(name, None, pending="under way")]][1]

    pending.sources += [source("a"), source("b")]
    pending.poll()
    pending.poll()
    assert asked == ["a"]


def test_a_command_is_acknowledged_with_its_first_answer_only(make_message: Callable[..., Message]):
    pending, acks = PendingCommands(), []
    pending.add("a", "reload", replace(make_message(), acknowledge=acks.append))
    pending["a"].message.ack()
    assert acks == []


def test_progress_that_no_command_waits_for_is_logged_and_left_out(pending: PendingCommands, caplog):
    pending.sources.append(lambda: [Progress("gone", "press4"), Progress("b", "press4")])
    pending.poll()
    progress, _ = pending.take()
    assert progress.request_id == "b"
    assert "no command waits for this progress" in caplog.text
