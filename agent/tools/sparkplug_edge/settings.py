"""The settings of `drsn-sparkplug`: a TOML file, and the options of the command, which have priority."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from drsn.agent.mqtt.tls import context
from drsn.agent.settings.broker_options import DEFAULT_PREFIX, ENVIRONMENT
from drsn.agent.settings.credentials import password_in
from drsn.agent.settings.entry_name import keys_beside, place_name
from drsn.agent.settings.input_section import Section
from drsn.agent.settings.sections import MqttSection
from drsn.agent.settings.types import Prefix
from drsn.agent.tools.sparkplug_edge.topics import checked_id
from drsn.model.contract import Frozen
from drsn.model.errors import ConfigurationError, UsageError
from drsn.model.suggestion import did_you_mean
from drsn.model.toml_file import TomlError, read_toml

if TYPE_CHECKING:
    import argparse

    from drsn.agent.mqtt.broker_address import BrokerAddress

Id = Annotated[str, AfterValidator(checked_id)]

CREDENTIALS = {"mqtt": "mqtt-password", "sparkplug_mqtt": "sparkplug-password"}
"""Section -> systemd credential with its password."""


class SparkplugSection(Section):
    """The edge node."""

    group: Id = Field(description="Group id.")
    node: Id = Field(description="Edge node id. Unique in its group.")
    primary_host: Id | None = Field(
        default=None, description="Host id. The edge node waits for its STATE. none: it waits for no host."
    )
    prefix: Prefix = Field(default=DEFAULT_PREFIX, description="First levels of the agents' topics.")
    state_dir: Path = Field(description="Folder of the file with bdSeq. Default: $STATE_DIRECTORY of systemd.")
    measured_every_s: float = Field(
        default=10.0, ge=0, le=3600, description="Shortest time between two messages of one machine with RMS alone."
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class BridgeSettings(Frozen):
    """All settings."""

    sparkplug: SparkplugSection
    mqtt: MqttSection = Field(description="The broker of the agents.")
    sparkplug_mqtt: MqttSection | None = Field(
        default=None, description="The broker of the host. none: that of the agents."
    )


def load_bridge(arguments: argparse.Namespace) -> BridgeSettings:
    """Read the settings.

    Raises:
        ConfigurationError: the file is wrong.
        UsageError: an option is wrong or missing.
    """
    document: dict[str, Any] = {}
    if arguments.config is not None:
        try:
            document = read_toml(arguments.config)
        except TomlError as error:
            raise ConfigurationError(f"{arguments.config}: {error}") from None
    merged = _merged(document, _options(arguments))
    try:
        settings = BridgeSettings.model_validate(merged)
    except ValidationError as error:
        errors = error.errors(include_url=False)  # a wrong name is also a missing one
        first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
        where, loc = place_name(first["loc"], merged), [str(part) for part in first["loc"]]
        text = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            text = f"unknown setting{did_you_mean(loc[-1], keys_beside(first['loc'], BridgeSettings))}"
        if first["type"] == "missing":
            text = f"missing; give {_option_of(loc)}"
        kind = UsageError if arguments.config is None else ConfigurationError
        source = "" if arguments.config is None else f"{arguments.config}: "
        raise kind(f"{source}{where}: {text}") from None
    return settings


def address_of(section: MqttSection, name: str) -> BrokerAddress:
    """The address of a broker with its password; its certificates are read.

    Args:
        section: of the broker.
        name: of the section.

    Raises:
        ConfigurationError: a file cannot be read, or a password has no user name.
    """
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(directory) / CREDENTIALS[name] if directory else None
    path = credential if credential is not None and credential.is_file() else section.password_file
    if path is not None and section.username is None:
        raise ConfigurationError(f"{name}.username: missing, but {path} has a password; set both or none")
    address = section.address(None if path is None else password_in(path), section.key_file)
    try:
        context(address)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name}.{error}") from None
    return address


def _options(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The sections that the options of the command give."""
    login = {
        "url": arguments.url or (os.environ.get(ENVIRONMENT) if arguments.config is None else None),
        "protocol": None if arguments.protocol == "auto" else arguments.protocol,
        "insecure": arguments.insecure or None,
        **{
            name: getattr(arguments, name) for name in ("username", "password_file", "ca_file", "cert_file", "key_file")
        },
    }
    names = ("group", "node", "primary_host", "prefix", "state_dir", "measured_every_s", "log_level")
    edge = {name: getattr(arguments, name) for name in names}
    sections = {"mqtt": login, "sparkplug": edge, "sparkplug_mqtt": {"url": arguments.sparkplug_url}}
    given = {name: {k: v for k, v in section.items() if v is not None} for name, section in sections.items()}
    return {name: section for name, section in given.items() if section}


def _merged(document: dict[str, Any], options: dict[str, dict[str, Any]]) -> dict[str, Any]:
    merged = dict(document)
    for name, section in options.items():
        before = merged.get(name, {})
        merged[name] = {**before, **section} if isinstance(before, dict) else before
    edge = merged.get("sparkplug", {})
    state = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if state and isinstance(edge, dict):
        merged["sparkplug"] = {"state_dir": state, **edge}
    return merged


def _option_of(loc: list[str]) -> str:
    """The option that gives a missing setting."""
    if loc[0] == "mqtt":
        return "--broker URL"
    name = loc[-1] if len(loc) > 1 else "group"
    return f"--{name.replace('_', '-')} {name.upper().replace('STATE_DIR', 'DIR')}"
