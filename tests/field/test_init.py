"""What `drsn-agent init` makes of every payload of the field: right, asked or refused; never wrong.

read right                       86
a person is asked                 4
refused, with what came           7
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from field.case import Case, holds, run
from field.payloads import CASES, T0_S
from field.signals import PACKET, RATE_HZ

from drsn.agent.mqtt.message import Message
from drsn.agent.tools.init.configuration_text import configuration_text
from drsn.agent.tools.init.questions import Questions
from drsn.agent.tools.init.rate_estimate import Arrivals
from drsn.agent.tools.init.survey import survey_of

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.tools.init.survey import InputSurvey
    from drsn.model.contract import ModelContract

ASKED = {
    "two inputs on one topic",  # `x` and `accel.y`: two lists that are no siblings
    "raw u8",  # two bytes of a smooth signal look like one number of 16 bits
    "60-sample packets with seq",  # its impacts come every 117 samples, a multiple of 3: three axes are possible
    "60-sample packets, continuous",
}
REFUSED = {
    "raw JSON",
    "null",
    "NaN",
    "decimal commas, no JSON",
    "Telegraf lines of two series",
    "OPC UA PubSub, a data set lost",
    "OPC UA PubSub, two writers",
}
CUT = {"raw text as f32"}
"""The text ends in the middle of a packet: its first windows are compared."""

AXIS = {"x": 0, "y": 1, "z": 2}


def surveyed(case: Case) -> InputSurvey:
    """What init proposes when a person states the rate alone."""
    period_s = PACKET / RATE_HZ
    messages = [
        Message(topic, payload, 1, False, at * period_s, round((T0_S + at * period_s) * 1e9))
        for at, (topic, payload) in enumerate(case.publish())
    ]
    arrivals = {message.topic: Arrivals(0.0, message.received_s, len(messages)) for message in messages}
    return survey_of(messages, arrivals, ["drsn/v1/+/result"], {"sample_rate_hz": RATE_HZ}, Questions(ask=False))


def inputs_of(survey: InputSurvey, folder: Path) -> str:
    """The inputs of the file that init writes."""
    text = configuration_text(survey, {}, "a", "drsn/v1", folder)
    return text[text.index("[[inputs]]") :]


def verdict(case: Case, survey: InputSurvey, contract: ModelContract, folder: Path) -> str:
    if not survey.inputs:
        (unread, *_) = survey.unread
        assert unread.shown
        assert unread.remedy
        return "asked" if unread.candidates else "refused"
    outcome = run(Case(case.name, case.folder, inputs_of(survey, folder), case.publish), contract)
    right = outcome.windows and not [text for text in outcome.refused if "no samples" not in text]
    read = {sensor: AXIS.get(sensor[-1:] if sensor[-2:-1] == "-" else "", 0) for sensor in outcome.windows}
    axes = sorted(read.values()) == list(range(len(read)))
    end = 3 if case.name in CUT else None
    return "right" if right and axes and all(holds(outcome.windows[s][:end], a) for s, a in read.items()) else "wrong"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.folder}-{case.name}".replace(" ", "_"))
def test_init_reads_it_right_or_asks_or_refuses(case: Case, contract: ModelContract, tmp_path: Path):
    expected = "asked" if case.name in ASKED else "refused" if case.name in REFUSED else "right"
    assert verdict(case, surveyed(case), contract, tmp_path) == expected


def test_the_table_of_this_file_is_right():
    counts = Counter("asked" if c.name in ASKED else "refused" if c.name in REFUSED else "right" for c in CASES)
    shown = list(map(int, re.findall(r" (\d+)$", __doc__ or "", re.MULTILINE)))
    assert shown == [counts["right"], counts["asked"], counts["refused"]], json.dumps(counts)
