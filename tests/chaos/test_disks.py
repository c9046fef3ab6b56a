"""The disk is full, read-only or gives errors; the database is damaged, while the agent is down and while it runs."""

from __future__ import annotations

import resource
import signal
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest
from chaos.damage import checkpoint, overwrite, overwrite_most, shorten
from chaos.disk import Disk, Frozen
from chaos.ledger import often
from faulty_disk import locked
from servers import poll

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chaos.scene import Scene

SMALL = """
[evidence]
quota_mb = 4
"""
"""Records of evidence must not fill the small disk by themselves."""

DATABASE = "agent.sqlite3"

BACK_S = 30.0
"""The agent tries its disk again every ten seconds."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    small = Disk(tmp_path / "state")
    yield small
    small.close()


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Frozen]:
    made = Frozen(tmp_path / "state", tmp_path / "image")
    yield made
    made.close()


def told(scene: Scene, text: str) -> bool:
    """Whether the agent says that it is degraded, for this reason."""
    status = scene.subscriber.status
    return status.get("state") == "degraded" and any(text in reason for reason in status["reasons"])


def goes_on_in_memory(scene: Scene) -> None:
    """Degraded, and alarms and acknowledgements go on."""
    poll(lambda: told(scene, "continues in memory"), 60, "degraded, with store: ...")
    before = heard(scene)
    scene.caught_up()
    poll(lambda: heard(scene) > before + 5, 30, "events while nothing can be written")
    assert told(scene, "continues in memory"), "the disk is not back yet"


def is_written(scene: Scene) -> None:
    poll(lambda: not told(scene, "continues in memory"), BACK_S, "the store is back")


def heard(scene: Scene) -> int:
    return sum(map(len, list(scene.subscriber.events.values())))


def begin_with_alarms(scene: Scene) -> None:
    """So that there is something to lose."""
    scene.begin()
    poll(lambda: heard(scene) >= scene.sensors.count // 2, 60, "alarms")


def killed(scene: Scene) -> None:
    scene.fault(lambda: scene.agent.stop(signal.SIGKILL))
    scene.agent.start()
    scene.caught_up()


@pytest.mark.timeout(900)
def test_a_full_disk_stops_nothing_and_a_kill_after_it_loses_nothing(disk, stage):
    scene = stage("a full disk, then SIGKILL", more=SMALL)
    begin_with_alarms(scene)
    for _ in range(often(1, 10)):
        scene.fault(disk.fill)
        goes_on_in_memory(scene)
        disk.make_room()
        is_written(scene)
        killed(scene)
    scene.finish()


@pytest.mark.timeout(900)
def test_a_disk_that_gives_errors_stops_nothing_and_a_kill_after_it_loses_nothing(stage):
    """EFBIG for each write to a file: SQLite calls it a disk I/O error."""
    scene = stage("a disk that gives errors, then SIGKILL")
    begin_with_alarms(scene)

    def most(size: int) -> None:
        resource.prlimit(scene.agent.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    for _ in range(often(1, 10)):
        scene.fault(lambda: most(0))
        goes_on_in_memory(scene)
        most(resource.RLIM_INFINITY)
        is_written(scene)
        killed(scene)
    scene.finish()


@pytest.mark.timeout(900)
def test_a_disk_that_gives_no_answer_stops_nothing_and_a_kill_after_it_loses_nothing(hanging, stage):
    """As one that is broken, or busy with itself: whoever writes waits, for longer than the watchdog would."""
    scene = stage("a disk that gives no answer, then SIGKILL")
    begin_with_alarms(scene)
    for _ in range(often(2, 10)):
        scene.fault(hanging.freeze)
        goes_on_in_memory(scene)
        scene.wait(0.0, 20.0)
        hanging.thaw()
        is_written(scene)
        killed(scene)
    scene.finish()


@pytest.mark.timeout(900)
def test_a_database_that_another_process_has_locked_stops_nothing_and_a_kill_after_it_loses_nothing(stage):
    scene = stage("a locked database, then SIGKILL")
    begin_with_alarms(scene)
    for _ in range(often(1, 10)):
        with ExitStack() as lock:
            scene.fault(lambda lock=lock: lock.enter_context(locked(scene.agent.config.parent / "state")))
            goes_on_in_memory(scene)
        is_written(scene)
        killed(scene)
    scene.finish()


@pytest.mark.timeout(900)
def test_an_agent_that_starts_on_a_read_only_disk_goes_on_where_it_was_and_writes_when_it_may(disk, stage):
    """A file system with files open to write can't be remounted: it turns read-only between two runs."""
    scene = stage("a read-only disk, then SIGKILL", more=SMALL)
    begin_with_alarms(scene)
    for _ in range(often(1, 10)):
        scene.fault(lambda: scene.agent.stop(signal.SIGKILL))
        disk.read_only()
        scene.agent.start()
        goes_on_in_memory(scene)
        disk.writable()
        is_written(scene)
        killed(scene)
    scene.finish()


