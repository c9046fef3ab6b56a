from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.rpc.request import MAX_BYTES, name_of, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message

PLAIN = {"request_id": "7d1f", "by": "ana", "sensor": "a"}
RECEIVED = datetime.fromtimestamp(1, tz=timezone.utc)  # as `make_message` says


def test_a_plain_command_is_read(make_message: Callable[..., Message]):
    later = (RECEIVED + timedelta(seconds=1)).isoformat()
    command = read(make_message(payload=json.dumps({**PLAIN, "expires": later}).encode()))
    assert (command.request_id, command.by, command.sensor, command.condition) == ("7d1f", "ana", "a", None)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"request_id": "a/b"}, "request_id"),
        ({"request_id": "+"}, "request_id"),
        ({"by": ""}, "by"),
        ({"by": None}, "by"),
        ({"comment": "x" * 501}, "comment"),
        ({"duration_s": 28_801}, "duration_s"),
        ({"sensro": "a"}, "sensro"),
        ({"expires": "2026-01-01T00:00:00"}, "offset"),
        ({"expires": RECEIVED.isoformat()}, "expired at"),
    ],
)
def test_what_is_wrong_is_named(said: dict[str, object], reason: str, make_message: Callable[..., Message]):
    with pytest.raises(RefusedError, match=reason):
        read(make_message(payload=json.dumps({**PLAIN, **said}).encode()))


def test_a_retained_command_and_one_that_is_too_long_are_refused(make_message: Callable[..., Message]):
    with pytest.raises(RefusedError, match="retained"):
        read(make_message(payload=json.dumps(PLAIN).encode(), retained=True))
    long = make_message(payload=json.dumps({**PLAIN, "x": "y" * MAX_BYTES}).encode())
    with pytest.raises(RefusedError, match="longer"):
        read(long)
    assert name_of(long) is None


@given(payload=st.one_of(st.binary(max_size=200), st.text().map(str.encode), st.just(b"[" * 5000)))
def test_any_bytes_are_refused_or_read_and_never_an_accident(payload: bytes, make_message: Callable[..., Message]):
    message = make_message(payload=payload)
    name_of(message)
    with pytest.raises(RefusedError):
        read(message)


@given(name=st.text(max_size=70))
def test_a_name_that_could_not_end_a_topic_is_none(name: str, make_message: Callable[..., Message]):
    found = name_of(make_message(payload=json.dumps({"request_id": name, "nonsense": 1}).encode()))
    assert found in (None, name)
    if found is not None:
        assert not set(found) & set("/+#\0")
