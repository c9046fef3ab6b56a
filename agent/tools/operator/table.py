"""Alarms and events as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drsn.agent.decision.diagnosis import SILENT
from drsn.agent.schema.condition_text import condition_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from drsn.agent.schema.documents import CommissionDocument

LIVE = ("online", "degraded")
HEAD = {"sensor": "SENSOR", "state": "STATE", "severity": "SEVERITY", "what": "CONDITION (LABEL)", "since": "SINCE"}
COLUMNS = "{sensor:24} {state:15} {severity:9} {what:36} {since:25} {note}"


def alarm_lines(
    alarms: Mapping[str, Mapping[str, Any]],
    statuses: Mapping[str, Mapping[str, Any]],
    not_watched: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    every: bool,
) -> Iterator[str]:
    """A table of the standing alarms, the most urgent of each sensor first.

    Args:
        alarms: sensor -> its document.
        statuses: agent -> its document.
        not_watched: agent -> sources that it does not watch.
        every: also sensors without an alarm, and sources that are not watched; else these are counted in the last line.
    """
    old = stale(alarms, statuses)
    if every or any(alarm.get("conditions") for alarm in alarms.values()):
        yield COLUMNS.format(**HEAD, note="").rstrip()
    else:
        live = sum(status["state"] in LIVE for status in statuses.values())
        yield f"no alarm stands: {len(alarms)} sensors, {live} of {len(statuses)} agents online"
    for sensor in sorted(alarms):
        alarm = alarms[sensor]
        note, blind = f"STALE: {old[sensor]}" if sensor in old else "", alarm.get("not_watched")
        if every and not alarm.get("conditions"):
            yield _row(sensor, "normal", note) if blind is None else _row_not_watched(sensor, blind, note)
        for condition in alarm.get("conditions", ()):
            notes = [note, f"not watched: {blind['reason']}" if blind else "", *_notes(condition)]
            if condition.get("event_id") and not condition.get("false_alarm"):
                notes.append(f"event {condition['event_id']}")
            yield COLUMNS.format(sensor=sensor, note="; ".join(filter(None, notes)), **_cells(condition)).rstrip()
    yield from _not_watched_lines(alarms, statuses, not_watched, every=every)


def _not_watched_lines(
    alarms: Mapping[str, Mapping[str, Any]],
    statuses: Mapping[str, Mapping[str, Any]],
    not_watched: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    every: bool,
) -> Iterator[str]:
    """A row for each source without an alarm document, or only the number of all sources that are not watched."""
    silent = {name: status["state"] for name, status in statuses.items() if status["state"] not in LIVE}
    blind_sources = [
        (each["source"], each, f"STALE: agent {agent} is {silent[agent]}" if agent in silent else f"agent {agent}")
        for agent, sources in not_watched.items()
        for each in sources
    ]
    if every:
        yield from (_row_not_watched(*each) for each in blind_sources if each[0] not in alarms)
    elif blind := {source for source, *_ in blind_sources} | {s for s in alarms if alarms[s].get("not_watched")}:
        yield f"{len(blind)} {'source is' if len(blind) == 1 else 'sources are'} not watched: alarms --all shows why"


def _row(sensor: str, state: str, note: str, since: str = "") -> str:
    return COLUMNS.format(sensor=sensor, state=state, severity="", what="", since=since, note=note).rstrip()


def _row_not_watched(sensor: str, why: Mapping[str, Any], note: str) -> str:
    reason = f"{why['reason']}: {why['remedy']}"
    return _row(sensor, "not watched", "; ".join(filter(None, (reason, note))), why["since"])


def stale(alarms: Mapping[str, Mapping[str, Any]], statuses: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Sensor -> why its document is not valid now."""
    found = ((sensor, _stale(alarm, statuses.get(alarm["agent"]))) for sensor, alarm in alarms.items())
    return {sensor: reason for sensor, reason in found if reason is not None}


def _stale(alarm: Mapping[str, Any], status: Mapping[str, Any] | None) -> str | None:
    agent = alarm["agent"]
    if status is None:
        return f"agent {agent} has no status; it has another name now, or reads another prefix (drsn-agent clean)"
    if status["state"] not in LIVE:
        return f"agent {agent} is {status['state']}"
    if None not in (epochs := (alarm.get("epoch"), status.get("epoch"))) and epochs[0] != epochs[1]:
        return f"of another epoch than agent {agent} has now; forget the sensor if it is gone"
    return None