def begun_anew(scene: Scene, damage: Callable[[], None]) -> list[str]:
    """Kill the agent, do damage, start it; what its status says of files set aside.

    Documented price: if the states can't be read, votes, alarms and numbers begin anew, under another epoch; else
    events that were not known to be with the broker are lost, and counted.
    """
    subscriber, before = scene.subscriber, scene.subscriber.status
    scene.fault(lambda: scene.agent.stop(signal.SIGKILL))
    marks = scene.snapshot()
    damage()
    scene.agent.start()
    poll(lambda: subscriber.status.get("since") not in ("", before["since"]), 20, "a status of the new run")
    scene.caught_up()
    asides = [reason for reason in subscriber.status["reasons"] if "was renamed to" in reason]
    anew = any("start empty" in reason for reason in asides)
    assert anew == (subscriber.status["epoch"] != before["epoch"]), subscriber.status
    if anew:
        scene.lapses.append(marks)
    at = subscriber.healths
    poll(lambda: subscriber.healths > at + 1, 20, "health of the new run")
    assert asides or not subscriber.health["lost_events"]
    scene.forgiven += subscriber.health["lost_events"]
    return asides


@pytest.mark.timeout(900)
def test_a_database_that_is_damaged_while_the_agent_is_down_is_set_aside(stage, tmp_path: Path):
    scene = stage("a damaged database, agent down")
    database = tmp_path / "state" / DATABASE
    begin_with_alarms(scene)
    asides: list[str] = []
    for turn in range(often(3, 30)):
        scene.wait(1.0, 5.0)
        damage = (overwrite_most, shorten, overwrite)[turn % 3]
        if turn % 4 < 3:  # else its log has most of what is damaged
            checkpoint(database)
        asides += begun_anew(scene, partial(damage, database, scene.chance))
    scene.finish()
    assert asides


@pytest.mark.timeout(900)
def test_a_database_that_is_damaged_while_the_agent_runs_is_set_aside_and_nothing_is_lost(stage, tmp_path: Path):
    scene = stage("a damaged database, agent running")
    database = tmp_path / "state" / DATABASE
    begin_with_alarms(scene)
    for _ in range(often(2, 30)):
        scene.wait(1.0, 4.0)
        checkpoint(database)
        scene.fault(lambda: overwrite_most(database, scene.chance))
        poll(lambda: told(scene, "was renamed to"), BACK_S, "the damage is noticed")
        assert not begun_anew(scene, lambda: None), "what was written anew is whole"
    scene.finish()
    assert not scene.lapses


@pytest.mark.timeout(900)
def test_a_log_that_lost_its_end_is_a_database_that_is_older_than_it_was_and_set_aside(stage, tmp_path: Path):
    """SQLite takes it for whole: numbers would be given twice, and packets be missing without a word."""
    scene = stage("a write-ahead log that lost its end, agent down")
    log = tmp_path / "state" / f"{DATABASE}-wal"
    begin_with_alarms(scene)
    while scene.faults < often(2, 30) or not scene.lapses:
        assert scene.faults < 60, "a log may hold old frames behind its end, but not each time"
        scene.wait(1.0, 5.0)
        begun_anew(scene, partial(shorten, log, scene.chance))
    scene.finish()
