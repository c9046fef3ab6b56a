"""`drsn-agent top` in textual's Pilot, over a real broker that goes away and comes back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import own_loop
import pytest
from journal_agent import Journal

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.tools.live.subscriber import Subscriber

pytest.importorskip("textual")

from textual.widgets import Static

from drsn.agent.tools.top.app import FollowingTable, TopApp

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_view_follows_commands_and_survives_a_broker_that_restarts(mosquitto, wait_until: Callable):
    agent = Journal(mosquitto.port)
    agent.connection.start()
    wait_until(lambda: agent.connection.connected, what="the agent")
    agent.state()

    async def go() -> None:
        with Subscriber(BrokerAddress("127.0.0.1", mosquitto.port), "drsn/v1", "ana", results=True) as subscriber:
            app = TopApp(subscriber, lambda _sensor, _event: "")
            async with app.run_test(size=(160, 30)) as pilot:

                async def until(condition: Callable[[], object]) -> None:
                    deadline_s = time.monotonic() + 20
                    while not condition():
                        assert time.monotonic() < deadline_s
                        await pilot.pause(0.05)

                def cell(number: int) -> str:
                    table = app.query_one("#sensors", FollowingTable)
                    return str(table.get_row_at(0)[number]) if table.row_count else ""

                def line() -> str:
                    return str(app.query_one("#line", Static).render())

                await until(lambda: cell(0) == "press4")
                assert (cell(1), cell(2)) == ("active_unacked", "ball (ball_007)")
                await pilot.press("a")
                await until(lambda: "press4, ball (agent line4): acknowledged" in line())
                verb, command = agent.commands[0]
                assert (verb, command["event_id"], command["by"]) == ("ack", "e-7", "ana")
                mosquitto.kill()
                await until(lambda: cell(1) == "STALE")
                assert "NO CONNECTION to 127.0.0.1" in line()
                await pilot.press("s")
                assert "shelve refused: no connection to" in line()
                mosquitto.start()
                await until(lambda: agent.connection.connected)
                agent.state()
                await until(lambda: cell(1) == "active_unacked")

    own_loop.run(go())
    agent.connection.stop()
