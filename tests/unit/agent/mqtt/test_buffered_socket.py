from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import NEW_KEY, openssl, require

from drsn.agent.mqtt.buffered_socket import READ_BYTES, SMALL_BYTES, BufferedSocket, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def pair() -> Iterator[tuple[BufferedSocket, socket.socket]]:
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        yield BufferedSocket(near), far


@given(
    sent=st.lists(st.binary(min_size=1, max_size=3 * SMALL_BYTES), max_size=8),
    sizes=st.lists(st.sampled_from([1, 2, 5, SMALL_BYTES - 1, SMALL_BYTES, READ_BYTES]), min_size=1, max_size=8),
)
def test_any_reads_return_the_bytes_in_order(sent: list[bytes], sizes: list[int]):
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        line, found = BufferedSocket(near), b""
        for number, data in enumerate([*sent, b""]):
            far.sendall(data)
            if number == len(sent):
                far.shutdown(socket.SHUT_WR)
            at = 0
            while True:
                size = sizes[at % len(sizes)]
                at += 1
                try:
                    part = line.recv(size)
                except BlockingIOError:
                    break
                if not part:
                    break
                assert len(part) <= size
                found += part
            assert (line.buffered, line.pending()) == (0, 0)
        assert found == b"".join(sent)
        assert line.recv(1) == b"", "closed for good"


def test_a_small_read_reads_ahead_and_a_large_one_does_not(pair: tuple[BufferedSocket, socket.socket]):
    line, far = pair
    far.sendall(bytes(3 * SMALL_BYTES))
    assert len(line.recv(SMALL_BYTES)) == SMALL_BYTES
    assert line.buffered == 0
    assert len(line.recv(1)) == 1
    assert line.pending() == line.buffered == 2 * SMALL_BYTES - 1
    assert len(line.recv(SMALL_BYTES)) == SMALL_BYTES, "first what is buffered"


def test_without_data_it_behaves_as_its_socket(pair: tuple[BufferedSocket, socket.socket]):
    line, far = pair
    with pytest.raises(BlockingIOError):
        line.recv(1)
    assert line.send(b"ab") == 2
    assert far.recv(9) == b"ab"
    assert line.fileno() == line.line.fileno() == unwrapped(line).fileno()
    assert unwrapped(far) is far
    line.close()
    assert line.fileno() == -1


def test_over_tls_pending_counts_what_is_decrypted_already(tmp_path: Path):
    """`select` knows neither: the socket has nothing more to read."""
    require("openssl")
    openssl(tmp_path, "req", "-x509", *NEW_KEY, "-days", "2", "-subj", "/CN=a", "-addext",
            "subjectAltName = DNS:a", "-keyout", "a.key", "-out", "a.pem")  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "a.pem", tmp_path / "a.key")
    client = ssl.create_default_context(cafile=str(tmp_path / "a.pem"))
    near, far = socket.socketpair()
    data = bytes(range(256)) * 512  # eight records of TLS

    def serve() -> None:
        with server.wrap_socket(far, server_side=True) as end:
            end.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with client.wrap_socket(near, server_hostname="a") as encrypted:
        line, found, counted = BufferedSocket(encrypted), b"", 0
        while part := line.recv(100):
            found += part
            counted = max(counted, line.pending() - line.buffered)
            assert line.pending() >= line.buffered
        assert found == data
    thread.join(10)


class FakeWebSocket:
    """What paho's WebSocket has: the socket below it, and bytes that its TLS has decrypted already."""

    def __init__(self, below: socket.socket) -> None:
        self._socket = below

    def pending(self) -> int:
        return 7


def test_a_websocket_is_unwrapped_to_its_socket_and_counts_what_is_pending(pair):
    below = pair[0].line
    line = BufferedSocket(FakeWebSocket(below))
    assert unwrapped(line) is below
    assert line.pending() == 7


def test_paho_keeps_the_socket_of_a_websocket_where_it_is_looked_for(pair):
    from paho.mqtt.client import _WebsocketWrapper

    wrapper = _WebsocketWrapper.__new__(_WebsocketWrapper)
    wrapper._socket, wrapper._ssl = pair[0].line, False
    assert unwrapped(BufferedSocket(wrapper)) is pair[0].line
