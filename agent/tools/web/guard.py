"""The gate before all routes: headers of every answer, host, method, rate, size, origin and token of a request."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drsn.agent.tools.web.access import HEADERS, host_allowed, same_origin, token_fits
from drsn.agent.tools.web.rate_limit import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES: Final = 16_384
"""A command has less than 2 kB."""

READS_PER_S: Final = 30.0
READS_AT_ONCE: Final = 200.0
WRITES_PER_S: Final = 2.0
WRITES_AT_ONCE: Final = 30.0
WRONG_TOKEN_COST: Final = 10.0
"""A wrong token counts as ten commands: one guess in five seconds."""


@dataclass(frozen=True)
class AccessRules:
    """Who may do what."""

    allowed_hosts: frozenset[str] = frozenset()
    token: str | None = None
    behind_proxy: bool = False


@dataclass(frozen=True)
class Refusal(Exception):  # noqa: N818 (an answer, no fault of the code)
    """A request that is not carried out."""

    status: int
    reason: str


class Guard:
    """ASGI middleware that refuses requests before any route sees them.

    Args:
        app: the routes.
        rules: who may do what.
        clock: monotonic, in s.
    """

    def __init__(self, app: ASGIApp, rules: AccessRules, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._rules, self._clock = app, rules, clock
        self._reads = RateLimit(READS_PER_S, READS_AT_ONCE)
        self._writes = RateLimit(WRITES_PER_S, WRITES_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = [pair for pair in message.get("headers", ()) if pair[0].lower() not in HEADERS]
                names = {name.lower() for name, _ in given}
                cache = b"no-store" if path.startswith("/api/") else b"no-cache"
                more = [] if b"cache-control" in names else [(b"cache-control", cache)]
                message = {**message, "headers": [*given, *HEADERS.items(), *more]}
            await send(message)

        try:
            self._check(scope)
            body = await _body(receive) if scope["method"] == "POST" else None
        except Refusal as refusal:
            await _refuse(refusal, guarded)
            return
        await self._app(scope, receive if body is None else _again(body, receive), guarded)

    def _check(self, scope: Scope) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        proxy, now_s = self._rules.behind_proxy, self._clock()
        peer = (scope.get("client") or ("",))[0]
        client = headers.get("x-forwarded-for", peer).rpartition(",")[2].strip()[:64] if proxy else peer
        host = headers.get("x-forwarded-host", headers.get("host", "")) if proxy else headers.get("host", "")
        if not host_allowed(host, self._rules.allowed_hosts):
            raise Refusal(
                403, f"host {host[:80]!r} is not a name of this page; add it to web.allowed_hosts, or use the address"
            )
        if scope["method"] in ("GET", "HEAD"):
            if not self._reads.take(client, now_s):
                raise Refusal(429, f"more than {READS_PER_S:g} requests a second; wait a moment")
        elif scope["method"] == "POST":
            self._check_command(headers, client, host, now_s)
        else:
            raise Refusal(405, f"method {scope['method'][:16]} is not served; use GET or POST")

    def _check_command(self, headers: dict[str, str], client: str, host: str, now_s: float) -> None:
        if not self._writes.take(client, now_s):
            raise Refusal(429, f"more than {WRITES_PER_S:g} commands a second; wait a moment")
        if not same_origin(headers.get("origin"), host):
            raise Refusal(403, "the request does not come from this page (Origin); open the page itself")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refusal(403, "the request comes from a page of another site; open the page itself")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            raise Refusal(413, f"the request has more than {MAX_BODY_BYTES} bytes; a command is shorter")
        given = headers.get("x-drsn-token")
        if not token_fits(given, self._rules.token):
            if given is not None:
                self._writes.charge(client, now_s, WRONG_TOKEN_COST)
            raise Refusal(401, "the token is missing or wrong; enter the one of web.token_file")


async def _body(receive: Receive) -> bytes:
    """The whole body, within its limit: a length may be left out, or wrong."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the client is gone
            return body
        body += bytes(message.get("body", b""))
        if len(body) > MAX_BODY_BYTES:
            raise Refusal(413, f"the request has more than {MAX_BODY_BYTES} bytes; a command is shorter")
        if not message.get("more_body"):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """Give the body once, then what comes after it."""
    waiting = [body]

    async def replay() -> Message:
        return {"type": "http.request", "body": waiting.pop(), "more_body": False} if waiting else await receive()

    return replay


async def _refuse(refusal: Refusal, send: Send) -> None:
    body = json.dumps({"error": refusal.reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"connection", b"close")] if refusal.status == 413 else []
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
