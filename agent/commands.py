"""What commands that need no configuration file share: a broker from a URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from drsn.agent.address import Broker
from drsn.agent.settings import MqttSection
from drsn.model.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    import argparse


def add_broker(parser: argparse.ArgumentParser, flag: str) -> None:
    """Options of a command that talks to a broker without a configuration file."""
    parser.add_argument(flag, dest="url", required=True, metavar="URL", help="mqtt://host[:port] or mqtts://...")
    add_login(parser)


def add_login(parser: argparse.ArgumentParser) -> None:
    """The same without the URL."""
    parser.add_argument("--protocol", choices=("auto", "5", "3.1.1"), default="auto", help="of MQTT")
    parser.add_argument("--username")
    parser.add_argument("--password-file", type=Path, metavar="FILE")
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="of the broker's certificate")


def broker_of(arguments: argparse.Namespace) -> Broker:
    """The broker that `add_broker`'s options name.

    Raises:
        UsageError: the URL is none.
        ConfigurationError: the password file can't be read.
    """
    try:
        section = MqttSection(url=arguments.url, protocol=arguments.protocol)
    except ValidationError as error:
        raise UsageError(f"URL: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    password = None
    if arguments.password_file is not None and arguments.username is None:
        raise UsageError("--password-file needs --username")
    if arguments.password_file is not None:
        try:
            password = arguments.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"password file {arguments.password_file}: {error}") from None
    return Broker(
        host=section.host,
        port=section.port,
        tls=section.tls,
        ca_file=str(arguments.ca_file) if arguments.ca_file else None,
        username=arguments.username,
        password=password,
        protocol=section.protocol,
    )
