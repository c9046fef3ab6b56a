"""The broker of a command (`settings/arguments`): `--broker`, else that of `--config`, else $DRSN_BROKER."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from drsn.agent.mqtt.tls import INSECURE, context
from drsn.agent.settings.credentials import password_in
from drsn.agent.settings.loader import load, read_settings
from drsn.agent.settings.sections import MqttSection
from drsn.agent.settings.types import Prefix
from drsn.model.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from drsn.agent.mqtt.broker_address import BrokerAddress

log = logging.getLogger(__name__)

ENVIRONMENT = "DRSN_BROKER"
"""Variable of the environment with the URL."""

DEFAULT_PREFIX = "drsn/v1"

INSECURE_OPTION = INSECURE.replace("mqtt.insecure", "--insecure").replace("mqtt.ca_file", "--ca-file")
"""Warning of a command, not of the service, so observability/log_lines.py does not have it."""

_LOGIN = ("username", "password_file", "ca_file", "cert_file", "key_file", "insecure")

_PREFIX: TypeAdapter[str] = TypeAdapter(Prefix)


def broker_of(arguments: argparse.Namespace) -> BrokerAddress:
    """Return the address of the broker that the options of `add_broker` give, or the environment.

    Raises:
        UsageError: no broker is named, the URL or the user name is wrong, or an option needs another one.
        ConfigurationError: the configuration, the password or a certificate can't be read.
    """
    if arguments.url is None and arguments.config is not None:
        require_no_login(arguments)
        return load(arguments.config).broker
    url = arguments.url or os.environ.get(ENVIRONMENT)
    if url is None:
        raise UsageError(f"no broker given: use --broker URL, --config FILE, or the environment variable {ENVIRONMENT}")
    return _address(url, arguments)


def require_no_login(arguments: argparse.Namespace) -> None:
    """Require that no option of the login is given: the configuration has the broker.

    Raises:
        UsageError: one is given.
    """
    given = [f"--{name.replace('_', '-')}" for name in _LOGIN if getattr(arguments, name)]
    if given:
        raise UsageError(f"{given[0]}: --config already gives the login; use --broker to log in otherwise")


def prefix_of(arguments: argparse.Namespace) -> str:
    """Return the prefix of the agents' topics: `--prefix`, else that of `--config`, else `drsn/v1`.

    Raises:
        UsageError: it is no prefix; with + or # in it the command would subscribe to other topics.
        ConfigurationError: the configuration can't be read.
    """
    if arguments.prefix is None:
        return DEFAULT_PREFIX if arguments.config is None else read_settings(arguments.config).agent.prefix
    try:
        return _PREFIX.validate_python(arguments.prefix)
    except ValidationError as error:
        raise _usage_error("--prefix", error) from None


def _address(url: str, arguments: argparse.Namespace) -> BrokerAddress:
    try:
        section = MqttSection(
            url=url,
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
        log.warning(INSECURE_OPTION)
    return broker


def _usage_error(option: str, error: ValidationError) -> UsageError:
    return UsageError(f"{option}: {error.errors()[0]['msg'].removeprefix('Value error, ')}")
