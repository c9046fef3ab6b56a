"""`drsn-agent evidence`: the windows behind an event, from the record that the agent kept."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drsn.agent.evidence.json_form import read
from drsn.agent.evidence.npz_form import MAX_BYTES
from drsn.agent.evidence.record_files import EVENT_ID, FOLDER, find, listed, read_file
from drsn.agent.schema.condition_text import condition_text
from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.settings.broker_options import broker_of, prefix_of
from drsn.agent.tools.evidence.bearing_finding import bearing_finding
from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, BadDataError, StorageError, UsageError, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from drsn.agent.evidence.record import Record
    from drsn.agent.schema.bearing import AnyBearing
    from drsn.agent.settings.loader import Configuration
    from drsn.agent.tools.evidence.replay import Replay
    from drsn.model.bundle import Bundle


def evidence(arguments: argparse.Namespace) -> int:
    """Show one record, or the newest window of a sensor, or list all records.

    Raises:
        UsageError: neither an event nor --list nor --now, or no place to look for it.
        BadDataError: nothing is kept of the event.
    """
    if arguments.now is not None:
        from drsn.agent.tools.evidence.now import newest_window  # noqa: PLC0415 (paho is slow to import)

        text, code = newest_window(arguments, _configuration(arguments))
        print(text)
        return code
    if arguments.list == (arguments.event is not None):
        raise UsageError("name an event, by its id or its file, or ask for --list, or for --now SENSOR")
    configuration = _configuration(arguments)
    if arguments.url is not None or arguments.sensor is not None:
        return show(_requested(arguments), arguments.event or "", arguments, configuration)
    state_dir: Path | None = arguments.state_dir
    if state_dir is None and configuration is not None:
        state_dir = configuration.settings.agent.state_dir
    if arguments.list:
        return _list(state_dir, as_json=arguments.json)
    path = _path(arguments.event, state_dir)
    return show(read_file(path, MAX_BYTES), str(path), arguments, configuration)


def show(data: bytes, name: str, arguments: argparse.Namespace, configuration: Configuration | None) -> int:
    """Show, draw and replay a record; `name` is its file or its event, for messages.

    Raises:
        BadDataError: the bytes are no record.
        UnavailableError: --png, and matplotlib is not installed.
    """
    try:
        record = read(data)
    except BadDataError as error:
        raise BadDataError(f"{name}: no record of evidence: {error}") from None
    report = summary(record)
    finding = bearing_finding(record, *_configured(record.header.sensor, configuration))
    report["bearing_detector"] = finding and finding.json()
    if arguments.png is not None:
        _draw(record, arguments, configuration)
        report["png"] = str(arguments.png)
    replays = _replays(record, arguments.bundle, configuration) if arguments.replay else {}
    report |= {"replay": {key: _replay_json(replay) for key, replay in replays.items()}} if replays else {}
    more = [] if finding is None else ["", finding.text()]
    print(json.dumps(report) if arguments.json else "\n".join([text_of(record, report), *more]))
    return EXIT_OK if all(replay.agrees for replay in replays.values()) else EXIT_NEGATIVE


def summary(record: Record) -> dict[str, Any]:
    """Return the event, and all facts of each window, without its samples."""
    header = record.header
    windows = [
        {**note.model_dump(mode="json", exclude={"before"}), "novelty": float(novelty)}
        for note, novelty in zip(header.windows, record.arrays.novelty, strict=True)
    ]
    return {
        "event": header.event,
        "unit": header.unit,
        "sample_rate_hz": header.sample_rate_hz,
        "bearing": header.bearing and header.bearing.model_dump(),
        "windows": windows,
    }


def text_of(record: Record, report: dict[str, Any]) -> str:
    """Return a record for people: its event, and a line for each window; `report` is its `summary`."""
    event, unit = record.event, record.header.unit or ""
    what = condition_text(event.condition, event.label)
    lines = [f"{event.sensor}: {what}, {event.state}, {event.severity.value}, {event.since}"]
    lines += [f"event {event.event_id}, seq {event.seq}, bundle {event.bundle.name} {event.bundle.version}", ""]
    lines += ["window's end              condition         P      novelty  rms          votes  evidence"]
    for note, novelty in zip(record.header.windows, record.arrays.novelty, strict=True):
        nats = "" if note.evidence is None else f"{note.evidence:6.1f} nats"
        suppressed = f" ({note.suppressed_by})" if note.suppressed_by else ""
        lines.append(
            f"{iso_utc(note.t_end_unix_ns)}  {note.condition:<16}  {note.confidence:5.3f}  {novelty:7.2f}  "
            f"{note.rms:<9.4g} {unit:<4} {note.votes}/{event.of}  {nats}{suppressed}".rstrip()
        )
    for key, result in report.get("replay", {}).items():
        word = "equal" if result["equal"] else "the same decision" if result["agrees"] else "ANOTHER DECISION"
        lines.append(f"replayed from {key}: {word}; probabilities differ by {result['difference']:.2g} at most")
    return "\n".join([*lines, *([f"drawn: {report['png']}"] if "png" in report else [])])


def _replay_json(replay: Replay) -> dict[str, Any]:
    events = [event.model_dump(mode="json") for event in replay.events]
    return {"equal": replay.equal, "agrees": replay.agrees, "difference": replay.difference, "events": events}


def _replays(record: Record, bundle: str | None, configuration: Configuration | None) -> dict[str, Replay]:
    from drsn.agent.backends.onnx import OnnxBackend  # noqa: PLC0415 (the runtime is slow to load)
    from drsn.agent.tools.evidence.replay import diagnose_again, judge_again  # noqa: PLC0415

    found = _bundle(record, bundle, configuration)
    if found.contract != record.header.contract:
        raise UsageError(f"bundle {found.path}: another contract than the record's; name the bundle of then, --bundle")
    with OnnxBackend(found.read("model.onnx"), found.contract, 1) as backend:
        return {"probabilities": judge_again(record), "windows": diagnose_again(record, backend)}


def _bundle(record: Record, named: str | None, configuration: Configuration | None) -> Bundle:
    from drsn.agent.bundles import SHIPPED, shipped  # noqa: PLC0415
    from drsn.agent.settings.loader import bundle_path  # noqa: PLC0415
    from drsn.model.bundle import open_bundle  # noqa: PLC0415

    if named is not None:
        return open_bundle(bundle_path(named))
    if configuration is not None:
        return open_bundle(configuration.bundle_path)
    for name in SHIPPED:
        bundle = open_bundle(shipped(name))
        if bundle.sha256 == record.event.bundle.sha256:
            return bundle
    raise UsageError(f"--replay: bundle {record.event.bundle.name} does not ship; name it with --bundle or --config")


def _draw(record: Record, arguments: argparse.Namespace, configuration: Configuration | None) -> None:
    from drsn.agent.tools.evidence.figure import figure  # noqa: PLC0415 (needs matplotlib)

    bearing, rpm = _configured(record.header.sensor, configuration)
    drawing = figure(record, bearing, arguments.rpm or rpm)
    with _named_errors(arguments.png):
        drawing.savefig(arguments.png, format="png", dpi=110)


def _configured(sensor: str, configuration: Configuration | None) -> tuple[AnyBearing | None, float | None]:
    """Return bearing and speed as they are configured now; those in the record have priority."""
    if configuration is None:
        return None, None
    from drsn.agent.settings.policies import bearing_of, rpm_of  # noqa: PLC0415 (pydantic, only with --config)

    return bearing_of(configuration.settings)(sensor), rpm_of(configuration.settings)(sensor)


def _configuration(arguments: argparse.Namespace) -> Configuration | None:
    if arguments.config is None:
        return None
    from drsn.agent.settings.loader import load  # noqa: PLC0415 (a record file needs no settings)

    return load(arguments.config)


def _requested(arguments: argparse.Namespace) -> bytes:
    """Request the record of an event from its agent."""
    from drsn.agent.tools.operator.client import Client  # noqa: PLC0415 (paho is slow to import)

    if arguments.sensor is None or arguments.list:
        raise UsageError("to ask the agent, name an event's id and its --sensor")
    with Client(broker_of(arguments), prefix_of(arguments), arguments.event, sensor=arguments.sensor) as client:
        return client.evidence(arguments.sensor, arguments.event)


def _path(event: str, state_dir: Path | None) -> Path:
    if not EVENT_ID.fullmatch(event):
        return Path(event)
    if state_dir is None:
        raise UsageError("where does the agent keep it? give --config or --state-dir, or the file itself")
    found = find(state_dir / FOLDER, event)
    if found is None:
        raise BadDataError(f"{state_dir / FOLDER}: nothing is kept of event {event}; see --list, docs/use/evidence.md")
    return found


def _list(state_dir: Path | None, *, as_json: bool) -> int:
    if state_dir is None:
        raise UsageError("--list needs --config or --state-dir")
    with _named_errors(state_dir):
        kept = listed(state_dir / FOLDER)
    rows: list[dict[str, Any]] = [
        {"event_id": k.event_id, "sensor": k.sensor, "written": iso_utc(k.modified_ns), "bytes": k.size}
        | _about(k.path)
        for k in kept
    ]
    if as_json:
        print(json.dumps({"evidence": rows}))
    else:
        for row in rows:
            name = row["condition"]
            what = "unreadable" if name is None else f"{condition_text(name, row['label'])}, {row['state']}"
            print(printable(f"{row['written']}  {row['event_id']}  {row['bytes']:>8}  {row['sensor']}  {what}"))
    return EXIT_OK


def _about(path: Path) -> dict[str, str | None]:
    """Condition, label and state of a record's event; all None: the record can't be read."""
    try:
        event = read(read_file(path, MAX_BYTES)).event
    except (BadDataError, StorageError):
        return dict.fromkeys(("condition", "label", "state"))
    return {"condition": event.condition, "label": event.label, "state": event.state}


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}; check the name and its permissions") from None
