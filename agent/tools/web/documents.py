"""What the page shows of the agents' documents: live state in, JSON documents out. No clock, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, Field, ValidationError

from drsn.agent.schema.condition_text import condition_text
from drsn.agent.tools.operator.table import stale

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.tools.live.live_state import LiveState

NO_BROKER: Final = "no connection to the broker"
STATES: Final = frozenset({"normal", "active_unacked", "active_acked", "cleared_unacked", "not_watched"})
AGENT_STATES: Final = frozenset({"online", "degraded", "stopped", "offline"})


class ShownResult(BaseModel):
    """The fields of a result that the page computes with; any client may have sent it."""

    label: str = Field(max_length=64)
    condition: str = Field(max_length=64)
    rms: float = Field(ge=0, allow_inf_nan=False)
    probabilities: dict[str, float] = Field(max_length=256)
    novelty: float | None = None
    velocity_rms_mm_s: float | None = Field(default=None, ge=0, allow_inf_nan=False)


def shown_result(document: dict[str, Any]) -> ShownResult | None:
    """The fields of a result; None: it is not one of this version."""
    try:
        return ShownResult.model_validate(document)
    except ValidationError:
        return None


class Documents:
    """Makes the page's documents.

    Args:
        live: all documents of the agents.
        trend_of: sensor -> its RMS of the last hour, a value a minute, None for a gap.
    """

    def __init__(self, live: LiveState, trend_of: Callable[[str], list[float | None]]) -> None:
        self._live, self._trend_of = live, trend_of

    def machine(self, sensor: str, now_s: float, *, connected: bool) -> dict[str, Any]:
        """One sensor; it must have an alarm document.

        Args:
            sensor: its id.
            now_s: monotonic.
            connected: there is a connection to the broker; without one no alarm is valid.
        """
        alarm = self._live.retained.alarms[sensor]
        agent = alarm["agent"]
        conditions = alarm.get("conditions", [])
        first = conditions[0] if conditions else {}
        blind = alarm.get("not_watched")
        state = first.get("state", "normal" if blind is None else "not_watched")
        text = condition_text(first["condition"], first["label"]) if first else _plain(state)
        old = self.invalid(sensor, connected=connected)
        timed = self._live.results.get(sensor)
        result = None if timed is None or shown_result(timed.document) is None else timed.document
        return {
            "sensor": sensor,
            "agent": agent,
            "agent_state": self.agent_state(agent),
            "state": "unknown" if old is not None or state not in STATES else state,
            "condition": first.get("condition"),
            "text": text if old is None else f"{old}: last known {text}",
            "severity": first.get("severity"),
            "confidence": first.get("confidence"),
            "since": first.get("since"),
            "suppressed_by": first.get("suppressed_by"),
            "conditions": conditions,
            "event_id": first.get("event_id"),
            "not_watched": blind,
            "result": result,
            "result_age_s": None if timed is None else round(now_s - timed.received_s, 2),
            "windows_per_s": None if timed is None or timed.windows_per_s is None else round(timed.windows_per_s, 2),
            "trend": self._trend_of(sensor),
        }

    def invalid(self, sensor: str, *, connected: bool) -> str | None:
        """Why the alarm of a sensor is not valid now; None: it is."""
        if not connected:
            return NO_BROKER
        alarm = self._live.retained.alarms[sensor]
        agent, statuses = alarm["agent"], self._live.retained.statuses
        state = self.agent_state(agent)
        if agent in statuses and state in ("offline", "stopped"):
            return f"agent {state}"
        return stale({sensor: alarm}, statuses).get(sensor)

    def agent(self, agent: str, now_s: float) -> dict[str, Any]:
        """One agent."""
        retained, heard_s = self._live.retained, self._live.health_s.get(agent)
        rate = self._live.windows_per_s.get(agent)
        return {
            "agent": agent,
            "state": self.agent_state(agent),
            "status": retained.statuses.get(agent),
            "health": retained.healths.get(agent),
            "health_age_s": None if heard_s is None else round(now_s - heard_s, 1),
            "windows_per_s": None if rate is None else round(rate, 2),
        }

    def agents(self) -> list[str]:
        """Ids of all agents."""
        return sorted({*self._live.retained.statuses, *self._live.retained.healths})

    def agent_state(self, agent: str) -> str:
        """State in the agent's status; `unknown` without one."""
        state = str(self._live.retained.statuses.get(agent, {}).get("state"))
        return state if state in AGENT_STATES else "unknown"

    def not_watched(self) -> list[dict[str, Any]]:
        """Sources that no agent watches, and that have no alarm document."""
        retained = self._live.retained
        return [
            {"agent": agent, "name": each["source"], **{key: each[key] for key in ("reason", "remedy", "since")}}
            for agent, sources in sorted(retained.not_watched().items())
            for each in sources
            if each["source"] not in retained.alarms
        ]


def _plain(state: str) -> str:
    return "not watched" if state == "not_watched" else state
