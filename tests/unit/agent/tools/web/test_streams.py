from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.web import streams
from drsn.agent.tools.web.streams import PING, RELOAD, Streams, TooManyStreamsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def taken(text: AsyncIterator[str], count: int) -> list[str]:
    return [await asyncio.wait_for(text.__anext__(), 5) for _ in range(count)]


def test_events_come_with_rising_ids_after_the_time_to_retry():
    async def go() -> None:
        hub = Streams(100)
        text = hub.open(None)
        assert await taken(text, 1) == ["retry: 1000\n\n"]
        hub.publish("change", {"a": 1})
        hub.publish("alarm", {"b": 2})
        assert await taken(text, 2) == [
            'id: 100\nevent: change\ndata: {"a":1}\n\n', 'id: 101\nevent: alarm\ndata: {"b":2}\n\n',
        ]  # fmt: skip
        assert len(hub) == 1
        hub.close()
        with pytest.raises(StopAsyncIteration):
            await text.__anext__()
        assert len(hub) == 0

    asyncio.run(go())


def test_a_browser_that_comes_back_gets_what_it_missed_or_reads_everything():
    async def go() -> None:
        hub = Streams(100)
        for number in range(3):
            hub.publish("change", number)
        missed = await taken(hub.open("100"), 3)
        assert [text.partition("\n")[0] for text in missed[1:]] == ["id: 101", "id: 102"]
        assert hub._missed("102") == [], "nothing was missed"
        for unknown in ("50", "103", "x", "-1", "", "9" * 30):
            assert (await taken(hub.open(unknown), 2))[1] == RELOAD

    asyncio.run(go())


def test_what_is_kept_is_bounded():
    hub = Streams(1)
    for _ in range(9):
        hub.publish("change", "x" * (streams.MAX_KEPT_CHARS // 4))
    assert sum(len(text) for _, text in hub._kept) <= streams.MAX_KEPT_CHARS
    assert hub._missed("1") == [RELOAD]


def test_a_browser_that_does_not_read_loses_its_stream_and_no_other_does():
    async def go() -> None:
        hub = Streams(1)
        slow, quick = hub.open(None), hub.open(None)
        await taken(slow, 1)
        await taken(quick, 1)
        for number in range(streams.MAX_QUEUED + 1):
            hub.publish("change", number)
            await taken(quick, 1)
        assert len(hub) == 1
        assert len([text async for text in slow]) == streams.MAX_QUEUED

    asyncio.run(go())


def test_a_quiet_stream_has_comments_and_the_number_of_streams_is_bounded():
    async def go() -> None:
        hub = Streams(1, ping_s=0.01)
        assert await taken(hub.open(None), 2) == ["retry: 1000\n\n", PING]
        for _ in range(streams.MAX_STREAMS - 1):
            hub.open(None)
        with pytest.raises(TooManyStreamsError):
            hub.open(None)

    asyncio.run(go())
