"""From messages to the file: inputs, bundle, guesses; what is not certain is not written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.mqtt.message import Message
from drsn.agent.settings.loader import load
from drsn.agent.tools.init.configuration_text import configuration_text
from drsn.agent.tools.init.first_result import FirstResult
from drsn.agent.tools.init.listening import Traffic
from drsn.agent.tools.init.questions import Questions
from drsn.agent.tools.init.report import result_lines, survey_json, survey_lines, traffic_lines
from drsn.agent.tools.init.survey import survey_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.agent.tools.init.survey import InputSurvey

NOW_NS = 1_796_018_400_000_000_000
RNG = np.random.default_rng(5)


def traffic_of(rate_hz: float, size: int, make: Callable[[int, np.ndarray], bytes], *topics: str) -> Traffic:
    """Five seconds of sensors that publish without a pause."""
    traffic = Traffic(seconds=5.0)
    period_s = size / rate_hz
    for at in range(round(5.0 / period_s) + 1):
        for topic in topics:
            samples = RNG.standard_normal(size)
            at_ns = NOW_NS + round(at * period_s * 1e9)
            traffic.add(Message(topic, make(at, samples), 1, False, at * period_s, at_ns))
    return traffic


def surveyed(traffic: Traffic, **fixed: object) -> InputSurvey:
    return survey_of(traffic.messages, traffic.arrivals, ["drsn/v1/+/result"], fixed, Questions(ask=False))


def document(at: int, samples: np.ndarray) -> bytes:
    return json.dumps({"seq": at, "samples": [round(float(v), 4) for v in samples]}).encode()


def counts(_at: int, samples: np.ndarray) -> bytes:
    return (samples * 900).astype("<i2").tobytes()


@pytest.mark.parametrize(
    ("rate_hz", "bundle"),
    [(25_600, "universal-10khz"), (12_800, "universal"), (6400, "universal-2500hz"), (3200, "universal-800hz")],
)
def test_the_bundle_is_that_of_the_rate(rate_hz: float, bundle: str):
    survey = surveyed(traffic_of(rate_hz, 640, document, "a/m1/v", "a/m2/v"))
    (found,) = survey.inputs
    assert survey.bundle == bundle
    assert (found.settings["topic"], found.settings["sample_rate_hz"]) == ("a/{machine}/v", rate_hz)
    assert "sample_rate_hz" in found.guesses


def test_bare_counts_are_joined_and_both_are_guesses():
    (found,) = surveyed(traffic_of(12_000, 512, counts, "pumps/p7/raw")).inputs
    assert dict(found.settings) == {
        "topic": "pumps/p7/raw", "sensor": "p7", "codec": "raw", "dtype": "i16", "sample_rate_hz": 12_000,
        "continuous": True,
    }  # fmt: skip
    assert set(found.guesses) == {"dtype", "sample_rate_hz", "continuous"}


def test_frames_of_three_channels_name_them():
    def framed(at: int, samples: np.ndarray) -> bytes:
        three = np.stack([samples] * 3).astype(np.float32)
        return frame.encode(Packet(three, sample_rate_hz=12_000, seq=at, boot_id=1))

    (found,) = surveyed(traffic_of(12_000, 256, framed, "plant/press4/frame")).inputs
    assert found.settings["channels"] == ["x", "y", "z"]
    assert found.guesses == {"channels": "names"}
    assert found.read is not None
    assert found.read.rate_note == "stated in each packet"


def test_a_rate_of_no_data_sheet_is_not_guessed_but_can_be_stated():
    traffic = traffic_of(6900, 512, document, "a/m1/v")
    survey = surveyed(traffic)
    assert not survey.inputs
    assert "--rate" in survey.unread[0].remedy
    (found,) = surveyed(traffic, sample_rate_hz=12_000).inputs
    assert found.settings["sample_rate_hz"] == 12_000


def test_slow_values_and_single_values_are_no_inputs():
    traffic = traffic_of(100, 50, document, "a/slow/v")
    for message in traffic_of(10, 1, lambda _at, _samples: b'{"value": 21.5}', "a/temp/v").messages:
        traffic.add(message)
    survey = surveyed(traffic)
    assert not survey.inputs
    assert {unread.topics for unread in survey.unread} == {("a/slow/v",), ("a/temp/v",)}
    assert any(line.startswith("no vibration: a/temp/v") for line in survey_lines(survey))


def test_the_agents_own_topics_are_never_an_input():
    survey = surveyed(traffic_of(12_000, 640, document, "drsn/v1/m1/result", "drsn/v1/m1/raw"))
    assert not any(
        "{" in each.settings["topic"] and each.settings["topic"].endswith("result") for each in survey.inputs
    )
    assert {topic for each in survey.inputs for topic in each.topics} <= {"drsn/v1/m1/raw"}


@pytest.mark.parametrize("make", [document, counts])
def test_the_file_is_read_again_by_the_loader(make: Callable[[int, np.ndarray], bytes], tmp_path: Path):
    survey = surveyed(traffic_of(12_800, 640, make, "a/x/raw", "a/y/raw"))
    mqtt = {"url": "mqtt://broker", "username": None, "protocol": "auto", "insecure": False}
    path = tmp_path / "agent.toml"
    path.write_text(configuration_text(survey, mqtt, "line4", "drsn/v1", tmp_path / "state"), encoding="utf-8")
    settings = load(path).settings
    assert (settings.agent.id, settings.mqtt.url, settings.agent.bundle) == (
        "line4",
        "mqtt://broker",
        "shipped:universal",
    )
    assert settings.inputs[0].topic == "a/{machine}/raw"
    text = path.read_text(encoding="utf-8")
    assert all(f"GUESS: {why}" in text for each in survey.inputs for why in each.guesses.values())
    uncommented = text.replace("#[[", "[[").replace("#match", "match").replace("#bearing", "bearing")
    path.write_text(uncommented.replace("#rpm", "rpm").replace("#machine", "machine"), encoding="utf-8")
    assert load(path).settings.sensors[0].rpm == 1480


def test_what_is_shown_names_guesses_reasons_and_remedies():
    traffic = traffic_of(12_000, 512, counts, "pumps/p7/raw")
    survey = surveyed(traffic)
    lines = "\n".join([*traffic_lines(traffic), *survey_lines(survey)])
    assert "GUESS, estimated from the times of receipt" in lines
    assert "GUESS dtype = i16" in lines
    assert survey_json(survey, traffic)["inputs"][0]["sample_rate_hz"] == 12_000
    blind = FirstResult(not_watched=[{"source": "p7", "reason": "no_window", "remedy": "Send seq."}], connected=True)
    assert "  p7 is not watched: no_window. Send seq." in list(result_lines(blind))
