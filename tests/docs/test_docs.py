"""The documentation says what is: generated parts are in step, and every command, setting, link and reason exists."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest

from drsn.agent.__main__ import main as agent_main
from drsn.agent.acquisition import continuity, sensor_registry
from drsn.agent.acquisition import memory_quota as room
from drsn.agent.acquisition import sensor_quota as places
from drsn.agent.acquisition import sensor_stream as stream
from drsn.agent.acquisition.codecs import Reason, packet
from drsn.agent.delivery import outbox
from drsn.agent.mqtt import connection_options, properties, topics
from drsn.agent.rpc import queue, request
from drsn.agent.service import bootstrap as app
from drsn.agent.service import evidence_wiring as setup
from drsn.agent.service import lease_acquisition, peer_status
from drsn.agent.service.waits import Waits
from drsn.agent.settings.loader import load
from drsn.agent.settings.sections import AgentSection
from drsn.agent.storage import database as store
from drsn.agent.storage import group_commit as group
from drsn.agent.storage import limits, state_dir
from drsn.agent.storage import poison_guard as in_hand
from drsn.export.__main__ import main as export_main
from drsn.model import bundle, errors
from drsn.model.__main__ import main as train_main

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
PROGRAMS = {"drsn-agent": agent_main, "drsn-export": export_main, "drsn-train": train_main}
generated = runpy.run_path(str(ROOT / "docs" / "generate.py"))["generated"]


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


def test_every_test_that_keeps_a_promise_exists():
    promises = re.findall(
        r"`((?:tests/[\w/]+/)?test_\w+\.py)::(\w+)`", (ROOT / "docs" / "reliability.md").read_text("utf-8")
    )
    assert promises
    for file, name in promises:
        found = [ROOT / file] if file.startswith("tests/") else list((ROOT / "tests" / "unit").rglob(file))
        assert any(f"def {name}(" in path.read_text("utf-8") for path in found), f"{file}::{name}"


WORDS = {3: "three", 4: "fourfold", 5: "five", 7: "seven", 8: "eight", 10: "ten", 0.5: "half a second"}
MAX_AGE_S = AgentSection.model_fields["max_age_s"].default
PROMISED = (
    f"are one commit, {group.GROUP_S * 1000:g} ms at most",
    f"no packet of QoS 1 has come for {group.LULL_S * 1000:g} ms",
    f"older than `agent.max_age_s` ({MAX_AGE_S:g} s)",
    f"the next {in_hand.PROBATION_PACKETS} packets are handled one by one",
    f"is refused (`poison`) after {WORDS.get(in_hand.MAX_CRASHES)} ends",
    f"never done for {Waits.ack_age_s:g} s cuts the connection",
    f"passes Receive Maximum {WORDS.get(connection_options.MAX_UNACKED_FACTOR)} is cut off",
    f"without a whole window within {WORDS.get(places.TRIAL_S / 60)} minutes their place is free",
    f"known across the sensor's last {WORDS.get(continuity.PAST_BOOTS)} restarts",
    f"memory is bounded: {limits.MAX_EVENTS_IN_MEMORY:,} events wait",
    f"Of a file set aside, {WORDS.get(state_dir.MAX_SET_ASIDE)} are kept",
    f"the journal holds {store.JOURNAL_BYTES / 1e6:g} MB",
    f"published events go after {WORDS.get(store.RETENTION_S / 86_400)} days",
    f"then events: {outbox.BURST} at once, {outbox.PER_S:g} a second",
    f"of another instance makes it wait {lease_acquisition.LEAST_WAIT_S:g} s",
    f"then it waits {WORDS.get(lease_acquisition.QUIET_S)}",
    f"what was refused is tried again after {outbox.RETRY_AFTER_S:g} s",
    f"the last {store.MAX_REPLIES:,} answers are kept",
)


BOUNDS = (
    f"as long as its pattern with {topics.MAX_LEVEL_CHARS} characters for each",
    f"| what waits to be read | {WORDS.get(app.INBOX_BATCHES)} batches, {app.INBOX_BATCHES * 32} messages by default:",
    f"| {packet.MAX_SAMPLE_RATE_HZ / 1e6:g} MHz, and {stream.MAX_WINDOW_SAMPLES:,} samples a window;",
    f"| {peer_status.MAX_STATUS_BYTES >> 10} KiB, in packets of {peer_status.MAX_STATUS_BYTES >> 9} KiB;",
    (
        f"need at {WORDS.get(room.RATES)} times the bundle's rate, "
        f"{sensor_registry.RINGS_BYTES >> 20} and {setup.TRAILS_BYTES >> 20} MiB at least;"
    ),
    (f"| user properties | {properties.MAX_PROPERTIES} a message, {properties.MAX_PROPERTY_CHARS} characters each |"),
    (
        f"| a command | {request.MAX_BYTES >> 10} KiB; {Waits.commands_a_turn} are done a turn; of QoS 1 "
        f"{queue.QUEUE_LIMITS[True].commands:,} wait at most ({queue.QUEUE_LIMITS[True].size_bytes >> 20} MiB), of "
        f"QoS 0 {queue.QUEUE_LIMITS[False].commands} ({queue.QUEUE_LIMITS[False].size_bytes >> 20} MiB)."
    ),
    f"printable, {topics.MAX_REPLY_CHARS} characters, {topics.MAX_REPLY_LEVELS} levels:",
    (
        f"| a bundle | {bundle.MAX_BYTES >> 20} MiB, {bundle.MAX_FILES} files, "
        f"{bundle.MAX_MANIFEST_BYTES >> 20} MiB of manifest; {bundle.MAX_GOLDEN:,} golden windows,"
    ),
)


@pytest.mark.parametrize(
    ("page", "promise"), [("reliability.md", each) for each in PROMISED] + [("security.md", each) for each in BOUNDS]
)
def test_every_number_that_is_promised_is_the_code_s(page: str, promise: str):
    assert promise in " ".join((ROOT / "docs" / page).read_text("utf-8").split())


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
        for name in re.findall(r"\b(?:docs|configs)/[\w./-]*\w", path.read_text(encoding="utf-8"))
    }
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_reason_to_refuse_a_packet_is_explained():
    text = (ROOT / "docs" / "mqtt.md").read_text(encoding="utf-8")
    assert [reason.value for reason in Reason if f"`{reason.value}`" not in text] == []


def test_every_exit_code_is_explained():
    text = (ROOT / "docs" / "mqtt.md").read_text(encoding="utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.DrsnError)]
    assert [kind.__name__ for kind in kinds if f"| {kind.exit_code} |" not in text] == []
