"""The view in textual's Pilot, over documents that a test gives it."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from drsn.agent.__main__ import main
from drsn.agent.schema.documents import ReplyDocument
from drsn.model.errors import UnavailableError

pytest.importorskip("textual")

from textual.widgets import Input, Static

from drsn.agent.tools.top.app import FollowingTable, TextScreen, TopApp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from drsn.agent.tools.live.live_state import LiveState


@dataclass
class GivenFeed:
    """Documents of a test; commands are kept."""

    state: LiveState
    where: str = "b:1883"
    connected: bool = True
    last_error: str | None = None
    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    problem: str | None = None

    def updates(self, _timeout_s: float) -> list[Any]:
        return []

    def command(self, agent: str, verb: str, fields: dict[str, Any], on_reply: Callable[..., None]) -> None:
        self.sent.append((agent, verb, fields))
        ok = self.problem is None
        on_reply(self.problem, ReplyDocument(agent=agent, request_id="r", verb=verb, ok=ok, at="now"))


@pytest.fixture
def feed(live: LiveState) -> GivenFeed:
    return GivenFeed(live)


@pytest.fixture
def piloted(feed: GivenFeed) -> Callable[..., None]:
    """`piloted(steps)`: run the view and `await steps(pilot, app)`."""

    def run(
        steps: Callable[[Pilot[None], TopApp], Awaitable[None]], evidence: Callable[..., str] | None = None
    ) -> None:
        async def go() -> None:
            app = TopApp(feed, evidence or (lambda sensor, event_id: f"{sensor} {event_id}\x1b[2J"))
            async with app.run_test(size=(200, 40)) as pilot:
                await pilot.pause()
                await steps(pilot, app)

        asyncio.run(go())

    return run


def column(app: TopApp, name: str, number: int) -> list[str]:
    table = app.query_one(f"#{name}", FollowingTable)
    return [str(table.get_row_at(row)[number]) for row in range(table.row_count)]


def line(app: TopApp) -> str:
    return str(app.query_one("#line", Static).render())


def test_agents_and_sensors_are_shown_the_most_urgent_first(piloted: Callable):
    async def steps(_pilot: Pilot[None], app: TopApp) -> None:
        assert column(app, "agents", 0) == ["line4", "line5"]
        assert column(app, "sensors", 0)[:2] == ["broken", "strange"]
        assert column(app, "sensors", 2)[1] == "not known; nearest ball_007"
        assert app.selected is not None
        assert app.selected.sensor == "broken"

    piloted(steps)


def test_keys_command_the_alarm_under_the_cursor(piloted: Callable, feed: GivenFeed):
    async def steps(pilot: Pilot[None], app: TopApp) -> None:
        await pilot.press("a")
        assert "broken, inner_race (agent line4): acknowledged" in line(app)
        await pilot.press("down", "s")
        feed.problem = "so it stands already"
        await pilot.press("u")
        assert "unshelve refused: so it stands already" in line(app)

    piloted(steps)
    assert feed.sent == [
        ("line4", "ack", {"sensor": "broken", "condition": "inner_race", "event_id": "e-inner_race"}),
        ("line4", "shelve", {"sensor": "strange", "condition": "unknown", "duration_s": 3600.0}),
        ("line4", "unshelve", {"sensor": "strange", "condition": "unknown"}),
    ]


def test_a_sensor_without_an_alarm_is_commanded_nothing(piloted: Callable, feed: GivenFeed):
    async def steps(pilot: Pilot[None], app: TopApp) -> None:
        await pilot.press("ctrl+end", "a", "e")
        assert "no alarm under the cursor" in line(app)

    piloted(steps)
    assert feed.sent == []


def test_evidence_is_shown_over_the_view_and_closed_by_a_key(piloted: Callable):
    async def steps(pilot: Pilot[None], app: TopApp) -> None:
        await pilot.press("e")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(app.screen, TextScreen)
        assert r"broken e-inner_race\x1b[2J" in str(app.screen.query_one(Static).render())
        await pilot.press("escape")
        assert not isinstance(app.screen, TextScreen)

    piloted(steps)


def test_evidence_that_is_not_there_is_one_line(piloted: Callable):
    def gone(*_: str) -> str:
        raise UnavailableError("agent line4 did not answer")

    async def steps(pilot: Pilot[None], app: TopApp) -> None:
        await pilot.press("e")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "agent line4 did not answer" in line(app)

    piloted(steps, gone)


def test_rows_are_sorted_and_filtered_by_keys(piloted: Callable):
    async def steps(pilot: Pilot[None], app: TopApp) -> None:
        await pilot.press("o")
        assert column(app, "sensors", 0) == sorted(column(app, "sensors", 0))
        await pilot.press("n")
        assert "healthy" not in column(app, "sensors", 0)
        await pilot.press("slash", *"inner")
        await pilot.pause()
        assert column(app, "sensors", 0) == ["broken"]
        await pilot.press("enter")
        assert not app.query_one("#filter", Input).display
        assert "filter 'inner'" in line(app)
        await pilot.press("escape")
        await pilot.pause()
        assert len(column(app, "sensors", 0)) == 6

    piloted(steps)


def test_the_cursor_stays_on_its_row_when_the_order_changes(piloted: Callable, live: LiveState, publish: Callable):
    async def steps(pilot: Pilot[None], app: TopApp) -> None:
        await pilot.press("down")
        publish(live, "broken/alarm", {"agent": "line4", "epoch": "e", "sensor": "broken", "seq": 2})
        app.refresh_view()
        await pilot.pause()
        assert column(app, "sensors", 0)[0] == "strange"
        assert app.selected is not None
        assert app.selected.sensor == "strange"

    piloted(steps)


def test_a_lost_connection_makes_all_stale_and_says_so(piloted: Callable, feed: GivenFeed):
    async def steps(_pilot: Pilot[None], app: TopApp) -> None:
        feed.connected, feed.last_error = False, "Connection refused"
        app.refresh_view()
        assert set(column(app, "sensors", 1)) == {"STALE"}
        assert "NO CONNECTION to b:1883 (Connection refused)" in line(app)
        feed.connected = True
        app.refresh_view()
        assert "STALE" not in column(app, "sensors", 1)[0]

    piloted(steps)


def test_without_textual_the_command_names_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.delitem(sys.modules, "drsn.agent.tools.top.app")
    monkeypatch.setitem(sys.modules, "textual.app", None)
    assert main(["top", "--broker", "mqtt://127.0.0.1:9"]) == 69
    err = capsys.readouterr().err
    assert "pip install 'drsn-edge[top]'" in err
    assert err.count("\n") == 1


def test_without_a_terminal_it_names_the_commands_that_need_none(capsys):
    assert main(["top", "--broker", "mqtt://127.0.0.1:9"]) == 64
    assert "drsn-agent watch" in capsys.readouterr().err
