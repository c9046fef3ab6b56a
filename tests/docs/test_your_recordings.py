"""docs/start/your-recordings.md from the folder to the alarm, as it stands but for a training of eight steps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import command_blocks
import page_scenes
import pytest

if TYPE_CHECKING:
    from servers import Mosquitto

PAGE = Path(__file__).parents[2] / "docs" / "start" / "your-recordings.md"

EIGHT_STEPS = (
    "sed -i 's/^steps = 600 /steps = 8 /' pumps.toml; "
    r"""printf '[selection]\ncompare = "none"\n' >> pumps.toml"""
)
SHORT = {
    "drsn-train pumps.toml": f"{EIGHT_STEPS}; drsn-train pumps.toml",
    "--out pumps.zip": "--out pumps.zip --force",  # after eight steps noise raises alarms
}


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_the_page_leads_from_a_folder_of_recordings_to_a_running_bundle(mosquitto: Mosquitto, tmp_path: Path):
    text = PAGE.read_text("utf-8").partition("## Later")[0]
    page = tmp_path / "page.md"
    page.write_text(re.sub(r"<!-- not run: [^\n]+ -->\n", "", text), "utf-8")
    folder = tmp_path / "plant"
    for label, fault in (("normal", None), ("inner_race", "inner_race")):
        (folder / "recordings" / label).mkdir(parents=True)
        samples = page_scenes.samples_of(fault, 9.0)[0]
        for number in range(3):
            name = f"pump{number + 1}_{'b' if fault else 'a'}.wav"
            part = samples[number * 36_000 : (number + 1) * 36_000]
            page_scenes.write_wav(folder / "recordings" / label / name, part)
    (config,) = re.findall(r"```toml\n# agent\.toml\n(.*?)```", text, re.DOTALL)
    (folder / "agent.toml").write_text(config, "utf-8")
    shown = command_blocks.run(page, folder, mosquitto.port, timeout_s=600, words=SHORT)
    assert "next: drsn-train look recordings --recipe recipe.toml" in shown
    assert "next: drsn-export --target onnx --checkpoint runs/pumps/checkpoint.pt --out pumps.zip" in shown
    assert "next: set agent.bundle to pumps.zip, then drsn-agent check --config agent.toml" in shown
    assert "agent.toml: ready to run; bundle pumps 1" in shown
    assert "played" in shown
    assert "pump1_b" in shown.rpartition("drsn-agent alarms")[2]
