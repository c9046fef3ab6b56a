"""A TCP relay between a client and a broker: the test cuts the line and joins it again."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress

POLL_S = 0.05


class Relay:
    """Passes bytes both ways between its own port and the broker's, in one thread, until `close`."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        """Where the client is to connect."""
        self.joined = True
        """False: every line is cut, and new connections are closed at once."""
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End every line."""
        self._closed = True
        self._thread.join(10)

    def _run(self) -> None:
        while not self._closed:
            if not self.joined:
                self._end_all()
            for key, _ in self._selector.select(POLL_S):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj in self._pairs:
                    self._pass(key.fileobj)
        self._end_all()
        self._listener.close()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if not self.joined:
            client.close()
            return
        broker = socket.create_connection(("127.0.0.1", self._broker_port))
        for one, other in ((client, broker), (broker, client)):
            self._pairs[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _pass(self, side: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            if data := side.recv(65_536):
                self._pairs[side].sendall(data)
        if not data:
            self._end(side)

    def _end(self, side: socket.socket) -> None:
        for each in (side, self._pairs[side]):
            del self._pairs[each]
            self._selector.unregister(each)
            each.close()

    def _end_all(self) -> None:
        while self._pairs:
            self._end(next(iter(self._pairs)))
