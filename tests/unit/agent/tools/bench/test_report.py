from __future__ import annotations

import json

from drsn.agent.tools.bench.capacity import Capacity
from drsn.agent.tools.bench.measurement import Cost, Measurement
from drsn.agent.tools.bench.report import as_json, lines_of

MEASURED = Measurement(
    bundle="cwru@0123456789ab",
    backend="onnxruntime",
    codec="frame",
    max_batch=32,
    sample_rate_hz=12_000.0,
    flood=Cost(1000, 500.0, 400.0),
    live=Cost(100, 20_000.0, 600.0),
    live_sensors=50,
    receive_us=100.0,
    stages_us={"decode": 100.0, "network": 300.0},
    network_us={1: 200.0, 32: 80.0},
    capacity=Capacity(5.86, 238, 597, 2),
)


def test_the_text_has_each_stage_with_its_share_and_the_sensors():
    text = "\n".join(lines_of(MEASURED))
    for expected in (
        "100 us   20%  receive",
        "100 us   20%  decode",
        "300 us   60%  network",
        "500 us  100%  in all",
        "2000 windows/s after the receipt",
        "700 us of CPU time for a window, at the rate of 50 live sensors",
        "80 us for a window of the network alone, 32 in a call",
        "238 sensors, one agent",
        "597 sensors, one agent for each of 2 cores",
    ):
        assert expected in text


def test_the_json_has_everything():
    found = json.loads(json.dumps(as_json(MEASURED)))
    assert (found["flood"]["cpu_us"], found["capacity"]["device"], found["load"]) == (400.0, 597, 0.7)
