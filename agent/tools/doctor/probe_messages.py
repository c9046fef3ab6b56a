"""Probe messages: one harmless message for each kind of topic that the agent writes, to find out whether it may.

None is retained. Each is of the sensor `_doctor`, an id that no sensor can have: an id begins with a letter or a
digit. All but evidence are valid documents of a machine that is normal. Status and health get none: other systems would
take a probe there for the agent's state.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from drsn.agent.schema.documents import AlarmDocument, BundleReference, EventDocument, ReplyDocument, ResultDocument
from drsn.agent.schema.iso_time import iso_utc
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from drsn.agent.mqtt.topics import Topics

NAME = "_doctor"
"""Id of the sensor, of the event and of the request."""

NO_BUNDLE = BundleReference(name="doctor", version="0", sha256="0" * 64)


def probes(topics: Topics) -> dict[str, bytes]:
    """Return topic -> payload."""
    now = iso_utc(time.time_ns())
    own = json.dumps({"v": 1, "agent": topics.agent, "at": now}).encode()
    reply = ReplyDocument(agent=topics.agent, request_id=NAME, verb="doctor", ok=True, at=now)
    alarm = AlarmDocument(agent=topics.agent, epoch="", sensor=NAME, seq=0, state="normal", bundle=NO_BUNDLE)
    return {
        topics.doctor: own,
        topics.alarm(NAME): alarm.model_dump_json().encode(),
        topics.event(NAME): _event(topics.agent, now).model_dump_json().encode(),
        topics.result(NAME): _result(now).model_dump_json().encode(),
        topics.evidence(NAME, NAME): own,
        topics.reply(NAME): reply.model_dump_json().encode(),
    }


def _event(agent: str, now: str) -> EventDocument:
    return EventDocument(
        agent=agent,
        epoch="",
        sensor=NAME,
        seq=1,
        event_id=NAME,
        condition=NORMAL,
        label=NORMAL,
        state="normal",
        active=False,
        acked=False,
        severity="minor",
        since=now,
        decided_at=now,
        clock_synced=False,
        confidence=0.0,
        votes=0,
        of=0,
        window_label=NORMAL,
        bundle=NO_BUNDLE,
        comment="drsn-agent doctor: may events be written?",
    )


def _result(now: str) -> ResultDocument:
    return ResultDocument(
        sensor=NAME,
        t0=now,
        t1=now,
        windows=0,
        label=NORMAL,
        condition=NORMAL,
        confidence=0.0,
        probabilities={},
        novelty=None,
        suppressed_by=None,
        rms=0.0,
        peak=0.0,
        unit=None,
        bundle=NO_BUNDLE.name,
    )
