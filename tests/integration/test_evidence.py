"""Real recordings of CWRU, as a 16-bit sensor would send them: the same events each time, and from their evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from witness import POLICY, FakeWriter, events_of, line_of, renderer_of

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.bundles import shipped
from drsn.agent.evidence.npz_form import from_bytes, to_bytes
from drsn.agent.evidence.record import SensorSetup, record_of
from drsn.agent.evidence.recorder import Recorder
from drsn.agent.mqtt.message import Message
from drsn.agent.tools.evidence.replay import diagnose_again, judge_again
from drsn.model.bundle import open_bundle
from drsn.model.data.files import read_recording
from drsn.model.noise import Noise, add_noise

if TYPE_CHECKING:
    from pathlib import Path

BUNDLE = open_bundle(shipped("cwru"))
N = 1024  # samples of a packet: two make a window


def frames(path: Path, snr_db: float) -> list[Message]:
    recording = read_recording(path, None)
    samples = add_noise(recording.samples, snr_db, Noise.GAUSSIAN, np.random.default_rng(1))
    scale, sent = float(np.abs(samples).max()) / 32_000, []
    for seq in range(recording.n_samples // N):
        t0_unix_ns = 1_800_000_000_000_000_000 + round(seq * N * 1e9 / recording.sample_rate_hz)
        packet = Packet(samples[:, seq * N : (seq + 1) * N], t0_unix_ns=t0_unix_ns, seq=seq, boot_id=1,
                        sample_rate_hz=recording.sample_rate_hz, rpm=recording.rpm, clock_synced=True)  # fmt: skip
        sent.append(Message(f"plant/m{path.stem}/frame", frame.encode(packet, "i16", scale), 1, False, 0.0, t0_unix_ns))
    return sent


def run(messages: list[Message], max_batch: int, writer: FakeWriter) -> list[str]:
    recorder = Recorder(8, writer, renderer_of(BUNDLE.contract).event)
    with OnnxBackend(BUNDLE.read("model.onnx"), BUNDLE.contract, max_batch) as backend:
        events = events_of(messages, line_of(BUNDLE.contract, backend, max_batch, recorder))
    recorder.release()
    return [event.model_dump_json() for event in events]


@pytest.mark.slow
@pytest.mark.parametrize("snr_db", [60.0, -4.0])
def test_recordings_and_their_evidence_give_the_same_events_bit_for_bit(data_dir: Path, snr_db: float):
    streams = [frames(data_dir / "cwru" / f"{name}.mat", snr_db) for name in ("108", "121", "200")]
    messages = [message for turn in zip(*streams, strict=False) for message in turn]
    writer = FakeWriter()
    first = run(messages, 32, writer)
    assert len(first) >= 3
    for max_batch in (32, 1, 7):
        assert run(messages, max_batch, FakeWriter()) == first, max_batch
    with OnnxBackend(BUNDLE.read("model.onnx"), BUNDLE.contract, 1) as backend:
        for capture in writer.taken:
            record = from_bytes(to_bytes(record_of(capture, SensorSetup(BUNDLE.contract, POLICY, (), None))))
            assert all(note.lossless for note in record.header.windows)
            assert judge_again(record).equal
            again = diagnose_again(record, backend)
            assert (again.equal, again.difference) == (True, 0.0)
