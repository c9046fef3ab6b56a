"""`drsn-agent replay`: publishes recordings as sensors."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs import codec
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.utf8 import flaw
from drsn.agent.settings.broker_options import broker_of
from drsn.agent.tools.replay.player import ReplayPlan, play, sensor_id
from drsn.model.data.file_options import choice_of
from drsn.model.data.files import read_file
from drsn.model.errors import EXIT_OK, BadDataError, UsageError
from drsn.model.noise import Noise

if TYPE_CHECKING:
    import argparse

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.model.data.recording import Recording


def replay(arguments: argparse.Namespace) -> int:
    """Publish the recordings to their end, or with --loop until interrupted.

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
    confirmed = _play(recordings, plan, broker)
    if arguments.json:
        print(json.dumps({"sensors": sensors, "packets": confirmed}))
    else:
        print(f"played {confirmed} packets as {', '.join(sensors)}")
    return EXIT_OK


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
