"""Serves the metrics to Prometheus over HTTP, on a thread of its own. A scrape costs the loop one snapshot."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.registry import Collector

from drsn.agent.observability.logs import fields
from drsn.agent.service.metrics_families import families
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.metrics_core import Metric

    from drsn.agent.service.metrics_snapshot import MetricsSnapshot

TIMEOUT_S: Final = 5.0
"""A scrape waits no longer for the loop. Prometheus itself waits for 10 s by default."""

log = logging.getLogger(__name__)


class MetricsExporter(Collector):
    """A collector of the agent's metrics. The HTTP thread asks for a snapshot, and the main thread makes it.

    Args:
        read: makes a snapshot, on the main thread.
        wake: ends the loop's wait for packets.
        timeout_s: longest wait for the loop.
    """

    def __init__(
        self, read: Callable[[], MetricsSnapshot], wake: Callable[[], None], timeout_s: float = TIMEOUT_S
    ) -> None:
        self.warnings: tuple[str, ...] = ()
        """Why the metrics are not served, for the status."""
        self._read, self._wake, self._timeout_s = read, wake, timeout_s
        self._changed = threading.Condition()
        self._wanted = False
        self._snapshot: MetricsSnapshot | None = None
        self._close: Callable[[], None] = lambda: None

    def start(self, address: str, port: int) -> int | None:
        """Listen; the port, or None if that fails: then `warnings` has the reason, and the agent goes on."""
        registry = CollectorRegistry()
        for own in (ProcessCollector, PlatformCollector, GCCollector):
            own(registry=registry)
        registry.register(self)
        try:
            server, thread = start_http_server(port, address, registry)
        except OSError as error:
            reason = f"metrics are not served on {address}:{port}: {error.strerror or error}; set metrics.port"
            self.warnings = (reason,)
            log.error("metrics not served", extra=fields(address=address, port=port, reason=str(error)))  # noqa: TRY400 (no fault of the code)
            return None

        def close() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        self._close = close
        log.info("metrics served", extra=fields(address=address, port=server.server_port))
        return server.server_port

    def stop(self) -> None:
        """Stop to listen; called after the loop has ended."""
        self._close()

    def tend(self, now_s: float) -> None:  # noqa: ARG002 (a chore's signature)
        """Make a snapshot if a scrape waits for one. Called in each turn of the loop."""
        if not self._wanted:
            return
        snapshot = self._read()
        with self._changed:
            self._wanted, self._snapshot = False, snapshot
            self._changed.notify_all()

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry asks at registration, before the loop runs."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now; on the HTTP thread.

        Raises:
            UnavailableError: the loop made no snapshot in time; the scrape fails.
        """
        with self._changed:
            self._wanted = True
            before = self._snapshot
            self._wake()
            if not self._changed.wait_for(lambda: self._snapshot is not before, self._timeout_s):
                raise UnavailableError(f"the agent's loop gave no metrics within {self._timeout_s:g} s; see its log")
            snapshot = self._snapshot
        assert snapshot is not None, "it is not the first one"
        yield from families(snapshot)
