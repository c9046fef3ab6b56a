"""The documentation says what is: generated parts are in step, and every command, setting, link and reason exists."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest

from drsn.agent.__main__ import main as agent_main
from drsn.agent.acquisition.codecs import Reason
from drsn.agent.settings.loader import load
from drsn.export.__main__ import main as export_main
from drsn.model import errors
from drsn.model.__main__ import main as train_main

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CHANGELOG.md")),
        *(ROOT / "examples").rglob("README.md"),
        *(ROOT / "docs").rglob("*.md"),
    ]
)
PROGRAMS = {"drsn-agent": agent_main, "drsn-export": export_main, "drsn-train": train_main}
generated = runpy.run_path(str(ROOT / "docs" / "generators" / "generate.py"))["generated"]


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language, of all pages."""
    return [
        block
        for page in PAGES
        for block in re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]


COMMANDS = sorted(
    {
        line.partition("#")[0].strip().removeprefix("sudo ")
        for block in blocks("sh")
        for line in block.replace("\\\n", " ").splitlines()
        if re.match(r"\s*(sudo )?drsn-", line)
    }
    | {
        quoted
        for page in PAGES
        for quoted in re.findall(r"`(drsn-(?:agent|export|train) [^`]*)`", page.read_text(encoding="utf-8"))
    }
)


def test_what_follows_from_the_code_is_in_step_with_it():
    stale = [ids(path) for path, text in generated().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run `make docs`"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_that_is_named_exists(command: str, capsys: pytest.CaptureFixture[str]):
    program, *words = shlex.split(command)
    verb = [words[0]] if words and re.fullmatch(r"[a-z][a-z-]*", words[0]) else []
    with pytest.raises(SystemExit) as left:
        PROGRAMS[program]([*verb, "--help"])
    assert left.value.code == 0
    told = capsys.readouterr().out
    missing = [word for word in words if word.startswith("--") and word.partition("=")[0] not in told]
    assert not missing, told
    for word in verb:
        assert re.search(rf"(usage: {program} {word}\b|'{program} {word})", told), f"{program} has no {word}"


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z]+)", " ".join(blocks("sh")) + " ".join(
    re.findall(r"`(make [a-z]+)`", " ".join(page.read_text(encoding="utf-8") for page in PAGES))
)))))  # fmt: skip
def test_every_make_target_that_is_named_exists(target: str):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("block", [b for b in blocks("toml") if "[[inputs]]" in b], ids=lambda block: block.split()[1])
def test_every_example_of_settings_loads(block: str, tmp_path: Path):
    path = tmp_path / "agent.toml"
    agent = "" if "[agent]" in block else f'[agent]\nbundle = "shipped:cwru"\nstate_dir = "{tmp_path}"\n'
    path.write_text(agent + block, encoding="utf-8")
    load(path)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_link_leads_somewhere(page: Path):
    text = page.read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in t]
    assert [t for t in targets if not (page.parent / t).exists()] == []


def test_every_path_that_the_code_points_to_exists():
    sources = [path for folder in ("agent", "export", "model") for path in (ROOT / folder).rglob("*.py")]
    named = {
        name
        for path in sources
        for name in re.findall(r"(?<![\w./])(?:docs|configs)/[\w./-]*\w", path.read_text(encoding="utf-8"))
    }
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_reason_to_refuse_a_packet_is_explained():
    text = (ROOT / "docs" / "reference" / "mqtt.md").read_text(encoding="utf-8")
    assert [reason.value for reason in Reason if f"`{reason.value}`" not in text] == []


def test_every_exit_code_is_explained():
    text = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.DrsnError)]
    assert [kind.__name__ for kind in kinds if f"| {kind.exit_code} |" not in text] == []
