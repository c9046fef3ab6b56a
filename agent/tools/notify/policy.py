"""Who gets a message about what, and when: alarms and time in, messages out. It reads no clock, network or file."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from drsn.agent.tools.notify.keyed_alarm import AGENT_OFFLINE, OWN
from drsn.agent.tools.notify.notification import Notification
from drsn.agent.tools.notify.quiet_hours import is_quiet
from drsn.agent.tools.notify.sent_messages import Records, SentMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from drsn.agent.tools.notify.keyed_alarm import AlarmKey, KeyedAlarm
    from drsn.agent.tools.notify.notification import Change
    from drsn.agent.tools.notify.settings import NotifySection

MAX_SUBJECTS: Final = 50_000
"""Subjects that are kept; above that those that ended are deleted first."""


MAX_REPEATS: Final = 500
"""Repeats of one message; at one an hour these are three weeks."""

MAX_HELD: Final = 1000
"""Occurrences of one alarm that are held in quiet hours; above that the oldest is left out."""


class Situation(Enum):
    """An alarm as a receiver's settings see it."""

    OPEN = "active, and not acknowledged"
    ACKNOWLEDGED = "active, and a person has acknowledged it"
    QUIET = "active, but suppressed, below the severity, or too short"
    ENDED = "not active"


class SentSituation(Enum):
    """What was sent to the receiver about the alarm."""

    NOTHING = "nothing"
    THIS = "this occurrence"
    MILDER = "this occurrence, with a lower severity"
    EARLIER = "an earlier occurrence, without its end"
    OVER = "this occurrence, and its end"


class Action(Enum):
    """What to do."""

    RAISE = "send the alarm"
    REMIND = "repeat or escalate it when it is time"
    CLEAR = "send its end"


S, T, A = Situation, SentSituation, Action
TABLE: Final[dict[tuple[Situation, SentSituation], Action]] = {
    (S.OPEN, T.NOTHING): A.RAISE,
    (S.OPEN, T.MILDER): A.RAISE,
    (S.OPEN, T.EARLIER): A.RAISE,
    (S.OPEN, T.THIS): A.REMIND,
    (S.ACKNOWLEDGED, T.MILDER): A.RAISE,
    (S.ENDED, T.THIS): A.CLEAR,
    (S.ENDED, T.MILDER): A.CLEAR,
    (S.ENDED, T.EARLIER): A.CLEAR,
}
"""Alarm and what was sent -> action; where there is none, nothing is done."""


