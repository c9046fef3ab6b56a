"""From real recordings to retained alarms: ten CWRU machines, mosquitto, a real agent, a late subscriber."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from drsn.agent.bundles import shipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONDITION_OF = {
    "100_partial": "normal",
    "108": "inner_race", "172": "inner_race", "212": "inner_race",
    "121": "ball", "188": "ball", "225": "ball",
    "133": "outer_race", "200": "outer_race", "237": "outer_race",
}  # fmt: skip
"""The ten recordings at 3 hp, a load that the bundle was not trained on."""


@pytest.mark.parametrize("noise", [[], ["--snr", "0", "--seed", "3"]], ids=["clean", "0 dB"])
def test_a_late_subscriber_finds_the_right_condition(
    mosquitto, make_agent: Callable, wait_until: Callable, data_dir: Path, noise: list[str]
):
    agent = make_agent(mosquitto.url, shipped("cwru"))
    agent.start()
    paths = [str(data_dir / "cwru" / f"{name}.mat") for name in CONDITION_OF]
    played = subprocess.run(
        [sys.executable, "-m", "drsn.agent", "replay", *paths, "--to", mosquitto.url, "--speed", "0", "--json", *noise],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert played.returncode == 0, played.stderr
    packets = json.loads(played.stdout)["packets"]
    health = wait_until(
        lambda: (h := mosquitto.health()).get("packets", {}).get("processed") == packets and h, 60, agent.text()
    )
    assert health["rejected"] == {}
    assert health["gaps"] == 0
    alarms = mosquitto.retained("drsn/v1/+/alarm", len(CONDITION_OF))
    found = {document["sensor"]: document["condition"] or document["state"] for document in alarms.values()}
    assert found == CONDITION_OF
