import pytest

from drsn.agent.decision.needed_windows import needed_windows
from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.voting import Quorum

SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    ("threshold_nats", "on_delay_s", "windows"),
    [(None, 0, 6), (None, 0.5, 6), (None, 3, 8), (24.0, 0, 5), (24.0, 2, 6), (1.0, 0, 1)],
)
def test_the_fewest_windows_for_an_alarm(threshold_nats: float | None, on_delay_s: float, windows: int) -> None:
    rule = AlarmRule(Quorum(6, 8), Quorum(7, 8), threshold_nats, on_delay_ns=round(on_delay_s * SECOND_NS))
    assert needed_windows(rule, SECOND_NS) == windows
