"""The routes of the page's server. Each asks the feed or the history, and waits for the answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from drsn.agent.evidence.snapshot import snapshot_of
from drsn.agent.tools.web.downloads import FORMATS
from drsn.agent.tools.web.evidence_fetch import fetched
from drsn.agent.tools.web.guard import Refusal
from drsn.agent.tools.web.history import HistoryError
from drsn.agent.tools.web.json_text import json_text
from drsn.agent.tools.web.picture import picture
from drsn.agent.tools.web.requests import command_request, event_in, number_in, sensor_in
from drsn.agent.tools.web.streams import TooManyStreamsError
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from drsn.agent.evidence.record import Record
    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.tools.web.feed import CommandAnswer, PageFeed
    from drsn.agent.tools.web.history_keeper import HistoryKeeper
    from drsn.agent.tools.web.settings import WebConfiguration
    from drsn.agent.tools.web.streams import Streams

MAX_FETCHES: Final = 3
"""Records that are fetched at once; each has a connection to the broker and up to 1 MB."""

MAX_EVENTS: Final = 1000
ANSWER_S: Final = 15.0
"""Longest wait for the feed, which itself gives up an agent after 5 s."""


@dataclass(frozen=True)
class Api:
    """What the routes work on."""

    configuration: WebConfiguration
    broker: BrokerAddress
    version: str
    feed: PageFeed
    history: HistoryKeeper
    streams: Streams
    fetches: asyncio.Semaphore

    def routes(self) -> list[Route]:
        """All routes but those of the files."""
        gets = {
            "/api/state": self.state,
            "/api/stream": self.stream,
            "/api/events": self.events,
            "/api/machines/{sensor}/recent": self.recent,
            "/api/machines/{sensor}/trend": self.trend,
            "/api/machines/{sensor}/events": self.events,
            "/api/evidence/{sensor}/{event_id}": self.evidence,
        }
        posts = {"/api/command": self.command, "/api/machines/{sensor}/snapshot": self.snapshot}
        return [
            *(Route(path, refusing(endpoint), methods=["GET"]) for path, endpoint in gets.items()),
            *(Route(path, refusing(endpoint), methods=["POST"]) for path, endpoint in posts.items()),
        ]

    async def state(self, _request: Request) -> Response:
        """`/api/state`: everything, for a page that begins."""
        state = await asyncio.wrap_future(self.feed.ask(lambda feed: feed.state()))
        web = self.configuration.web
        page = {
            "version": self.version,
            "commands_allowed": web.commands,
            "needs_token": self.configuration.token is not None,
            "history_days": web.history_days,
            "history_problem": self.history.problem,
        }
        return answer({"page": page, **state})

    async def stream(self, request: Request) -> Response:
        """`/api/stream`: what changes."""
        try:
            text = self.streams.open(request.headers.get("last-event-id"))
        except TooManyStreamsError:
            raise Refusal(429, "too many pages are open; close some") from None
        return StreamingResponse(text, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def recent(self, request: Request) -> Response:
        """The last results of a sensor."""
        sensor = sensor_in(request.path_params)
        return answer(await asyncio.wrap_future(self.feed.ask(lambda feed: feed.recent.json(sensor))))

    async def trend(self, request: Request) -> Response:
        """The RMS of hours and days."""
        sensor = sensor_in(request.path_params)
        most = 24 * self.configuration.web.history_days
        hours = number_in(request.query_params, "hours", min(24.0, most), 1, most)
        present = await asyncio.wrap_future(self.feed.ask(lambda feed: feed.minutes.present(sensor)))
        more = [] if present is None else [present]
        query = self.history.ask(lambda history: history.trend(sensor, hours, time.time(), more))
        found: dict[str, Any] = await asyncio.wrap_future(query)
        return answer(found)

    async def events(self, request: Request) -> Response:
        """Events, newest first, of one sensor or of all."""
        sensor = sensor_in(request.path_params) if request.path_params else None
        limit = int(number_in(request.query_params, "limit", 200 if sensor is None else 100, 1, MAX_EVENTS))
        query = self.history.ask(lambda history: history.events(sensor, limit))
        return answer({"events": await asyncio.wrap_future(query)})

    async def evidence(self, request: Request) -> Response:
        """A record, as a picture or as a file."""
        sensor = sensor_in(request.path_params)
        name, _, ending = request.path_params["event_id"].rpartition(".")
        event_id = event_in({"event_id": name if ending in FORMATS else request.path_params["event_id"]})
        await self._agent_of(sensor)
        async with self.fetches:
            return await asyncio.to_thread(self._evidence, sensor, event_id, ending if name else "")

    def _evidence(self, sensor: str, event_id: str, ending: str) -> Response:
        record: Record = fetched(self.broker, self.configuration.web.prefix, sensor, event_id)
        if ending not in FORMATS:
            return answer(picture(record))
        media_type, make = FORMATS[ending]
        named = {"content-disposition": f'attachment; filename="{sensor}-{event_id}.{ending}"'}
        return Response(make(record), media_type=media_type, headers=named)

    async def snapshot(self, request: Request) -> Response:
        """The newest window of a sensor."""
        self._require_commands()
        sensor = sensor_in(request.path_params)
        agent = await self._agent_of(sensor)
        found = await self._answered(agent, "snapshot", {"sensor": sensor})
        if found.problem is not None and "unknown verb" in found.problem:
            raise Refusal(409, f"agent {agent} has no verb snapshot; install a newer version there")
        if found.problem is not None:
            raise Refusal(409, f"agent {agent}: {found.problem}")
        document = None if found.reply is None else found.reply.snapshot
        if document is None:
            raise Refusal(409, f"agent {agent}: its answer has no window")
        try:
            window = snapshot_of(document)
        except BadDataError as error:
            raise Refusal(409, f"agent {agent}: its window is not valid: {error}") from None
        return answer(await asyncio.to_thread(picture, window))

    async def command(self, request: Request) -> Response:
        """`POST /api/command`."""
        self._require_commands()
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise Refusal(400, "the command is no JSON; send it with the content type application/json")
        wanted = command_request(await request.body())
        fields = wanted.model_dump(exclude_none=True, exclude={"agent", "verb"})
        found = await self._answered(wanted.agent, wanted.verb, fields)
        return answer({"ok": found.problem is None, "reason": found.problem})

    def _require_commands(self) -> None:
        if not self.configuration.web.commands:
            raise Refusal(403, "this page sends no commands; web.commands is false")

    async def _answered(self, agent: str, verb: str, fields: dict[str, Any]) -> CommandAnswer:
        try:
            found = await asyncio.wait_for(asyncio.wrap_future(self.feed.command(agent, verb, fields)), ANSWER_S)
        except asyncio.TimeoutError:
            raise Refusal(504, f"agent {agent} did not answer in {ANSWER_S:g} s") from None
        if found.reply is None:
            raise Refusal(504, str(found.problem))
        return found

    async def _agent_of(self, sensor: str) -> str:
        """The agent of a sensor.

        Raises:
            Refusal: 404, the broker has no alarm document of it.
        """
        alarm = await asyncio.wrap_future(self.feed.ask(lambda feed: feed.alarm(sensor)))
        if alarm is None:
            raise Refusal(404, f"no agent has a sensor {sensor}; check its name")
        return str(alarm["agent"])


def answer(document: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json_text(document), status, media_type="application/json")


def refusing(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint whose refusals and faults are JSON answers."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refusal as refusal:
            return answer({"error": refusal.reason}, refusal.status)
        except HistoryError as error:
            return answer({"error": f"the page's history can't be read: {error}; see its log"}, 500)

    return answered
