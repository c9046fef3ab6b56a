"""A broker's address from a command line and from a configuration file are the same."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.settings import broker_options
from drsn.agent.settings.arguments import add_broker
from drsn.agent.settings.broker_options import broker_of
from drsn.agent.settings.sections import MqttSection
from drsn.model.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def broker(*options: str) -> BrokerAddress:
    parser = argparse.ArgumentParser()
    add_broker(parser, "--broker")
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
