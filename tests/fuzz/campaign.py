"""Coverage-guided fuzzing with atheris, one reader after the other: `make fuzz`, or `campaign.py cbor json --inputs N`.

Starts from the corpus, adds to it what reaches more, and writes what it did to benchmarks/results/fuzz.json. Edges are
those of the project's own Python (and of tomllib); the libraries in C and Rust are run, but not seen into.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# .types (`make .types`): atheris sees into what lies on the path, not into an editable install.
sys.path[:0] = [str(ROOT / part) for part in (".types", "tests", "benchmarks")]

import atheris  # noqa: E402 (as the next two: found on the path that is set above)
from _report import RESULTS, commit, machine, show  # noqa: E402 (see above)
from fuzz.corpus import keep, kept  # noqa: E402 (see above)

ONE_INPUT_S = 300
"""Longer is a finding. Of the wall clock: a busy machine may give a fuzzer a hundredth of a core."""

MEMORY_MB = 2048
MAX_LENGTH = 4096
KEPT_BYTES = 48_000
"""Of one target's corpus."""

DONE = re.compile(r"^#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+)", re.MULTILINE)
MIN_SLICE = 5000
"""Inputs of a slice; each begins with ten seconds of imports and instrumentation."""


def fuzz_one(name: str, options: list[str]) -> None:
    """Become libFuzzer; never returns."""
    with atheris.instrument_imports(include=["drsn", "tomllib"]):
        from fuzz.targets import TARGETS
    atheris.Setup(["fuzz", *options], TARGETS[name].run)
    atheris.Fuzz()


def libfuzzer(name: str, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, __file__, "--one", name, *map(str, options)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    return subprocess.run(command, text=True, capture_output=True, check=False, env=environment)


def slice_of(name: str, inputs: int, seeds: tuple[bytes, ...], findings: Path) -> tuple[int, int, int] | None:
    """Fuzz one target from its corpus on, and add to the corpus.

    Returns:
        Inputs, edges and features; None where a promise was broken: input and log lie in `findings`.
    """
    with tempfile.TemporaryDirectory() as folder:
        start, new = Path(folder, "start"), Path(folder, "new")  # libFuzzer writes to the first that it is given
        for each in (start, new):
            each.mkdir()
        for number, seed in enumerate((*seeds, *kept(name))):
            (start / str(number)).write_bytes(seed)
        limits = (f"-timeout={ONE_INPUT_S}", f"-rss_limit_mb={MEMORY_MB}", f"-artifact_prefix={findings}/{name}-")
        longest = max(MAX_LENGTH, *(len(seed) for seed in seeds))
        done = libfuzzer(name, new, start, f"-runs={inputs}", f"-max_len={longest}", *limits)
        found = DONE.search(done.stderr)
        if not found:
            (findings / f"{name}.log").write_text(done.stderr[-20_000:], encoding="utf-8")
            return None
        keep(name, {*kept(name), *(path.read_bytes() for path in new.iterdir())}, KEPT_BYTES)
    return int(found[1]), int(found[2]), int(found[3])


def write(rows: dict[str, dict[str, Any]]) -> None:
    """The report so far."""
    packages = {each: version(each) for each in ("atheris", "cbor2", "msgpack", "pydantic")}
    told = {"machine": {**machine(), **packages}, "rows": list(rows.values())}
    (RESULTS / "fuzz.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Give each target its share in turn until all have had their inputs; report after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="default: all")
    parser.add_argument("--inputs", type=int, help="default: as the target says")
    parser.add_argument("--again", action="store_true", help="count from nothing; default: go on where the report ends")
    parser.add_argument("--findings", type=Path, default=ROOT / "runs" / "fuzz", help="inputs that broke a promise")
    arguments = parser.parse_args()
    from fuzz.targets import TARGETS

    revision = commit()  # before the report and the corpus change
    arguments.findings.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "fuzz.json"
    before = (
        {row["target"]: row for row in json.loads(path.read_text(encoding="utf-8"))["rows"]} if path.exists() else {}
    )
    nothing = {"inputs": 0, "seconds": 0, "edges": 0, "features": 0, "corpus": 0, "findings": 0}
    rows = {name: before.get(name, {"target": name, **nothing}) for name in TARGETS}
    goals = {name: arguments.inputs or TARGETS[name].inputs for name in arguments.targets or TARGETS}
    if arguments.again:
        rows |= {name: {"target": name, **nothing} for name in goals}
    while due := [name for name, goal in goals.items() if rows[name]["inputs"] < goal and not rows[name]["findings"]]:
        for name in due:
            row, started_s = rows[name], time.monotonic()
            inputs = min(goals[name] - row["inputs"], max(MIN_SLICE, goals[name] // 20))
            done = slice_of(name, inputs, TARGETS[name].seeds, arguments.findings)
            row["seconds"] += round(time.monotonic() - started_s)
            if done is None:
                row["findings"] += 1
            else:
                row["inputs"] += done[0]
                row |= {"edges": max(row["edges"], done[1]), "features": max(row["features"], done[2])}
            row |= {"corpus": len(kept(name)), "commit": revision}
            write(rows)
            show(list(row), [list(row.values())])
    return int(any(row["findings"] for row in rows.values()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        fuzz_one(sys.argv[2], sys.argv[3:])
    else:
        raise SystemExit(main())
