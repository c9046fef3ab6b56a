"""`drsn-agent replay`: publishes recordings as sensors."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs import codec
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.utf8 import flaw
from drsn.agent.settings.broker_options import broker_of, prefix_of
from drsn.agent.tools.operator.client import Client
from drsn.agent.tools.replay.player import ReplayPlan, play, sensor_id
from drsn.model.data.file_options import choice_of
from drsn.model.data.files import read_file
from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, BadDataError, UnavailableError, UsageError
from drsn.model.noise import Noise

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.model.data.recording import Recording


ANSWER_S = 5.0
SETTLE_S = 2.0
"""Between the last packet and the command of --then: packets come by another connection than commands, and a packet
that is read after `forget` would make the sensor anew."""


def replay(arguments: argparse.Namespace) -> int:
    """Publish the recordings to their end, or with --loop until interrupted; 1 if the agent refuses --then.

    Raises:
        UsageError: an option is wrong, or two recordings have the same sensor id.
        BadDataError: a recording is shorter than one packet.
    """
    topic = _topic(arguments)
    codec(arguments.codec)  # if its library is missing, the error names the package
    broker = broker_of(arguments)
    recordings = [read_file(path, choice_of(arguments)).recording for path in arguments.recordings]
    sensors = [sensor_id(recording.name) for recording in recordings]
    if len(set(sensors)) < len(sensors):
        raise UsageError(f"two recordings become one sensor: {', '.join(sorted(sensors))}; rename a file")
    for recording in recordings:
        if recording.n_samples < arguments.samples:
            raise BadDataError(f"{recording.name}: {recording.n_samples} samples fill no packet; lower --samples")
    plan = ReplayPlan(
        topic=topic,
        codec=arguments.codec,
        samples_per_packet=arguments.samples,
        speed=arguments.speed,
        snr_db=arguments.snr,
        noise=Noise(arguments.noise),
        seed=arguments.seed,
        loop=arguments.loop,
    )
    prefix = "" if arguments.then is None else prefix_of(arguments)  # a wrong one is found before the replay
    confirmed = _play(recordings, plan, broker)
    refused = {} if arguments.then is None else _end(sensors, arguments.then, broker, prefix)
    if arguments.json:
        print(json.dumps({"sensors": sensors, "packets": confirmed, "then": arguments.then, "refused": refused}))
    else:
        print("\n".join(_report(sensors, confirmed, arguments.then, refused)))
    return EXIT_NEGATIVE if refused else EXIT_OK


def _report(sensors: list[str], confirmed: int, then: str | None, refused: dict[str, str]) -> Iterator[str]:
    """What was played, and what the agent makes of the end."""
    yield f"played {confirmed} packets as {', '.join(sensors)}"
    if then is None:
        yield "the sensors send nothing more: after 30 s (alarms.silent_after_s) an agent raises `silent`, as it must"
        yield f"remove one: drsn-agent forget {sensors[0]}; or replay with --then forget"
    for sensor in sensors if then else ():
        yield f"{sensor}: {then} refused: {refused[sensor]}" if sensor in refused else f"{sensor}: {then} done"


def _end(
    sensors: list[str], then: str, broker: BrokerAddress, prefix: str, settle_s: float = SETTLE_S
) -> dict[str, str]:
    """Command the agents of the sensors; return sensor -> why it was refused."""
    time.sleep(settle_s)
    refused: dict[str, str] = {}
    for sensor in sensors:
        fields = {"sensor": sensor, "by": "replay", "comment": "the replay has ended"}
        try:
            with Client(broker, prefix, sensor=sensor) as client:
                reply = next(client.call(client.agent_of(sensor), then.replace("-", "_"), fields, ANSWER_S))
        except (BadDataError, UnavailableError) as error:
            refused[sensor] = str(error)
        else:
            if not reply.ok:
                refused[sensor] = reply.reason or "no reason given"
    return refused


def _play(recordings: list[Recording], plan: ReplayPlan, broker: BrokerAddress) -> int:
    """Play on a connection of its own; return how many packets the broker confirmed."""
    connection = Connection(broker, ConnectionOptions(name="replay", client_id=f"drsn-replay-{os.getpid()}"))
    connection.start()
    try:
        return play(recordings, plan, connection, threading.Event(), f"{broker.host}:{broker.port}")
    finally:
        connection.stop()


def _topic(arguments: argparse.Namespace) -> str:
    """Return the topic, with {sensor} in it, and check --samples and --speed."""
    topic: str = arguments.topic or f"plant/replay/{{sensor}}/{arguments.codec}"
    plain = topic.replace("{sensor}", "")
    if (wrong := flaw(topic)) is not None:
        raise UsageError(f"--topic: {wrong}")
    if plain == topic or set(plain) & set("{}+#") or arguments.samples < 1 or not arguments.speed >= 0:
        raise UsageError("--topic needs {sensor} and no other name, --samples at least 1, --speed at least 0")
    return topic
