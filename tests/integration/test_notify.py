"""Messages to real servers: HTTP with and without TLS, SMTP with TLS from the first byte and by STARTTLS."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
import time
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import journal_agent
import pytest
from journal_agent import Journal
from servers import free_port
from web_page import soon

from drsn.agent.tools.notify.keyed_alarm import AlarmKey, KeyedAlarm
from drsn.agent.tools.notify.mail import Mailbox
from drsn.agent.tools.notify.notification import Notification
from drsn.agent.tools.notify.settings import NotifySection
from drsn.agent.tools.notify.trial import send_test
from drsn.agent.tools.notify.undelivered import UndeliveredError
from drsn.agent.tools.notify.webhook import Webhook
from drsn.model.contract import Severity
from drsn.model.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers import Mosquitto

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # of the server of the test

TOKEN = "marked-token"
PASSWORD = "marked-password"


def notification(label: str = "ball") -> Notification:
    alarm = KeyedAlarm(
        AlarmKey("press4", "ball"), "line4", active=True, acked=False, suppressed=False, severity=Severity.CRITICAL,
        occurrence="t", began_s=0.0, label=label, state="active_unacked", since="2026-01-01T00:00:00.000Z",
        event_id="e-1", confidence=0.97,
    )  # fmt: skip
    return Notification("phone", "raised", alarm)


class Receiver(ThreadingHTTPServer):
    """Keeps each request, and answers with `status`."""

    daemon_threads = True

    def __init__(self, certificates: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.location = 200, ""
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"http{'s' if certificates else ''}://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that does not accept the certificate."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.stop()


def webhook(url: str, **settings: object) -> Webhook:
    return Webhook(NotifySection(name="phone", kind="webhook", url=url, timeout_s=2, **settings))


def test_a_webhook_gets_json_and_the_token(receiver: Receiver, tmp_path: Path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    entry = webhook(f"{receiver.url}/hook?key=1", template="ntfy", values={"topic": "line4"},
                    token_file=tmp_path / "token")  # fmt: skip
    entry.send(notification('a "quoted" label\n'))
    ((path, headers, body),) = receiver.requests
    assert (path, headers["Content-Type"]) == ("/hook?key=1", "application/json")
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    document = json.loads(body)
    assert (document["topic"], document["priority"]) == ("line4", 5)
    assert document["title"] == 'critical press4: ball (a "quoted" label\n)'


@pytest.mark.parametrize(("status", "again"), [(404, False), (400, False), (429, True), (503, True)])
def test_the_status_decides_whether_it_is_tried_again(receiver: Receiver, status, again):
    receiver.status = status
    with pytest.raises(UndeliveredError, match=f"HTTP status {status}") as error:
        webhook(f"{receiver.url}/secret-path").send(notification())
    assert error.value.again is again
    assert "secret-path" not in str(error.value)


def test_a_redirect_is_not_followed(receiver: Receiver):
    other = Receiver()
    receiver.status, receiver.location = 307, f"{other.url}/elsewhere"
    with pytest.raises(UndeliveredError, match="HTTP status 307"):
        webhook(receiver.url).send(notification())
    assert other.requests == []
    other.stop()


def test_a_certificate_must_be_of_a_known_authority(certificates: Path):
    server = Receiver(certificates)
    webhook(server.url, ca_file=certificates / "ca.pem").send(notification())
    assert len(server.requests) == 1
    with pytest.raises(UndeliveredError, match="set ca_file"):
        webhook(server.url).send(notification())
    assert len(server.requests) == 1
    server.stop()


def test_a_server_that_is_away_or_silent_is_tried_again():
    with pytest.raises(UndeliveredError) as error:
        webhook(f"http://127.0.0.1:{free_port()}").send(notification())
    assert error.value.again
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        entry = NotifySection(
            name="a", kind="webhook", url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2
        )
        with pytest.raises(UndeliveredError, match="timed out"):
            Webhook(entry).send(notification())


class Mails:
    """A real SMTP server; it keeps the messages."""

    def __init__(self, certificates: Path, *, starttls: bool) -> None:
        controller = pytest.importorskip("aiosmtpd.controller")
        from aiosmtpd.smtp import AuthResult, LoginPassword

        self.messages: list[tuple[list[str], bytes]] = []
        self.refused: set[str] = set()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.pem", certificates / "server.key")

        def login(_server, _session, _envelope, _mechanism, data) -> AuthResult:
            return AuthResult(success=data == LoginPassword(b"drsn", PASSWORD.encode()), handled=False)

        options = {"authenticator": login, "auth_required": True, "hostname": "127.0.0.1", "port": free_port()}
        tls = {"tls_context": context, "require_starttls": True} if starttls else {"ssl_context": context}
        if not starttls:
            options["auth_require_tls"] = False  # the library does not count TLS from the first byte
        self._controller = controller.Controller(self, **options, **tls)
        self._controller.start()
        self.url = f"smtp{'' if starttls else 's'}://127.0.0.1:{options['port']}"

    async def handle_RCPT(self, _server, _session, envelope, address, _options) -> str:  # noqa: N802 (the name is of aiosmtpd)
        if address in self.refused:
            return "550 no such address"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802 (the name is of aiosmtpd)
        self.messages.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"

    def stop(self) -> None:
        self._controller.stop()


@pytest.fixture(params=[True, False], ids=["STARTTLS", "TLS"])
def mails(certificates: Path, request: pytest.FixtureRequest) -> Iterator[Mails]:
    server = Mails(certificates, starttls=request.param)
    yield server
    server.stop()


def section(mails_url: str, folder: Path, password: str = PASSWORD, **settings: object) -> NotifySection:
    (folder / "smtp-password").write_text(f"{password}\n")
    usual = {"name": "mail", "kind": "email", "url": mails_url, "sender": "drsn@example.org",
             "to": ["ana@example.org", "bo@example.org"], "username": "drsn", "timeout_s": 5,
             "password_file": folder / "smtp-password", "ca_file": folder / "ca.pem"}  # fmt: skip
    return NotifySection(**{**usual, **settings})


def test_an_email_goes_out_over_tls_with_a_login(mails: Mails, certificates: Path):
    Mailbox(section(mails.url, certificates)).send(notification("K\u00e4fig\r\nBcc: all@example.org"))
    ((receivers, content),) = mails.messages
    message = message_from_bytes(content, policy=default)
    assert receivers == ["ana@example.org", "bo@example.org"]
    assert message["Subject"] == "critical press4: ball (K\u00e4fig Bcc: all@example.org)"
    assert (message["Bcc"], message["To"]) == (None, "ana@example.org, bo@example.org")
    assert "event: e-1" in message.get_content()


def test_a_wrong_password_or_certificate_sends_nothing(mails: Mails, certificates: Path):
    with pytest.raises(UndeliveredError, match="login was refused") as error:
        Mailbox(section(mails.url, certificates, "marked-wrong")).send(notification())
    assert "marked" not in str(error.value)
    with pytest.raises(UndeliveredError, match="set ca_file"):
        Mailbox(section(mails.url, certificates, ca_file=None)).send(notification())
    assert mails.messages == []


def test_one_wrong_address_stops_no_other(mails: Mails, certificates: Path):
    mails.refused.add("bo@example.org")
    with pytest.raises(UndeliveredError, match="1 of 2 addresses were refused") as error:
        Mailbox(section(mails.url, certificates)).send(notification())
    assert not error.value.again, "else ana would get it again"
    assert mails.messages[0][0] == ["ana@example.org"]


def test_a_server_without_tls_gets_nothing(certificates: Path):
    controller = pytest.importorskip("aiosmtpd.controller")
    plain = controller.Controller(None, hostname="127.0.0.1", port=free_port())
    plain.start()
    with pytest.raises(UndeliveredError):
        Mailbox(section(f"smtp://127.0.0.1:{plain.port}", certificates)).send(notification())
    plain.stop()


def test_the_test_message(receiver: Receiver):
    entries = [NotifySection(name="phone", kind="webhook", url=receiver.url)]
    assert send_test(entries, "phone") == "notify phone: the receiver has accepted the test message"
    assert json.loads(receiver.requests[0][2])["title"] == "test: major test.sensor: inner_race"
    with pytest.raises(UsageError, match="there are: phone"):
        send_test(entries, "nobody")
    receiver.status = 500
    with pytest.raises(UnavailableError, match="HTTP status 500"):
        send_test(entries, "phone")


def page(config: Path, port: int, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "drsn.agent.tools.web", "--config", str(config)]
    broker = ["--broker", f"mqtt://127.0.0.1:{port}", "--listen", "127.0.0.1:0", "--state-dir", str(config.parent)]
    return subprocess.Popen([*command, *broker, *more], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> int:
    process.terminate()
    process.communicate(timeout=10)
    return process.returncode


def started(config: Path, port: int) -> subprocess.Popen[str]:
    process = page(config, port)
    assert "http://" in process.stderr.readline()
    return process


@pytest.fixture
def agent(mosquitto: Mosquitto) -> Iterator[Journal]:
    found = Journal(mosquitto.port)
    found.connection.start()
    soon(lambda: found.connection.connected)
    found.state()
    yield found
    found.connection.stop()


@pytest.mark.slow
def test_the_page_sends_what_its_settings_name_once_across_restarts(
    mosquitto: Mosquitto, agent: Journal, receiver: Receiver, tmp_path: Path
):
    pytest.importorskip("uvicorn")
    config = tmp_path / "page.toml"
    config.write_text(f'[[notify]]\nname = "phone"\nkind = "webhook"\nurl = "{receiver.url}"\n')
    titles = lambda: [json.loads(body)["title"] for _, _, body in receiver.requests]  # noqa: E731 (short)
    for _ in range(2):
        process = started(config, mosquitto.port)
        soon(lambda: titles() == ["major press4: ball (ball_007)"])
        time.sleep(1.5)
        assert ended(process) == 0
        assert len(receiver.requests) == 1
    end = {**journal_agent.event(8), "state": "normal", "active": False}
    process = started(config, mosquitto.port)
    time.sleep(2)
    agent.connection.publish("drsn/v1/press4/event", json.dumps(end).encode(), qos=1)
    soon(lambda: titles()[1:] == ["cleared: major press4: ball (ball_007)"])
    assert ended(process) == 0
    tested = page(config, mosquitto.port, "--test-notify", "phone")
    out, error = tested.communicate(timeout=20)
    assert (tested.returncode, len(receiver.requests)) == (0, 3), error
    assert "has accepted the test message" in out
    config.write_text('[[notify]]\nname = "phone"\nkind = "webhook"\nurl = "https://u:marked-password@h/"\n')
    wrong = page(config, mosquitto.port)
    out, error = wrong.communicate(timeout=20)
    assert (wrong.returncode, "contains credentials" in error, "marked" in out + error) == (78, True, False)
