"""`drsn-agent test-alarms`: whether the settings raise and clear the alarms that their owner expects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from drsn.agent.observability import logs
from drsn.agent.tools.alarm_tests.case_file import read
from drsn.agent.tools.alarm_tests.report import LEGEND, as_json, event_text, lines_of
from drsn.agent.tools.alarm_tests.runner import run_case
from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, UsageError

if TYPE_CHECKING:
    import argparse


def test_alarms(arguments: argparse.Namespace) -> int:
    """Run all cases of all files; 1 if one failed."""
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
