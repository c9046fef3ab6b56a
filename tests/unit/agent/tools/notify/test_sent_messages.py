from __future__ import annotations

import pytest

from drsn.agent.tools.notify import sent_messages
from drsn.agent.tools.notify.keyed_alarm import AlarmKey
from drsn.agent.tools.notify.sent_messages import SentMessage, bounded, load, save
from drsn.model.contract import Severity


def records(count: int, change: str = "raised") -> sent_messages.Records:
    return {
        ("phone", AlarmKey(f"s{n}", "ball")): SentMessage(change, f"t{n}", Severity.MAJOR, n, float(n))
        for n in range(count)
    }


def test_the_file_gives_back_what_was_written(tmp_path):
    path = tmp_path / "notify.json"
    assert load(path) == {}
    save(path, records(3))
    assert load(path) == records(3)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["notify.json"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"messages": [{"receiver": "a"}]}', b"[" * 100_000])
def test_a_damaged_file_is_none(tmp_path, content):
    path = tmp_path / "notify.json"
    path.write_bytes(content)
    assert load(path) == {}


def test_what_is_in_its_place_is_an_error(tmp_path):
    with pytest.raises(OSError, match="not a regular file"):
        load(tmp_path)


def test_of_too_many_the_raised_and_the_newest_stay(monkeypatch):
    many = records(sent_messages.MAX_RECORDS)
    old = {("other", AlarmKey("x", "ball")): SentMessage("raised", "t", Severity.MAJOR, 0, 0.0)}
    cleared = {("phone", AlarmKey("y", "ball")): SentMessage("cleared", "t", Severity.MAJOR, 0, 1e9)}
    kept = bounded({**many, **old, **cleared})
    assert len(kept) == sent_messages.MAX_RECORDS
    assert not set(cleared) & set(kept)
