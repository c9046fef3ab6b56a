"""Reads the settings: TOML < environment (`DRSN_AGENT__SECTION__KEY`) < `--set section.key=value`.

Nothing else reads configuration files, credentials and environment variables. Unknown keys, unknown
`DRSN_AGENT__*` variables and missing files are errors, so that a typing mistake does not become a default.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from drsn.agent.bundles import SHIPPED, shipped
from drsn.agent.mqtt.tls import INSECURE, context
from drsn.agent.settings.credentials import password_in, world_readable
from drsn.agent.settings.entry_name import entry_name, keys_beside, place_name
from drsn.agent.settings.environment import PREFIX as ENVIRONMENT_PREFIX
from drsn.agent.settings.environment import environment_settings, variable_of
from drsn.agent.settings.sections import MqttSection, Settings
from drsn.model.errors import ConfigurationError, UsageError
from drsn.model.suggestion import did_you_mean
from drsn.model.toml_file import TomlError, read_toml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pydantic_core import ErrorDetails

    from drsn.agent.mqtt.broker_address import BrokerAddress

PASSWORD_CREDENTIAL = "mqtt-password"  # noqa: S105 (the credential's name)
KEY_CREDENTIAL = "mqtt-key"
SHIPPED_PREFIX = "shipped:"

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Configuration:
    """The settings, and the files that they name."""

    settings: Settings
    sha256: str
    """SHA-256 of the settings in use, without secrets; shown in the agent's status."""
    bundle_path: Path
    password: str | None = field(default=None, repr=False)
    key_file: Path | None = None
    """The key of the client certificate: the systemd credential, else the setting."""
    warnings: tuple[str, ...] = ()

    @property
    def broker(self) -> BrokerAddress:
        """The broker's address with the credentials."""
        return self.settings.mqtt.address(self.password, self.key_file)

    @property
    def degraded(self) -> tuple[str, ...]:
        """Reasons why the agent is degraded while it runs with these settings."""
        return (INSECURE,) if self.settings.mqtt.tls and self.settings.mqtt.insecure else ()


def load(path: Path, overrides: Sequence[str] = ()) -> Configuration:
    """Read the file, the environment and the overrides (`section.key=value`).

    Raises:
        ConfigurationError: one line with the key, its source and what is expected.
    """
    settings = read_settings(path, overrides)
    configuration = Configuration(
        settings=settings,
        sha256=hashlib.sha256(settings.model_dump_json().encode()).hexdigest(),
        bundle_path=bundle_path(settings.agent.bundle),
        password=password_of(settings.mqtt),
        key_file=None if settings.mqtt.cert_file is None else credential(KEY_CREDENTIAL) or settings.mqtt.key_file,
        warnings=(*mqtt_warnings(settings.mqtt), *_shared(settings)),
    )
    broker = configuration.broker
    if broker.tls or broker.ca_file or broker.cert_file:  # without TLS too: a wrong file is an error in any case
        try:
            context(broker)
        except ConfigurationError as error:
            raise ConfigurationError(f"mqtt.{error}") from None
    return configuration


def read_settings(path: Path, overrides: Sequence[str] = ()) -> Settings:
    """Read the settings alone; the files that they name (certificates, passwords, bundles) are not read.

    Raises:
        ConfigurationError: as `load`.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path}: no such file; give the configuration with --config")
    return _read(path, _nested(overrides))


def bundle_path(text: str) -> Path:
    """Return the path of a bundle; `shipped:NAME` is one that comes with the package.

    Raises:
        ConfigurationError: no bundle of that name ships.
    """
    if not text.startswith(SHIPPED_PREFIX):
        return Path(text)
    name = text.removeprefix(SHIPPED_PREFIX)
    if name not in SHIPPED:
        known = f"unknown; the shipped bundles are {', '.join(SHIPPED)}{did_you_mean(name, SHIPPED)}"
        raise ConfigurationError(f"bundle {text!r}: {known}")
    return shipped(name)


def _read(path: Path, overrides: dict[str, Any]) -> Settings:
    return validated(Settings, Given(path, document_of(path), overrides), _systemd_defaults())


def document_of(path: Path) -> dict[str, Any]:
    """Read a file of settings, not validated.

    Raises:
        ConfigurationError: it can't be read, or is not TOML.
    """
    try:
        return read_toml(path)
    except TomlError as error:
        raise ConfigurationError(f"{path}: {error}") from None


@dataclass(frozen=True, slots=True)
class Given:
    """Settings as they are written, and where, for the messages."""

    path: Path
    """Of the file."""
    document: dict[str, Any]
    """What the file has."""
    overrides: dict[str, Any]
    """What the command line has."""
    overrides_name: str = "--set"
    prefix: str = ENVIRONMENT_PREFIX
    """Of the environment's variables."""


