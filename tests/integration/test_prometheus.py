"""A real agent, scraped by a real Prometheus: metrics, rules and the dashboard's expressions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import grafana
import pytest
from servers import free_port

from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
RULES = ROOT / "configs" / "prometheus"
INNER_RACE = next(actor for actor in DEMO_MACHINES if actor.fault == "inner_race")


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None or shutil.which("prometheus") is None:
        assert not os.environ.get("CI"), "CI runs `make prometheus` first"
        pytest.skip("needs Prometheus: make prometheus")
    return found


@pytest.fixture
def metrics_port(mosquitto, make_agent, wait_until) -> Iterator[int]:
    """The port of an agent that serves metrics, and that has raised an alarm."""
    port = free_port()
    agent = make_agent(mosquitto.url, more=f"[metrics]\nenabled = true\nport = {port}\n")
    agent.start()
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    for sent in frames([record(INNER_RACE, 3.0, DEMO_MACHINES.index(INNER_RACE))], plan, 1_700_000_000_000_000_000):
        mosquitto.publish(sent.topic, sent.payload)
    alarm = f'drsn_alarm_severity{{condition="inner_race",sensor="{INNER_RACE.sensor}"}}'
    wait_until(lambda: alarm in get(f"http://127.0.0.1:{port}/metrics"), what=agent.text())
    yield port
    assert agent.stop() == 0


def test_metrics_without_prometheus(metrics_port: int):
    text = get(f"http://127.0.0.1:{metrics_port}/metrics")
    assert 'drsn_agent_state{state="online"} 1.0' in text
    assert 'drsn_connected{connection="ingest"} 1.0' in text


@pytest.mark.slow
def test_promtool_finds_nothing_wrong_with_the_metrics(promtool: str, metrics_port: int):
    text = get(f"http://127.0.0.1:{metrics_port}/metrics")
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    wrong = [line for line in done.stderr.splitlines() if line.startswith("drsn_")]
    assert (done.returncode, wrong) == (0, []), done.stderr


@pytest.mark.slow
def test_rules_and_their_own_tests_pass(promtool: str):
    for check in (["check", "config", "prometheus.yml"], ["test", "rules", "rules_test.yml"]):
        done = subprocess.run([promtool, *check], cwd=RULES, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_every_expression_of_the_dashboard_and_of_the_rules_finds_the_metrics_of_a_real_agent(
    promtool: str, metrics_port: int, tmp_path: Path, wait_until: Callable[..., object]
):
    assert promtool
    config = (RULES / "prometheus.yml").read_text(encoding="utf-8")
    config = config.replace("127.0.0.1:9464", f"127.0.0.1:{metrics_port}").replace(": 15s", ": 1s")
    (tmp_path / "prometheus.yml").write_text(config, encoding="utf-8")
    shutil.copy(RULES / "rules.yml", tmp_path)
    port = free_port()
    url = f"http://127.0.0.1:{port}/api/v1"
    command = ["prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
               f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip

    def query(expr: str) -> list[dict]:
        answer = json.loads(get(f"{url}/query?{urllib.parse.urlencode({'query': expr})}"))
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    def scraped() -> bool:
        try:
            return bool(query("rate(drsn_inference_seconds_count[1m])")) and bool(
                query("ALERTS{alertname='DrsnMachineAlarm'}")
            )
        except OSError:
            return False

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(scraped, 60, what="two scrapes and the alert of the alarm")
            empty = [
                expr
                for expr in grafana.expressions()
                if not query(grafana.selected(expr, 'job="drsn"').replace("$__rate_interval", "1m"))
            ]
            firing = {each["metric"]["alertname"] for each in query('ALERTS{alertstate="firing"}')}
        finally:
            server.terminate()
    # Every source is watched, and there is no TLS: these have no series.
    assert [expr for expr in empty if "not_watched" not in expr and "certificate" not in expr] == []
    assert firing == {"DrsnMachineAlarm"}


def test_the_dashboard_is_one_that_grafana_can_load():
    """Grafana itself was not run: what its schema asks for beyond JSON is checked here."""
    board = json.loads((ROOT / "configs" / "grafana" / "drsn-edge.json").read_text(encoding="utf-8"))
    panels = board["panels"]
    assert 1 <= len(board["uid"]) <= 40
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    assert {entry["name"] for entry in board["templating"]["list"]} == {"datasource", "instance"}
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels)
