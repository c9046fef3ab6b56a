"""What must have been decided, from the packets alone: an own, simple idea of votes, run along each sensor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from chaos.sensors import ACKED, DELIVERED, OVERTAKEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chaos.sensors import Life


FUTURE_MS = 500
"""A packet whose time is so far ahead of its sending may have an impossible one."""

ARRIVES_MS = 1_200_000
"""A packet arrives within this time after it was published."""


class Change(NamedTuple):
    """An event as the oracle sees it: the fault came or went with the window that ends then."""

    active: bool
    end_unix_ms: int
    adopted: bool = False
    """The agent had lost its memory, and took the alarm over from what the broker retained."""


@dataclass(frozen=True)
class Guess:
    """One way things may have gone."""

    boot_id: int = 0
    seq: int = -1
    active: bool = False
    streak: int = 0
    """Windows that speak against the present state."""
    told: int = 0
    """Events that were made."""


def judge(
    lives: Iterable[Life],
    changes: Sequence[Change | None],
    quorum: int,
    lapses: Sequence[Mapping[int, bytes]] = (),
) -> str | None:
    """Hold one sensor's events against its packets.

    A packet that the agent acknowledged was diagnosed. One that it got but never acknowledged (its broker died
    meanwhile) may have been or not, and so may one that the broker let others overtake. A hole in `seq`, and a new
    `boot_id`, begin the votes anew.

    Args:
        lives: of one sensor, in order.
        changes: its events, in order of `seq`, each once; None: one that is known to be lost.
        quorum: of as many windows, to raise and to clear.
        lapses: `boot_id` -> marks, each time that the agent lost its memory while it was down. It begins with what
            it had not acknowledged, without votes and alarms.

    Returns:
        What is wrong; None: nothing is.
    """
    guesses: set[Guess] | str = {Guess()}
    lives, begin = list(lives), {}
    for marks in lapses:
        known = [replace(life, marks=bytearray(marks.get(life.boot_id, b""))) for life in lives]
        guesses = _follow(known, begin, changes, quorum, guesses, lapse=True)
        if isinstance(guesses, str):
            return guesses
        guesses = {_anew(guess, changes) for guess in guesses}
        begin = {life.boot_id: _acked(life) for life in known}
    guesses = _follow(lives, begin, changes, quorum, guesses, lapse=False)
    if isinstance(guesses, str):
        return guesses
    most = max(guess.told for guess in guesses)
    return None if most == len(changes) else f"{changes[most]} of {len(changes)} events is not due"


def _anew(guess: Guess, changes: Sequence[Change | None]) -> Guess:
    """After a lapse: without votes, and with the alarm that the broker retained, if one was taken over."""
    following = changes[guess.told] if guess.told < len(changes) else None
    if following is not None and following.adopted:
        return Guess(active=following.active, told=guess.told + 1)
    return Guess(told=guess.told)


def _acked(life: Life) -> int:
    """Where the first packet is that was not acknowledged; the word for them comes in order."""
    return 1 + max((seq for seq, mark in enumerate(life.marks) if mark & ACKED), default=-1)


def _follow(
    lives: Sequence[Life],
    begin: Mapping[int, int],
    changes: Sequence[Change | None],
    quorum: int,
    guesses: set[Guess],
    *,
    lapse: bool,
) -> set[Guess] | str:
    """Guesses after the packets of these lives, each from `begin` on; what is wrong if none is left.

    An event may have been decided, and lost with the memory before it was told: of the last packet before a lapse.
    """
    far = Guess()
    last = next(((life.boot_id, _acked(life) - 1) for life in reversed(lives) if lapse and _acked(life)), None)
    for life in lives:
        for seq in range(begin.get(life.boot_id, 0), len(life.marks)):
            mark = life.marks[seq]
            if not mark & DELIVERED or seq in life.refused:
                continue
            diagnosed = {after for guess in guesses if (after := _step(guess, life, seq, changes, quorum))}
            if mark & ACKED and not mark & OVERTAKEN and (life.boot_id, seq) != last:
                far = max(guesses, key=lambda guess: guess.told)
                guesses = diagnosed
            else:
                guesses = guesses | diagnosed
            if not guesses:
                expected = changes[far.told] if far.told < len(changes) else "none"
                return f"{life.sensor}: at packet {life.boot_id}/{seq} no event fits: the next one is {expected}, {far}"
    return guesses


def _step(guess: Guess, life: Life, seq: int, changes: Sequence[Change], quorum: int) -> Guess | None:
    touches = life.boot_id == guess.boot_id and seq == guess.seq + 1
    against = life.faulty(seq) != guess.active
    streak = (guess.streak if touches else 0) + 1 if against else 0
    if streak < quorum:
        return Guess(life.boot_id, seq, guess.active, streak, guess.told)
    if guess.told >= len(changes) or not _fits(changes[guess.told], life, seq, active=not guess.active):
        return None
    return Guess(life.boot_id, seq, not guess.active, 0, guess.told + 1)


def _fits(change: Change | None, life: Life, seq: int, *, active: bool) -> bool:
    """Whether an event is that of a window; where the sensor's time was in the future, it has that of its arrival."""
    end_unix_ms = life.end_unix_ns(seq) // 1_000_000
    if change is None or change == Change(active, end_unix_ms):
        return True
    sent_unix_ms = life.sent_unix_s[seq] * 1e3 if seq < len(life.sent_unix_s) else end_unix_ms
    late_ms = change.end_unix_ms - sent_unix_ms  # `since` is cut to ms
    return change.active == active and end_unix_ms > sent_unix_ms + FUTURE_MS and -1 <= late_ms <= ARRIVES_MS
