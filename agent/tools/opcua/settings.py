"""The settings of `drsn-opcua`: a TOML file with `[mqtt]` (as an agent's) and `[opcua]`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError, model_validator

from drsn.agent.settings.credentials import password_in
from drsn.agent.settings.input_section import Section
from drsn.agent.settings.sections import MqttSection
from drsn.agent.settings.types import Prefix, UserName
from drsn.model.contract import Frozen
from drsn.model.errors import ConfigurationError
from drsn.model.suggestion import did_you_mean
from drsn.model.toml_file import TomlError, read_toml

if TYPE_CHECKING:
    from drsn.agent.mqtt.broker_address import BrokerAddress

MQTT_CREDENTIAL: Final = "mqtt-password"
LOGIN_CREDENTIAL: Final = "opcua-password"
"""Names of systemd credentials."""


def _endpoint(url: str) -> str:
    try:
        parts = urlsplit(url)
        right = parts.scheme == "opc.tcp" and parts.hostname and parts.port and not (parts.query or parts.username)
    except ValueError:
        right = False
    if not right:
        raise ValueError(f"{url[:80]!r} is not opc.tcp://host:port")
    return url


class OpcuaSection(Section):
    """The OPC UA server."""

    prefix: Prefix = Field(default="drsn/v1", description="First levels of the agents' topics.")
    url: Annotated[str, AfterValidator(_endpoint)] = Field(
        default="opc.tcp://127.0.0.1:4840/drsn",
        description="Address to listen on. Another one than loopback needs cert_file, key_file and username.",
    )
    cert_file: Path | None = Field(
        default=None, description="Certificate of the server (PEM or DER). With it every connection is encrypted."
    )
    key_file: Path | None = Field(default=None, description="Its private key.")
    trusted_dir: Path | None = Field(
        default=None, description="Folder with the certificates of the clients. none: each certificate, with a login."
    )
    username: UserName | None = Field(default=None, description="Login of the clients. none: anonymous.")
    password_file: Path | None = Field(
        default=None, description="File with its password. Alternative: the systemd credential opcua-password."
    )
    read_only: bool = Field(default=False, description="true: clients cannot acknowledge, comment and shelve.")
    max_sessions: int = Field(default=20, ge=1, le=500, description="Connections of clients at the same time.")
    max_sensors: int = Field(default=1000, ge=1, le=20_000, description="Further sensors get no nodes.")
    max_conditions: int = Field(default=2000, ge=1, le=40_000, description="A new one replaces one that is normal.")

    @model_validator(mode="after")
    def _safe(self) -> OpcuaSection:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together; set both or none")
        if self.username is not None and self.cert_file is None:
            raise ValueError("username: a password must not be sent unencrypted; set cert_file and key_file")
        if not self.loopback and self.username is None:
            raise ValueError(
                f"url: {urlsplit(self.url).hostname} can be reached from other machines; "
                "set cert_file, key_file, username and password_file, or listen on 127.0.0.1"
            )
        return self

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


class OpcuaSettings(Frozen):
    """All settings of the bridge."""

    mqtt: MqttSection = MqttSection()
    opcua: OpcuaSection = OpcuaSection()


@dataclass(frozen=True)
class BridgeConfiguration:
    """The settings, and the passwords that they name."""

    opcua: OpcuaSection
    broker: BrokerAddress
    login: tuple[str, str] | None = field(default=None, repr=False)
    """Name and password of the clients."""


def read(path: Path | None, url: str | None) -> BridgeConfiguration:
    """Read the file and the passwords.

    Args:
        path: of the file; None: all settings have their defaults.
        url: of the broker, in place of the file's; None: the file's.

    Raises:
        ConfigurationError: one line with the key and the remedy.
    """
    try:
        document = {} if path is None else read_toml(path)
        if url is not None:
            document = {**document, "mqtt": {**document.get("mqtt", {}), "url": url}}
        settings = OpcuaSettings.model_validate(document)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}; give the configuration with --config") from None
    except TomlError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    except ValidationError as error:
        raise ConfigurationError(f"{path or 'settings'}: {_first(error)}") from None
    opcua, mqtt = settings.opcua, settings.mqtt
    password = _password("mqtt", MQTT_CREDENTIAL, mqtt.username, mqtt.password_file)
    login = _password("opcua", LOGIN_CREDENTIAL, opcua.username, opcua.password_file)
    if opcua.username is not None and not login:
        raise ConfigurationError("opcua.password_file: missing; username needs a password that is not empty")
    return BridgeConfiguration(
        opcua=opcua,
        broker=mqtt.address(password, mqtt.key_file),
        login=None if opcua.username is None else (opcua.username, login or ""),
    )


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = (OpcuaSection if first["loc"][0] == "opcua" else MqttSection).model_fields
        names = known if len(first["loc"]) > 1 else OpcuaSettings.model_fields
        return f"{place}: unknown setting{did_you_mean(str(first['loc'][-1]), names)}"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"


def _password(section: str, credential: str, username: str | None, file: Path | None) -> str | None:
    """The password from the systemd credential, else from the file."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    given = Path(directory) / credential if directory else None
    path = given if given is not None and given.is_file() else file
    if path is not None and username is None:
        raise ConfigurationError(f"{section}.username: missing, but {path} has a password; set both or none")
    return None if path is None else password_in(path)
