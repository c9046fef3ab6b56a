"""A scenario's stage: sensors -> broker -> wire -> agent -> broker -> subscriber, and the account at the end."""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos import ledger
from chaos.oracle import judge
from chaos.sensors import ACKED, CONFIRMED, SENT, Sensors
from servers import poll

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.subscriber import Subscriber
    from chaos.wire import Wire
    from servers import Agent, Broker

SEED = 20_261_129

SETTINGS = """
[alarms]
raise_after = "{block}/{block}"
clear_after = "{block}/{block}"
silent_after_s = 0
"""


@dataclass
class Usage:
    """Of the agent's process, at one moment."""

    rss_mb: float
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Usage | None:
        """None: it is gone."""
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            rss_kb, threads = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "Threads"))
            return cls(rss_kb / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir())), threads)
        except (OSError, TypeError):
            return None


@dataclass
class Scene:
    """One run of one scenario."""

    name: str
    broker: Broker
    agent: Agent
    wire: Wire
    sensors: Sensors
    subscriber: Subscriber
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    faults: int = 0
    most: Usage = field(default_factory=lambda: Usage(0, 0, 0))
    began_s: float = field(default_factory=time.monotonic)
    lapses: list[dict[tuple[str, int], bytes]] = field(default_factory=list)
    """What was known of the packets, each time that the agent lost its memory (`lapse`)."""
    forgiven: int = 0
    """Events of which the agent has said that they are lost."""

    def begin(self) -> None:
        """Agent and sensors start."""
        self.agent.start()
        self.sensors.start()
        self.caught_up()

    def fault(self, make: Callable[[], object]) -> None:
        """Make one, and count it."""
        self.look()
        make()
        self.faults += 1

    def snapshot(self) -> dict[tuple[str, int], bytes]:
        """What is known of each packet; the agent is down."""
        poll(lambda: self.wire.over, 20, "the end of the agent's lines")
        return {key: bytes(life.marks) for key, life in self.sensors.lives.items()}

    def look(self) -> None:
        """Note what the process holds."""
        if (now := Usage.of(self.agent.process.pid)) is not None:
            most = self.most
            self.most = Usage(max(now.rss_mb, most.rss_mb), max(now.descriptors, most.descriptors),
                              max(now.threads, most.threads))  # fmt: skip

    def wait(self, least_s: float, most_s: float) -> None:
        """Between two faults, as chance says."""
        time.sleep(self.chance.uniform(least_s, most_s))

    def caught_up(self, timeout_s: float = 60.0) -> None:
        """Wait until the agent has acknowledged something that was published from now on."""
        before = self.sensors.total(ACKED)
        poll(lambda: self.sensors.total(ACKED) > before, timeout_s, "acknowledgements")

    def finish(self, *, lost_at_broker: bool = False, timeout_s: float = 180.0) -> dict[str, Any]:
        """Let all that was published come through, hold the events against it, and write the ledger."""
        sensors, subscriber = self.sensors, self.subscriber
        if lost_at_broker:
            self.caught_up(timeout_s)  # the agent is subscribed again: what is published from here on comes
        sensors.stop()
        if lost_at_broker:
            poll(sensors.last_acked, timeout_s, "the acknowledgement of the last packet")
        else:
            poll(lambda: not sensors.missing(), timeout_s, "the acknowledgement of every packet")
        at = subscriber.healths
        poll(lambda: subscriber.healths > at + 1 and subscriber.health["unpublished_events"] == 0, 60, "all events")
        subscriber.repair(poll)
        self.look()
        row = self.row()
        complaints = [*subscriber.complaints, *self.accounts()]
        assert not complaints, f"{row}\n" + "\n".join(complaints[:5]) + f"\n{self.agent.text()[-2000:]}"
        ledger.write(row)
        return row

    def accounts(self) -> list[str]:
        """What is wrong with the events and with the retained alarms."""
        changes = {name: self.subscriber.changes(name) for name, _ in self.sensors.lives}
        missing = sum(told.count(None) for told in changes.values())
        holes = self.subscriber.holes() if missing > self.forgiven else []
        wrong = [f"a hole in seq that nothing fills: {hole}" for hole in holes]
        for sensor in sorted({name for name, _ in self.sensors.lives}):
            lives = [life for (name, _), life in self.sensors.lives.items() if name == sensor]
            lapses = [{boot_id: marks for (name, boot_id), marks in lapse.items() if name == sensor}
                      for lapse in self.lapses]  # fmt: skip
            if (complaint := judge(lives, changes[sensor], self.sensors.block, lapses)) is not None:
                wrong.append(complaint)
            stands = self.subscriber.alarms.get(sensor, {}).get("active", False)
            if stands != self.subscriber.active(sensor):
                wrong.append(f"{sensor}: the retained alarm says active={stands}, its last event not")
        return wrong

    def row(self) -> dict[str, Any]:
        """Of the ledger."""
        return {
            "scenario": self.name,
            "faults": self.faults,
            "published": self.sensors.total(SENT),
            "confirmed by the broker": self.sensors.total(CONFIRMED),
            "acknowledged by the agent": self.sensors.total(ACKED),
            "events": sum(map(len, self.subscriber.events.values())),
            "events heard again": self.subscriber.again,
            "events repaired": self.subscriber.repaired,
            "health documents": self.subscriber.healths,
            "seconds": round(time.monotonic() - self.began_s),
            "peak MB": round(self.most.rss_mb),
            "file descriptors": self.most.descriptors,
            "threads": self.most.threads,
        }
