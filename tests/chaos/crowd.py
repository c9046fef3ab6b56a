"""Who comes in masses: sensors that nobody expected, subscribers that do not read."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
import threading
import time

import paho.mqtt.client as paho
from chaos.sensors import Life
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

AT_ONCE = 200
"""Publishes that wait for the broker's word."""


class Crowd:
    """Healthy sensors beside the oracle's, named `<letter>00000` and so on, on one client. They make no event.

    Args:
        port: of the broker.
        letter: that their names begin with.
        count: of them.
        qos: 0 or 1.
    """

    def __init__(self, port: int, letter: str, count: int, qos: int) -> None:
        self.published = 0
        self._qos = qos
        self._lives = [Life(f"{letter}{n:05d}", 1, time.time_ns(), 0, 1 << 30) for n in range(count)]
        self._room = threading.Semaphore(AT_ONCE)
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=letter, protocol=MQTTProtocolVersion.MQTTv5)
        client.on_publish = lambda *_: self._room.release()
        client.max_inflight_messages_set(AT_ONCE)
        client.connect("127.0.0.1", port)
        client.loop_start()
        self._client = client

    def publish(self, per_s: float, packets: int = 1) -> None:
        """So many packets of each, at this pace in all; returns when the broker has them."""
        due_s = time.monotonic()
        for seq in range(packets):
            for life in self._lives:
                self._take_room()
                time.sleep(max(0.0, due_s - time.monotonic()))
                due_s += 1 / per_s
                self._client.publish(f"plant/hall/{life.sensor}/frame", life.payload(seq), qos=self._qos)
                self.published += 1
        for _ in range(AT_ONCE):
            self._take_room()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take_room(self) -> None:
        assert self._room.acquire(timeout=30), "the broker does not confirm"


class Deaf:
    """Subscribes to everything, and then never reads a byte.

    Args:
        port: of the broker.
        name: its client id.
    """

    def __init__(self, port: int, name: str) -> None:
        self._line = socket.socket()
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._line.connect(("127.0.0.1", port))
        text = struct.pack(">H", len(name)) + name.encode()
        # MQTT 3.1.1, clean session, no keepalive: the broker does not end it for its silence.
        self._send(0x10, struct.pack(">H4sBBH", 4, b"MQTT", 4, 2, 0) + text)
        self._send(0x82, struct.pack(">HH", 1, 1) + b"#" + b"\x01")

    def waits(self) -> int:
        """Bytes that it could read."""
        return int(struct.unpack("i", fcntl.ioctl(self._line, termios.FIONREAD, bytes(4)))[0])

    def close(self) -> None:
        self._line.close()

    def _send(self, kind: int, body: bytes) -> None:
        assert len(body) < 128
        self._line.sendall(bytes((kind, len(body))) + body)
