"""A broker's address from a command line and from a configuration file are the same."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.settings import broker_options
from drsn.agent.settings.arguments import add_broker
from drsn.agent.settings.broker_options import broker_of, prefix_of
from drsn.agent.settings.sections import MqttSection
from drsn.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def broker(*options: str) -> BrokerAddress:
    parser = argparse.ArgumentParser()
    add_broker(parser)
    return broker_of(parser.parse_args(["--broker", *options]))


def test_a_url_alone_is_enough():
    assert broker("mqtt://b") == BrokerAddress("b", 1883)


def test_every_option_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(broker_options, "context", lambda _broker: None)  # the certificates do not exist
    (tmp_path / "password").write_text("secret\n")
    given = broker(
        "mqtts://b:9", "--protocol", "5", "--username", "u", "--password-file", str(tmp_path / "password"),
        "--ca-file", "ca", "--cert-file", "cert", "--key-file", "key", "--insecure",
    )  # fmt: skip
    assert given == BrokerAddress("b", 9, True, "ca", "cert", "key", True, "u", "secret", 30, "5")
    section = MqttSection(
        url="mqtts://b:9", protocol="5", username="u", ca_file="ca", cert_file="cert", insecure=True, keepalive_s=60
    )
    assert section.address("secret", tmp_path) == replace(given, key_file=str(tmp_path), keepalive_s=60)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["http://b"], "^URL: 'http://b' is not mqtt://"),
        (["mqtt://b", "--username", "a\ud800"], "^--username: "),
        (["mqtt://b", "--password-file", "p"], "^--password-file needs --username$"),
        (["mqtt://b", "--key-file", "k"], "^--key-file needs --cert-file$"),
    ],
)
def test_an_option_that_is_wrong_or_alone_is_named(options: list[str], message: str):
    with pytest.raises(UsageError, match=message):
        broker(*options)


CONFIGURATION = """
[agent]
state_dir = "state"
prefix = "plant/7"
[mqtt]
url = "mqtt://configured"
username = "agent"
[[inputs]]
topic = "plant/{point}"
sensor = "{point}"
"""


@pytest.fixture
def of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, str]]:
    """Host and prefix of a command with these options; `config` is the file of an agent."""
    (tmp_path / "agent.toml").write_text(CONFIGURATION)
    monkeypatch.delenv("DRSN_BROKER", raising=False)

    def found(*options: str) -> tuple[str, str]:
        parser = argparse.ArgumentParser()
        add_broker(parser, "--to")
        parser.add_argument("--prefix")
        words = (str(tmp_path / "agent.toml") if word == "config" else word for word in options)
        arguments = parser.parse_args([*words])
        return broker_of(arguments).host, prefix_of(arguments)

    return found


def test_the_option_comes_before_the_configuration_and_that_before_the_environment(
    of: Callable, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(UsageError, match=r"--broker URL, --config FILE, or the environment variable DRSN_BROKER"):
        of()
    monkeypatch.setenv("DRSN_BROKER", "mqtt://environment")
    assert of() == ("environment", "drsn/v1")
    assert of("--config", "config") == ("configured", "plant/7")
    assert of("--config", "config", "--prefix", "p") == ("configured", "p")
    assert of("--config", "config", "--broker", "mqtt://b", "--username", "me") == ("b", "plant/7")
    assert of("--to", "mqtt://b") == ("b", "drsn/v1")


def test_the_login_of_a_configuration_is_the_agent_s(of: Callable, tmp_path: Path):
    parser = argparse.ArgumentParser()
    add_broker(parser)
    assert broker_of(parser.parse_args(["--config", str(tmp_path / "agent.toml")])).username == "agent"
    with pytest.raises(UsageError, match="--ca-file: --config already gives the login"):
        of("--config", "config", "--ca-file", "x")
