"""Sends a message to a webhook: one HTTP POST of JSON, over verified TLS."""

from __future__ import annotations

import http.client
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from drsn.agent.settings.credentials import password_in
from drsn.agent.tools.notify.settings import check_url
from drsn.agent.tools.notify.template import PRESETS, body_of, checked
from drsn.agent.tools.notify.undelivered import UndeliveredError, reason_of
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.tools.notify.notification import Notification
    from drsn.agent.tools.notify.settings import NotifySection

ANSWER_BYTES: Final = 8192
"""How much of an answer is read."""

AGAIN: Final = frozenset({408, 425, 429})
"""Statuses of the class 4xx after which another attempt can succeed."""


class Webhook:
    """Posts to one URL. A redirect is an error: it could lead the message and the token to another host.

    Raises:
        ConfigurationError: the URL, the token or the certificates can't be read.
    """

    def __init__(self, entry: NotifySection) -> None:
        self._url = urlsplit(url_of(entry))
        self._headers = {"Content-Type": "application/json", "User-Agent": "drsn-edge"}
        if entry.token_file is not None:
            self._headers["Authorization"] = f"Bearer {_header_text(entry.token_file)}"
        self._document: Any = checked(PRESETS.get(entry.template, entry.template), entry.values)
        self._values, self._timeout_s = dict(entry.values), entry.timeout_s
        self._context = tls_context(entry.ca_file) if self._url.scheme == "https" else None

    def send(self, notification: Notification) -> None:
        """Post one message.

        Raises:
            UndeliveredError: it did not arrive; the text has no part of the URL besides the host.
        """
        try:
            body = body_of(self._document, {**self._values, **notification.values()})
        except ValueError as error:
            raise UndeliveredError(str(error), again=False) from None
        connection = self._connection()
        try:
            connection.request("POST", self._target, body, self._headers)
            answer = connection.getresponse()
            answer.read(ANSWER_BYTES)
        except ssl.SSLCertVerificationError as error:
            raise UndeliveredError(f"{self._url.hostname}: {error.verify_message}; set ca_file") from None
        except (OSError, http.client.HTTPException) as error:
            raise UndeliveredError(f"{self._url.hostname}: {reason_of(error)}") from None
        finally:
            connection.close()
        if answer.status // 100 != 2:
            again = answer.status >= 500 or answer.status in AGAIN
            raise UndeliveredError(f"{self._url.hostname}: HTTP status {answer.status}", again=again)

    @property
    def _target(self) -> str:
        return (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._context is None:
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=self._context)


def url_of(entry: NotifySection) -> str:
    """The URL of an entry, from the setting or its file.

    Raises:
        ConfigurationError: the file can't be read, or has no URL of this kind.
    """
    if entry.url_file is None:
        return entry.url or ""
    url = password_in(entry.url_file).strip()
    try:
        check_url(url, entry.kind)
    except ValueError as error:
        raise ConfigurationError(f"notify {entry.name}: {entry.url_file}: {error}") from None
    return url


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """A context that verifies the certificate and the host name.

    Raises:
        ConfigurationError: the certificates can't be read.
    """
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError as error:
        raise ConfigurationError(f"ca_file {ca_file}: {error.strerror or 'it has no certificate'}") from None


def _header_text(path: Path) -> str:
    text = password_in(path).strip()
    if not text.isascii() or not text.isprintable() or not text:
        raise ConfigurationError(f"token_file {path}: a token has printable ASCII characters only")
    return text
