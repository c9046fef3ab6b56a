from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import Packet, PayloadFormat, frame
from drsn.agent.acquisition.intake import Intake
from drsn.agent.acquisition.router import Input
from drsn.agent.bundles import shipped
from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.topics import TopicPattern, Topics
from drsn.agent.tools.doctor.sources import Heard, found_in, judged
from drsn.model.bundle import open_bundle

CONTRACT = open_bundle(shipped("synthetic")).contract
TOPICS = Topics("drsn/v1", "line4")
WHY = {"reason": "gaps", "remedy": "…", "since": "2026-01-01T00:00:00.000Z"}

LONG = f"plant/{65 * 'm'}/frame"
"""Its id would have 65 characters."""


def message(topic: str, payload: object) -> Message:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(topic, data, 1, retained=False, received_s=0.0, received_unix_ns=10**18)


def framed(samples: int = CONTRACT.window, rate_hz: float = CONTRACT.sample_rate_hz, **fields: Any) -> bytes:  # noqa: ANN401 (of a packet)
    return frame.encode(Packet(np.ones((1, samples), np.float32), sample_rate_hz=rate_hz, **{"seq": 1, **fields}))


def heard(*messages: Message) -> Heard:
    pattern = TopicPattern("plant/{point}/frame", "{point}")
    entry = Input(pattern, "frame", PayloadFormat(), None, (), 1.0, continuous=False, max_packet_bytes=1_000_000)
    return judged(TOPICS, list(messages), Intake(CONTRACT, (entry,), 10, {}))


def test_packets_are_tried_as_the_agent_reads_them() -> None:
    found = heard(
        message("plant/good/frame", framed()),
        message("plant/short/frame", framed(100)),  # the next one may complete a window
        *[message("plant/loose/frame", framed(500, seq=2 * n)) for n in range(60)],
        message("plant/slow/frame", framed(rate_hz=100.0)),
        message(LONG, framed()),
    )
    assert found.agent is None
    assert found.packets == {
        "good": None,
        "short": None,
        "loose": "gaps",
        "slow": "wrong_rate",
        LONG: "illegal_id",
    }
    finding = found_in(found)
    assert (finding.state, finding.exit_code) == ("problem", 65)
    assert "loose (gaps)" in finding.text
    assert "5 sources sent" in finding.text
    assert "no agent of this id runs" in finding.text
    assert "wrong_rate: The sample rate is missing or too low" in finding.remedy


def test_a_running_agent_is_asked() -> None:
    health = {"not_watched": [{**WHY, "source": "a"}]}
    found = heard(message(TOPICS.status, {"state": "online"}), message(TOPICS.health, health))
    assert found == Heard({"a": "gaps"}, {})
    assert "a (gaps)" in found_in(found).text


@pytest.mark.parametrize("status", [{"state": "offline"}, b"{", [], b"[" * 100_000, None])
def test_an_agent_that_does_not_run_is_not_asked(status: object) -> None:
    health = message(TOPICS.health, {"not_watched": [{**WHY, "source": "a"}]})
    found = heard(health, *([] if status is None else [message(TOPICS.status, status)]))
    assert (found, found_in(found).state) == (Heard(None, {}), "ok")


def test_what_is_no_health_document_is_not_read() -> None:
    found = heard(message(TOPICS.status, {"state": "online"}), message(TOPICS.health, {"not_watched": 5}))
    assert found_in(found).state == "ok"


def test_many_sources_are_counted_and_few_named() -> None:
    finding = found_in(Heard({f"s{n}": "gaps" for n in range(50)}, {}))
    assert "s9 (gaps) and 40 more" in finding.text
