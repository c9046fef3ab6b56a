"""`drsn-agent replay`: publishes recordings as sensors."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs import CODECS, codec
from drsn.agent.mqtt.utf8 import flaw
from drsn.agent.settings.broker_options import add_broker, broker_of
from drsn.model.errors import EXIT_OK, BadDataError, UsageError

if TYPE_CHECKING:
    import argparse

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.tools.replay.player import ReplayPlan
    from drsn.model.data.recording import Recording
    from drsn.model.errors import Parser


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("replay", help="publish recordings as sensors")
    parser.add_argument(
        "recordings", nargs="+", type=Path, metavar="RECORDING", help=".npy, .npz, .wav, .csv, .txt, .mat"
    )
    add_broker(parser, "--to")
    parser.add_argument("--topic", help="{sensor} is the file's name; default: plant/replay/{sensor}/CODEC")
    parser.add_argument("--codec", choices=CODECS, default="frame", help="default: %(default)s; docs/mqtt.md")
    parser.add_argument("--samples", type=int, default=2048, metavar="N", help="in a packet; default: %(default)s")
    parser.add_argument("--speed", type=float, default=1.0, help="relative to the recording's own time; 0: no pauses")
    parser.add_argument("--snr", type=float, metavar="DB", help="add noise to each packet")
    parser.add_argument("--noise", choices=("gaussian", "laplacian", "pink", "impulsive"), default="gaussian")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--loop", action="store_true", help="start again at the end, until interrupted")
    parser.add_argument("--sample-rate-hz", type=float, metavar="HZ", help="of files without a sample rate")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command=replay)


def replay(arguments: argparse.Namespace) -> int:
    """Publish the recordings to their end, or with --loop until interrupted.

    Raises:
        UsageError: an option is wrong, or two recordings have the same sensor id.
        BadDataError: a recording is shorter than one packet.
    """
    from drsn.agent.tools.replay.player import ReplayPlan, sensor_id  # noqa: PLC0415
    from drsn.model.data.files import read_recording  # noqa: PLC0415
    from drsn.model.noise import Noise  # noqa: PLC0415

    topic = _topic(arguments)
    codec(arguments.codec)  # if its library is missing, the error names the package
    broker = broker_of(arguments)
    recordings = [read_recording(path, arguments.sample_rate_hz) for path in arguments.recordings]
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
    from drsn.agent.mqtt.connection import Connection  # noqa: PLC0415
    from drsn.agent.mqtt.connection_options import ConnectionOptions  # noqa: PLC0415
    from drsn.agent.tools.replay.player import play  # noqa: PLC0415

    connection = Connection(broker, ConnectionOptions(name="replay", client_id=f"drsn-replay-{os.getpid()}"))
    connection.start()
    try:
        return play(recordings, plan, connection, threading.Event())
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
