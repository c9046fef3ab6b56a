"""A recording on its way through packets, rings and the bundle's network, as if its sensor were alive."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.codecs import PacketError, PayloadFormat
from drsn.agent.acquisition.intake import Intake
from drsn.agent.acquisition.router import Input
from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.topics import TopicPattern
from drsn.agent.settings.policies import ignored_faults
from drsn.agent.tools.alarm_tests.scripted_windows import FieldError
from drsn.agent.tools.replay.player import ReplayPlan, frames
from drsn.model.data.files import read_recording
from drsn.model.errors import DrsnError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.acquisition.sensor_stream import Window
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.tools.alarm_tests.steps import Recorded
    from drsn.agent.tools.alarm_tests.subject import Subject
    from drsn.agent.tools.replay.player import Frame
    from drsn.model.data.recording import Recording

TOPIC = "case/{sensor}/frame"


def recording_of(step: Recorded, folder: Path) -> Recording:
    """The part that is to be played.

    Raises:
        FieldError: it begins after its own end.
        DrsnError: the file can't be read, or holds no recording.
    """
    try:
        found = read_recording(folder / step.recording, step.sample_rate_hz, channels=step.channels)
    except DrsnError as error:
        raise type(error)(f"recording: {error}") from None
    first = round(step.from_s * found.sample_rate_hz)
    last = found.n_samples if step.for_s is None else first + round(step.for_s * found.sample_rate_hz)
    if first >= found.n_samples or last > found.n_samples:
        raise FieldError(
            "for_s" if step.for_s else "from_s",
            f"{step.recording} is {found.n_samples / found.sample_rate_hz:g} s long",
        )
    return replace(found, samples=found.samples[:, first:last], rpm=found.rpm if step.rpm is None else step.rpm)


class Listener:
    """All that the agent has between a message and its diagnoses.

    Args:
        subject: whose network and settings.
        cursors: sensor -> how far an earlier run had read.
    """

    def __init__(self, subject: Subject, cursors: Mapping[str, Cursor]) -> None:
        contract = subject.contract
        assert subject.bundle is not None
        self.cursors = dict(cursors)
        self._window = contract.window
        entry = Input(
            pattern=TopicPattern(TOPIC, "{sensor}"),
            codec="frame",
            payload_format=PayloadFormat(channels=contract.channels),
            sample_rate_hz=None,
            channels=(),
            hop_windows=subject.hop_windows,
            continuous=False,
            max_packet_bytes=256 << 20,
        )
        self._intake = Intake(contract, (entry,), 1000, cursors)
        self._batch = Batcher(contract, 1, 0.0, ignored_faults(subject.settings))
        self._backend = OnnxBackend(subject.bundle.read("model.onnx"), contract, 1)
        self._interpret = Interpreter(contract)

    def frames(self, step: Recorded, recording: Recording, sensor: str, start_unix_ns: int) -> Iterator[Frame]:
        """The packets of a recording and when each is due, noise laid over them."""
        plan = ReplayPlan(
            topic=TOPIC.replace("{sensor}", sensor),
            samples_per_packet=min(self._window, recording.n_samples),
            snr_db=step.snr_db,
            noise=step.noise,
            seed=step.seed,
        )
        return frames([recording], plan, start_unix_ns)

    def hear(self, frame: Frame, received_unix_ns: int) -> list[Diagnosis]:
        """Diagnoses of the windows that a packet completes.

        Raises:
            FieldError: the packet is refused.
        """
        message = Message(frame.topic, frame.payload, 1, False, frame.due_s, received_unix_ns)
        in_flight, diagnoses = InFlight(message), []

        def on_window(sensor: str, window: Window) -> None:
            self._batch.add(sensor, window, in_flight, 0.0)
            outputs = self._backend.infer(self._batch.x)
            diagnoses.extend(self._interpret(self._batch.readings, outputs))
            self._batch.clear()

        try:
            self._intake.receive(message, in_flight, on_window)
        except PacketError as error:
            raise FieldError("recording", f"its packets are refused, {error}") from None
        self.cursors.update(in_flight.cursors)
        return diagnoses
