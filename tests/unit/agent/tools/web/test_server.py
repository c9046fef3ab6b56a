from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from servers import free_port
from web_page import page_at, soon

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.tools.web import streams
from drsn.agent.tools.web.server import WebPage
from drsn.agent.tools.web.settings import WebConfiguration, WebSection
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from web_page import Browser


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A page whose broker is not there."""
    with page_at(free_port(), tmp_path) as found:
        yield found


def test_each_answer_is_json_with_the_headers(browser: Browser):
    for path, status in (("/api/state", 200), ("/api/none", 404), ("/api/machines/%23/trend", 404),
                         ("/api/machines/a/trend?hours=x", 400), ("/api/events?limit=0", 400),
                         ("/api/evidence/a/e-1", 404), ("/../../etc/passwd", 404),
                         ("/%2e%2e/server.py", 404)):  # fmt: skip
        reply = browser.get(path)
        assert (reply.status, reply.headers["x-content-type-options"]) == (status, "nosniff"), path
        assert "server" not in reply.headers
        assert status == 200 or list(reply.json) == ["error"]
    assert browser.get("/api/state").json["broker"]["connected"] is False
    assert browser.post("/api/machines/a/snapshot", {}).status == 404
    assert browser.get("/api/command").status in (404, 405)


def test_streams_are_bounded_and_end_with_the_page(browser: Browser):
    first = browser.follow()
    others = [browser.follow(Last_Event_ID="1") for _ in range(streams.MAX_STREAMS - 1)]
    assert browser.get("/api/stream").status == 429
    soon(lambda: others[-1].of("reload") == [{}])
    first.close()
    # The server finds a connection that is gone when it writes; a browser then has room.
    others[0].close()


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=r"Address already in use.*--listen"):
            WebPage(WebConfiguration(WebSection(listen=listen), None), BrokerAddress("127.0.0.1", 1))
