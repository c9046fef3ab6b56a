"""Arguments that several commands take: the configuration, and a broker without one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_configuration(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the configuration: --config and --set."""
    parser.add_argument("--config", type=Path, required=required, metavar="FILE", help="configuration file (TOML)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="override a setting; may be repeated",
    )


def add_broker(parser: argparse.ArgumentParser, *more_names: str, config: bool = True) -> None:
    """Add the options that name a broker; `broker_options` reads them.

    Args:
        parser: of a command.
        more_names: other names of `--broker`.
        config: add `--config` too.
    """
    parser.add_argument(
        "--broker",
        *more_names,
        dest="url",
        metavar="URL",
        help="mqtt://host[:port], mqtts://, ws:// or wss://; default: that of --config, else $DRSN_BROKER",
    )
    if config:
        parser.add_argument(
            "--config", type=Path, metavar="FILE", help="configuration of an agent, with its broker and login"
        )
    _add_login(parser)


def _add_login(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--protocol", choices=("auto", "5", "3.1.1"), default="auto", help="version of MQTT")
    parser.add_argument("--username")
    parser.add_argument("--password-file", type=Path, metavar="FILE")
    parser.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="certificates of the authority that signed the broker's"
    )
    parser.add_argument("--cert-file", type=Path, metavar="FILE", help="client certificate, if the broker requires one")
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="its key; default: --cert-file has it")
    parser.add_argument("--insecure", action="store_true", help="do not check the broker's certificate")
