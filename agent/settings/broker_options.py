"""What the options of commands that connect to a broker without a configuration file give (`settings/arguments`)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from drsn.agent.mqtt.tls import INSECURE, context
from drsn.agent.settings.credentials import password_in
from drsn.agent.settings.sections import MqttSection
from drsn.agent.settings.types import Prefix
from drsn.model.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from drsn.agent.mqtt.broker_address import BrokerAddress

log = logging.getLogger(__name__)

_PREFIX: TypeAdapter[str] = TypeAdapter(Prefix)


def broker_of(arguments: argparse.Namespace) -> BrokerAddress:
    """Return the address of the broker that the options of `add_broker` give.

    Raises:
        UsageError: the URL or the user name is wrong, or an option needs another one.
        ConfigurationError: the password or a certificate can't be read.
    """
    try:
        section = MqttSection(
            url=arguments.url,
            protocol=arguments.protocol,
            username=arguments.username,
            ca_file=arguments.ca_file,
            cert_file=arguments.cert_file,
            insecure=arguments.insecure,
        )
    except ValidationError as error:
        option = "--username" if error.errors()[0]["loc"][:1] == ("username",) else "URL"
        raise _usage_error(option, error) from None
    if arguments.password_file is not None and arguments.username is None:
        raise UsageError("--password-file needs --username")
    if arguments.key_file is not None and arguments.cert_file is None:
        raise UsageError("--key-file needs --cert-file")
    password = None if arguments.password_file is None else password_in(arguments.password_file)
    broker = section.address(password, arguments.key_file)
    context(broker)
    if broker.tls and broker.insecure:
        log.warning(INSECURE.replace("mqtt.insecure", "--insecure").replace("mqtt.ca_file", "--ca-file"))
    return broker


def prefix_of(arguments: argparse.Namespace) -> str:
    """Return the value of `--prefix`, the prefix of the agents' topics, checked as `agent.prefix` is.

    Raises:
        UsageError: it is no prefix; with + or # in it the command would subscribe to other topics.
    """
    try:
        return _PREFIX.validate_python(arguments.prefix)
    except ValidationError as error:
        raise _usage_error("--prefix", error) from None


def _usage_error(option: str, error: ValidationError) -> UsageError:
    return UsageError(f"{option}: {error.errors()[0]['msg'].removeprefix('Value error, ')}")
