from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from witness import POLICY, FakeWriter, events_of, line_of, message, record_of_balls, renderer_of, sensor_setup, tell

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.backends.fake import ToneBackend
from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.bundles import SHIPPED, shipped
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.baseline import Baseline, BaselineStatistics
from drsn.agent.evidence.json_form import from_message, to_message
from drsn.agent.evidence.npz_form import from_bytes, to_bytes
from drsn.agent.evidence.record import SensorSetup, abstains_above, record_of
from drsn.agent.evidence.recorder import Recorder
from drsn.agent.monitoring.findings import NO_MONITOR, OBSERVED, Findings
from drsn.agent.monitoring.monitors import Monitors
from drsn.agent.mqtt.message import Message
from drsn.agent.tools.demo.machines import DEMO_MACHINES
from drsn.agent.tools.demo.machines import record as recorded
from drsn.agent.tools.evidence.replay import diagnose_again, judge_again
from drsn.model.bundle import open_bundle
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.backends.backend import Outputs

BUNDLE = open_bundle(shipped("synthetic"))
MONITORED = replace(POLICY, vibration_level=POLICY.unknown)


def frames(machine, seconds: float) -> list[Message]:
    """What a 16-bit sensor would send of a machine of the demo: 1,000 samples a packet, which fit no window."""
    recording, sent = recorded(machine, seconds, 1), []
    loudest = float(np.abs(recording.samples).max())
    for seq, at in enumerate(range(0, recording.n_samples - 1000, 1000)):
        t0_unix_ns = 1_800_000_000_000_000_000 + round(at * 1e9 / recording.sample_rate_hz)
        packet = Packet(recording.samples[:, at : at + 1000], t0_unix_ns=t0_unix_ns, seq=seq, boot_id=1,
                        sample_rate_hz=recording.sample_rate_hz, rpm=recording.rpm, clock_synced=True)  # fmt: skip
        payload = frame.encode(packet, "i16", loudest / 32_000)
        sent.append(Message(f"plant/{machine.sensor}/frame", payload, 1, False, 0.0, t0_unix_ns))
    return sent


def run(messages, max_batch: int, recorder: Recorder | None = None):
    with OnnxBackend(BUNDLE.read("model.onnx"), BUNDLE.contract, max_batch) as backend:
        return events_of(messages, line_of(BUNDLE.contract, backend, max_batch, recorder))


@pytest.fixture(scope="module")
def recording() -> list[Message]:
    """Two machines at once, one of which degrades."""
    one, other = frames(DEMO_MACHINES[1], 4.0), frames(DEMO_MACHINES[4], 9.0)
    return [message for pair in zip(one, other, strict=False) for message in pair] + other[len(one) :]


def test_a_recording_that_is_replayed_gives_bit_equal_events(recording):
    first = [event.model_dump_json() for event in run(recording, 32)]
    assert len(first) >= 2
    for max_batch in (32, 1, 5):
        assert [event.model_dump_json() for event in run(recording, max_batch)] == first, max_batch


@pytest.mark.parametrize("name", SHIPPED)
def test_a_window_s_row_does_not_depend_on_its_company(name):
    """ONNX Runtime promises no such thing; on one thread of a CPU it is so (docs/reference/evidence-file.md)."""
    bundle = open_bundle(shipped(name))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((17, bundle.contract.channels, bundle.contract.window)).astype(np.float32)
    with OnnxBackend(bundle.read("model.onnx"), bundle.contract, 17) as backend:
        whole = backend.infer(x)
        for size in (1, 2, 7, 16):
            for start in range(0, 17, size):
                part = backend.infer(x[start : start + size])
                rows = slice(start, start + size)
                np.testing.assert_array_equal(part.probabilities, whole.probabilities[rows])
                np.testing.assert_array_equal(part.novelty, whole.novelty[rows])


def test_the_evidence_of_each_event_gives_that_event_again_bit_for_bit(recording):
    writer = FakeWriter()
    recorder = Recorder(8, writer, renderer_of(BUNDLE.contract).event)
    run(recording, 32, recorder)
    recorder.release()
    with OnnxBackend(BUNDLE.read("model.onnx"), BUNDLE.contract, 1) as backend:
        for capture in writer.taken:
            record = from_bytes(to_bytes(record_of(capture, SensorSetup(BUNDLE.contract, POLICY, (), None))))
            for again in (judge_again(record), diagnose_again(record, backend)):
                assert (again.equal, again.agrees, again.difference) == (True, True, 0.0)
    assert len(writer.taken) >= 2


