from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.severity import DAY_NS, Urgency, severities_of
from drsn.model.contract import ModelContract, Severity

MINOR, MAJOR, CRITICAL = Severity


@pytest.mark.parametrize(
    ("label", "confidence", "active_ns", "severity"),
    [
        ("ball_021", 0.9, 0, CRITICAL),
        ("ball_014", 0.9, 0, MAJOR),
        ("ball_014", 0.89, 0, MINOR),
        ("ball_014", 0.9, DAY_NS - 1, MAJOR),
        ("ball_014", 0.9, DAY_NS, CRITICAL),
        ("ball_014", 0.5, DAY_NS, MAJOR),
        ("ball_021", 1.0, 2 * DAY_NS, CRITICAL),
        ("another", 1.0, 0, MAJOR),
    ],
)
def test_what_it_is_about_how_sure_and_for_how_long(label: str, confidence: float, active_ns: int, severity: Severity):
    urgency = Urgency({"ball": MAJOR, "ball_021": CRITICAL})
    assert urgency.severity("ball", label, confidence, active_ns) is severity


def test_what_nobody_ranked_is_minor_and_zero_never_escalates():
    assert Urgency().severity("hum", "hum", 1.0, DAY_NS - 1) is MINOR
    assert Urgency(escalate_after_ns=0).severity("hum", "hum", 1.0, 1000 * DAY_NS) is MINOR


def test_what_monitors_raise_has_a_severity_that_the_settings_may_change(contract: ModelContract):
    urgency = Urgency(severities_of(contract))
    zones = [urgency.severity("vibration_level", f"zone_{zone}", 1.0, 0) for zone in "bcd"]
    assert (urgency.severity("changed", "band", 1.0, 0), zones) == (MINOR, [MINOR, MAJOR, CRITICAL])
    given = Urgency({**severities_of(contract), "changed": CRITICAL, "zone_c": MINOR})
    assert given.severity("changed", "band", 1.0, 0) is CRITICAL
    assert given.severity("vibration_level", "zone_c", 1.0, 0) is MINOR


@given(st.sampled_from(Severity), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2 * DAY_NS), st.integers(0, DAY_NS))
def test_surer_or_longer_is_never_less_urgent(base: Severity, one: float, other: float, active_ns: int, more_ns: int):
    urgency = Urgency({"ball": base})
    low, high = sorted((one, other))
    less = urgency.severity("ball", "ball", low, active_ns)
    assert urgency.severity("ball", "ball", high, active_ns + more_ns).rank >= less.rank
