from __future__ import annotations

from pathlib import Path

import pytest

from drsn.agent.tools.opcua.reply_status import _REASONS, status_of

AGENT = Path(__file__).parents[5] / "agent"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [(None, "Good"),
     ("this event does not belong to the present alarm; read the alarm again", "BadEventIdUnknown"),
     ("ack: ball is active_acked, acknowledged by kim", "BadConditionBranchAlreadyAcked"),
     ("a shelving lasts 8 hours at most", "BadShelvingTimeOutOfRange"),
     ("agent line4 did not answer in 5 s", "BadTimeout"),
     ("no connection to broker:1883", "BadNoCommunication"),
     ("unshelve: nothing to do, this is already the state", "BadInvalidState"),
     ("a reason of a later version", "BadInvalidState")],
)  # fmt: skip
def test_each_reason_has_its_status_code(reason: str | None, expected: str):
    assert status_of(reason) == expected


def test_the_agent_still_writes_these_reasons():
    """A reason that is worded in another way would silently become BadInvalidState."""
    sources = [
        *(AGENT / "rpc").glob("*.py"), AGENT / "decision" / "operator_action.py", AGENT / "tools/live/subscriber.py",
    ]  # fmt: skip
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    states = ("is active_acked", "is normal")  # `{name} is {condition.state.value}`
    assert [part for part, _ in _REASONS if part not in text and part not in states] == []
    assert "{name} is {condition.state.value}" in text
