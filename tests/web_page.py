"""A page's server in a thread of the test, and a browser's requests by the standard library."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from drsn.agent.mqtt.broker_address import BrokerAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass
class Reply:
    """What the server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 (whatever the server answers)
        return json.loads(self.body)


@dataclass
class Following:
    """A stream of the page, as a browser follows it."""

    socket: socket.socket
    events: list[tuple[float, int, str, Any]] = field(default_factory=list)
    """When it came, id, kind, document."""
    thread: threading.Thread | None = None

    def read(self, response: http.client.HTTPResponse) -> None:
        number, kind = 0, ""
        try:
            for line in response:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "id":
                    number = int(value)
                elif name == "event":
                    kind = value
                elif name == "data":
                    self.events.append((time.monotonic(), number, kind, json.loads(value)))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            return
        finally:
            response.close()
            self.socket.close()

    def of(self, kind: str) -> list[Any]:
        return [document for _, _, each, document in self.events if each == kind]

    def machine(self, sensor: str) -> dict[str, Any] | None:
        """The last change of a sensor."""
        found = [each for change in self.of("change") for each in change["machines"] if each["sensor"] == sensor]
        return found[-1] if found else None

    def close(self) -> None:
        with suppress(OSError):  # the server has ended
            self.socket.shutdown(socket.SHUT_RDWR)
        if self.thread is not None:
            self.thread.join(5)


@dataclass
class Browser:
    """Sends requests to one page."""

    port: int
    opened: list[Following] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            headers_of = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, headers_of, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.request("GET", path, **headers)

    def post(self, path: str, document: object, **headers: str) -> Reply:
        usual = {"Origin": self.origin, "Content_Type": "application/json"}
        return self.request("POST", path, json.dumps(document).encode(), **{**usual, **headers})

    def follow(self, **headers: str) -> Following:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/api/stream", None, {name.replace("_", "-"): v for name, v in headers.items()})
        sock = connection.sock
        response = connection.getresponse()
        assert response.status == 200, response.read()
        following = Following(sock)
        following.thread = threading.Thread(target=following.read, args=(response,), daemon=True)
        following.thread.start()
        self.opened.append(following)
        return following


@contextmanager
def page_at(broker_port: int, folder: Path, token: str | None = None, **settings: object) -> Iterator[Browser]:
    """Serve a page until the block ends."""
    pytest.importorskip("uvicorn")
    from drsn.agent.tools.web.server import WebPage, serving
    from drsn.agent.tools.web.settings import WebConfiguration, WebSection

    section = WebSection(listen="127.0.0.1:0", state_dir=folder / "web", **settings)
    page = WebPage(WebConfiguration(section, None, token), BrokerAddress("127.0.0.1", broker_port))
    with serving(page) as url:
        browser = Browser(int(url.rstrip("/").rpartition(":")[2]))
        yield browser
        for following in browser.opened:
            following.close()


def soon(condition: Callable[[], object], timeout_s: float = 20.0, what: str = "") -> Any:  # noqa: ANN401 (the value of any condition)
    """The value of the condition as soon as it is truthy."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if value := condition():
            return value
        time.sleep(0.02)
    pytest.fail(f"not within {timeout_s} s: {what or condition}")
