"""A socket whose small reads come out of one large read."""

from __future__ import annotations

from typing import Final, Protocol

READ_BYTES: Final = 65_536
"""Bytes of one read ahead: seven packets of 2,048 float32 samples."""

SMALL_BYTES: Final = 4096
"""A request for less than this reads ahead. A larger one is the rest of a packet, whose length is known: it is read to
its end and no further, so a reader that stops at an empty buffer stops between two packets."""


class _Line(Protocol):
    """What a socket, a TLS socket and paho's WebSocket have in common."""

    def recv(self, size: int, /) -> bytes: ...
    def send(self, data: bytes | bytearray, /) -> int: ...
    def fileno(self) -> int: ...
    def setblocking(self, flag: bool, /) -> None: ...  # noqa: FBT001 (as of a socket)
    def close(self) -> None: ...


class BufferedSocket:
    """A connected socket, with or without TLS or WebSocket, as paho uses it.

    paho reads the first bytes of a packet one by one: three or four system calls for a packet of 8 kB, in each of which
    the other thread may take the interpreter.

    Args:
        line: the connected socket; nothing else reads from it.
    """

    def __init__(self, line: _Line) -> None:
        self.line = line
        self.data = b""
        """The last read ahead."""
        self.at = 0
        """Index in `data` of the first byte that is not returned yet. A reader that uses bytes of `data` raises it."""

    @property
    def buffered(self) -> int:
        """Bytes that are read from the socket and not yet returned."""
        return len(self.data) - self.at

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes; none: the other side has closed the connection.

        Raises:
            BlockingIOError: there is nothing to read, and the socket does not block.
            ssl.SSLError: as from the socket, for example `SSLWantReadError`.
            OSError: the connection is broken.
        """
        at = self.at
        if at == len(self.data):
            if size >= SMALL_BYTES:
                return self.line.recv(size)
            self.data, at = self.line.recv(READ_BYTES), 0
        data = self.data[at : at + size]
        self.at = at + len(data)
        return data

    def pending(self) -> int:
        """Bytes that `recv` returns although the socket need not be readable: `select` does not know them."""
        decoded = getattr(self.line, "pending", None)  # of TLS; a plain socket has no such method
        return self.buffered + (0 if decoded is None else decoded())

    def send(self, data: bytes | bytearray) -> int:
        """Send what the socket takes; how many bytes that is."""
        return self.line.send(data)

    def fileno(self) -> int:
        """File descriptor, -1 once it is closed."""
        return self.line.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 (as of a socket)
        """Make the socket block, or not."""
        self.line.setblocking(flag)

    def close(self) -> None:
        """Close the socket."""
        self.line.close()


def unwrapped(line: object) -> object:
    """The TCP or TLS socket inside a `BufferedSocket`, also below a WebSocket; anything else as it is."""
    if not isinstance(line, BufferedSocket):
        return line
    return getattr(line.line, "_socket", line.line)  # where paho's WebSocket has its socket
