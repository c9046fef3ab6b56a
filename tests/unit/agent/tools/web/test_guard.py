from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.web.access import HEADERS
from drsn.agent.tools.web.guard import MAX_BODY_BYTES, WRITES_AT_ONCE, AccessRules, Guard

if TYPE_CHECKING:
    from collections.abc import Callable

ORIGIN = {"host": "localhost:8088", "origin": "http://localhost:8088"}


class App:
    """A route that answers everything, and keeps the body."""

    body: bytes | None = None

    async def __call__(self, _scope: dict, receive: Callable, send: Callable) -> None:
        self.body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"referrer-policy", b"unsafe-url")]})
        await send({"type": "http.response.body", "body": b""})


def asked(guard: Guard, method: str = "GET", path: str = "/", parts: tuple[bytes, ...] = (b"",), **headers: str):
    """Status, headers and body of the answer."""
    sent: list[dict] = []
    bodies = list(parts)

    async def receive() -> dict:
        return {"type": "http.request", "body": bodies.pop(0), "more_body": bool(bodies)}

    async def send(message: dict) -> None:
        sent.append(message)

    named = {"host": "localhost:8088", **{name.replace("_", "-"): value for name, value in headers.items()}}
    pairs = [(name.encode(), value.encode()) for name, value in named.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": pairs, "client": ("10.0.0.1", 5)}
    asyncio.run(guard(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], dict(sent[0]["headers"]), body


def test_every_answer_has_the_headers_and_no_route_weakens_them():
    for guard_headers in ({}, {"host": "evil.example"}):
        _, headers, _ = asked(Guard(App(), AccessRules()), **guard_headers)
        assert headers.items() >= HEADERS.items()
    _, headers, _ = asked(Guard(App(), AccessRules()), path="/api/state")
    assert headers[b"cache-control"] == b"no-store"


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"host": "evil.example"}, 403),
        ("GET", {"host": ""}, 403),
        ("PUT", {}, 405),
        ("OPTIONS", {}, 405),
        ("POST", {}, 403),
        ("POST", {"origin": "http://evil.example"}, 403),
        ("POST", {"origin": "http://localhost:8088", "sec_fetch_site": "cross-site"}, 403),
        ("POST", {"origin": "http://localhost:8088"}, 401),
        ("POST", {"origin": "http://localhost:8088", "x_drsn_token": "no"}, 401),
        ("POST", {"origin": "http://localhost:8088", "content_length": "99999"}, 413),
        ("POST", {"origin": "http://localhost:8088", "content_length": "x"}, 413),
    ],
)
def test_a_refused_request_reaches_no_route(method: str, headers: dict, status: int):
    app = App()
    found, _, body = asked(Guard(app, AccessRules(token="t" * 16)), method, **headers)
    assert (found, app.body) == (status, None)
    assert list(json.loads(body)) == ["error"]


def test_a_command_keeps_its_body():
    app = App()
    status, _, _ = asked(
        Guard(app, AccessRules(token="t" * 16)), "POST", parts=(b"{", b"}"), x_drsn_token="t" * 16, **ORIGIN
    )
    assert (status, app.body) == (200, b"{}")


def test_a_body_without_a_length_is_bounded_too():
    status, _, _ = asked(Guard(App(), AccessRules()), "POST", parts=(b"x" * MAX_BODY_BYTES, b"x"), **ORIGIN)
    assert status == 413


def test_commands_and_wrong_tokens_have_a_rate():
    now_s = 0.0
    guard = Guard(App(), AccessRules(token="t" * 16), lambda: now_s)
    found = [asked(guard, "POST", x_drsn_token="guess", **ORIGIN)[0] for _ in range(5)]
    assert found == [401, 401, 401, 429, 429]
    now_s = 1000.0
    right = {"x_drsn_token": "t" * 16, **ORIGIN}
    found = [asked(guard, "POST", **right)[0] for _ in range(int(WRITES_AT_ONCE) + 1)]
    assert (found[0], found[-1]) == (200, 429)


def test_the_headers_of_a_proxy_count_only_behind_one():
    forwarded = {"x_forwarded_host": "plant.example", "x_forwarded_for": "1.1.1.1, 10.0.0.9"}
    rules = AccessRules(frozenset({"plant.example"}), behind_proxy=True)
    sent = {**forwarded, "origin": "https://plant.example"}
    assert asked(Guard(App(), rules), "POST", **sent)[0] == 200
    assert asked(Guard(App(), AccessRules(frozenset({"plant.example"}))), "POST", **sent)[0] == 403
