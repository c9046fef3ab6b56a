from __future__ import annotations

import json

import pytest

from drsn.agent.tools.web.guard import Refusal
from drsn.agent.tools.web.requests import command_request, event_in, number_in, sensor_in

COMMAND = {"agent": "line4", "verb": "ack", "sensor": "press4", "by": "Ana"}


def test_a_command_is_read():
    found = command_request(json.dumps({**COMMAND, "event_id": "e-7", "comment": "real: <b>"}).encode())
    assert (found.verb, found.comment) == ("ack", "real: <b>")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"verb": "reload"}, "verb"),
        ({"verb": "commission"}, "verb"),
        ({"agent": "a/b"}, "agent"),
        ({"sensor": "#"}, "sensor"),
        ({"by": ""}, "by"),
        ({"comment": "x" * 501}, "comment"),
        ({"duration_s": 1e9}, "duration_s"),
        ({"request_id": "mine"}, "request_id"),
    ],
)
def test_what_no_command_has_is_refused_by_name(change: dict, where: str):
    with pytest.raises(Refusal) as refused:
        command_request(json.dumps({**COMMAND, **change}).encode())
    assert (refused.value.status, where in refused.value.reason) == (400, True)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"9" * 5000])
def test_a_body_that_is_no_command_is_refused(body: bytes):
    with pytest.raises(Refusal):
        command_request(body)


def test_ids_of_paths_and_numbers_of_queries_are_checked():
    assert sensor_in({"sensor": "press4"}) == "press4"
    assert event_in({"event_id": "e-7"}) == "e-7"
    assert number_in({}, "hours", 24, 1, 48) == 24
    assert number_in({"hours": "2.5"}, "hours", 24, 1, 48) == 2.5
    for bad in ("x", "nan", "0", "49", ""):
        with pytest.raises(Refusal):
            number_in({"hours": bad}, "hours", 24, 1, 48)
    with pytest.raises(Refusal):
        sensor_in({"sensor": "+"})
    with pytest.raises(Refusal):
        event_in({"event_id": "a b"})
