from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from drsn.agent.__main__ import main
from drsn.agent.service.sample import reports_of, shown
from drsn.agent.settings.sections import Settings
from drsn.model.errors import BadDataError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.contract import ModelContract

JSON = {"topic": "plant/{m}/data", "sensor": "{m}", "codec": "json", "sample_rate_hz": 12_000}


def settings(*inputs: dict[str, object]) -> Settings:
    return Settings(agent={"id": "t", "bundle": "shipped:synthetic", "state_dir": "s"}, inputs=inputs)


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    path = tmp_path / "captured.json"
    samples = [0.0, 2.0] * 64
    path.write_text(json.dumps({"samples": samples, "seq": 3, "t0": 1_767_225_600, "unit": "g"}), encoding="utf-8")
    return path


def test_a_captured_payload_shows_what_the_agent_reads(payload: Path, contract: ModelContract):
    (reading,) = reports_of(payload, None, settings(JSON), contract)
    assert (reading.sensor, reading.topic, reading.channels, reading.samples) == ("m", "plant/m/data", 1, 128)
    assert (reading.sample_rate_hz, reading.windows, reading.seq) == (12_000, 0.5, 3)
    assert reading.t0 == "2026-01-01T00:00:00+00:00"
    assert "RMS 1 g; first values 0 2 0 2 0 2" in shown(reading)
    assert reading.rms == (1.0,)
    assert not reading.doubts


def test_each_input_of_the_topic_reads_it(payload: Path, contract: ModelContract):
    twin = {**JSON, "sensor": "{m}-y", "fields": {"samples": "samples[0:64]"}}
    reports = reports_of(payload, "plant/AA:BB/data", settings(JSON, twin), contract)
    assert [(reading.sensor, reading.samples) for reading in reports] == [("AA~3aBB", 128), ("AA~3aBB-y", 64)]


def test_what_does_not_fit_is_refused_with_its_remedy(payload: Path, contract: ModelContract):
    with pytest.raises(BadDataError, match=r"no samples at fields.samples = 'data': the document has 'samples', 'seq'"):
        reports_of(payload, None, settings({**JSON, "fields": {"samples": "data"}}), contract)
    with pytest.raises(
        BadDataError, match=r"wrong_rate: 6000 Hz holds no 5300 Hz .* 'shipped:universal-2500hz' supports"
    ):
        reports_of(payload, None, settings({**JSON, "sample_rate_hz": 6000}), contract)
    with pytest.raises(BadDataError, match="No such file"):
        reports_of(payload.with_name("none"), None, settings(JSON), contract)
    with pytest.raises(UsageError, match=r"--topic; the inputs have plant/\{m\}/data, other/\{m\}"):
        reports_of(payload, None, settings(JSON, {**JSON, "topic": "other/{m}"}), contract)


def test_what_the_agent_could_not_use_is_a_doubt(tmp_path: Path, contract: ModelContract):
    path = tmp_path / "short.json"
    path.write_text('{"samples": [[1, 2, 3], [4, 5, 6]]}', encoding="utf-8")
    (reading,) = reports_of(path, None, settings(JSON), contract)
    assert [doubt[:36] for doubt in reading.doubts] == [
        "2 channels, the bundle needs 1: name",
        "less than a window, without seq and ",
    ]


def test_check_prints_what_it_reads(payload: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[agent]\nbundle = "shipped:synthetic"\nstate_dir = "{tmp_path}"\n[[inputs]]\n'
        'topic = "plant/{m}/data"\nsensor = "{m}"\ncodec = "json"\nsample_rate_hz = 12000\n',
        encoding="utf-8",
    )
    command = ["check", "--config", str(config), "--sample", str(payload)]
    assert main(command) == 0
    assert "sensor m (topic plant/m/data, codec json): 1 channel, 128 samples" in capsys.readouterr().out
    assert main([*command, "--json", "--topic", "plant/AA:BB/data"]) == 0
    assert json.loads(capsys.readouterr().out)["sample"][0]["sensor"] == "AA~3aBB"
    payload.write_text('{"x": 1}', encoding="utf-8")
    assert main(command) == 65
    assert "the document has 'x'" in capsys.readouterr().err
