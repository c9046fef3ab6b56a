"""Discovery documents for Home Assistant: a device for each sensor, and one for the agent.

The form is that of "Device discovery" in the documentation of Home Assistant's MQTT integration. The entities read the
agent's own documents, so a discovery document changes only when the button for the acknowledgement must name another
event.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from drsn.agent.decision.alarm_state import DocumentState

if TYPE_CHECKING:
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.schema.documents import AlarmDocument

SHELVE_S: Final = 8 * 3600
"""Duration of a shelving by the button: the longest that the command allows."""

EXPIRE_S: Final = 120
"""A measured value is unavailable in Home Assistant after this time without a result."""

BY: Final = "home-assistant"
STATES: Final = (*get_args(DocumentState), "not_watched")


class Origin(NamedTuple):
    """Who publishes the documents."""

    topics: Topics
    version: str
    bundle: str
    """Name and version."""


def object_id(agent: str, sensor: str | None = None) -> str:
    """The id of a device in Home Assistant: letters, digits, `_` and `-` only; different for different names.

    Args:
        agent: its id.
        sensor: its id; None: the device of the agent itself.
    """
    names = (agent,) if sensor is None else (agent, sensor)
    return "__".join(("drsn", *map(_escaped, names)))


def _escaped(name: str) -> str:
    """Each character that the id does not allow as `_` and two hex digits, and so `_` itself; `__` never comes out."""
    return re.sub(r"[^A-Za-z0-9-]", lambda match: f"_{ord(match[0]):02x}", name)


def discovery_topic(prefix: str, agent: str, sensor: str | None = None) -> str:
    """The topic of a discovery document."""
    return f"{prefix}/device/{object_id(agent, sensor)}/config"


def sensor_device(origin: Origin, alarm: AlarmDocument, *, velocity: bool) -> bytes:
    """The discovery document of a sensor.

    Args:
        origin: the agent.
        alarm: the alarm document of the sensor as it is published.
        velocity: the vibration velocity of the sensor is measured.
    """
    topics, sensor = origin.topics, alarm.sensor
    uid = object_id(topics.agent, sensor)
    components = _of_alarm(topics, alarm) | _of_result(topics, sensor, velocity=velocity)
    document = {
        "dev": {
            "ids": [uid],
            "name": sensor,
            "mf": "drsn-edge",
            "mdl": origin.bundle,
            "sw": origin.version,
            "via_device": object_id(topics.agent),
        },
        **_common(origin),
        "cmps": {key: {"uniq_id": f"{uid}_{key}", **component} for key, component in components.items()},
    }
    return json.dumps(document, separators=(",", ":")).encode()


def agent_device(origin: Origin) -> bytes:
    """The discovery document of the agent itself."""
    topics = origin.topics
    uid = object_id(topics.agent)
    components: dict[str, dict[str, Any]] = {
        "problem": {
            "p": "binary_sensor", "name": "Degraded", "dev_cla": "problem", "ent_cat": "diagnostic",
            "stat_t": topics.status, "val_tpl": "{{ 'ON' if value_json.state == 'degraded' else 'OFF' }}",
            "json_attr_t": topics.status,
            "json_attr_tpl": "{{ {'reasons': value_json.reasons, 'warnings': value_json.warnings} | tojson }}",
        },
        "active": {
            "p": "sensor", "name": "Active alarms", "stat_t": topics.summary, "stat_cla": "measurement",
            "val_tpl": "{{ value_json.counts.active }}",
        },
        "not_watched": {
            "p": "sensor", "name": "Sources not watched", "stat_t": topics.summary, "stat_cla": "measurement",
            "val_tpl": "{{ value_json.counts.not_watched }}", "ent_cat": "diagnostic",
        },
    }  # fmt: skip
    document = {
        "dev": {
            "ids": [uid],
            "name": f"drsn-edge {topics.agent}",
            "mf": "drsn-edge",
            "mdl": "agent",
            "sw": origin.version,
        },
        **_common(origin),
        "cmps": {key: {"uniq_id": f"{uid}_{key}", **component} for key, component in components.items()},
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _common(origin: Origin) -> dict[str, Any]:
    return {
        "o": {"name": "drsn-edge", "sw": origin.version},
        "avty": [_online(origin.topics)],
        "qos": 1,
    }


def _online(topics: Topics) -> dict[str, str]:
    """Alarms are valid only while the agent works."""
    template = "{{ 'online' if value_json.state in ('online', 'degraded') else 'offline' }}"
    return {"t": topics.status, "val_tpl": template}


def _of_alarm(topics: Topics, alarm: AlarmDocument) -> dict[str, dict[str, Any]]:
    """Entities that read the alarm and the events, and the buttons."""
    at, sensor = topics.alarm(alarm.sensor), alarm.sensor
    told = "'condition': value_json.condition, 'severity': value_json.severity, 'event_id': value_json.event_id"
    shelve = {"by": BY, "sensor": sensor, "duration_s": SHELVE_S}
    # Jinja makes the request id, which must be another one at each press.
    unique = '"request_id":"ha-{{ (as_timestamp(now()) * 1000) | int }}",'
    return {
        "problem": {
            "p": "binary_sensor", "name": None, "dev_cla": "problem", "stat_t": at,
            "val_tpl": "{{ 'ON' if value_json.active and not value_json.suppressed_by else 'OFF' }}",
            "json_attr_t": at,
            "json_attr_tpl": f"{{{{ {{{told}, 'label': value_json.label, 'acked': value_json.acked, "
                             "'since': value_json.since, 'suppressed_by': value_json.suppressed_by} | tojson }}",
        },
        "condition": {
            "p": "sensor", "name": "Condition", "stat_t": at,
            "val_tpl": "{{ value_json.condition or value_json.state }}",
        },
        "state": {
            "p": "sensor", "name": "Alarm state", "dev_cla": "enum", "ops": list(STATES), "stat_t": at,
            "val_tpl": "{{ value_json.state }}",
        },
        "severity": {
            "p": "sensor", "name": "Severity", "stat_t": at, "val_tpl": "{{ value_json.severity or 'none' }}",
        },
        "event": {
            "p": "event", "name": "Alarm event", "stat_t": topics.event(sensor),
            "evt_typ": list(get_args(DocumentState)),
            "val_tpl": f"{{{{ {{'event_type': value_json.state, {told}}} | tojson }}}}",
        },
        "ack": {
            "p": "button", "name": "Acknowledge", "cmd_t": topics.command("ack"), **_ack(alarm), "avty_mode": "all",
            "avty": [_online(topics), {"t": at, "val_tpl": _acknowledgeable(alarm.event_id)}],
        },
        "shelve": {
            "p": "button", "name": "Shelve for 8 hours", "cmd_t": topics.command("shelve"), "qos": 1,
            "cmd_tpl": "{" + unique + json.dumps(shelve, separators=(",", ":"))[1:],
        },
    }  # fmt: skip


def _ack(alarm: AlarmDocument) -> dict[str, Any]:
    """The command of the button: it names the event that the alarm document has now."""
    command = {
        "request_id": f"ha-{alarm.event_id}", "by": BY, "sensor": alarm.sensor, "condition": alarm.condition,
        "event_id": alarm.event_id,
    }  # fmt: skip
    return {"pl_prs": json.dumps(command, separators=(",", ":")), "qos": 1}


def _acknowledgeable(event_id: str | None) -> str:
    """The button is available while the alarm is not acknowledged, and is the one that the button names."""
    states = "('active_unacked', 'cleared_unacked')"
    same = f"value_json.event_id == '{event_id}'"
    return f"{{{{ 'online' if value_json.state in {states} and {same} else 'offline' }}}}"


def _of_result(topics: Topics, sensor: str, *, velocity: bool) -> dict[str, dict[str, Any]]:
    """Entities that read the results."""
    at = topics.result(sensor)
    measured: dict[str, Any] = {"p": "sensor", "stat_t": at, "stat_cla": "measurement", "exp_aft": EXPIRE_S}
    components = {
        "rms": {**measured, "name": "RMS", "val_tpl": "{{ value_json.rms }}", "sug_dsp_prc": 3},
        "confidence": {
            **measured, "name": "Confidence", "unit_of_meas": "%", "sug_dsp_prc": 0,
            "val_tpl": "{{ value_json.confidence * 100 }}", "ent_cat": "diagnostic",
        },
    }  # fmt: skip
    if velocity:
        components["velocity"] = {
            **measured, "name": "Vibration velocity", "unit_of_meas": "mm/s", "sug_dsp_prc": 2,
            "val_tpl": "{{ value_json.velocity_rms_mm_s }}",
        }  # fmt: skip
    return components
