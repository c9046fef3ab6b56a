"""Sensors that nobody of the project wrote: frames packed from docs/reference/mqtt.md, published by a plain client.

Every sensor is healthy for a block of packets, faulty for the next, and so on; a packet is one window. With the quorum
of a whole block (`8/8`), each block ends in one event, and every packet that is lost costs one.
"""

from __future__ import annotations

import struct
import threading
import time
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos.lasting_client import lasting_client
from chaos.signals import RATE_HZ, SCALE, WINDOW, WINDOW_NS, windows
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

if TYPE_CHECKING:
    from collections.abc import Callable

SENT, CONFIRMED, DELIVERED, ACKED, OVERTAKEN = 1, 2, 4, 8, 16
"""What is known of a packet: published, the broker's word for it, with the agent, the agent's word for it; and that the
broker delivered a later one of its sensor first, against MQTT 3.1.1, 4.6."""

IN_FLIGHT = 100
"""Publishes that may wait for the broker's word: a broker that is gone must not find thousands when it is back."""


def birth(t0_unix_ns: int, seq: int) -> int:
    """When the life began that this packet is of: its `t0_unix_ns`."""
    return t0_unix_ns - seq * WINDOW_NS


@dataclass
class Life:
    """One life of one sensor, from its start on: packet `seq` is `marks[seq]`."""

    sensor: str
    boot_id: int
    t0_unix_ns: int
    offset: int
    block: int
    marks: bytearray = field(default_factory=bytearray)
    refused: set[int] = field(default_factory=set)
    """Packets that the agent must refuse: acknowledged, and not diagnosed."""
    sent_unix_s: list[float] = field(default_factory=list)
    kept_right: bool = False
    """Its packets say that its clock is."""
    steps: list[tuple[int, int]] = field(default_factory=list)
    """Packet, and nanoseconds by which the sensor's clock was set before it."""

    def faulty(self, seq: int) -> bool:
        return (seq + self.offset) // self.block % 2 == 1

    def end_unix_ns(self, seq: int) -> int:
        return self.t0_unix_ns + (seq + 1) * WINDOW_NS + sum(by_ns for first, by_ns in self.steps if first <= seq)

    def payload(self, seq: int, n_samples: int = WINDOW) -> bytes:
        bank = windows()[self.faulty(seq)]
        body = bank[seq % len(bank)][: 2 * n_samples]
        head = struct.pack(
            "<4sBBBBIIIQfffHH", b"DRSN", 1, 0, 1, 2 * self.kept_right, n_samples, seq, self.boot_id,
            self.end_unix_ns(seq) - WINDOW_NS, RATE_HZ, SCALE, 0.0, 1, 0,
        )  # fmt: skip
        return head + struct.pack("<I", zlib.crc32(body, zlib.crc32(head))) + body


