"""The check of the sources: those that the running agent does not watch, and a trial of the packets that come now."""

from __future__ import annotations

import json
import queue
import time
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.codecs import PacketError
from drsn.agent.acquisition.intake import Intake
from drsn.agent.acquisition.not_watched import FIRST_WINDOW, NO_WINDOW, REASONS
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.schema.not_watched import IN_WARNING
from drsn.agent.settings.inputs import inputs_of
from drsn.agent.tools.doctor.broker import NOT_LET_IN, NOT_REACHED
from drsn.agent.tools.doctor.finding import Finding, ok, unneeded
from drsn.agent.tools.operator.retained_state import SeenHealth
from drsn.model.errors import BadDataError, BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.tools.doctor.subject import Subject
    from drsn.model.bundle import Bundle

CONNECT_S = 5.0
LISTEN_S = 3.0
"""Time for packets. Retained documents come at once."""

MAX_MESSAGES = 10_000
"""Packets that are tried; on a large plant they come within the time."""

MAX_REMEDIES = 3
"""Remedies that are named; one for each reason, the most frequent first."""


class Heard(NamedTuple):
    """What came while the doctor listened."""

    agent: Mapping[str, str] | None
    """Source -> reason, of those that the running agent does not watch; None: no agent of this id runs."""
    packets: Mapping[str, str | None]
    """Source of a packet -> why it can't be diagnosed; None: it can."""


def sources(subject: Subject) -> Finding:
    """Check that each source of packets is watched."""
    session, bundle = subject.session, subject.bundle
    if session is None or session.error is not None:
        return NOT_REACHED if session is None else NOT_LET_IN
    if isinstance(bundle, BundleError):
        return unneeded("not tested: packets cannot be checked without a bundle")
    return found_in(judged(subject.topics, heard_from(subject), trial_of(subject, bundle)))


def heard_from(subject: Subject) -> list[Message]:
    """The packets of a few seconds, and the retained documents of the agent. A running agent is not disturbed."""
    messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
    options = ConnectionOptions(
        name="doctor",
        client_id=f"drsn-{subject.topics.agent}-doctor-sources",
        filters=(*subject.filters, subject.topics.status, subject.topics.health),
    )
    connection = Connection(subject.broker, options, on_message=messages.put)
    connection.start()
    heard: list[Message] = []
    try:
        deadline_s = time.monotonic() + CONNECT_S
        while not connection.connected and time.monotonic() < deadline_s:
            time.sleep(0.02)
        until_s = time.monotonic() + LISTEN_S
        while len(heard) < MAX_MESSAGES and (left_s := until_s - time.monotonic()) > 0:
            try:
                message = messages.get(timeout=left_s)
            except queue.Empty:
                break
            message.ack()
            heard.append(message)
    finally:
        connection.stop()
    return heard


def trial_of(subject: Subject, bundle: Bundle) -> Intake:
    """What the agent reads packets with, without a past."""
    settings = subject.configuration.settings
    return Intake(bundle.contract, inputs_of(settings, bundle.contract), settings.agent.max_sensors, {})


def judged(topics: Topics, messages: list[Message], intake: Intake) -> Heard:
    """What messages show about their sources.

    Args:
        topics: of the agent.
        messages: packets, and the agent's status and health.
        intake: reads the packets.
    """
    documents = {m.topic: m.payload for m in messages if m.topic in (topics.status, topics.health)}
    senders: set[str] = set()
    for message in messages:
        if message.topic not in documents:
            in_flight = InFlight(message, message.received_s)
            try:
                intake.receive(message, in_flight, lambda _sensor, _window: None)
            except PacketError as error:
                sensors = error.sensors or (message.topic,)
                intake.watch.refuse(sensors, error.reason, message.received_unix_ns)
                senders.update(sensors)
            senders.update(in_flight.cursors)
    streams = intake.registry.streams
    intake.watch.sweep(streams, 0.0, 0, connected=True)
    blind = {each.source: each.reason for each in intake.watch.not_watched()}
    for name, stream in streams.items():  # a few seconds may be too short for one window
        if blind.get(name) in (FIRST_WINDOW, NO_WINDOW) and not stream.progress.wasted:
            del blind[name]
    return Heard(_of_agent(topics, documents), {name: blind.get(name) for name in sorted(senders | set(blind))})


def _of_agent(topics: Topics, documents: Mapping[str, bytes]) -> dict[str, str] | None:
    try:
        status = json.loads(documents.get(topics.status, b"{}"))
        if not isinstance(status, dict) or status.get("state") not in ("online", "degraded"):
            return None
        health = SeenHealth.model_validate_json(documents.get(topics.health, b"{}"))
    except (ValidationError, ValueError, RecursionError):
        return None
    return {each.source: each.reason for each in health.not_watched}


def found_in(heard: Heard) -> Finding:
    """The finding: a problem if a source is not watched."""
    blind = {**{name: why for name, why in heard.packets.items() if why is not None}, **(heard.agent or {})}
    senders = f"{len(heard.packets)} sources sent within {LISTEN_S:g} s"
    agent = "no agent of this id runs" if heard.agent is None else "the running agent was asked"
    if not blind:
        return ok(f"{senders}, no packet was refused; {agent}")
    named = ", ".join(f"{name} ({why})" for name, why in list(blind.items())[:IN_WARNING])
    more = f" and {len(blind) - IN_WARNING} more" if len(blind) > IN_WARNING else ""
    reasons = sorted(dict.fromkeys(blind.values()), key=list(blind.values()).count, reverse=True)
    remedies = [f"{why}: {REASONS[why]}" for why in reasons if why in REASONS][:MAX_REMEDIES]
    text = f"not watched: {named}{more}; {senders}; {agent}"
    return Finding("problem", text, " ".join(remedies), BadDataError.exit_code)
