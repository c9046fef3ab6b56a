"""A false alarm of a running agent becomes a recording of the next training: `false-alarm`, then `drsn-train --add`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.tools.labelling.labelled_folder import rows_of
from drsn.model.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import Mosquitto

RATE_HZ = 12_000.0

RECIPE = """
name = "again"
version = "2"

[signal]
window = 512
sample_rate_hz = 12000
bandwidth_hz = 5300

[data]
source = "synthetic"
train_machines = 6
validation_machines = 2
test_machines = 2
train_s = 0.3
test_s = 0.3

[network]
stages = [{ channels = 16 }]

[augmentation]
noise_only_share = 0.3

[optimisation]
steps = 8
batch = 16

[selection]
compare = "none"

[evaluation]
snr_db = [0]

[[labels]]
name = "good"
condition = "normal"
healthy = true

[[labels]]
name = "inner_race"
condition = "inner_race"

[[labels]]
name = "outer_race"
condition = "outer_race"
"""


def blower(path: Path) -> Path:
    """Twelve seconds of a healthy blower: noise that its blades modulate at 97 Hz. The model takes it for a fault."""
    t_s = np.arange(12 * RATE_HZ) / RATE_HZ
    samples = np.random.default_rng(0).standard_normal(len(t_s)) * (1 + 0.8 * np.sin(2 * np.pi * 97 * t_s))
    np.savez(path, samples=samples.astype(np.float32)[np.newaxis], sample_rate_hz=RATE_HZ)
    return path


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_the_windows_of_a_false_alarm_and_of_a_label_train_the_next_model(
    mosquitto: Mosquitto, make_agent: Callable, run_agent: Callable, wait_until: Callable, tmp_path: Path
):
    agent, labelled = make_agent(mosquitto.url), tmp_path / "labelled"
    agent.start()

    def shell(*words: object) -> str:
        done = run_agent(*map(str, words), "--broker", mosquitto.url)
        assert done.returncode == 0, (words, done.stdout, done.stderr, agent.text())
        return done.stdout

    shell("replay", blower(tmp_path / "blower.npz"), "--topic", "plant/hall/{sensor}/frame", "--speed", 4)

    def active() -> list[dict]:
        document = mosquitto.one("drsn/v1/blower/alarm")
        return [each for each in document.get("conditions", ()) if each["active"]]

    wait_until(active, what=agent.text())
    event = active()[0]["event_id"]

    # A person has looked: the machine is healthy. The windows go into the folder under the condition of the recipe.
    shell("false-alarm", event, "--by", "ana", "--comment", "it is a blower", "--out", labelled)
    shown = shell("label", event, "normal", "--by", "ana", "--out", labelled)
    assert shown.splitlines()[-1] == f"next: drsn-train RECIPE.toml --add {labelled}"

    recipe, out = tmp_path / "again.toml", tmp_path / "runs"
    recipe.write_text(RECIPE)
    assert main([str(recipe), "--out", str(out), "--add", str(labelled)]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["added"] == [f"labelled/{row.file}" for row in rows_of(labelled)]
    assert {*metrics["added"]} <= {*metrics["sets"]["train"]}
    assert not {*metrics["added"]} & {*metrics["sets"]["validation"], *metrics["sets"]["test"]}
    assert {row.label for row in rows_of(labelled)} == {"normal"}, "`good` is the recipe's label of this condition"
