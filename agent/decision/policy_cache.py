"""The policy of each sensor: that of the settings, with the bundle's severities and the baseline's gate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.decision.policy import Policy
    from drsn.model.contract import Severity


class PolicyCache:
    """Policies by sensor; the settings are asked once for each.

    Args:
        policy_of: sensor -> the policy of the settings.
        severities: condition -> severity of the bundle; those of the settings come first.
    """

    def __init__(self, policy_of: Callable[[str], Policy], severities: Mapping[str, Severity]) -> None:
        self._policy_of = policy_of
        self._severities = severities
        self._policies: dict[str, Policy] = {}
        self._last: tuple[Policy, Policy] | None = None  # of the settings, and with the bundle's severities

    def configured(self, name: str) -> Policy:
        """The policy of the settings and the bundle, without the baseline."""
        policy = self._policies.get(name)
        if policy is None:
            given = self._policy_of(name)
            if self._last is None or self._last[0] is not given:  # most sensors share one policy
                urgency = replace(given.urgency, of={**self._severities, **given.urgency.of})
                self._last = given, replace(given, urgency=urgency)
            policy = self._policies[name] = self._last[1]
        return policy

    def of(self, name: str, sensor: SensorState | None) -> Policy:
        """The policy of a sensor in this state; None: it is new."""
        policy = self.configured(name)
        rms = None if sensor is None or sensor.commission is None else sensor.commission.gate_rms
        if rms is None or policy.limits.rms is not None:
            return policy
        return replace(policy, limits=replace(policy.limits, rms=rms))

    def forget(self, name: str) -> None:
        """Remove a sensor."""
        self._policies.pop(name, None)