class Sensors:
    """So many sensors on one client, which keeps what the broker has not confirmed and sends it again.

    Args:
        port: of the broker.
        count: sensors, `s000` and so on.
        rate_hz: packets a second of each.
        block: packets in one state.
        protocol: of MQTT, "5" or "3.1.1".
    """

    def __init__(self, port: int, count: int, rate_hz: float, block: int = 8, protocol: str = "5") -> None:
        self.rate_hz, self.block, self.count = rate_hz, block, count
        self.lives: dict[tuple[str, int], Life] = {}
        """(sensor, `boot_id`), in order; of a life that does not say its `boot_id`: (sensor, its beginning)."""
        self._boots = self._breaks = self._mended = 0
        self.published = 0
        self.tell_name = False
        """Each packet says its sensor's name in a user property too."""
        self._now: list[Life] = []
        self._last: Life | None = None
        self._waiting: dict[int, tuple[Life, int]] = {}
        self._words: deque[int] = deque()  # of the broker; paho says them with a lock in hand that `publish` needs
        self._stop, self._pause = threading.Event(), threading.Event()
        self.reboot()
        client, lasting = lasting_client("sensors", protocol)
        client.on_publish, client.on_disconnect = self._confirmed, self._broke
        client.max_inflight_messages_set(20)
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", port, **lasting)
        client.loop_start()
        self._client = client
        self._thread = threading.Thread(target=self._run, daemon=True)

    def reboot(self, *, nameless: bool = False) -> None:
        """All sensors start anew: another `boot_id` (nameless: 0, unknown), `seq` from 0 on."""
        self._boots += not nameless
        boot_id, t0_unix_ns = 0 if nameless else self._boots, time.time_ns()
        self._now = [Life(f"s{n:03d}", boot_id, t0_unix_ns, n % self.block, self.block) for n in range(self.count)]
        self.lives |= {(life.sensor, boot_id or t0_unix_ns): life for life in self._now}

    def lived(self) -> int:
        """The least number of packets that a sensor has published since its last start."""
        return min(len(life.marks) for life in self._now)

    def set_clocks(self, by_ns: int) -> None:
        """From now on all sensors' clocks are so much later."""
        for life in self._now:
            life.steps.append((len(life.marks), by_ns))

    def start(self) -> None:
        self._thread.start()

    def pause(self) -> None:
        self._pause.set()

    def resume(self) -> None:
        self._pause.clear()

    def stop(self) -> None:
        """Publish no more, and wait until the broker has confirmed what was."""
        self._stop.set()
        self._thread.join()
        deadline_s = time.monotonic() + 60
        while self._unconfirmed() and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert not self._waiting, f"the broker does not confirm {len(self._waiting)} packets"

    def close(self) -> None:
        self._stop.set()
        self._client.disconnect()
        self._client.loop_stop()

    def mark(self, sensor: str, boot: int, seq: int, flag: int) -> None:
        """Note what is known of a packet; any thread."""
        life = self.lives.get((sensor, boot))
        if life is not None:
            life.marks[seq] |= flag

    def last_acked(self) -> bool:
        """The agent has acknowledged what was published last, and brokers keep the order: none is left there."""
        return self._last is not None and bool(self._last.marks[-1] & ACKED)

    def missing(self) -> int:
        """Packets that the broker confirmed and the agent did not."""
        return self._count(lambda mark: mark & CONFIRMED and not mark & ACKED)

    def total(self, flag: int) -> int:
        return self._count(lambda mark: mark & flag)

    def _count(self, counts: Callable[[int], object]) -> int:
        others = bytes(mark for mark in range(2 * OVERTAKEN) if not counts(mark))
        return sum(len(life.marks.translate(None, others)) for life in list(self.lives.values()))

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._stop.is_set():
            lives = self._now
            for place, life in enumerate(lives):
                due_s = max(due_s + 1 / (self.rate_hz * len(lives)), time.monotonic() - 1)
                while (self._pause.is_set() or self._held()) and not self._stop.is_set():
                    time.sleep(0.01)
                if self._stop.is_set() or life is not self._now[place]:
                    break
                wait_s = due_s - time.monotonic()
                if wait_s > 0.002:
                    time.sleep(wait_s)
                self._publish(life)

    def _held(self) -> bool:
        """Whether nothing may be published now.

        Not after a break until all that waits is confirmed: paho 2.2 lets a packet that is published while it connects
        overtake those that wait, against MQTT 5, 4.6; late ones would be taken for repeats.
        """
        waiting, breaks = self._unconfirmed(), self._breaks
        if not waiting and self._client.is_connected():
            self._mended = breaks
        return breaks != self._mended or waiting >= IN_FLIGHT

    def _broke(self, *_: object) -> None:
        self._breaks += 1

    def _publish(self, life: Life) -> None:
        seq, self._last = len(life.marks), life
        life.sent_unix_s.append(time.time())
        life.marks.append(SENT)
        named = Properties(PacketTypes.PUBLISH) if self.tell_name else None
        if named is not None:
            named.UserProperty = ("sensor", life.sensor)
        info = self._client.publish(f"plant/hall/{life.sensor}/frame", life.payload(seq), qos=1, properties=named)
        self._waiting[info.mid] = (life, seq)
        self.published += 1

    def _unconfirmed(self) -> int:
        while self._words:
            life, seq = self._waiting.pop(self._words.popleft())
            life.marks[seq] |= CONFIRMED
        return len(self._waiting)

    def _confirmed(self, _client: object, _data: object, mid: int, *_: object) -> None:
        self._words.append(mid)
