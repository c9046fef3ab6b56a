from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import CODECS, codec
from drsn.agent.bundles import shipped
from drsn.agent.settings.input_section import InputSection
from drsn.agent.settings.inputs import format_of
from drsn.agent.tools.bench.workload import VARIANTS, Workload, windows_of
from drsn.model.bundle import open_bundle

BUNDLE = open_bundle(shipped("cwru"))
CONTRACT = BUNDLE.contract


def entry(**more: object) -> InputSection:
    return InputSection(topic="bench/{sensor}/frame", sensor="{sensor}", **more)


@pytest.mark.parametrize("condition", [None, "inner_race"])
def test_no_window_repeats_the_one_before_it(condition: str | None):
    windows = windows_of(BUNDLE, condition)
    assert windows.shape == (VARIANTS, CONTRACT.channels, CONTRACT.window)
    assert windows.dtype == np.float32
    assert (windows[1:] != windows[:-1]).any(axis=(1, 2)).all()


def test_a_condition_that_the_bundle_has_no_window_of_gets_any():
    assert len(windows_of(BUNDLE, "gear")) == VARIANTS


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_reads_its_packets(name: str):
    rate = {"sample_rate_hz": CONTRACT.sample_rate_hz} if name == "raw" else {}
    message = Workload(BUNDLE, entry(codec=name, **rate), 2).messages(1, 5.0, 10**18)[0]
    packet = codec(name).decode(message.payload, message.properties, format_of(entry(codec=name, **rate), 1))
    assert packet.samples.shape == (1, CONTRACT.window)
    assert (message.topic, message.received_s, packet.seq) == ("bench/s0/frame", 5.0, 0)


def test_each_sensor_goes_on_where_it_stopped():
    workload = Workload(BUNDLE, entry(), 2)
    sent = [*workload.messages(3, 0.0, 10**18), *workload.messages(2, 0.0, 10**18)]
    seqs = [codec("frame").decode(message.payload, {}, format_of(entry(), 1)).seq for message in sent]
    assert [(message.topic[6:8], seq) for message, seq in zip(sent, seqs, strict=True)] == [
        ("s0", 0), ("s1", 0), ("s0", 1), ("s1", 1), ("s0", 2),
    ]  # fmt: skip


def test_the_last_window_has_just_been_taken():
    last = Workload(BUNDLE, entry(), 1).messages(3, 0.0, 10**18)[-1]
    t0 = codec("frame").decode(last.payload, {}, format_of(entry(), 1)).t0_unix_ns
    window_ns = CONTRACT.window / CONTRACT.sample_rate_hz * 1e9
    assert t0 is not None
    assert 10**18 - 2.1 * window_ns < t0 < 10**18


def test_a_sensor_at_another_rate_sends_as_much_signal():
    workload = Workload(BUNDLE, entry(sample_rate_hz=2 * CONTRACT.sample_rate_hz), 1)
    packet = codec("frame").decode(workload.messages(1, 0.0, 10**18)[0].payload, {}, format_of(entry(), 1))
    assert packet.samples.shape == (1, 2 * CONTRACT.window)
    assert packet.sample_rate_hz == 2 * CONTRACT.sample_rate_hz
