"""The last message to each receiver about each alarm: a small file, so that a restart repeats no message."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from drsn.agent.storage.safe_file import open_regular, read_regular
from drsn.agent.tools.notify.keyed_alarm import AlarmKey
from drsn.model.contract import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_RECORDS: Final = 20_000
"""Records of all receivers; above that the oldest that are cleared are deleted first."""

MAX_BYTES: Final = 16 << 20
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class SentMessage:
    """The last message to a receiver about a subject."""

    change: Literal["raised", "cleared"]
    occurrence: str
    severity: Severity
    first_s: float
    """Unix time of the first message of this occurrence."""
    last_s: float
    count: int = 1
    """Messages of this occurrence."""
    escalated: bool = False


Records = dict[tuple[str, AlarmKey], SentMessage]
"""Receiver and subject -> the last message."""


def bounded(records: Records) -> Records:
    """The newest records, and of too many those that are raised first."""
    if len(records) <= MAX_RECORDS:
        return records
    ranked = sorted(records.items(), key=lambda each: (each[1].change == "raised", each[1].last_s))
    return dict(ranked[-MAX_RECORDS:])


def load(path: Path) -> Records:
    """Read the records; a file that is damaged or absent gives none.

    Raises:
        OSError: the file exists and can't be read.
    """
    try:
        rows = json.loads(read_regular(path, MAX_BYTES))["messages"]
        return {(row["receiver"], AlarmKey(*row["subject"])): _record(row["last"]) for row in rows}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def save(path: Path, records: Mapping[tuple[str, AlarmKey], SentMessage]) -> None:
    """Write the records; the file is whole at every moment.

    Raises:
        OSError: it can't be written.
    """
    rows = [
        {"receiver": receiver, "subject": list(subject), "last": asdict(sent)}
        for (receiver, subject), sent in records.items()
    ]
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(open_regular(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="utf-8") as file:
        json.dump({"v": VERSION, "messages": rows}, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _record(last: dict[str, Any]) -> SentMessage:
    sent = SentMessage(**{**last, "severity": Severity(last["severity"])})
    if sent.change not in ("raised", "cleared") or not all(
        isinstance(s, (int, float)) for s in (sent.first_s, sent.last_s)
    ):
        raise ValueError("not a record")
    return sent
