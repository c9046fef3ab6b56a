"""Updates as lines of text, as JSON and as variables of the environment."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.schema.condition_text import condition_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drsn.agent.tools.live.live_state import Update

MARKS: Final = {"current": "stands", "event": "", "missed": "missed"}
"""Kind of an update -> the word in the first column after the time."""

ENVIRONMENT: Final = {
    "DRSN_SENSOR": "sensor", "DRSN_AGENT": "agent", "DRSN_CONDITION": "condition", "DRSN_LABEL": "label",
    "DRSN_STATE": "state", "DRSN_ACTIVE": "active", "DRSN_SEVERITY": "severity", "DRSN_CONFIDENCE": "confidence",
    "DRSN_SINCE": "since", "DRSN_EVENT_ID": "event_id", "DRSN_SEQ": "seq", "DRSN_SUPPRESSED_BY": "suppressed_by",
    "DRSN_BY": "by", "DRSN_COMMENT": "comment",
}  # fmt: skip
"""Variable for the command of --exec -> field of the event."""


def line_of(update: Update) -> str:
    """Return an update as one line: time, sensor, condition, state, severity, confidence, event id."""
    document = update.document
    if update.kind == "agent":
        valid = "" if document["state"] in ("online", "degraded") else ": its alarms are not valid now"
        return f"agent {document['agent']} is {document['state']}{valid}"
    confidence = document.get("confidence")
    share = f"{confidence:.0%}" if isinstance(confidence, (int, float)) else "-"
    text = condition_text(document["condition"], document["label"])
    cells = (
        f"{_local_time(document['since'])} {MARKS[update.kind]:6} {document['sensor']:24} {text:36} "
        f"{document['state']:15} {document['severity']:8} {share:>4}  {document.get('event_id')}"
    )
    notes = [str(document["suppressed_by"])] if document.get("suppressed_by") else []
    notes += [f"by {document['by']}"] if document.get("by") else []
    notes += [str(document["comment"])] if document.get("comment") else []
    return f"{cells}  ({', '.join(notes)})" if notes else cells


def json_of(update: Update) -> str:
    """Return an update as one line of JSON: the document, and `kind` beside its fields."""
    return json.dumps({"kind": update.kind, **update.document})


def environment_of(update: Update) -> dict[str, str]:
    """Return the variables for the command of --exec; a field that is null is an empty text."""
    document: Mapping[str, Any] = update.document
    values = {name: _plain(document.get(field)) for name, field in ENVIRONMENT.items()}
    return {
        **values,
        "DRSN_KIND": update.kind,
        "DRSN_TEXT": _plain(f"{document['sensor']}: {condition_text(document['condition'], document['label'])}, "
                            f"{document['state']}, {document['severity']}"),
    }  # fmt: skip


def _plain(value: object) -> str:
    """A value for the environment, which holds no NUL."""
    if value is None:
        return ""
    text = json.dumps(value) if isinstance(value, (bool, int, float, list, dict)) else str(value)
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _local_time(text: str) -> str:
    """A time of a document as local time; one that is none stays as it is."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text[:19]
