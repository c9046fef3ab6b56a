"""The line between agent and broker: it can be cut or go dead, and sees which packets came and were acknowledged."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from chaos.sensors import ACKED, DELIVERED

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

PUBLISH, PUBACK = 3, 4
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: no goodbye, the other side gets a reset


class Reader:
    """MQTT packets out of a stream of bytes."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """First byte and body of each packet that is whole now."""
        self._bytes += chunk
        while True:
            size, at, shift = 0, 1, 0
            while True:
                if at >= len(self._bytes):
                    return
                byte = self._bytes[at]
                size |= (byte & 127) << shift
                at, shift = at + 1, shift + 7
                if byte < 128:
                    break
            if len(self._bytes) < at + size:
                return
            yield self._bytes[0], bytes(self._bytes[at : at + size])
            del self._bytes[: at + size]


class Link:
    """One connection of the agent, with what is under way on it."""

    def __init__(self, wire: Wire, agent: socket.socket, broker: socket.socket) -> None:
        self._wire, self._agent, self._broker = wire, agent, broker
        self._under_way: dict[int, tuple[str, int, int]] = {}
        self.dead = False
        for source, sink, see in ((agent, broker, self._from_agent), (broker, agent, self._from_broker)):
            threading.Thread(target=self._relay, args=(source, sink, see), daemon=True).start()

    def cut(self, *, rudely: bool) -> None:
        """Close both ends."""
        for end in (self._agent, self._broker):
            with suppress(OSError):
                if rudely:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.shutdown(socket.SHUT_RDWR)
        for end in (self._agent, self._broker):
            with suppress(OSError):
                end.close()

    def _relay(self, source: socket.socket, sink: socket.socket, see: Callable[[int, bytes], None]) -> None:
        reader = Reader()
        with suppress(OSError):
            while chunk := source.recv(65_536):
                if self.dead:
                    continue
                for first, body in reader.feed(chunk):
                    see(first, body)
                sink.sendall(chunk)
        if not self.dead:
            self.cut(rudely=False)

    def _from_broker(self, first: int, body: bytes) -> None:
        if first >> 4 != PUBLISH:
            return
        size = int.from_bytes(body[:2], "big")
        topic = body[2 : 2 + size].decode()
        if not first & 6 or not topic.startswith("plant/hall/") or not topic.endswith("/frame"):
            return
        mid = int.from_bytes(body[2 + size : 4 + size], "big")
        at = 4 + size
        at += 1 + body[at]  # properties; ours are shorter than 128 bytes
        seq, boot_id = struct.unpack_from("<II", body, at + 12)
        self._under_way[mid] = packet = (topic.split("/")[2], boot_id, seq)
        self._wire.mark(*packet, DELIVERED)

    def _from_agent(self, first: int, body: bytes) -> None:
        if first >> 4 == PUBACK and (packet := self._under_way.pop(int.from_bytes(body[:2], "big"), None)):
            self._wire.mark(*packet, ACKED)


class Wire:
    """Listens where the agent connects to, and connects each of its connections to the broker.

    Args:
        port: of the broker.
        mark: `mark(sensor, boot_id, seq, flag)`.
    """

    def __init__(self, port: int, mark: Callable[[str, int, int, int], None]) -> None:
        self.mark = mark
        self.cuts = 0
        self._broker_port = port
        self._links: list[Link] = []
        self._door = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def cut(self, chance: random.Random) -> None:
        """Cut each connection that there is, or leave it, as chance says; at least one."""
        links, self._links = self._links, []
        spared = [link for link in links[1:] if chance.random() < 0.5]
        self._links += spared
        for link in links:
            if link not in spared:
                link.cut(rudely=chance.random() < 0.5)
                self.cuts += 1

    def die(self) -> None:
        """From now on nothing goes through the present connections, and nobody is told; new ones work."""
        for link in self._links:
            link.dead = True
        self._links = []

    def close(self) -> None:
        self._door.close()
        for link in self._links:
            link.cut(rudely=False)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                agent, _ = self._door.accept()
                try:
                    broker = socket.create_connection(("127.0.0.1", self._broker_port), 5)
                    broker.settimeout(None)
                except OSError:
                    agent.close()
                    continue
                for end in (agent, broker):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._links.append(Link(self, agent, broker))
