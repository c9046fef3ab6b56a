"""examples/line_protocol: the lines of a real agent's results, and of any text, are read back as they were."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from line_protocol.write_results import NUMBERS, TEXTS, line_of

from drsn.agent.acquisition.codecs.influx import document_of_lines
from drsn.agent.acquisition.codecs.packet import PayloadFormat
from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "line_protocol"
RESULT = json.loads((ROOT / "docs" / "reference" / "examples" / "result.json").read_text(encoding="utf-8"))
INNER_RACE = next(machine for machine in DEMO_MACHINES if machine.fault == "inner_race")
# A line break in a text is legal in line protocol, but the agent's reader of packets has one line for each moment.
TEXT = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), min_size=1)
NO_CONTROL = st.text(st.characters(exclude_characters="\\\x7f", exclude_categories=["Cs", "Cc"]), min_size=1)


def read(line: str) -> dict[str, object]:
    """The line as the agent's reader of Telegraf's packets understands it."""
    document = document_of_lines(line.encode(), PayloadFormat(t0_unit="ns"))
    return {name: value[0] if isinstance(value, list) else value for name, value in document.items()}


def test_a_result_is_one_line():
    assert line_of(RESULT) == (
        "drsn_result,sensor=pump2-de windows=1i,confidence=0.9999,novelty=-2.4276,rms=0.31535859245981773,"
        'peak=2.513174211720518,crest_factor=7.969,condition="inner_race",label="inner_race" 1796083814579000000'
    )


@given(sensor=NO_CONTROL, texts=st.lists(TEXT, min_size=len(TEXTS), max_size=len(TEXTS)))
def test_every_text_is_read_back(sensor: str, texts: list[str]):
    document = read(line_of({**RESULT, "sensor": sensor, **dict(zip(TEXTS, texts, strict=True))}))
    assert [document[name] for name in TEXTS] == texts
    assert document["sensor"] == sensor


@given(value=st.floats(), windows=st.integers(0, 2**31))
def test_every_number_is_read_back_or_left_out(value: float, windows: int):
    document = read(line_of({**RESULT, **dict.fromkeys(NUMBERS, value), "windows": windows}))
    finite = abs(value) < float("inf")
    assert [document.get(name) for name in NUMBERS] == [value if finite else None] * len(NUMBERS)
    assert document["windows"] == windows


@pytest.mark.parametrize("change", [{"sensor": "a\nb"}, {"sensor": "a\\"}, {"sensor": ""}, {"t1": "now"}])
def test_what_has_no_form_is_refused(change: dict[str, str]):
    with pytest.raises(ValueError, match=r"tag|isoformat"):
        line_of({**RESULT, **change})


def test_the_configuration_of_telegraf_is_toml_and_runs_this_program():
    document = tomllib.loads((EXAMPLE / "telegraf.conf").read_text(encoding="utf-8"))
    (execd,) = document["inputs"]["execd"]
    assert (EXAMPLE / execd["command"][1]).exists()
    assert execd["data_format"] == "influx"


@contextmanager
def writing(port: int, folder: Path) -> Iterator[Callable[[], list[str]]]:
    """The program; a function that returns the lines that it has written."""
    output = folder / "lines"
    command = [sys.executable, str(EXAMPLE / "write_results.py"), "127.0.0.1", str(port)]
    with (
        output.open("wb") as out,
        (folder / "errors").open("wb") as errors,
        subprocess.Popen(command, stdout=out, stderr=errors) as run,
    ):
        try:
            yield lambda: output.read_text(encoding="utf-8").splitlines()
        finally:
            run.kill()


def test_the_program_writes_what_is_published(mosquitto, wait_until: Callable, tmp_path: Path):
    with writing(mosquitto.port, tmp_path) as lines:
        wait_until(lambda: "/result" in mosquitto._log(), what="the subscription")
        for payload in (b"no result", b"[]", json.dumps(RESULT).encode()):
            mosquitto.publish("drsn/v1/pump2-de/result", payload)
        wait_until(lambda: lines() == [line_of(RESULT)], what="the line")
    told = (tmp_path / "errors").read_text(encoding="utf-8")
    assert told.count("not a result of an agent: drsn/v1/pump2-de/result") == 2


@pytest.mark.slow
def test_the_results_of_a_real_agent_are_lines(mosquitto, make_agent: Callable, wait_until: Callable, tmp_path: Path):
    agent = make_agent(mosquitto.url)
    agent.start()
    with writing(mosquitto.port, tmp_path) as lines:
        wait_until(lambda: "/result" in mosquitto._log(), what="the subscription")
        plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
        for sent in frames([record(INNER_RACE, 3.0, DEMO_MACHINES.index(INNER_RACE))], plan, time.time_ns()):
            mosquitto.publish(sent.topic, sent.payload)
        wait_until(lambda: any('condition="inner_race"' in line for line in lines()), what=agent.text())
        document = read(next(line for line in lines() if 'condition="inner_race"' in line))
    assert document["sensor"] == INNER_RACE.sensor
    assert document["confidence"] > 0.5
    assert document["rms"] > 0
    assert abs(document["t0"] - time.time_ns()) < 60e9
