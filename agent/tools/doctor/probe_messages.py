"""What the doctor says to find out whether it may be said: one word on each kind of topic that the agent writes to.

No word disturbs anybody. None is retained; each is of `_doctor`, which no sensor can be called (an id begins with a
letter or a digit); and all but evidence are documents as their topics have them, of a machine that is normal. Status
and health are left out: what is said there speaks for the agent.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from drsn.agent.schema.documents import (
    AlarmDocument,
    BundleReference,
    EventDocument,
    ReplyDocument,
    ResultDocument,
    iso_utc,
)
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from drsn.agent.mqtt.topics import Topics

NAME = "_doctor"
"""Of the sensor, of the event and of the request."""

NOBODY = BundleReference(name="doctor", version="0", sha256="0" * 64)


def words(topics: Topics) -> dict[str, bytes]:
    """Topic -> what is said on it."""
    now = iso_utc(time.time_ns())
    own = json.dumps({"v": 1, "agent": topics.agent, "at": now}).encode()
    reply = ReplyDocument(agent=topics.agent, request_id=NAME, verb="doctor", ok=True, at=now)
    alarm = AlarmDocument(agent=topics.agent, epoch="", sensor=NAME, seq=0, state="normal", bundle=NOBODY)
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
        bundle=NOBODY,
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
        bundle=NOBODY.name,
    )