DONE: Final = {
    "ack": "acknowledged; it stands until it clears",
    "reset": "reset; it is raised again if the cause comes back",
    "shelve": "shelved until {until}; undo: drsn-agent unshelve {target}",
    "unshelve": "no longer shelved; undo: drsn-agent shelve {target} --hours N",
    "out_of_service": "out of service without an end; undo: drsn-agent in-service {target}",
    "in_service": "in service again; undo: drsn-agent out-of-service {target}",
    "forget": "forgotten; it is a new sensor if it publishes again, its events are kept",
}
"""Verb -> what has changed, until when, and how to undo it."""


def done_line(verb: str, sensor: str, condition: str | None, agent: str, until: str | None = None) -> str:
    """The line that confirms a command.

    Args:
        verb: the command.
        sensor: that it was about.
        condition: that it was about; None: all of the sensor.
        agent: that carried it out.
        until: end of a shelving.
    """
    what = sensor if verb == "forget" else f"{sensor}, {condition or 'all conditions'}"
    target = f"{sensor} {condition}" if condition else sensor
    return f"{what} (agent {agent}): {DONE[verb].format(until=until or 'its end', target=target)}"


def clean_line(agent: str, documents: int, *, online: bool, removed: bool) -> str:
    """What `clean` did with the documents of an agent."""
    if online:
        return f"refused: agent {agent} is online; stop it first, or forget single sensors"
    if not documents:
        return f"agent {agent}: nothing is left"
    if not removed:
        return f"agent {agent}: {documents} documents, nothing was changed; --yes removes them"
    return f"agent {agent}: {documents} documents removed; no undo, but an agent of this id that starts writes its own"


def event_line(event: Mapping[str, Any]) -> str:
    """One event in one line."""
    who = f"by {event['by']}" if event.get("by") else f"votes {event['votes']}/{event['of']}"
    comment = f": {event['comment']}" if event.get("comment") else ""
    cells = _cells(event) | {"since": event["decided_at"]}
    note = "; ".join([f"{who}{comment}", *_notes(event), f"event {event['event_id']}"])
    return f"{event['seq']:6} {COLUMNS.format(sensor=event['sensor'], note=note, **cells)}".rstrip()


def despite_lines(sensor: str, standing: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The alarms that a commissioning despite them would teach as healthy, and what that risks.

    Args:
        sensor: its id.
        standing: its conditions that are not normal.
    """
    alarms = [each for each in standing if each["state"] != "normal"]
    if not alarms:
        yield f"{sensor}: no alarm stands"
        return
    for each in alarms:
        confidence = each.get("confidence")
        p = "" if confidence is None else f", P {confidence:.2f}"
        marked = "marked" if each.get("false_alarm") else "not marked"
        yield f"{sensor}: {_cells(each)['what']} stands since {each['since']}{p}; {marked} as a false alarm"
    yield "If it is real, the agent learns the fault as healthy, and does not raise it again at this machine."


def commission_line(sensor: str, commission: CommissionDocument | None, *, undone: bool) -> str:
    """The baseline that was learnt or removed, in one line."""
    if commission is None:
        return f"{sensor}: the learning has ended, nothing was learnt"
    gate = "" if commission.gate_rms is None else f"; runs from an RMS of {commission.gate_rms:.3g} on"
    figures = (
        f"RMS {commission.rms:.3g} (spread {100 * commission.rms_spread:.0f} %), novelty {commission.novelty:.2f} "
        f"(spread {commission.novelty_spread:.2f}), {commission.novelty_allowance:.2f} allowed past the threshold{gate}"
    )
    if commission.despite and not undone:
        figures += f"; despite {', '.join(commission.despite)}, by {commission.by}: {commission.comment}"
    what = f"forgotten, {commission.by}'s of {commission.at}" if undone else f"learnt, {commission.windows} windows"
    return f"{sensor}: {what}: {figures}"


def _cells(condition: Mapping[str, Any]) -> dict[str, str]:
    what = condition_text(condition["condition"], condition["label"])
    return {"state": condition["state"], "severity": condition["severity"], "what": what, "since": condition["since"]}


def _notes(condition: Mapping[str, Any]) -> Iterator[str]:
    if condition["condition"] == SILENT and condition["state"] != "normal":
        yield f"no window since {condition['since']}; if the sensor is gone on purpose: out-of-service, or forget"
    if condition.get("latched"):
        yield "latched: gone, waits for a reset"
    if condition.get("orphaned"):
        yield "orphaned: the bundle does not have this condition, reset it"
    if condition.get("suppressed_by"):
        until = condition.get("shelved_until")
        yield f"{condition['suppressed_by']}{f' until {until}' if until else ''}"
    if condition.get("acked_by"):
        yield f"acknowledged by {condition['acked_by']}"
    if condition.get("false_alarm"):
        yield f"marked as a false alarm (event {condition['false_alarm']})"
