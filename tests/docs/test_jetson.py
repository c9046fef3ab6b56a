"""The pages about TensorRT agree with the code, and their figures are the measured ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from drsn.agent.backends.tolerance import TOLERANCES
from drsn.agent.tools.doctor.gpu import JETPACKS

ROOT = Path(__file__).parents[2]
PAGE, TESTED, ENGINES = (
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("start/jetson.md", "trust/tensorrt.md", "reference/tensorrt.md")
)
SOURCES = "".join(
    path.read_text(encoding="utf-8") for folder in ("agent", "export") for path in sorted((ROOT / folder).rglob("*.py"))
)
BLANK = "\N{EN DASH}"
API = ROOT / "tests" / "fixtures" / "tensorrt_api"


def section(title: str, page: str = PAGE) -> str:
    """What stands below a heading."""
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def cells(text: str) -> list[list[str]]:
    """The rows of the tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for place, row in enumerate(rows) if not set("".join(row)) <= {"-"} and place]


def test_nodes_and_times_are_the_measured_ones():
    measured = json.loads((ROOT / "benchmarks" / "results" / "onnx.json").read_text(encoding="utf-8"))["rows"]
    due = {}
    for row in measured:
        due.setdefault(row["network"], [row["network"], str(row["nodes, naive"]), str(row["nodes"])]).append(
            f"{row['ratio']:.2f}"
        )
    assert cells(section("What TensorRT is given", TESTED)) == list(due.values())


def test_a_claim_that_it_ran_on_a_device_has_figures_of_that_device():
    """None has yet; whoever writes one commits what `make gpu` measured."""
    claimed = [row[0] for row in cells(section("What was tested, and how", TESTED)) if row[1] != BLANK]
    report = ROOT / "benchmarks" / "results" / "gpu.json"
    assert not claimed or report.exists()
    assert "real builder" not in " ".join(claimed)


@pytest.mark.parametrize("version", sorted(path.stem for path in API.glob("*.json")))
def test_every_version_whose_names_are_checked_is_in_the_table_and_no_other(version: str):
    told = " ".join(row[0] for row in cells(section("What was tested, and how", TESTED)))
    major, minor = version.removeprefix("rtx-").split(".")[:2]
    assert f"{major}.{minor}" in told


def test_the_releases_are_those_that_the_doctor_knows():
    rows = cells(section("Install"))
    assert {int(row[1][1:3]) for row in rows} == {major for major in JETPACKS if major >= 36}


def test_the_tolerances_are_the_codes():
    text = " ".join(ENGINES.split())
    plain, strict, half = (TOLERANCES[name] for name in ("fp32", "fp32 strict", "fp16"))
    assert (strict.probability, strict.novelty) == (1e-4, 1e-3)
    assert "FP32 without TF32 1e-4 and 1e-3" in text
    assert f"FP32 with TF32 {plain.probability:g} and {plain.novelty:g}" in text
    assert f"FP16 {half.probability:g} and {half.novelty:g}" in text


SAID = [
    quoted
    for row in cells(section("When it does not work"))
    for quoted in re.findall(r"`([^`]+)`", row[0])
    if quoted not in ("Killed", "Could not find any implementation for node")  # the kernel's and TensorRT's own
]


@pytest.mark.parametrize("said", SAID)
def test_every_message_that_is_explained_is_said(said: str):
    """Between what differs from case to case: names and versions."""
    between = r"…|TensorRT (?:10\.[37]\.0)?|10\.[37]\.0|Orin|tensorrt\b"
    parts = [part for part in re.split(between, said) if len(part.strip()) > 5]
    assert parts
    assert [part for part in parts if part.strip(" ,") not in SOURCES] == []