def validated(model: type[_Model], given: Given, defaults: dict[str, Any]) -> _Model:
    """Validate settings: defaults < file < environment < command line.

    Raises:
        ConfigurationError: one line with each key that is wrong, its source and what is expected.
    """
    environment = environment_settings(model, given.prefix)
    try:
        return model.model_validate(_merged((defaults, given.document, environment, given.overrides)))
    except ValidationError as error:
        # An input that is wrong is also reported as missing; the first error is enough.
        found = [e for e in error.errors() if e["type"] != "too_short"] or error.errors()
        raise ConfigurationError("; ".join(_explain(e, model, given) for e in found)) from None


def _explain(error: ErrorDetails, model: type[BaseModel], given: Given) -> str:
    loc = [str(part) for part in error["loc"]]
    where = f"{_source(loc, given)}: {place_name(error['loc'], {**given.document, **given.overrides})}"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown setting{did_you_mean(loc[-1], keys_beside(error['loc'], model))}"
    if error["type"] == "missing":
        return f"{where}: missing"
    return f"{where}: {error['msg'].removeprefix('Value error, ')}"


def _source(loc: list[str], given: Given) -> str:
    """Return the source of the value at `loc`: the last of file, environment and command line that sets it."""
    section, key = [*loc, "", ""][:2]
    override = given.overrides.get(section)
    if override is not None and (not isinstance(override, dict) or not key or key in override):
        return given.overrides_name
    variable = variable_of(section, key, given.prefix)
    return str(given.path) if variable is None else f"environment variable {variable}"


def _merged(given: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Tables within tables, of which a later one has priority; any other value is taken whole."""
    merged: dict[str, Any] = {}
    for table in given:
        for key, value in table.items():
            before = merged.get(key)
            if isinstance(before, dict) and isinstance(value, dict):
                merged[key] = _merged((before, value))
            else:
                merged[key] = value
    return merged


def _systemd_defaults() -> dict[str, Any]:
    """Read `$STATE_DIRECTORY`: one path for each StateDirectory= of the unit, separated by colons."""
    state = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return {"agent": {"state_dir": state}} if state else {}


def _nested(overrides: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        section, dot, name = key.strip().partition(".")
        if not (equals and section and (name or not dot)):
            raise UsageError(f"--set {text!r}: write section.key=value")
        if dot:
            group = values.setdefault(section, {})
            if not isinstance(group, dict):
                raise UsageError(f"--set {text!r}: {section} was already set as a whole; remove one of them")
            group[name] = _value(value)
        else:
            values[section] = _value(value)
    return values


def _value(text: str) -> object:
    """Parse a TOML string, boolean, array or table; other text is left to the setting's type: `mqtt.protocol=5`."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # not TOML, or a number with thousands of digits
        return text
    return value if isinstance(value, (str, bool, list, dict)) else text


def password_of(mqtt: MqttSection) -> str | None:
    """Read the password from the systemd credential, else from the file."""
    path = credential(PASSWORD_CREDENTIAL) or mqtt.password_file
    if path is not None and mqtt.username is None:
        raise ConfigurationError(f"mqtt.username: missing, but {path} has a password; set both or none")
    return None if path is None else password_in(path)


def credential(name: str) -> Path | None:
    """Return the path of a systemd credential; None: there is none of this name."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(directory) / name if directory else None
    return path if path is not None and path.is_file() else None


def _shared(settings: Settings) -> Iterator[str]:
    for index, entry in enumerate(settings.inputs):
        if entry.topic.startswith("$share/"):
            yield (
                f"{entry_name('inputs', index, entry.topic)} is a shared subscription: the broker divides the packets "
                "of a sensor over the agents of its group; this agent must be the only one of the group"
            )


def mqtt_warnings(mqtt: MqttSection) -> Iterator[str]:
    """What is unsafe or has no effect in the section `[mqtt]`."""
    has_password = mqtt.password_file is not None or credential(PASSWORD_CREDENTIAL) is not None
    if has_password and not mqtt.tls:
        yield "mqtt.url is mqtt://: the password is sent unencrypted; use mqtts://"
    if not mqtt.tls:
        given = {"ca_file": mqtt.ca_file, "cert_file": mqtt.cert_file, "insecure": mqtt.insecure}
        yield from (f"mqtt.{name} is not used: mqtt.url is mqtt://, without TLS" for name in given if given[name])
    elif mqtt.insecure and mqtt.ca_file is not None:
        yield "mqtt.ca_file is not used, because mqtt.insecure is set"
    for name, path in {"password_file": mqtt.password_file, "key_file": mqtt.key_file}.items():
        if path is not None and world_readable(path):
            yield f"mqtt.{name}: every user of this machine can read it; run chmod o= {path}"
