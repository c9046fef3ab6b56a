"""The table of commands, and what reads it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from witness import renderer_of

from drsn.agent.decision.operator_action import ACTIONS
from drsn.agent.decision.sensor_table import SensorTable
from drsn.agent.mqtt.topics import Topics
from drsn.agent.rpc.context import CommandContext
from drsn.agent.rpc.dispatcher import CommandDispatcher
from drsn.agent.rpc.verb_help import VERB_HELP
from drsn.agent.rpc.verbs import CORE_VERBS, VERBS

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message
    from drsn.model.contract import ModelContract

DOCS = Path(__file__).parents[4] / "docs"


def test_every_action_on_an_alarm_is_a_verb():
    assert set(ACTIONS) | {"events"} == set(CORE_VERBS)


def test_what_a_handler_needs_is_a_field_of_the_context():
    assert {handler.needs for handler in VERBS.values()} - {None} <= set(CommandContext.__dataclass_fields__)


def test_the_documentation_of_the_topics_names_every_verb():
    text = (DOCS / "reference" / "mqtt.md").read_text()
    assert [verb for verb in VERBS if f"`{verb}`" not in text] == []


@pytest.fixture
def dispatcher(contract: ModelContract) -> CommandDispatcher:
    """A dispatcher of an agent without sensors that offers the core verbs only."""
    engine = SimpleNamespace(sensors=SensorTable(()))
    journal = SimpleNamespace(reply=lambda _: None)
    return CommandDispatcher(CommandContext(engine, renderer_of(contract), journal, Topics("drsn/v1", "line4")))


def test_a_verb_is_offered_if_the_agent_has_what_it_needs(
    dispatcher: CommandDispatcher, make_message: Callable[..., Message]
):
    reasons = []
    for number, directory in enumerate((None, Path("state"))):
        dispatcher.context.state_dir = directory
        payload = f'{{"request_id": "r{number}", "by": "ana"}}'.encode()
        dispatcher.put(make_message("drsn/v1/_agent/line4/cmd/evidence", payload))
        reasons.append(dispatcher.next(0).reply.reason)
    assert reasons == [
        f"unknown verb 'evidence'; use one of {', '.join(sorted(CORE_VERBS))}",
        "event_id: missing; name the event",
    ]


def test_a_command_wakes_the_loop_and_one_that_is_dropped_does_not(make_message: Callable[..., Message]):
    woken: list[int] = []
    dispatcher = CommandDispatcher(CommandContext(None, None, None, None), wake=lambda: woken.append(1))
    while not dispatcher.dropped:
        dispatcher.put(make_message(qos=0))
    assert len(woken) == 64


def test_every_verb_has_its_line_for_the_shell():
    assert list(VERB_HELP) == list(VERBS)