class NotifyPolicy:
    """The messages that the entries of `[[notify]]` ask for.

    Each method yields messages one by one. What it yields counts as sent.

    Args:
        entries: of the settings.
        sent: the last messages of an earlier run.
        ready: whether a receiver can take one more message now; else its messages wait for a later call.
    """

    def __init__(
        self, entries: Sequence[NotifySection], sent: Records, ready: Callable[[str], bool] = lambda _name: True
    ) -> None:
        self._ready = ready
        self.entries = {entry.name: entry for entry in entries}
        self.alarms: dict[AlarmKey, KeyedAlarm] = {}
        """Each subject as it stands, or as it ended."""
        self._sent: Records = dict(sent)
        self._held: dict[tuple[str, AlarmKey], dict[str, KeyedAlarm]] = {}
        """Occurrence -> alarm that was raised and not sent: in quiet hours, or its event came late."""
        self._open: set[AlarmKey] = {subject for _, subject in self._sent}  # those that time may concern
        self._offline: set[str] = set()

    def take(self, alarm: KeyedAlarm, now_s: float) -> Iterator[Notification]:
        """Take an alarm as it is now, or as an event that came late has it."""
        before = self.alarms.get(alarm.subject)
        if before is not None and before.epoch == alarm.epoch and 0 < alarm.seq < before.seq:
            if alarm.active and not alarm.acked and alarm.occurrence != before.occurrence:
                for name in self.entries:
                    self._hold(name, alarm)
        else:
            self.alarms[alarm.subject] = alarm
            if alarm.subject.condition == AGENT_OFFLINE:
                (self._offline.add if alarm.active else self._offline.discard)(alarm.agent)
            self._shrink()
        self._open.add(alarm.subject)
        yield from self._due(alarm.subject, now_s)

    def tick(self, now_s: float) -> Iterator[Notification]:
        """What has become due by the time alone: repeats, escalations, the end of quiet hours."""
        for subject in list(self._open):
            yield from self._due(subject, now_s)

    def of_sensor(self, sensor: str) -> list[AlarmKey]:
        """The conditions of a sensor that may need a message: they stand, or the last message has that."""
        return [each for each in self._open if each.name == sensor and each.condition not in OWN]

    def of_condition(self, condition: str) -> list[AlarmKey]:
        """The same for all subjects with this condition."""
        return [each for each in self._open if each.condition == condition]

    def drop(self, subject: AlarmKey) -> None:
        """Delete a subject that no longer exists, without a message."""
        self.alarms.pop(subject, None)
        self._open.discard(subject)
        for key in [(name, subject) for name in self.entries]:
            self._sent.pop(key, None)
            self._held.pop(key, None)

    def _due(self, subject: AlarmKey, now_s: float) -> Iterator[Notification]:
        alarm = self.alarms.get(subject)
        if alarm is None:
            return
        for name, entry in self.entries.items():
            if (name, subject) in self._sent or _concerns(entry, subject):
                yield from self._of_entry(entry, alarm, now_s)
        keys = [(name, subject) for name in self.entries]
        waits = any(key in self._held or (key in self._sent and self._sent[key].change == "raised") for key in keys)
        if not alarm.active and not waits:
            self._open.discard(subject)

    def _of_entry(self, entry: NotifySection, alarm: KeyedAlarm, now_s: float) -> Iterator[Notification]:
        key = (entry.name, alarm.subject)
        if not self._ready(entry.name):
            return
        sent = self._sent.get(key)
        situation = _situation(entry, alarm, sent, now_s)
        action = TABLE.get((situation, _sent_situation(alarm, sent)))
        if action is not Action.REMIND and action is not None and is_quiet(entry.quiet, alarm.severity, now_s):
            if action is Action.RAISE:
                self._hold(entry.name, alarm)
            return
        held = self._held.get(key)
        if held is not None and not is_quiet(entry.quiet, _worst(held.values()).severity, now_s):
            yield from self._late(entry, alarm, now_s)
            action = TABLE.get((situation, _sent_situation(alarm, self._sent.get(key))))
        if action is Action.RAISE:
            yield from self._raise(entry, alarm, now_s)
        elif action is Action.CLEAR and sent is not None:
            yield from self._store(entry, "cleared", alarm, replace(sent, change="cleared", last_s=now_s))
        elif action is Action.REMIND and sent is not None and alarm.agent not in self._offline:
            yield from self._remind(entry, alarm, sent, now_s)

    def _raise(self, entry: NotifySection, alarm: KeyedAlarm, now_s: float) -> Iterator[Notification]:
        yield from self._store(
            entry, "raised", alarm, SentMessage("raised", alarm.occurrence, alarm.severity, now_s, now_s)
        )

    def _late(self, entry: NotifySection, alarm: KeyedAlarm, now_s: float) -> Iterator[Notification]:
        """Send what was held in one message, without an occurrence that goes out now or that was sent."""
        key = (entry.name, alarm.subject)
        held, sent = self._held.pop(key), self._sent.get(key)
        known = {sent.occurrence} if sent is not None else set()
        known |= {alarm.occurrence} if alarm.active else set()
        missed = [each for occurrence, each in held.items() if occurrence not in known]
        if not missed:
            return
        worst = _worst(missed)
        over = SentMessage("cleared", worst.occurrence, worst.severity, now_s, now_s)
        keeps = sent if alarm.active and sent is not None and sent.change == "raised" else over
        yield from self._store(entry, "raised", worst, keeps, ended=len(missed))

    def _remind(
        self, entry: NotifySection, alarm: KeyedAlarm, sent: SentMessage, now_s: float
    ) -> Iterator[Notification]:
        other = self.entries.get(entry.escalate_to or "")
        late = entry.escalate_after_s is not None and now_s - sent.first_s >= entry.escalate_after_s
        if late and not sent.escalated and other is not None and self._ready(other.name):
            if is_quiet(other.quiet, alarm.severity, now_s):
                return
            sent = replace(sent, escalated=True)
            self._sent[entry.name, alarm.subject] = sent
            new = SentMessage("raised", alarm.occurrence, alarm.severity, now_s, now_s, escalated=True)
            yield from self._store(other, "escalated", alarm, new, also=((entry.name, alarm.subject), sent))
        every_s = entry.repeat_every_s
        if every_s is None or sent.count > MAX_REPEATS:
            return
        if now_s - sent.last_s >= every_s and not is_quiet(entry.quiet, alarm.severity, now_s):
            yield from self._store(entry, "repeated", alarm, replace(sent, last_s=now_s, count=sent.count + 1))

    def _store(
        self,
        entry: NotifySection,
        change: Change,
        alarm: KeyedAlarm,
        sent: SentMessage,
        *,
        ended: int = 0,
        also: tuple[tuple[str, AlarmKey], SentMessage] | None = None,
    ) -> Iterator[Notification]:
        """Store the message as sent, and yield it if the entry has this kind of change."""
        key = (entry.name, alarm.subject)
        self._sent[key] = sent
        self._release(key, alarm.occurrence)
        records = ((key, sent), *(() if also is None else (also,)))
        if change in ("repeated", "escalated") or _kind(change, alarm) in entry.changes:
            yield Notification(entry.name, change, alarm, sent.count, ended, records)

    def _hold(self, name: str, alarm: KeyedAlarm) -> None:
        entry, key = self.entries[name], (name, alarm.subject)
        if _concerns(entry, alarm.subject) and alarm.severity.rank >= entry.severity.rank and not alarm.suppressed:
            held = self._held.setdefault(key, {})
            before = held.pop(alarm.occurrence, alarm)
            held[alarm.occurrence] = _worst((before, alarm))
            if len(held) > MAX_HELD:
                del held[next(iter(held))]

    def _release(self, key: tuple[str, AlarmKey], occurrence: str) -> None:
        """Hold an occurrence no longer: it goes out."""
        held = self._held.get(key, {})
        held.pop(occurrence, None)
        if not held:
            self._held.pop(key, None)

    def _shrink(self) -> None:
        while len(self.alarms) > MAX_SUBJECTS:
            ended = next((each for each in self.alarms if each not in self._open), next(iter(self.alarms)))
            self.drop(ended)


