from __future__ import annotations

import re
from pathlib import Path

import pytest

from drsn.agent.tools.sparkplug_edge.cli import bridge_parser, main
from drsn.agent.tools.sparkplug_edge.machine_metrics import DATATYPES
from drsn.agent.tools.sparkplug_edge.settings import BridgeSettings, SparkplugSection, address_of, load_bridge
from drsn.model.errors import ConfigurationError, UsageError

PAGE = Path(__file__).parents[5] / "docs" / "use" / "sparkplug.md"
FILE = """
[mqtt]
url = "mqtt://agents:1883"
[sparkplug]
group = "plant"
node = "gw"
state_dir = "/tmp"
[sparkplug_mqtt]
url = "mqtts://scada:8883"
username = "edge"
"""
OPTIONS = ("--broker", "mqtt://b", "--group", "plant", "--node", "gw", "--state-dir", "/tmp")


def loaded(*options: str) -> BridgeSettings:
    return load_bridge(bridge_parser().parse_args(options))


@pytest.fixture
def path(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.delenv("DRSN_BROKER", raising=False)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    made = tmp_path / "sparkplug.toml"
    made.write_text(FILE, encoding="utf-8")
    return made


def test_options_have_priority_over_the_file(path: Path):
    settings = loaded("--config", str(path), "--node", "other", "--broker", "mqtt://b", "--primary-host", "scada")
    assert (settings.sparkplug.group, settings.sparkplug.node, settings.mqtt.host) == ("plant", "other", "b")
    assert settings.sparkplug.primary_host == "scada"
    assert settings.sparkplug_mqtt is not None
    assert (settings.sparkplug_mqtt.host, settings.sparkplug_mqtt.username) == ("scada", "edge")


def test_options_alone_are_enough(path: Path, monkeypatch):
    settings = loaded(*OPTIONS)
    assert (settings.sparkplug_mqtt, settings.sparkplug.measured_every_s) == (None, 10.0)
    monkeypatch.setenv("DRSN_BROKER", "mqtt://from-the-environment")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/x:/y")
    settings = loaded(*OPTIONS[2:6])
    assert settings.mqtt.host == "from-the-environment"
    assert str(settings.sparkplug.state_dir) == "/var/lib/x"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (OPTIONS[2:], "mqtt: missing; give --broker URL"),
        ((*OPTIONS[:2], *OPTIONS[4:]), "sparkplug.group: missing; give --group GROUP"),
        (OPTIONS[:6], "sparkplug.state_dir: missing; give --state-dir DIR"),
        (OPTIONS[:2], "sparkplug: missing; give --group GROUP"),
        ((*OPTIONS, "--group", "a/b"), "sparkplug.group: 'a/b' contains '/', which Sparkplug reserves"),
        ((*OPTIONS, "--broker", "http://x"), "mqtt.url: 'http://x' is not mqtt://"),
        ((*OPTIONS, "--key-file", "k"), "key_file needs cert_file"),
        ((*OPTIONS, "--measured-every", "-1"), "sparkplug.measured_every_s"),
    ],
)
def test_a_wrong_option_is_a_usage_error(path: Path, options: tuple[str, ...], text: str):
    with pytest.raises(UsageError) as refused:
        loaded(*options)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("node", "noed"), "unknown setting; did you mean node?"),
        (('"gw"', "5"), "sparkplug.node"),
        (("[mqtt]", "[["), "not TOML"),
        (('[sparkplug]\ngroup = "plant"\nnode = "gw"\nstate_dir = "/tmp"', "sparkplug = 5"), "sparkplug"),
    ],
)
def test_a_wrong_file_is_a_wrong_configuration(path: Path, change: tuple[str, str], text: str):
    path.write_text(FILE.replace(*change), encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        loaded("--config", str(path))
    assert text in str(refused.value).replace("mean 'node'", "mean node")


def test_a_password_needs_a_user_name_and_comes_from_its_own_credential(path: Path, tmp_path: Path, monkeypatch):
    settings = loaded("--config", str(path))
    assert settings.sparkplug_mqtt is not None
    (tmp_path / "sparkplug-password").write_text("secret\n", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert address_of(settings.sparkplug_mqtt, "sparkplug_mqtt").password == "secret"
    assert address_of(settings.mqtt, "mqtt").password is None
    (tmp_path / "mqtt-password").write_text("secret\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"mqtt\.username: missing"):
        address_of(settings.mqtt, "mqtt")


def test_the_command_ends_with_the_code_of_its_error(path: Path, capsys):
    assert main(["--node", "x"]) == 64
    assert main(["--config", str(path), "--ca-file", "/none/ca.pem"]) == 78
    assert main(["--config", "/none"]) == 78
    assert main([*OPTIONS, "--state-dir", "/proc/none/here"]) == 74
    assert all(line.startswith("drsn-sparkplug: ") for line in capsys.readouterr().err.splitlines())


def test_the_example_of_the_page_loads_and_has_most_settings(path: Path):
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    path.write_text(example, encoding="utf-8")
    settings = loaded("--config", str(path))
    assert settings.sparkplug.primary_host == "ignition"
    assert settings.sparkplug.measured_every_s == SparkplugSection.model_fields["measured_every_s"].default


def test_the_page_has_every_metric():
    text = PAGE.read_text("utf-8")
    assert [name for name in DATATYPES if f"`{name}`" not in text] == []
