"""`drsn-agent false-alarm` and `drsn-agent label`."""

from __future__ import annotations

import difflib
import getpass
import json
import re
import shlex
import sys
from typing import TYPE_CHECKING, Final

from drsn.agent.evidence.record_files import EVENT_ID
from drsn.agent.monitoring.findings import VIBRATION_LEVEL
from drsn.agent.tools.labelling.labelled_folder import TABLE, EventLabel, add
from drsn.agent.tools.labelling.stretches import stretches
from drsn.model.contract import NORMAL
from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, BadDataError, DrsnError, UsageError, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from drsn.agent.evidence.record import Record
    from drsn.agent.schema.documents import EventDocument, ReplyDocument
    from drsn.agent.tools.labelling.labelled_folder import Added

MOST_S: Final = 28_800
TIME: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*(h|min|m|s)")
SECONDS: Final = {"h": 3600, "min": 60, "m": 60, "s": 1}

OPTIONS: Final = (
    ("url", "--broker"), ("config", "--config"), ("username", "--username"), ("password_file", "--password-file"),
    ("ca_file", "--ca-file"), ("cert_file", "--cert-file"), ("key_file", "--key-file"), ("prefix", "--prefix"),
)  # fmt: skip
"""Options that the proposed command takes over: name in the arguments, and option."""


def false_alarm(arguments: argparse.Namespace) -> int:
    """Mark an event as a false alarm, keep its windows as a healthy recording, and show the next command.

    Raises:
        UsageError: the event is no id, or the time is none.
        DrsnError: no connection, or no answer.
    """
    from drsn.agent.tools.labelling.event_client import request  # noqa: PLC0415 (paho is slow to import)

    if not EVENT_ID.fullmatch(arguments.event):
        raise UsageError(f"{printable(arguments.event[:80])!r} is no event's id; `drsn-agent alarms` shows them")
    by = arguments.by or getpass.getuser()
    fields = {"by": by, "comment": arguments.comment, "duration_s": duration_s(arguments.shelve)}
    reply = request(arguments, "false_alarm", arguments.event, fields)
    if not reply.ok or not reply.events:
        print(reply.model_dump_json() if arguments.json else printable(f"refused: {reply.reason}"))
        return EXIT_NEGATIVE
    event, proposed = reply.events[-1], next_command(reply.events[-1], arguments)
    if not arguments.json:
        print(printable(marked_line(event)), flush=True)
    added, why_none, code = _kept(arguments, reply, by)
    if arguments.json:
        kept = None if added is None else {"files": added.files, "folder": str(arguments.out), "new": added.new}
        more = {"recording": kept, "no_recording": why_none, "next": proposed}
        print(json.dumps({**reply.model_dump(mode="json"), **more}))
        return code
    kept_line = f"no recording was written: {why_none}" if added is None else added_line(arguments, added, NORMAL)
    for line in (kept_line, *proposal(proposed)):
        print(printable(line))
    return code


def label(arguments: argparse.Namespace) -> int:
    """Write the windows of events as recordings with a label.

    Raises:
        BadDataError: nothing is kept of an event, or no window of it shows the running machine.
        DrsnError: no connection, or the folder cannot be written.
    """
    from drsn.agent.tools.labelling.event_client import record_of  # noqa: PLC0415 (paho is slow to import)

    by, done = arguments.by or getpass.getuser(), []
    for event in dict.fromkeys(arguments.events):
        record = record_of(arguments, event)
        added = _add(record, arguments, arguments.label, by)
        done.append({"event_id": record.event.event_id, "files": added.files, "new": added.new})
        if not arguments.json:
            print(printable(f"{record.event.sensor}: {added_line(arguments, added, arguments.label)}"), flush=True)
        if (hint := unknown_label(arguments.label, record)) is not None:
            print(printable(f"drsn-agent: note: {hint}"), file=sys.stderr)
    if arguments.json:
        print(json.dumps({"folder": str(arguments.out), "label": arguments.label, "events": done}))
    else:
        print(printable(f"next: {shlex.join(['drsn-train', 'RECIPE.toml', '--add', str(arguments.out)])}"))
    return EXIT_OK


