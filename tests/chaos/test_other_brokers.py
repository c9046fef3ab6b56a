"""RabbitMQ and aedes: the agent is killed, the line is cut, and the broker is killed. MQTT 3.1.1 runs on both.

On a new connection aedes delivers new packets before those that waited. What they overtake counts as repeated, and is
not diagnosed (docs/reference/brokers.md).
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from chaos.ledger import often
from chaos.sensors import OVERTAKEN

if TYPE_CHECKING:
    from other_brokers import ProcessBroker


@pytest.fixture(params=["rabbitmq", "aedes"])
def broker(request: pytest.FixtureRequest) -> ProcessBroker:
    return request.getfixturevalue(request.param)


@pytest.mark.timeout(900)
def test_kills_of_the_agent_and_cut_lines_cost_nothing(broker: ProcessBroker, stage):
    scene = stage(f"{broker.name}: agent killed, lines cut", broker=broker)
    scene.begin()
    for _ in range(often(1, 10)):
        scene.wait(0.0, 3.0)
        scene.fault(lambda: scene.agent.stop(signal.SIGKILL))
        scene.agent.launch()
        scene.caught_up()
        scene.fault(lambda: scene.wire.cut(scene.chance))
        scene.caught_up()
    row = scene.finish()
    assert row["events repaired"] == 0
    assert not (broker.keeps_order and scene.sensors.total(OVERTAKEN))
    assert scene.subscriber.status["protocol"] == "3.1.1"


@pytest.mark.timeout(900)
def test_a_kill_of_the_broker_costs_what_it_alone_held(broker: ProcessBroker, stage):
    """RabbitMQ keeps sessions and queues on its disk; aedes has everything in memory."""
    scene = stage(f"{broker.name} killed", broker=broker)
    scene.begin()
    for _ in range(often(1, 5)):
        scene.wait(1.0, 3.0)
        scene.fault(broker.kill)
        scene.wait(0.0, 1.0)
        broker.start()
        scene.caught_up()
    scene.finish(lost_at_broker=not broker.keeps_sessions)
