"""A recording as packets of a sensor, and the agent's pipeline for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.codecs import PayloadFormat
from drsn.agent.acquisition.intake import Intake
from drsn.agent.acquisition.router import Input
from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.mqtt.topics import TopicPattern
from drsn.agent.service.pipeline import Pipeline
from drsn.agent.settings.policies import ignored_faults
from drsn.agent.tools.alarm_tests.case_errors import field_error, located
from drsn.agent.tools.replay.player import ReplayPlan, frames
from drsn.model.data.files import read_recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.acquisition.window_batch import WindowBatch
    from drsn.agent.decision.alarm_engine import AlarmEngine
    from drsn.agent.tools.alarm_tests.case_setup import CaseSetup
    from drsn.agent.tools.alarm_tests.steps import PlayRecording
    from drsn.agent.tools.replay.player import Frame
    from drsn.model.data.recording import Recording

TOPIC = "case/{sensor}/frame"


def recording_of(step: PlayRecording, folder: Path) -> Recording:
    """Return the part of the recording that the step plays.

    Raises:
        ConfigurationError: the part begins or ends after the recording.
        DrsnError: the file can't be read, or holds no recording.
    """
    with located("recording"):
        found = read_recording(
            folder / step.recording, step.sample_rate_hz, channels=step.channels, variable=step.variable
        )
    first = round(step.from_s * found.sample_rate_hz)
    last = found.n_samples if step.for_s is None else first + round(step.for_s * found.sample_rate_hz)
    if first >= found.n_samples or last > found.n_samples:
        raise field_error(
            "for_s" if step.for_s else "from_s",
            f"{step.recording} is {found.n_samples / found.sample_rate_hz:g} s long",
        )
    return replace(found, samples=found.samples[:, first:last], rpm=found.rpm if step.rpm is None else step.rpm)


def frames_of(
    step: PlayRecording, recording: Recording, sensor: str, setup: CaseSetup, start_unix_ns: int
) -> Iterator[Frame]:
    """Yield the packets of a recording, with noise, and when each is due."""
    plan = ReplayPlan(
        topic=TOPIC.replace("{sensor}", sensor),
        samples_per_packet=min(setup.contract.window, recording.n_samples),
        snr_db=step.snr_db,
        noise=step.noise,
        seed=step.seed,
    )
    return frames([recording], plan, start_unix_ns)


def pipeline_of(
    setup: CaseSetup,
    engine: AlarmEngine,
    cursors: Mapping[str, Cursor],
    decided_at: Callable[[WindowBatch], Sequence[int]],
) -> Pipeline:
    """Return the agent's pipeline for recordings, with batches of one window.

    Args:
        setup: its settings and its bundle.
        engine: the alarm states.
        cursors: sensor -> position in its stream that an earlier run has committed.
        decided_at: batch -> time of the decision of each row, ns since 1970.
    """
    assert setup.bundle is not None, "the case file was checked"
    contract = setup.contract
    entry = Input(
        pattern=TopicPattern(TOPIC, "{sensor}"),
        codec="frame",
        payload_format=PayloadFormat(channels=contract.channels),
        sample_rate_hz=None,
        channels=(),
        hop_windows=setup.hop_windows,
        continuous=False,
        max_packet_bytes=256 << 20,
    )
    return Pipeline(
        intake=Intake(contract, (entry,), 1000, cursors),
        batcher=Batcher(contract, 1, 0.0, ignored_faults(setup.settings)),
        backend=OnnxBackend(setup.bundle.read("model.onnx"), contract, 1),
        interpret=Interpreter(contract),
        engine=engine,
        decided_at=decided_at,
    )
