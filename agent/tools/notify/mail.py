"""Sends a message as e-mail: SMTP with TLS, from the first byte (smtps://) or by STARTTLS (smtp://)."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from drsn.agent.settings.credentials import password_in
from drsn.agent.tools.notify.undelivered import UndeliveredError, reason_of
from drsn.agent.tools.notify.webhook import tls_context, url_of

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.tools.notify.notification import Notification
    from drsn.agent.tools.notify.settings import NotifySection

PORTS: Final = {"smtps": 465, "smtp": 587}

SUBJECT_CHARS: Final = 150


class Mailbox:
    """Sends e-mails through one server. A server without TLS gets neither the password nor a message.

    Raises:
        ConfigurationError: the URL, the password or the certificates can't be read.
    """

    def __init__(self, entry: NotifySection) -> None:
        self._url = urlsplit(url_of(entry))
        self._context = tls_context(entry.ca_file)
        self._sender, self._to, self._timeout_s = entry.sender or "", entry.to, entry.timeout_s
        self._login = None if entry.username is None else (entry.username, password_in(_file(entry)))

    def send(self, notification: Notification) -> None:
        """Send one e-mail to all addresses.

        Raises:
            UndeliveredError: no server has taken it, or not for every address.
        """
        host = self._url.hostname
        try:
            with self._session() as session:
                if self._login is not None:
                    session.login(*self._login)
                refused = session.send_message(message_of(notification, self._sender, self._to))
        except smtplib.SMTPAuthenticationError as error:
            raise UndeliveredError(f"{host}: the login was refused ({error.smtp_code})") from None
        except smtplib.SMTPResponseException as error:
            raise UndeliveredError(f"{host}: SMTP status {error.smtp_code}", again=error.smtp_code < 500) from None
        except smtplib.SMTPRecipientsRefused as error:
            again = any(code < 500 for code, _ in error.recipients.values())
            raise UndeliveredError(f"{host}: every address was refused", again=again) from None
        except ssl.SSLCertVerificationError as error:
            raise UndeliveredError(f"{host}: {error.verify_message}; set ca_file") from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise UndeliveredError(f"{host}: {reason_of(error)}") from None
        if refused:
            raise UndeliveredError(f"{host}: {len(refused)} of {len(self._to)} addresses were refused", again=False)

    def _session(self) -> smtplib.SMTP:
        host, port = self._url.hostname or "", self._url.port or PORTS[self._url.scheme]
        if self._url.scheme == "smtps":
            return smtplib.SMTP_SSL(host, port, timeout=self._timeout_s, context=self._context)
        session = smtplib.SMTP(host, port, timeout=self._timeout_s)
        try:
            session.starttls(context=self._context)
        except BaseException:
            session.close()
            raise
        return session


def message_of(notification: Notification, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """The e-mail of a message. Texts of documents become one line in a header, so that they can add no header."""
    message = EmailMessage()
    message["Subject"] = " ".join(notification.title.split())[:SUBJECT_CHARS]
    message["From"], message["To"] = sender, ", ".join(to)
    message["Date"], message["Message-ID"] = formatdate(localtime=True), make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notification.text.encode("utf-8", "replace").decode() + "\n")
    return message


def _file(entry: NotifySection) -> Path:
    assert entry.password_file is not None, "the settings ask for both"
    return entry.password_file
