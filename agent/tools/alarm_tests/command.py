"""`drsn-agent test-alarms`: whether the settings raise and clear the alarms that their owner expects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "test-alarms", help="run alarm cases: inputs over time, and the events they must make"
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="alarm cases in TOML; docs/alarm_cases.md")
    parser.add_argument("--case", metavar="TEXT", help="only the cases with TEXT in their name")
    parser.add_argument("--events", action="store_true", help="show every event, as a case would expect it")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command=test_alarms)


def test_alarms(arguments: argparse.Namespace) -> int:
    """Run all cases of all files; 1 if one failed."""
    from drsn.agent.observability import logs  # noqa: PLC0415 (--help needs no runtime)
    from drsn.agent.tools.alarm_tests.case_file import read  # noqa: PLC0415
    from drsn.agent.tools.alarm_tests.report import LEGEND, as_json, event_text, lines_of  # noqa: PLC0415
    from drsn.agent.tools.alarm_tests.runner import run_case  # noqa: PLC0415
    from drsn.model.errors import UsageError  # noqa: PLC0415

    logs.configure("error")
    chosen = [(file, case) for file in map(read, arguments.files) for case in file.cases
              if arguments.case is None or arguments.case in case.name]  # fmt: skip
    if not chosen:
        raise UsageError(f"--case {arguments.case!r}: no case has that in its name")
    results = []
    for file, case in chosen:
        result = run_case(file, case)
        results.append((file, result))
        if not arguments.json:
            print("\n".join(lines_of(file, result)))
            if arguments.events and result.passed:
                print("".join(f"    {event_text(each)},\n" for each in result.events), end="")
    failed = sum(not result.passed for _, result in results)
    if arguments.json:
        cases = [{"file": str(file.path), **as_json(result)} for file, result in results]
        print(json.dumps({"cases": cases, "failed": failed}))
    else:
        print(f"{len(results)} cases, {failed} failed" + (f" ({LEGEND})" if failed else ""))
    return EXIT_NEGATIVE if failed else EXIT_OK
