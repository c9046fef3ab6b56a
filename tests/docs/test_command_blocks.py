"""Every command block of the pages runs as it stands, or a comment in the page gives the reason why not."""

from __future__ import annotations

import re
import shutil
import subprocess
import wave
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import command_blocks
import numpy as np
import pytest
import site_pages

from drsn.agent.tools.demo.machines import DEMO_MACHINES, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SAMPLES = ROOT / "tests" / "fixtures" / "sensors"
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "examples").rglob("README.md")),
    *(DOCS / page for page in site_pages.pages()),
]
WITH_COMMANDS = [page for page in PAGES if any(command_blocks.blocks(page))]
RUN = [page for page in WITH_COMMANDS if any(block.reason is None for block in command_blocks.blocks(page))]
# Pages with blocks that are neither run nor marked. A page leaves this list and never comes back.
NOT_YET = {
    "docs/reference/alarm-cases.md",
    "docs/reference/alarm-rules.md",
    "docs/reference/brokers.md",
    "docs/reference/files.md",
    "docs/reference/mqtt.md",
    "docs/start/your-recordings.md",
    "docs/start/your-sensor.md",
    "docs/trust/performance.md",
    "docs/trust/security.md",
    "docs/use/alarms.md",
    "docs/use/baseline.md",
    "docs/use/evidence.md",
    "docs/use/false-alarm.md",
    "docs/use/level.md",
    "docs/use/models.md",
    "docs/use/old-alarms.md",
}
QUICK = {"docs/reference/commands.md", "docs/reference/topics.md"}


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def toml_of(page: Path) -> str | None:
    """The whole configuration that a page of docs/start shows: its first block with an input."""
    shown = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return next((block for block in shown if "[[inputs]]" in block and "start" in page.parts), None)


def recording(path: Path) -> None:
    """Six seconds of a machine with a damaged inner race, as a WAV file."""
    machine = next(machine for machine in DEMO_MACHINES if machine.fault == "inner_race")
    made = record(machine, 6.0, DEMO_MACHINES.index(machine))
    samples = np.asarray(made.samples).reshape(-1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(round(made.sample_rate_hz))
        file.writeframes((samples / np.abs(samples).max() * 32_000).astype("<i2").tobytes())


def prepare(page: Path, folder: Path) -> None:
    """What a reader has in the folder: the clone's configurations, a recording, and what the page told to write."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    example = folder / "configs" / "agent.toml"
    example.write_text(example.read_text("utf-8").replace("/var/lib/drsn/line4", "state"), "utf-8")
    recording(folder / "recording.wav")
    for file in ("line4.toml", "agent.toml"):
        (folder / file).write_text(toml_of(page) or example.read_text("utf-8"), "utf-8")


def topic_of(page: Path) -> str | None:
    """The topic of which a page waits for one message."""
    found = re.search(r"mosquitto_sub .*-t '([^']+)' -C 1", page.read_text("utf-8"))
    return found and found[1].replace("+", "press4").replace("#", "gateway/press4")


@contextmanager
def source(page: Path, port: int) -> Iterator[None]:
    """Publish what the source of a page sends, until the page is done."""
    topic = topic_of(page)
    samples = [path for path in SAMPLES.glob(f"{page.stem}.*") if topic]
    if not samples:
        yield
        return
    once = f"mosquitto_pub -h 127.0.0.1 -p {port} -t '{topic}' -f '{samples[0]}'"
    sending = subprocess.Popen(["bash", "-c", f"while true; do {once}; sleep 0.3; done"])
    try:
        yield
    finally:
        sending.kill()
        sending.wait()


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name(page), marks=() if name(page) in QUICK else pytest.mark.slow)
        for page in RUN
        if name(page) not in NOT_YET
    ],
)
def test_the_commands_of_a_page_run_as_they_stand(page: Path, tmp_path: Path, mosquitto):
    folder = tmp_path / "clone"
    folder.mkdir()
    prepare(page, folder)
    with source(page, mosquitto.port):
        command_blocks.run(page, folder, mosquitto.port)


def test_the_list_of_pages_that_do_not_run_yet_only_gets_shorter():
    assert {name(page) for page in RUN} >= NOT_YET, "take the pages that run now out of NOT_YET"
    assert len(NOT_YET) <= 16


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name)
def test_each_reason_stands_right_before_a_block(page: Path):
    text = page.read_text("utf-8")
    assert text.count("<!-- not run:") == sum(block.reason is not None for block in command_blocks.blocks(page))


@pytest.fixture
def page(tmp_path: Path) -> Callable[[str], Path]:
    """Write a page of one block."""

    def write(text: str) -> Path:
        path = tmp_path / "page.md"
        path.write_text(text, "utf-8")
        (tmp_path / "folder").mkdir()
        return path

    return write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```sh\nfalse\n```\n", "exit code 1"),
        ("```sh\nsleep 9\n```\n", "did not end"),
        ("```sh\nmosquitto_sub --no-such-option\n```\n", "ended by itself"),
    ],
)
def test_a_block_that_fails_or_does_not_end_is_found(text: str, expected: str, page):
    path = page(text)
    with pytest.raises(AssertionError, match=expected):
        command_blocks.run(path, path.parent / "folder", 1, timeout_s=2)


def test_blocks_share_a_folder_and_a_marked_one_is_left_out(page):
    blocks = ("```sh\necho one > file\n```", "<!-- not run: it fails -->\n```sh\nfalse\n```", "```sh\ncat file\n```")
    path = page("\n\n".join(blocks))
    assert "one" in command_blocks.run(path, path.parent / "folder", 1)
