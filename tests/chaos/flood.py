"""A mass of tiny packets that never make a window, as fast as the broker takes them: by a client of a few lines."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from chaos.sensors import Life

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = 16
UNDER_WAY = 400
"""Packets that wait for the agent's word. Of more, mosquitto 2.0.11 sends more than 512 at once, four times Receive
Maximum, and the agent cuts the connection."""

NAME = "tiny"
TOPIC = f"plant/hall/{NAME}/frame".encode()
CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05flood"
"""MQTT 3.1.1, a new session, no keepalive."""


class Flood:
    """A sensor whose packets hold 16 samples and do not touch.

    Args:
        port: of the broker.
    """

    def __init__(self, port: int) -> None:
        self._life = Life(NAME, 1, time.time_ns(), 0, 8)
        self._seq = 0
        self._port = port

    def publish(self, count: int, acknowledged: Callable[[], int]) -> None:
        """So many more; returns when the agent has acknowledged all: `acknowledged()` are by now."""
        said, before = 0, acknowledged()
        deadline_s = time.monotonic() + 60 + count / 500
        with socket.create_connection(("127.0.0.1", self._port), 20) as line:
            line.sendall(CONNECT)
            assert line.recv(4) == b"\x20\x02\x00\x00", "the broker does not accept"
            line.setblocking(True)
            while (done := acknowledged() - before) < count:
                more = min(count, done + UNDER_WAY) - said
                line.sendall(b"".join(self._packet() for _ in range(more)))
                said += more
                with suppress(BlockingIOError):
                    line.recv(65_536, socket.MSG_DONTWAIT)  # the broker's word
                assert time.monotonic() < deadline_s, f"{done} of {count} are acknowledged"
                time.sleep(0.002)

    def _packet(self) -> bytes:
        head = struct.pack(">H", len(TOPIC)) + TOPIC + struct.pack(">H", self._seq % 65_535 + 1)
        body = head + self._life.payload(self._seq, SAMPLES)
        self._seq += 1
        return bytes((0x32, len(body) % 128 | 128, len(body) // 128)) + body  # QoS 1; 128 to 16,383 bytes
