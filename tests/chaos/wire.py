"""The line between agent and broker: it can be cut or go dead, and sees which packets came and were acknowledged."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from chaos.sensors import ACKED, DELIVERED, OVERTAKEN, birth

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

CONNECT, PUBLISH, PUBACK = 1, 3, 4
MQTT_5 = 5
"""Protocol level of CONNECT; 4 is MQTT 3.1.1, whose packets have no properties."""
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
        self._last_mid = 0
        self._with_properties = True
        self._latest: dict[tuple[str, int], int] = {}  # sensor and boot -> the highest seq that came
        self.client_id = ""
        self.dead = False
        self.mute = False
        """What the agent says is lost, and it does not know."""
        ways = ((agent, broker, self._from_agent), (broker, agent, self._from_broker))
        self._relays = [threading.Thread(target=self._relay, args=way, daemon=True) for way in ways]
        for relay in self._relays:
            relay.start()

    @property
    def over(self) -> bool:
        """All that was under way when the line ended has been seen."""
        return not any(relay.is_alive() for relay in self._relays)

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
                if not (self.mute and source is self._agent):
                    sink.sendall(chunk)
        if self.dead:
            source.close()
        else:
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
        if self._with_properties:
            at += 1 + body[at]  # ours are shorter than 128 bytes
        seq, boot_id, t0_unix_ns = struct.unpack_from("<IIQ", body, at + 12)
        self._wire.wraps += mid < self._last_mid - 32_768
        self._last_mid = mid
        self._under_way[mid] = packet = (topic.split("/")[2], boot_id or birth(t0_unix_ns, seq), seq)
        latest = self._latest.get(packet[:2], -1)
        self._latest[packet[:2]] = max(latest, seq)
        self._wire.mark(*packet, DELIVERED | (OVERTAKEN if seq < latest else 0))

    def _from_agent(self, first: int, body: bytes) -> None:
        if first >> 4 == CONNECT:
            self._with_properties = body[6] == MQTT_5
            at = 11 + body[10] if self._with_properties else 10  # protocol, flags and keepalive are ten bytes
            self.client_id = body[at + 2 : at + 2 + int.from_bytes(body[at : at + 2], "big")].decode()
        elif first >> 4 == PUBACK and (packet := self._under_way.pop(int.from_bytes(body[:2], "big"), None)):
            self._wire.acknowledged[packet[0]] += 1
            self._wire.mark(*packet, ACKED)


class Wire:
    """Listens where the agent connects to, and connects each of its connections to the broker.

    Args:
        port: of the broker.
        mark: `mark(sensor, boot, seq, flag)`; boot: the `boot_id`, or when the sensor started if it says none.
        host: where it listens.
    """

    def __init__(self, port: int, mark: Callable[[str, int, int, int], None], host: str = "127.0.0.1") -> None:
        self.mark = mark
        self.cuts = self.wraps = 0
        """Connections cut; how often the broker's packet ids began anew on one."""
        self.acknowledged: Counter[str] = Counter()
        """Sensor -> packets, each time that they were."""
        self._host = host
        self._broker_port = port
        self._links: list[Link] = []
        self._door = socket.create_server((host, 0), backlog=64)
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"mqtt://{self._host}:{self.port}"

    def cut(self, chance: random.Random, *, all_of_them: bool = False) -> None:
        """Cut each connection that there is, or leave it, as chance says; at least one."""
        links, self._links = self._links, []
        spared = [link for link in links[1:] if chance.random() < 0.5 and not all_of_them]
        self._links += spared
        for link in links:
            if link not in spared:
                link.cut(rudely=chance.random() < 0.5)
                self.cuts += 1

    def die(self, only: str = "") -> None:
        """From now on nothing goes through the present connections, and nobody is told; new ones work.

        Args:
            only: those with this in their client id.
        """
        for link in self._of(only):
            link.dead = True
            self._links.remove(link)

    def mute(self, only: str = "") -> None:
        """From now on the agent is not heard on these connections: acknowledgements go lost, packets come."""
        for link in self._of(only):
            link.mute = True

    def _of(self, client: str) -> list[Link]:
        found = [link for link in self._links if client in link.client_id]
        assert found, f"no connection of {client!r}"
        return found

    @property
    def over(self) -> bool:
        """No line is open, and all that came by them has been seen."""
        return all(link.over for link in self._links)

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
