"""The newest window of a sensor, in the reply to `snapshot`."""

from __future__ import annotations

import json
import logging
from itertools import count

import numpy as np
import pytest

from drsn.agent.evidence.snapshot import snapshot_of
from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.schema.documents import ReplyDocument
from drsn.agent.service.evidence_wiring import BURST

REQUESTS = count()


def ask(plant, **said: object) -> dict[str, object]:
    request_id = f"r{next(REQUESTS)}"
    asked = {"request_id": request_id, "by": "page", "sensor": "a", **said}
    plant.broker.publish("drsn/v1/_agent/tester/cmd/snapshot", json.dumps(asked).encode(), 1, {}, retain=False)
    plant.turn(1)
    return plant.heard(f"drsn/v1/_reply/{request_id}")[-1]


def test_the_reply_has_the_newest_window_and_its_diagnosis(start):
    plant = start(StubBroker(), {"sensors": [{"match": "a", "rpm": 1800.0, "bearing": "6205"}]})
    plant.say("a", "normal")
    plant.say("a", "ball")
    plant.turn()
    reply = ask(plant)
    assert (reply["ok"], reply["sensor"]) == (True, "a")
    snapshot = snapshot_of(ReplyDocument.model_validate(reply).snapshot)
    (window,) = snapshot.header.windows
    assert (window.condition, window.label, window.suppressed_by) == ("ball", "ball", None)
    assert (snapshot.header.sensor, snapshot.header.rpm) == ("a", 1800.0)
    assert snapshot.header.bearing.orders["BPFO"] == pytest.approx(3.58, abs=0.05)
    assert snapshot.samples.shape == (1, 1, 2048)
    assert np.abs(snapshot.samples).max() == pytest.approx(1, abs=1e-3)
    labels = [label.name for label in snapshot.header.contract.labels]
    assert labels[int(snapshot.arrays.probabilities[0].argmax())] == "ball"


def test_it_leaves_nothing_behind(start, caplog):
    plant = start(StubBroker())
    plant.say("a", "normal")
    plant.turn()
    before = len(plant.broker.log)
    caplog.set_level(logging.INFO)
    commits = []
    plant.journal.commit = lambda *parts: commits.append(parts)
    plant.journal.reply = lambda _request_id: pytest.fail("the database was read")
    assert ask(plant)["ok"]
    assert not ask(plant, sensor="unknown")["ok"]
    topics = [topic for topic, _ in plant.broker.log[before:] if "/_reply/" not in topic and "/cmd/" not in topic]
    assert [topic for topic in topics if not topic.endswith(("/health", "/status"))] == []
    assert "command handled" not in caplog.text
    assert not any(parts[3:4] and parts[3] for parts in commits), "no reply is stored"


@pytest.mark.parametrize(
    ("settings", "said", "reason"),
    [
        ({"evidence": {"windows": 0}}, {}, "evidence is off (evidence.windows = 0)"),
        ({}, {"sensor": "unknown"}, "unknown"),
        ({}, {"sensor": None}, "name the sensor"),
    ],
)
def test_it_is_refused_with_the_reason(start, settings, said, reason):
    plant = start(StubBroker(), settings)
    plant.say("a", "normal")
    plant.turn()
    reply = ask(plant, **said)
    assert (reply["ok"], reply["snapshot"]) == (False, None)
    assert reason in reply["reason"]


def test_a_sensor_without_a_window_since_the_start_has_no_snapshot(start, tmp_path):
    plant = start(StubBroker())
    plant.say("a", "ball", windows=2)
    plant.turn()
    plant.agent.recorder.forget("a")
    assert "no window of a since the start" in ask(plant)["reason"]


def test_more_than_a_few_a_second_are_refused(start):
    plant = start(StubBroker())
    plant.say("a", "normal")
    plant.turn()
    replies = [ask(plant) for _ in range(2 * BURST)]
    refused = [reply["reason"] for reply in replies if not reply["ok"]]
    assert len(refused) in range(BURST - 2, BURST + 1)
    assert all("snapshots a second" in reason for reason in refused)
