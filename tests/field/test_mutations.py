"""Every payload of the matrix, changed at random: it is read, or refused in one line. There is never a traceback."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from field.case import Case, settings_of
from field.payloads import CASES

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.codecs import PacketError, Reason
from drsn.agent.acquisition.intake import Intake
from drsn.agent.acquisition.notice import ERROR
from drsn.agent.mqtt.message import Message
from drsn.agent.settings.inputs import inputs_of

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

MUTANTS = 10
"""Of each case."""

ODD: tuple[Any, ...] = (
    None, True, -1, 2**63, 1e308, float("nan"), "", "é", "1,5", "0" * 40, [], {}, [[]], [None], {"x": []},
)  # fmt: skip


def mutant(payload: bytes, draw: random.Random) -> bytes:
    """Another payload: cut, lengthened, with other bytes, or a document with another value somewhere."""
    kind = draw.randrange(5)
    if kind == 0:
        return payload[: draw.randrange(len(payload) + 1)]
    if kind == 1:
        at = draw.randrange(len(payload) + 1)
        return payload[:at] + draw.randbytes(draw.randrange(1, 9)) + payload[at:]
    if kind == 2:
        changed = bytearray(payload)
        for _ in range(draw.randrange(1, 5)):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        return bytes(changed)
    try:
        document = json.loads(payload)
    except ValueError:
        return payload[draw.randrange(len(payload)) :]
    return json.dumps(changed_in(document, draw)).encode()


def changed_in(value: Any, draw: random.Random) -> Any:  # noqa: ANN401 (any value of JSON)
    """The value with something odd in the place of one of its parts."""
    if isinstance(value, dict) and value and draw.random() < 0.8:
        key = draw.choice(list(value))
        return {**value, key: changed_in(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.8:
        at = draw.randrange(len(value))
        return [*value[:at], changed_in(value[at], draw), *value[at + 1 :]]
    return draw.choice(ODD)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.folder}-{case.name}".replace(" ", "_"))
def test_no_payload_makes_a_traceback(case: Case, contract: ModelContract):
    draw = random.Random(case.name)
    intake = Intake(contract, inputs_of(settings_of(case.inputs), contract), 100, {})
    published = [(topic, payload) for topic, payload in case.publish() if payload]
    for number in range(MUTANTS):
        topic, payload = draw.choice(published)
        message = Message(topic, mutant(payload, draw), 1, False, number / 10, 10**18)
        in_flight = InFlight(message)
        try:
            intake.receive(message, in_flight, lambda _sensor, _window: None)
        except PacketError as error:
            in_flight.partly_refused.append(error)
        for error in in_flight.partly_refused:
            assert error.reason is not Reason.INTERNAL, error
            assert len(str(error)) < 300
            assert "\n" not in str(error)
            str(error).encode()
    assert not [notice for notice in intake.take_notices() if notice.level == ERROR]