@pytest.mark.parametrize("dtype", ["i16", "f32"])
def test_float_samples_lose_a_little_and_the_decision_is_the_same(contract, dtype):
    record = record_of_balls(contract, dtype)
    assert all(note.lossless == (dtype == "i16") for note in record.header.windows)
    again = diagnose_again(record, ToneBackend(contract, 1))
    assert again.agrees
    assert judge_again(record).equal


def test_a_backend_that_says_something_else_decides_otherwise(contract, record):
    class Healthy(ToneBackend):
        def infer(self, x: NDArray[np.float32]) -> Outputs:
            said = super().infer(x)
            return replace(said, probabilities=np.roll(said.probabilities, 1, axis=1))

    again = diagnose_again(record, Healthy(contract, 1))
    assert (again.equal, again.agrees) == (False, False)
    assert again.difference == pytest.approx(0.9 - 1 / 30)


def test_what_changed_between_two_windows_is_in_the_record(contract):
    """An acknowledgement, say: the state before a window is not the one after the window before it."""
    story = tell(contract, "ball", "normal", "ball", max_batch=1)
    sensors = story.line.engine.sensors
    sensors["press4"] = replace(sensors["press4"], seq=7)
    events_of([message(contract, "ball", 3)], story.line)
    story.recorder.release()
    record = from_bytes(to_bytes(record_of(story.writer.taken[0], sensor_setup(contract))))
    assert [note.follows for note in record.header.windows] == [False, True, True, False]
    assert record.event.seq == 8
    assert judge_again(record).equal


def test_what_can_t_be_replayed_says_why(record):
    whole = to_message(record)
    short = from_message(to_message(record, len(whole) - 1))
    silent = replace(record, header=record.header.model_copy(update={"decided": False}))
    other = replace(record, header=record.header.model_copy(update={"policy": {"machine": "unheard of"}}))
    for case, said in ((short, "left out"), (silent, "no window decided"), (other, "another version")):
        with pytest.raises(BadDataError, match=said):
            judge_again(case)


def test_what_a_commissioning_allowed_is_in_the_record(contract):
    story = tell(contract, "ball", "normal", max_batch=1)
    learnt = BaselineStatistics(350, -1.0, 0.1, 0.7, 0.1, 1.0, allowance=0.4)
    commission = Baseline(learnt, "0" * 64, None, 1, "ann")
    sensors = story.line.engine.sensors
    sensors["press4"] = replace(sensors["press4"], commission=commission)
    events_of([message(contract, "ball", seq) for seq in range(2, 20)], story.line)
    story.recorder.release()
    record = from_bytes(to_bytes(record_of(story.writer.taken[0], sensor_setup(contract))))
    assert abstains_above(record) == pytest.approx(0.4)
    for again in (judge_again(record), diagnose_again(record, ToneBackend(contract, 1))):
        assert again.equal
    notes = tuple(note.model_copy(update={"before": {"unheard": 1}}) for note in record.header.windows)
    of_another_version = replace(record, header=record.header.model_copy(update={"windows": notes}))
    assert abstains_above(of_another_version) == 0.0


@pytest.mark.parametrize("form", [(to_bytes, from_bytes), (to_message, from_message)])
def test_what_the_monitors_found_is_part_of_the_record(contract, form):
    """The network calls every window normal; the bearing detector names the balls, and the level is found high."""
    writer, conditions = FakeWriter(), contract.conditions
    recorder = Recorder(4, writer, renderer_of(contract).event)
    line = line_of(contract, ToneBackend(contract, 3), 3, recorder)
    line.engine = AlarmEngine(contract, "0" * 64, lambda _sensor: MONITORED, observed=OBSERVED)

    class Finding(Monitors):
        def __call__(self, batcher, outputs) -> Findings:  # noqa: ARG002 (whatever the network gave)
            rows = len(batcher)
            nats = np.zeros((rows, len(conditions)), np.float32)
            nats[:, conditions.index("ball")] = 7.5
            observed = np.tile(np.array([NO_MONITOR, 2.0], np.float32), (rows, 1))
            labels = ((), ("zone_c", "zone_d"))
            share = np.full(rows, 0.25, np.float32)
            return Findings(nats, observed, np.ones((rows, len(OBSERVED)), np.int8), labels, share)

    line.monitors = Finding(conditions)
    events_of([message(contract, "normal", seq) for seq in range(4)], line)
    recorder.release()
    assert {capture.event.condition for capture in writer.taken} == {"ball", "vibration_level"}
    for capture in writer.taken:
        record = form[1](form[0](record_of(capture, SensorSetup(contract, MONITORED, (), None))))
        note = record.header.windows[-1]
        assert note.bearing_nats["ball"] == 7.5
        assert note.bearing_share == 0.25
        assert note.observed["vibration_level"].label == "zone_d"
        assert judge_again(record).equal
        assert diagnose_again(record, ToneBackend(contract, 1)).equal
