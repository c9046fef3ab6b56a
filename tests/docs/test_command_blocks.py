"""Every command block of the pages runs as it stands, or a comment in the page gives the reason why not."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import command_blocks
import page_scenes
import pytest
import site_pages

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
NOT_YET = {"docs/start/your-recordings.md"}
QUICK = {"docs/reference/commands.md", "docs/reference/topics.md"}


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def toml_of(page: Path) -> str | None:
    """The whole configuration that a page of docs/start shows: its first block with an input."""
    shown = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return next((block for block in shown if "[[inputs]]" in block and "start" in page.parts), None)


def files_of(page: Path) -> dict[str, str]:
    """The files that a page shows: a block whose first line is a comment with the name."""
    shown = re.findall(r"```toml\n# ([a-z0-9-]+\.toml)\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return dict(shown)


def prepare(page: Path, folder: Path) -> None:
    """What a reader has in the folder: the clone's configurations, a recording, and what the page told to write."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    example = folder / "configs" / "agent.toml"
    example.write_text(example.read_text("utf-8").replace("/var/lib/drsn/line4", "state"), "utf-8")
    page_scenes.write_wav(folder / "recording.wav", page_scenes.samples_of("inner_race", 6.0)[0])
    page_scenes.write_recordings(folder)
    for file in ("line4.toml", "agent.toml"):
        (folder / file).write_text(toml_of(page) or example.read_text("utf-8"), "utf-8")
    for file, text in files_of(page).items():
        (folder / file).write_text(text, "utf-8")


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
def test_the_commands_of_a_page_run_as_they_stand(page: Path, tmp_path: Path, mosquitto, make_agent: Callable):
    folder = tmp_path / "clone"
    folder.mkdir()
    prepare(page, folder)
    with page_scenes.running(name(page), mosquitto, make_agent, folder) as words, source(page, mosquitto.port):
        command_blocks.run(page, folder, mosquitto.port, words=words)


def test_the_list_of_pages_that_do_not_run_yet_only_gets_shorter():
    assert {name(page) for page in RUN} >= NOT_YET, "take the pages that run now out of NOT_YET"
    assert len(NOT_YET) <= 1


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
