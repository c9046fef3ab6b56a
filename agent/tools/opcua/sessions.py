"""The sessions of the OPC UA server: who may log in, and which session calls a method."""

from __future__ import annotations

import hmac
import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession

from drsn.agent.observability.logs import Throttle, fields

if TYPE_CHECKING:
    from collections.abc import Callable

ANONYMOUS: Final = "opcua"
"""Name in the commands of a client without a login."""

log = logging.getLogger(__name__)


class Caller(NamedTuple):
    """Who calls a method."""

    session_id: ua.NodeId
    name: str


CALLER: ContextVar[Caller] = ContextVar("caller")
"""Of the method that runs."""


class CallingSession(InternalSession):
    """A session that tells its methods who calls them; asyncua passes only the arguments."""

    def activate_session(
        self, params: ua.ActivateSessionParameters, peer_certificate: bytes | None
    ) -> ua.ActivateSessionResult:
        """Log in. asyncua opens a channel without encryption for discovery, and accepts a login on it.

        Raises:
            ServiceError: the channel is not encrypted, and it must be; or the login is refused.
        """
        if self.iserver.certificate is not None and not peer_certificate:  # empty bytes without encryption
            raise ServiceError(ua.StatusCodes.BadSecurityModeInsufficient)
        return super().activate_session(params, peer_certificate)

    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        """Call methods."""
        token = CALLER.set(Caller(self.session_id, self.user.name or ANONYMOUS))
        try:
            return list(await super().call(params))
        finally:
            CALLER.reset(token)


class SessionServer(InternalServer):
    """asyncua's server, with our sessions and our limits.

    Args:
        login: name and password; None: clients are anonymous.
        max_sessions: connections at the same time.
        now_s: monotonic clock.
    """

    def __init__(self, login: tuple[str, str] | None, max_sessions: int, now_s: Callable[[], float]) -> None:
        super().__init__(user_manager=LoginCheck(login, now_s))
        self.allow_remote_admin = False
        self.max_connections = max_sessions
        self.max_subscriptions = 4 * max_sessions
        self.max_monitored_item_queue_size = 1000
        self.max_unacked_messages_per_subscription = 100

    def register_server(self, server: Any, conf: Any = None) -> None:  # noqa: ARG002 (asyncua's signature)
        """Refuse: any client may call it, without a login, and asyncua keeps each server.

        Raises:
            ServiceError: always.
        """
        raise ServiceError(ua.StatusCodes.BadServiceUnsupported)

    def create_session(self, name: str, user: Any = None, external: bool = False) -> InternalSession:  # noqa: FBT001, FBT002 (asyncua's signature)
        """Create a session."""
        user = user or User(role=UserRole.Anonymous)
        return CallingSession(self, self.aspace, self.subscription_service, name, user=user, external=external)


class LoginCheck:
    """Compares the login of a client; in asyncua a user manager.

    Args:
        login: name and password; None: clients are anonymous.
        now_s: monotonic clock.
    """

    def __init__(self, login: tuple[str, str] | None, now_s: Callable[[], float]) -> None:
        self._login, self._now_s = login, now_s
        self._refused = Throttle()

    def get_user(self, _: InternalServer, username: Any = None, password: Any = None, certificate: Any = None) -> Any:  # noqa: ARG002 (asyncua's signature)
        """The user, who may read and call methods; None: the login is refused."""
        if self._login is None:
            return User(role=UserRole.User)
        given = (str(username or "").encode(), str(password or "").encode())
        equal = [hmac.compare_digest(a, b.encode()) for a, b in zip(given, self._login, strict=True)]
        if all(equal):
            return User(role=UserRole.User, name=self._login[0])
        if (more := self._refused.held_back("login", self._now_s())) is not None:
            log.warning("OPC UA login refused", extra=fields(user=username, more_like_it=more))
        return None
