from __future__ import annotations

import json
from contextlib import closing

import numpy as np
import pytest
from plant import BUNDLE, fails

from drsn.agent.acquisition.sensor_registry import RINGS_BYTES
from drsn.agent.evidence.npz_form import from_bytes
from drsn.agent.evidence.record_files import FOLDER, find
from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.service.evidence_wiring import recorder_of
from drsn.agent.settings.sections import Settings
from drsn.agent.tools.evidence.replay import judge_again


def test_a_running_agent_leaves_a_record_of_each_event_it_publishes(start, tmp_path):
    plant = start(StubBroker())
    for label in ("inner_race", "inner_race", "normal", "normal"):
        plant.say("fan.de", label)
    plant.turn()
    plant.agent.recorder.close()
    events = plant.heard("drsn/v1/fan.de/event")
    assert [event["state"] for event in events] == ["active_unacked", "normal"]
    for event in events:
        record = from_bytes(find(tmp_path / FOLDER, event["event_id"]).read_bytes())
        assert json.loads(record.event.model_dump_json()) == event
        assert judge_again(record).equal
        assert np.abs(record.samples).max() == pytest.approx(1, abs=1e-3)
    assert plant.health().evidence["written"] == 2


def test_what_was_never_committed_leaves_no_record(start, tmp_path):
    plant = start(StubBroker())
    plant.say("a", "inner_race", windows=2)
    plant.journal.commit = fails(RuntimeError("the power is cut"))
    with pytest.raises(RuntimeError):
        plant.turn()
    plant.agent.recorder.close()
    assert list(tmp_path.rglob("*.npz")) == []


def test_evidence_that_can_t_be_written_degrades_the_status_and_holds_no_alarm(start, tmp_path):
    (tmp_path / FOLDER).write_text("in the way")
    plant = start(StubBroker())
    plant.say("a", "inner_race", windows=2)
    plant.turn()
    assert plant.retained("drsn/v1/a/alarm")["condition"] == "inner_race"
    plant.agent.recorder.close()
    assert plant.health().evidence["failed"] == 1
    assert "evidence cannot be written" in plant.agent.status.document().reasons[0]


def test_the_memory_of_windows_and_rings_has_its_bound_from_the_settings(start, tmp_path):
    settings = Settings(
        agent={"bundle": "shipped:synthetic", "state_dir": tmp_path, "max_sensors": 4},
        inputs=[{"topic": "plant/{point}/frame", "sensor": "{point}"}],
        evidence={"windows": 3},
    )
    with closing(recorder_of(settings, BUNDLE.contract, fails(AssertionError()), trails_bytes=0)) as recorder:
        assert recorder.max_bytes == 4 * 5 * 2048 * 3 * 4, "four sensors, three windows of samples"
    agent = start(StubBroker()).agent
    assert agent.pipeline.intake.registry.memory.most_bytes == RINGS_BYTES > 4 * 5 * 2048 * 8
