"""Where the retained documents differ from the alarms of the policy: after a restart, or a message that was missed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.agent.tools.notify.keyed_alarm import AGENT_OFFLINE, NOT_WATCHED, AlarmKey, KeyedAlarm, machine_alarm
from drsn.agent.tools.operator.table import LIVE
from drsn.model.contract import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from drsn.agent.tools.notify.policy import NotifyPolicy
    from drsn.agent.tools.operator.retained_state import RetainedState


def differences(retained: RetainedState, policy: NotifyPolicy, now_s: float) -> Iterator[KeyedAlarm]:
    """The alarms that the policy lacks, and the ends of those that it has and that stand no longer.

    Args:
        retained: the documents of all agents.
        policy: its alarms are compared.
        now_s: Unix time.
    """
    for sensor, document in list(retained.alarms.items()):
        yield from _of_sensor(sensor, document, policy, now_s)
    for agent, status in list(retained.statuses.items()):
        alarm = agent_alarm(agent, str(status["state"]), now_s)
        known = policy.alarms.get(alarm.subject)
        if (known.active if known is not None else False) != alarm.active or (known is None and alarm.state in LIVE):
            yield alarm
    yield from _of_sources(retained, policy, now_s)


def agent_alarm(agent: str, state: str, now_s: float) -> KeyedAlarm:
    """Whether an agent is offline, by the state of its status."""
    return KeyedAlarm(
        AlarmKey(agent, AGENT_OFFLINE), agent, active=state == "offline", acked=False, suppressed=False,
        severity=Severity.MAJOR, occurrence="", began_s=now_s, state=state,
    )  # fmt: skip


def _of_sensor(sensor: str, document: dict[str, Any], policy: NotifyPolicy, now_s: float) -> Iterator[KeyedAlarm]:
    agent, epoch = document["agent"], str(document.get("epoch") or "")
    seq = found if isinstance(found := document.get("seq"), int) else 0
    standing: set[str] = set()
    for condition in document.get("conditions", ()):
        alarm = machine_alarm({"agent": agent, "sensor": sensor, "epoch": epoch, "seq": seq, **condition}, now_s)
        standing.add(alarm.subject.condition)
        known = policy.alarms.get(alarm.subject)
        if known is None or (known.epoch == epoch and known.seq < seq and known.event_id != alarm.event_id):
            yield alarm
    for subject in policy.of_sensor(sensor):
        known = policy.alarms.get(subject)
        if subject.condition in standing or (known is not None and not known.active):
            continue
        if known is None or known.epoch != epoch or known.seq <= seq:
            yield _ended(subject, agent, known, epoch, seq, now_s)


def _of_sources(retained: RetainedState, policy: NotifyPolicy, now_s: float) -> Iterator[KeyedAlarm]:
    named: set[AlarmKey] = set()
    for agent, sources in retained.not_watched().items():
        for source in sources:
            subject = AlarmKey(str(source["source"])[:200], NOT_WATCHED)
            named.add(subject)
            known = policy.alarms.get(subject)
            if known is None or not known.active:
                yield KeyedAlarm(
                    subject, agent, active=True, acked=False, suppressed=False, severity=Severity.MAJOR, occurrence="",
                    began_s=now_s, state="not_watched", since=str(source["since"])[:40],
                    reason=f"{str(source['reason'])[:60]}: {str(source['remedy'])[:300]}",
                )  # fmt: skip
    for subject in policy.of_condition(NOT_WATCHED):
        known = policy.alarms.get(subject)
        if subject in named or known is None or not known.active:
            continue
        if retained.statuses.get(known.agent, {}).get("state") in LIVE and known.agent in retained.healths:
            yield replace(known, active=False, state="watched", began_s=now_s)


def _ended(subject: AlarmKey, agent: str, known: KeyedAlarm | None, epoch: str, seq: int, now_s: float) -> KeyedAlarm:
    if known is not None:
        return replace(known, active=False, state="normal", epoch=epoch, seq=seq, began_s=now_s)
    return KeyedAlarm(
        subject, agent, active=False, acked=False, suppressed=False, severity=Severity.MAJOR, occurrence="",
        began_s=now_s, epoch=epoch, seq=seq, state="normal",
    )  # fmt: skip
