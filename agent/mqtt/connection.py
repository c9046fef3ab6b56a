"""Connection to the broker: keeps one session alive, with back-off, until it is stopped."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from drsn.agent.mqtt import session as sessions
from drsn.agent.mqtt.backoff import Backoff
from drsn.agent.observability.logs import fields
from drsn.agent.observability.worker_thread import WorkerThread
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.mqtt.connection_options import ConnectionOptions
    from drsn.agent.mqtt.message import Confirmation, Message
    from drsn.agent.mqtt.session import ConnectFailure, Protocol, Session

SESSION_TAKEN_OVER: Final = 142
"""MQTT 5 reason code: another connection uses the same client id."""

MAX_TAKEOVERS: Final = 5
TAKEOVER_WINDOW_S: Final = 60.0

PROTOCOLS: Final[Mapping[str, tuple[Protocol, ...]]] = {"auto": ("5", "3.1.1"), "5": ("5",), "3.1.1": ("3.1.1",)}
"""Setting -> the MQTT versions that each attempt to connect tries, in this order."""

FALL_BACK_AFTER_S: Final = 5.0
"""How long `auto` waits for the answer to a CONNECT of MQTT 5: amqtt never sends one. Others take milliseconds."""

FELL_BACK: Final = "the broker does not accept MQTT 5: the agent uses MQTT 3.1.1, which cannot report a refused publish"

log = logging.getLogger(__name__)


class TakeoverCounter:
    """Counts takeovers of the client id (MQTT 5 reason 142) in a sliding window.

    One takeover may be an accident. Five in a minute mean that another client reconnects too, and would do so for ever.
    Two agents with the same id settle it in a second or two (agent_id_lease), long before that.
    """

    def __init__(self, limit: int = MAX_TAKEOVERS, window_s: float = TAKEOVER_WINDOW_S) -> None:
        self._times_s: deque[float] = deque(maxlen=limit)
        self._window_s = window_s

    def add(self, now_s: float) -> bool:
        """Count a takeover. Returns whether the limit is reached within the window."""
        self._times_s.append(now_s)
        return len(self._times_s) == self._times_s.maxlen and now_s - self._times_s[0] < self._window_s


class Connection:
    """Connection to the broker; connects again after each loss, until `stop`.

    Args:
        broker: address and login.
        options: name, client id, filters, limits, will.
        on_message: called by the network thread for each message; may block. None: messages are ignored.
        on_change: called when something changed (connected, lost, confirmations, denied); must not block.
        backoff: waits between attempts.
        open_session: connects and sends CONNECT; see `session.open_session`.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        options: ConnectionOptions,
        *,
        on_message: Callable[[Message], None] | None = None,
        on_change: Callable[[], None] = lambda: None,
        backoff: Backoff | None = None,
        open_session: Callable[..., Session] = sessions.open_session,
    ) -> None:
        self.options = options
        self.protocol: Protocol = PROTOCOLS[broker.protocol][0]
        """MQTT version of the last connection that the broker accepted; before the first one, what is tried first."""
        self.last_error: str | None = None
        """Why there is no connection."""
        self.taken_over = False
        """Other clients took the client id over too often; this connection has ended for good."""
        self.confirmations: deque[Confirmation] = deque()
        """Answers of the broker to publishes; the publisher removes them."""
        self._broker, self._on_change = broker, on_change
        self._session: Session | None = None  # the last one that the broker accepted
        self._takeovers = TakeoverCounter()
        self._with_will = False
        self._stopping = threading.Event()
        events = sessions.SessionEvents(self._accepted, self._lost, self.confirmations.append, on_change, on_message)
        attempt = partial(self._attempt, partial(open_session, broker, options, events))
        self._thread = WorkerThread(target=self._run, args=(attempt, backoff or Backoff()), name=f"mqtt-{options.name}")

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted this connection."""
        return self._session is not None and self._session.connected

    @property
    def epoch(self) -> int:
        """Number of connections that the broker has accepted so far."""
        return 0 if self._session is None else self._session.epoch

    @property
    def denied(self) -> tuple[str, ...]:
        """Filters that the broker refused on the last connection."""
        return () if self._session is None else self._session.denied

    @property
    def certificate(self) -> bytes | None:
        """Certificate that the broker showed on the last connection, DER; None: none yet, or no TLS."""
        return None if self._session is None else self._session.certificate

    @property
    def alive(self) -> bool:
        """Whether the thread that keeps the connection alive is running."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def stop(self, *, with_will: bool = False, timeout_s: float = 5.0) -> None:
        """Disconnect and end the thread. The broker publishes the will only if `with_will` is set."""
        self._with_will = with_will
        self._stopping.set()
        if self._session is not None:
            self._session.leave(with_will=with_will)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def reconnect(self) -> None:
        """Cut the connection; the broker sends unacknowledged messages again on the next one."""
        if self._session is not None:
            self._session.cut()

    def subscribe(self, filters: tuple[str, ...]) -> None:
        """Subscribe to more topic filters, with QoS 1, on this connection; the next one does not have them."""
        session = self._session
        if session is not None and session.connected:
            session.subscribe(filters)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int,
        retain: bool = False,
        properties: Mapping[str, str] | None = None,
        correlation: bytes = b"",
    ) -> int | None:
        """Send a message. Returns its packet id; None: there is no connection."""
        session = self._session
        if session is None or not session.connected:
            return None
        return session.publish(topic, payload, qos=qos, retain=retain, properties=properties, correlation=correlation)

    def _run(self, attempt: Callable[[], None], backoff: Backoff) -> None:
        while not self._stopping.is_set():
            before = self.epoch
            try:
                attempt()
            except (OSError, ValueError, ConfigurationError) as error:  # DNS, TCP, TLS, certificates
                self._note_failure(str(error) or type(error).__name__)
            except Exception:
                log.exception("unexpected error in the connection", extra=fields(connection=self.options.name))
            self._stopping.wait(backoff.next_s(connected=self.epoch > before))

    def _attempt(self, open_session: Callable[..., Session]) -> None:
        """Connect once and return when that connection has ended; `auto` tries 3.1.1 where 5 may be the reason."""
        protocols = PROTOCOLS[self._broker.protocol]
        failure: ConnectFailure | None = None
        for protocol in protocols:
            timeout_s = sessions.CONNACK_TIMEOUT_S if protocol == protocols[-1] else FALL_BACK_AFTER_S
            session = open_session(epoch=self.epoch + 1, protocol=protocol)
            try:
                failure = session.run(self._stopping, timeout_s)
            finally:
                session.close(with_will=self._with_will)
                self._on_change()
            if failure is None or not failure.without_5:
                break
        if failure is not None:
            self._note_failure(_explained(failure, self._broker))

    def _accepted(self, session: Session) -> None:
        self.last_error = None
        if session.protocol != PROTOCOLS[self._broker.protocol][0] and session.protocol != self.protocol:
            log.warning(FELL_BACK, extra=fields(connection=self.options.name))
        self.protocol = session.protocol
        self._session = session
        log.info("connected", extra=fields(connection=self.options.name, protocol=self.protocol))
        self._on_change()

    def _lost(self, code: int, reason: str) -> None:
        if self._stopping.is_set():
            return
        log.warning("connection lost", extra=fields(connection=self.options.name, reason=reason))
        if code == SESSION_TAKEN_OVER and self._takeovers.add(time.monotonic()):
            self.taken_over = True
            self._stopping.set()

    def _note_failure(self, error: str) -> None:
        level = logging.DEBUG if error == self.last_error else logging.WARNING
        self.last_error = error
        where = f"{self._broker.host}:{self._broker.port}"
        extra = fields(connection=self.options.name, broker=where, error=error)
        log.log(level, "no connection, trying again", extra=extra)
        self._on_change()


def _explained(failure: ConnectFailure, broker: BrokerAddress) -> str:
    """The reason with what may be wrong; a broker without MQTT 5 is no sign of a wrong port or certificate."""
    if failure.reason not in (sessions.CLOSED, sessions.NO_CONNACK):
        return failure.reason
    if broker.protocol == "5":
        return f'{failure.reason}; perhaps the broker does not support MQTT 5: set mqtt.protocol = "auto"'
    tried = ", with MQTT 5 and with 3.1.1" if broker.protocol == "auto" else ""
    if failure.reason == sessions.NO_CONNACK:
        return f"{failure.reason}{tried}"
    port = "" if broker.tls else "the port uses TLS (set mqtts:// in mqtt.url), or "
    return f"{failure.reason}{tried}; perhaps {port}the broker requires a client certificate (set mqtt.cert_file)"
