"""Two real agents with one id on one broker, each with a state directory of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_second_does_not_start_and_the_first_goes_on(mosquitto, make_agent, run_agent, tmp_path: Path, wait_until):
    first = make_agent(mosquitto.url)
    first.start()
    wait_until(lambda: mosquitto.one("drsn/v1/_agent/tester/status", 1).get("state") == "online", what="the first")
    config = tmp_path / "second.toml"
    text = first.config.read_text(encoding="utf-8")
    config.write_text(text.replace(f"{tmp_path / 'state'}", f"{tmp_path / 'elsewhere'}"), encoding="utf-8")
    done = run_agent("run", "--config", str(config))
    assert done.returncode == 78, done.stderr
    assert "another agent of this name is connected to the broker; give each its own agent.id" in done.stderr
    assert first.process.poll() is None
    assert first.text().count("connection lost") == 0, "nobody threw it out"
    assert mosquitto.one("drsn/v1/_agent/tester/status")["state"] == "online"
    assert first.stop() == 0


def test_after_a_kill_the_same_agent_starts_at_once(mosquitto, make_agent, wait_until: Callable):
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(lambda: "connection=ingest" in agent.text(), what="connected")
    agent.end()
    agent.start()
    wait_until(lambda: agent.text().count("event=connected connection=ingest") == 2, 10, "connected again")
    assert agent.stop() == 0
