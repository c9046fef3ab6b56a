"""What must have been decided, from the packets alone: an own, simple idea of votes, run along each sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from chaos.sensors import ACKED, DELIVERED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chaos.sensors import Life


class Change(NamedTuple):
    """An event as the oracle sees it: the fault came or went with the window that ends then."""

    active: bool
    end_unix_ms: int


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


def judge(lives: Iterable[Life], changes: Sequence[Change], quorum: int) -> str | None:
    """Hold one sensor's events against its packets.

    A packet that the agent acknowledged was diagnosed. One that it got but never acknowledged (its broker died
    meanwhile) may have been or not. A hole in `seq`, and a new `boot_id`, begin the votes anew.

    Args:
        lives: of one sensor, in order.
        changes: its events, in order of `seq`, each once.
        quorum: of as many windows, to raise and to clear.

    Returns:
        What is wrong; None: nothing is.
    """
    guesses = {Guess()}
    far = Guess()
    for life in lives:
        for seq, mark in enumerate(life.marks):
            if not mark & DELIVERED:
                continue
            diagnosed = {after for guess in guesses if (after := _step(guess, life, seq, changes, quorum))}
            if mark & ACKED:
                far = max(guesses, key=lambda guess: guess.told)
                guesses = diagnosed
            else:
                guesses |= diagnosed
            if not guesses:
                expected = changes[far.told] if far.told < len(changes) else "none"
                return f"{life.sensor}: at packet {life.boot_id}/{seq} no event fits: the next one is {expected}, {far}"
    if not any(guess.told == len(changes) for guess in guesses):
        most = max(guess.told for guess in guesses)
        return f"{changes[most]} of {len(changes)} events is not due"
    return None


def _step(guess: Guess, life: Life, seq: int, changes: Sequence[Change], quorum: int) -> Guess | None:
    touches = life.boot_id == guess.boot_id and seq == guess.seq + 1
    against = life.faulty(seq) != guess.active
    streak = (guess.streak if touches else 0) + 1 if against else 0
    if streak < quorum:
        return Guess(life.boot_id, seq, guess.active, streak, guess.told)
    change = Change(not guess.active, life.end_unix_ns(seq) // 1_000_000)
    if guess.told >= len(changes) or changes[guess.told] != change:
        return None
    return Guess(life.boot_id, seq, change.active, 0, guess.told + 1)
