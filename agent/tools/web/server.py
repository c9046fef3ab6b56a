"""The page's server: its routes and files behind the gate, on one event loop, beside the feed's thread."""

from __future__ import annotations

import asyncio
import mimetypes
import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from drsn.agent.tools.live.subscriber import Subscriber
from drsn.agent.tools.web.api import MAX_FETCHES, Api, answer
from drsn.agent.tools.web.feed import PageFeed
from drsn.agent.tools.web.guard import AccessRules, Guard
from drsn.agent.tools.web.history_keeper import HistoryKeeper
from drsn.agent.tools.web.streams import Streams
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.tools.web.feed import UpdateReceiver
    from drsn.agent.tools.web.settings import WebConfiguration

STATIC: Final = Path(__file__).parent / "static"
MEDIA_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
"""Ending -> media type, whatever the tables of this machine are; browsers run no script of another type."""

MAX_CONNECTIONS: Final = 200
END_S: Final = 2
"""Longest wait at the end for requests that are not answered yet."""

BY: Final = "drsn-web"
"""Name in the commands that no person gives: requests for missed events."""


class PageServer(uvicorn.Server):
    """uvicorn, which ends the streams first: they have no end of their own.

    Args:
        config: of uvicorn.
        on_end: called at the first signal to end.
    """

    def __init__(self, config: uvicorn.Config, on_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_end = on_end

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self._on_end()
        super().handle_exit(sig, frame)

    def end(self) -> None:
        """End it from another thread."""
        self._on_end()
        self.should_exit = True


class WebPage:
    """The page: `run` serves it until a signal, or `end`.

    Args:
        configuration: its settings.
        broker: address of the broker.
        receivers: follow the events too.
    """

    def __init__(
        self, configuration: WebConfiguration, broker: BrokerAddress, receivers: tuple[UpdateReceiver, ...] = ()
    ) -> None:
        self._configuration, self._broker, self._receivers = configuration, broker, receivers
        self._server: PageServer | None = None
        self._ended = False
        self._socket = listening(configuration)

    @property
    def url(self) -> str:
        """Address of the page for a browser on this machine."""
        host, port = self._socket.getsockname()[:2]
        name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 (compared)
        return f"http://{name}:{port}/"

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until the end."""
        with self._socket:
            asyncio.run(self._serve(on_ready))

    def end(self) -> None:
        """End it; from any thread."""
        self._ended = True
        if self._server is not None:
            self._server.end()

    async def _serve(self, on_ready: Callable[[], None]) -> None:
        loop, streams = asyncio.get_running_loop(), Streams(first_id=time.time_ns() // 1_000_000)

        def publish(kind: str, document: dict[str, Any]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(streams.publish, kind, document)

        web = self._configuration.web
        with ExitStack() as stack:
            history = HistoryKeeper(self._configuration.state_dir, web.history_days)
            subscriber = Subscriber(self._broker, web.prefix, BY, results=True)
            feed = PageFeed(subscriber, history, publish, self._receivers)
            stack.callback(feed.stop)
            feed.start()
            fetches = asyncio.Semaphore(MAX_FETCHES)
            api = Api(self._configuration, self._broker, version("drsn-edge"), feed, history, streams, fetches)
            config = uvicorn.Config(
                application(api),
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=MAX_CONNECTIONS,
                timeout_graceful_shutdown=END_S,
                timeout_keep_alive=30,
                h11_max_incomplete_event_size=16_384,
                lifespan="off",
                ws="none",
            )
            self._server = PageServer(config, lambda: _close(loop, streams))
            if not self._ended:
                on_ready()
                await self._server.serve(sockets=[self._socket])


def application(api: Api) -> ASGIApp:
    """The routes and the files, behind the gate."""
    for ending, media_type in MEDIA_TYPES.items():
        mimetypes.add_type(media_type, ending)
    files = Mount("/", StaticFiles(directory=STATIC, html=True, check_dir=False))

    async def failed(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        text = "internal error of the page; see its log" if status == 500 else f"{request.url.path[:80]}: not here"
        return answer({"error": text}, status)

    configuration = api.configuration
    app = Starlette(routes=[*api.routes(), files], exception_handlers={404: failed, 405: failed, 500: failed})
    names = {socket.gethostname().lower(), configuration.listen.host.lower()}
    allowed = frozenset({*names, *(name.lower() for name in configuration.web.allowed_hosts)})
    return Guard(app, AccessRules(allowed, configuration.token, configuration.web.behind_proxy))


def listening(configuration: WebConfiguration) -> socket.socket:
    """Listen at the configured address.

    Raises:
        UnavailableError: another process has it, or this machine has no such address.
    """
    listen = configuration.listen
    try:
        family = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0][0]
        found = socket.create_server((listen.host, listen.port), family=family, backlog=64)
    except OSError as error:
        raise UnavailableError(
            f"{configuration.web.listen}: {error.strerror or error}; another process may have the port, choose another "
            "one with --listen"
        ) from None
    found.setblocking(False)
    return found


@contextmanager
def serving(page: WebPage) -> Iterator[str]:
    """Serve in a thread until the block ends; yields the URL."""
    ready = threading.Event()
    thread = threading.Thread(target=page.run, args=(ready.set,), name="page", daemon=True)
    thread.start()
    ready.wait(10.0)
    try:
        yield page.url
    finally:
        page.end()
        thread.join(10.0)


def _close(loop: asyncio.AbstractEventLoop, streams: Streams) -> None:
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(streams.close)
