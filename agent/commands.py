"""What commands that need no configuration file share: a broker from a URL."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from drsn.agent.address import Broker
from drsn.agent.secret import password_in
from drsn.agent.settings import MqttSection
from drsn.agent.tls import INSECURE, context
from drsn.model.errors import UsageError

if TYPE_CHECKING:
    import argparse

log = logging.getLogger(__name__)


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
    parser.add_argument("--cert-file", type=Path, metavar="FILE", help="our certificate, where the broker asks for one")
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="its key; default: in --cert-file")
    parser.add_argument("--insecure", action="store_true", help="do not check the broker's certificate")


def broker_of(arguments: argparse.Namespace) -> Broker:
    """The broker that `add_broker`'s options name.

    Raises:
        UsageError: the URL is none, or an option lacks its other half.
        ConfigurationError: the password can't be read, or there are no certificates where they should be.
    """
    try:
        section = MqttSection(url=arguments.url, protocol=arguments.protocol)
    except ValidationError as error:
        raise UsageError(f"URL: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    if arguments.password_file is not None and arguments.username is None:
        raise UsageError("--password-file needs --username")
    if arguments.key_file is not None and arguments.cert_file is None:
        raise UsageError("--key-file needs --cert-file")
    broker = Broker(
        host=section.host,
        port=section.port,
        tls=section.tls,
        ca_file=_text(arguments.ca_file),
        cert_file=_text(arguments.cert_file),
        key_file=_text(arguments.key_file),
        insecure=arguments.insecure,
        username=arguments.username,
        password=None if arguments.password_file is None else password_in(arguments.password_file),
        protocol=section.protocol,
    )
    context(broker)
    if broker.tls and broker.insecure:
        log.warning(INSECURE.replace("mqtt.insecure", "--insecure").replace("mqtt.ca_file", "--ca-file"))
    return broker


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
