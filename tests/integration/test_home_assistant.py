"""A real Home Assistant: its entities come up from the discovery, follow the alarm, and its button acknowledges it.

`make home-assistant` installs it, where there is a Python 3.13. Its MQTT integration is configured by file. States are
read back through its `mqtt_statestream`; the button is pressed by an automation that listens on a topic.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drsn.agent.schema.home_assistant import object_id
from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HASS = Path(os.environ.get("DRSN_HASS", Path.home() / ".cache" / "drsn-edge" / "home-assistant" / "bin" / "hass"))
INNER_RACE = next(actor for actor in DEMO_MACHINES if actor.fault == "inner_race")
STATUS = "drsn/v1/_agent/tester/status"
ALARM = f"drsn/v1/{INNER_RACE.sensor}/alarm"
CONFIGURATION = """
default_config:
mqtt_statestream:
  base_topic: ha
  publish_attributes: true
automation:
  - alias: press
    triggers:
      - trigger: mqtt
        topic: press
    actions:
      - action: button.press
        target:
          entity_id: "{{ trigger.payload }}"
"""


@pytest.fixture
def home_assistant(mosquitto, tmp_path: Path) -> Iterator[Path]:
    """Home Assistant, connected to the broker of the test; its log."""
    if not HASS.exists():
        pytest.skip("needs Home Assistant: make home-assistant")  # in CI too: it needs a Python that may not be there
    folder, log = tmp_path / "hass", tmp_path / "hass.log"
    (folder / ".storage").mkdir(parents=True)
    (folder / "configuration.yaml").write_text(CONFIGURATION.replace("default_config:\n", ""), encoding="utf-8")
    entry = {
        "created_at": "2026-01-01T00:00:00+00:00", "modified_at": "2026-01-01T00:00:00+00:00",
        "data": {"broker": "127.0.0.1", "port": mosquitto.port, "protocol": "5"}, "options": {}, "disabled_by": None,
        "discovery_keys": {}, "domain": "mqtt", "entry_id": "drsn", "minor_version": 2, "version": 1,
        "pref_disable_new_entities": False, "pref_disable_polling": False, "source": "user", "subentries": [],
        "title": "broker", "unique_id": None,
    }  # fmt: skip
    entries = {"version": 1, "minor_version": 5, "key": "core.config_entries", "data": {"entries": [entry]}}
    (folder / ".storage" / "core.config_entries").write_text(json.dumps(entries), encoding="utf-8")
    command = [str(HASS), "-c", str(folder), "--skip-pip"]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as process:
        try:
            yield log
        finally:
            process.terminate()


def play(broker, start_s: int) -> None:
    """Publish three seconds of the machine."""
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    for sent in frames([record(INNER_RACE, 3.0, DEMO_MACHINES.index(INNER_RACE))], plan, start_s * 1_000_000_000):
        broker.publish(sent.topic, sent.payload)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_home_assistant_shows_an_alarm_and_its_button_acknowledges_it(
    mosquitto, make_agent, wait_until: Callable[..., object], home_assistant: Path
):
    agent = make_agent(mosquitto.url, more="[home_assistant]\nenabled = true\n")
    agent.start()
    play(mosquitto, 1_700_000_000)
    wait_until(lambda: mosquitto.one(ALARM).get("state") == "active_unacked", what=agent.text())

    def states() -> dict[str, str]:
        """Entity -> its state, as Home Assistant has it."""
        command = ["mosquitto_sub", "-p", str(mosquitto.port), "-t", "ha/+/+/state", "-W", "1", "-F", "%t %p"]
        lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        pairs = (line.partition(" ") for line in lines)
        return {topic.removeprefix("ha/").removesuffix("/state").replace("/", "."): value for topic, _, value in pairs}

    slug = INNER_RACE.sensor.replace("-", "_").replace(".", "_")
    problem, state = f"binary_sensor.{slug}", f"sensor.{slug}_alarm_state"
    button = f"button.{slug}_acknowledge"
    wait_until(lambda: states().get(problem) == "on", 150, what=home_assistant.read_text()[-3000:])
    play(mosquitto, 1_700_000_100)  # results are not retained: those of before are gone
    wait_until(lambda: states().get(f"sensor.{slug}_rms", "un").replace(".", "").isdigit(), what="a result")
    found = states()
    assert found[state] == "active_unacked"
    assert found[f"sensor.{slug}_condition"] == "inner_race"
    assert {f"sensor.{slug}_severity", f"sensor.{slug}_confidence", f"event.{slug}_alarm_event", button,
            f"button.{slug}_shelve_for_8_hours"} <= found.keys()  # fmt: skip
    mosquitto.publish("press", button.encode())
    wait_until(lambda: mosquitto.one(ALARM)["state"] == "active_acked", what=home_assistant.read_text()[-3000:])
    alarm = mosquitto.one(ALARM)
    assert (alarm["acked_by"], alarm["event_id"] != "") == ("home-assistant", True)
    wait_until(
        lambda: (states().get(state), states().get(button)) == ("active_acked", "unavailable"), what="the answer"
    )
    mosquitto.publish("press", f"button.{slug}_shelve_for_8_hours".encode())
    wait_until(lambda: mosquitto.one(ALARM)["suppressed_by"] == "shelved", what="the shelving")
    wait_until(lambda: states().get(problem) == "off", what="a shelved alarm is no problem")
    assert agent.stop() == 0
    wait_until(lambda: states().get(problem) == "unavailable", what="an agent that is stopped")
    device = f"homeassistant/device/{object_id('tester', INNER_RACE.sensor)}/config"
    assert device in mosquitto.retained("homeassistant/device/+/config", 2)
    wrong = [line for line in home_assistant.read_text().splitlines() if "mqtt" in line and ("ERROR" in line)]
    assert wrong == []