def _worst(alarms: Iterable[KeyedAlarm]) -> KeyedAlarm:
    """The most severe alarm, and of those the last."""
    return max(reversed(tuple(alarms)), key=lambda alarm: alarm.severity.rank)


def _kind(change: Change, alarm: KeyedAlarm) -> str:
    """The kind of change that the setting `changes` names."""
    return alarm.subject.condition if change == "raised" and alarm.subject.condition in OWN else change


def _concerns(entry: NotifySection, subject: AlarmKey) -> bool:
    if subject.condition in OWN:
        named = subject.condition == AGENT_OFFLINE or _any_match(subject.name, entry.sensors)
        return subject.condition in entry.changes and named
    return _any_match(subject.name, entry.sensors) and _any_match(subject.condition, entry.conditions)


def _any_match(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _situation(entry: NotifySection, alarm: KeyedAlarm, sent: SentMessage | None, now_s: float) -> Situation:
    if not alarm.active:
        return Situation.ENDED
    escalated = sent is not None and sent.escalated
    short = alarm.subject.condition in OWN and now_s - alarm.began_s < entry.after_s
    if alarm.suppressed or short or (alarm.severity.rank < entry.severity.rank and not escalated):
        return Situation.QUIET
    return Situation.ACKNOWLEDGED if alarm.acked else Situation.OPEN


def _sent_situation(alarm: KeyedAlarm, sent: SentMessage | None) -> SentSituation:
    if sent is None:
        return SentSituation.NOTHING
    same = sent.occurrence == alarm.occurrence
    if sent.change == "cleared":
        return SentSituation.OVER if same and alarm.occurrence else SentSituation.NOTHING
    if not same:
        return SentSituation.EARLIER
    return SentSituation.MILDER if sent.severity.rank < alarm.severity.rank else SentSituation.THIS