def duration_s(text: str) -> float:
    """A time such as `8h`, `30m` or `90s`, in seconds.

    Raises:
        UsageError: it is none, or not above 0 and at most 8 hours.
    """
    found = TIME.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"--shelve {printable(text[:40])!r}: a time such as 8h, 30m or 90s")
    seconds = float(found[1]) * SECONDS[found[2]]
    if not 0 < seconds <= MOST_S:
        raise UsageError(f"--shelve {printable(text[:40])}: above 0, 8h at most")
    return seconds


def marked_line(event: EventDocument) -> str:
    """What has become of the alarm, in one line."""
    who = f" by {event.by or event.acked_by}" if event.by or event.acked_by else ""
    what = f"{event.sensor}: {event.condition} (P {event.confidence:.2f}) is marked as a false alarm{who}"
    if event.state == "normal":
        return f"{what}; the alarm has ended already, so nothing is shelved (agent {event.agent})"
    return f"{what}, shelved until {event.shelved_until} (agent {event.agent})"


def added_line(arguments: argparse.Namespace, added: Added, name: str) -> str:
    """What the folder has now, in one line."""
    files = ", ".join(str(arguments.out / file) for file in added.files)
    verb = "written" if added.new else "is there already"
    return f"{files} {verb}, label {name}, listed in {arguments.out / TABLE}"


def next_command(event: EventDocument, arguments: argparse.Namespace) -> str | None:
    """The command that commissions the machine; None: a baseline does not change this alarm."""
    if event.condition == VIBRATION_LEVEL:
        return None
    by = arguments.by or getpass.getuser()
    words = ["drsn-agent", "commission", event.sensor, "--despite-alarm", "--by", by]
    words += ["--comment", arguments.comment or "WHY THE MACHINE IS HEALTHY"]
    for name, option in OPTIONS:
        value = getattr(arguments, name)
        words += [option, str(value)] if value is not None else []
    words += ["--insecure"] if arguments.insecure else []
    return shlex.join(words)


def proposal(command: str | None) -> Iterator[str]:
    """The lines that say what to do next."""
    if command is None:
        yield "next: a baseline does not move the limits of vibration_level; set machine_group or level_limits_mm_s"
        yield "  (docs/use/level.md)"
        return
    yield "next: while the machine runs and is healthy, let the agent learn it (about a minute):"
    yield f"  {command}"


def unknown_label(name: str, record: Record) -> str | None:
    """A note if the bundle of the event has no such label; None: it has."""
    labels = record.header.contract.labels
    known = list(dict.fromkeys([each.name for each in labels] + [each.condition for each in labels]))
    if name in known:
        return None
    close = difflib.get_close_matches(name, known, 1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"{name} is no label of the bundle {record.event.bundle.name} ({', '.join(known)}){meant}"


def _kept(arguments: argparse.Namespace, reply: ReplyDocument, by: str) -> tuple[Added | None, str | None, int]:
    """Save the evidence of a false alarm; or say why not, with the exit code."""
    from drsn.agent.tools.labelling.event_client import record_of  # noqa: PLC0415 (paho is slow to import)

    if reply.evidence is None:
        why = "the agent keeps no windows of this alarm; they are older than its quota, or evidence is off"
        return None, why, EXIT_OK
    arguments.sensor = reply.sensor
    try:
        return _add(record_of(arguments, reply.evidence), arguments, NORMAL, by), None, EXIT_OK
    except DrsnError as error:  # the event is marked; only the recording is missing
        return None, str(error), error.exit_code


def _add(record: Record, arguments: argparse.Namespace, name: str, by: str) -> Added:
    event, recordings = record.event, stretches(record)
    if not recordings:
        raise BadDataError(
            f"event {event.event_id}: no window of it shows the running machine: the sensor was at fault, or it stood"
        )
    given = EventLabel(
        event_id=event.event_id,
        label=name,
        sensor=event.sensor,
        condition=event.condition,
        decided_at=event.decided_at,
        by=by,
        comment=arguments.comment or "",
    )
    return add(arguments.out, given, recordings, replace=getattr(arguments, "replace", False))
