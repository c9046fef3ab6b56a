"""The settings of `drsn-web`: TOML < environment (`DRSN_WEB__SECTION__KEY`) < command line."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import Field, field_validator

from drsn.agent.settings.credentials import password_in, world_readable
from drsn.agent.settings.input_section import Section
from drsn.agent.settings.loader import Given, credential, document_of, mqtt_warnings, password_of, validated
from drsn.agent.settings.sections import MqttSection
from drsn.agent.settings.types import Prefix
from drsn.agent.tools.notify.settings import NotifySection, check_entries
from drsn.model.contract import Frozen
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from drsn.agent.mqtt.broker_address import BrokerAddress

ENVIRONMENT: Final = "DRSN_WEB__"
TOKEN_CREDENTIAL: Final = "web-token"  # noqa: S105 (the credential's name)
KEY_CREDENTIAL: Final = "mqtt-key"

MIN_TOKEN_CHARS: Final = 16
"""A token of random hex digits of this length has 64 bits."""


class ListenAddress(NamedTuple):
    """Where the page listens."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class WebSection(Section):
    """The page's server."""

    listen: str = Field(
        default="127.0.0.1:8088",
        description="Address and TCP port, such as 0.0.0.0:8088 or [::1]:8088. Port 0: any free port.",
    )
    prefix: Prefix = Field(default="drsn/v1", description="First levels of the topics of the agents.")
    state_dir: Path | None = Field(
        default=None,
        description="Folder of the history. none: $STATE_DIRECTORY of systemd, else ~/.local/state/drsn-web.",
    )
    history_days: float = Field(default=30.0, ge=1, le=3660, description="Older minutes and events are deleted.")
    commands: bool = Field(default=True, description="false: the page shows, and sends no command to an agent.")
    token_file: Path | None = Field(
        default=None,
        description="File with a secret of at least 16 characters, which each command needs. Alternative: the systemd "
        "credential web-token.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Names by which browsers reach the page, such as plant.example or plant.example:8443."
    )
    behind_proxy: bool = Field(
        default=False,
        description="true: X-Forwarded-For and X-Forwarded-Host are trusted. Only behind a proxy that sets both.",
    )

    @field_validator("listen")
    @classmethod
    def _address(cls, text: str) -> str:
        listen_address(text)
        return text


class WebSettings(Frozen):
    """All settings of the page."""

    web: WebSection = WebSection()
    mqtt: MqttSection = MqttSection()
    notify: tuple[NotifySection, ...] = Field(
        default=(), description="Receivers of messages about alarms (docs/use/notify.md). Each has a name."
    )

    @field_validator("notify")
    @classmethod
    def _fit(cls, entries: tuple[NotifySection, ...]) -> tuple[NotifySection, ...]:
        check_entries(entries)
        return entries


@dataclass(frozen=True)
class WebConfiguration:
    """The settings, and the secrets that they name."""

    web: WebSection
    broker: BrokerAddress | None = field(repr=False)
    """Of the section `[mqtt]`; None: there is none."""
    token: str | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()
    notify: tuple[NotifySection, ...] = field(default=(), repr=False)
    """Receivers of messages; a URL may be a secret."""

    @property
    def listen(self) -> ListenAddress:
        """Where the page listens."""
        return listen_address(self.web.listen)

    @property
    def state_dir(self) -> Path:
        """Folder of the history."""
        if self.web.state_dir is not None:
            return self.web.state_dir
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return Path(base) / "drsn-web"


def listen_address(text: str) -> ListenAddress:
    """Read `host:port`.

    Raises:
        ValueError: it is none.
    """
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or not (port.isascii() and port.isdecimal()) or int(port) > 65_535:
        raise ValueError(f"{text[:80]!r} is not host:port, such as 127.0.0.1:8088")
    if (":" in bare) != host.startswith("["):
        raise ValueError(f"{text[:80]!r}: write an IPv6 address in brackets, such as [::1]:8088")
    return ListenAddress(bare, int(port))


def load_web(path: Path | None, overrides: dict[str, Any]) -> WebConfiguration:
    """Read the file, the environment and the command line's settings of the section `[web]`.

    Raises:
        ConfigurationError: one line with the key, its source and what is expected; or the page would accept commands
            from other machines without a token.
    """
    document = {} if path is None else document_of(path)
    given = Given(path or Path("defaults"), document, {"web": overrides}, "command line", ENVIRONMENT)
    settings = validated(WebSettings, given, _systemd_defaults())
    web, mqtt = settings.web, settings.mqtt
    named = "mqtt" in document or any(name.upper().startswith(f"{ENVIRONMENT}MQTT") for name in os.environ)
    key_file = None if mqtt.cert_file is None else credential(KEY_CREDENTIAL) or mqtt.key_file
    configuration = WebConfiguration(
        web,
        mqtt.address(password_of(mqtt), key_file) if named else None,
        _token(web),
        (*mqtt_warnings(mqtt), *_warnings(web)) if named else tuple(_warnings(web)),
        settings.notify,
    )
    if configuration.token is None and web.commands and not configuration.listen.loopback:
        raise ConfigurationError(
            f"web.listen: {web.listen} is open to other machines, and there is no token; set web.token_file or the "
            "credential web-token, or web.commands = false, or listen on 127.0.0.1 behind a proxy"
        )
    return configuration


def _systemd_defaults() -> dict[str, Any]:
    state = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return {"web": {"state_dir": state}} if state else {}


def _token(web: WebSection) -> str | None:
    path = credential(TOKEN_CREDENTIAL) or web.token_file
    if path is None:
        return None
    try:
        token = password_in(path)
    except ConfigurationError as error:
        raise ConfigurationError(f"web.token_file: {str(error).replace('password file', 'file')}") from None
    if len(token) < MIN_TOKEN_CHARS or not token.isascii() or not token.isprintable():
        raise ConfigurationError(
            f"web.token_file: {path}: needs {MIN_TOKEN_CHARS} printable ASCII characters or more; make one with "
            "`openssl rand -hex 16`"
        )
    return token


def _warnings(web: WebSection) -> tuple[str, ...]:
    if web.token_file is None or not world_readable(web.token_file):
        return ()
    return (f"web.token_file: every user of this machine can read it; run chmod o= {web.token_file}",)
