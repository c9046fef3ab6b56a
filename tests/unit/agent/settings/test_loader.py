from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drsn.agent.bundles import SHIPPED, shipped
from drsn.agent.decision.voting import Quorum
from drsn.agent.service.bootstrap import opened_model
from drsn.agent.settings.loader import Configuration, load
from drsn.model.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = sorted((Path(__file__).parents[4] / "configs").glob("*.toml"))
PASSWORD = "hunter2"
TEXT = """
[agent]
id = "line4"
bundle = "shipped:synthetic"
state_dir = "state"
max_sensors = 10
[mqtt]
{mqtt}
[[inputs]]
topic = "plant/{{machine}}/frame"
sensor = "{{machine}}"
"""
LOGIN = 'username = "agent"\npassword_file = "{}"'


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch):
    for name in os.environ:
        if name.upper().startswith("DRSN_AGENT") or name in ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"):
            monkeypatch.delenv(name)


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[..., Configuration]:
    """`loaded("agent.max_sensors=5", mqtt='url = "mqtt://b"')`."""

    def of(*overrides: str, mqtt: str = "", text: str = TEXT) -> Configuration:
        path = tmp_path / "agent.toml"
        path.write_text(text.format(mqtt=mqtt) if text is TEXT else text)
        return load(path, overrides)

    return of


@pytest.fixture
def complaint(loaded: Callable[..., Configuration]) -> Callable[..., str]:
    """The one line that `loaded` is refused with."""

    def of(*overrides: str, **how: str) -> str:
        with pytest.raises(ConfigurationError) as caught:
            loaded(*overrides, **how)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return of


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_passes_every_check(path: Path):
    configuration = load(path)
    with opened_model(configuration) as (bundle, chosen):
        assert bundle.manifest.name
        assert chosen.backend.name
    assert configuration.warnings == ()


def test_the_file_is_below_the_environment_and_that_below_set(loaded, monkeypatch: pytest.MonkeyPatch):
    assert loaded().settings.agent.max_sensors == 10
    monkeypatch.setenv("DRSN_AGENT__AGENT__MAX_SENSORS", "20")
    assert loaded().settings.agent.max_sensors == 20
    configuration = loaded("agent.max_sensors=30")
    assert configuration.settings.agent.max_sensors == 30
    assert configuration.settings.agent.id == "line4"  # the rest of the section stands


def test_every_kind_of_value_can_come_from_the_environment(loaded, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DRSN_AGENT__ALARMS__RAISE_AFTER", "3/4")
    monkeypatch.setenv("DRSN_AGENT__MQTT__PROTOCOL", "5")
    monkeypatch.setenv("DRSN_AGENT__AGENT__RESULTS_PER_S", "0.5")
    monkeypatch.setenv("DRSN_AGENT__INPUTS", '[{"topic": "{s}", "sensor": "{s}", "channels": ["x"]}]')
    settings = loaded().settings
    assert settings.alarms.raise_after == Quorum(3, 4)
    assert (settings.mqtt.protocol, settings.agent.results_per_s) == ("5", 0.5)
    assert [entry.channels for entry in settings.inputs] == [{"x": None}]


def test_set_takes_plain_text_and_toml(loaded):
    settings = loaded(
        "mqtt.protocol=5",
        "agent.id=7",
        "mqtt.url=mqtt://b:1",
        "alarms.raise_after='1/2'",
        "alarms.require_ack=false",
        'inputs=[{topic = "{s}", sensor = "{s}", continuous = true}]',
    ).settings
    assert (settings.mqtt.protocol, settings.agent.id, settings.mqtt.port) == ("5", "7", 1)
    assert settings.alarms.raise_after == Quorum(1, 2)
    assert settings.inputs[0].continuous is True


@pytest.mark.parametrize("text", ["agent", "agent.id", "=5", ".id=5", "agent.=5", ""])
def test_set_of_another_form_is_a_usage_error(text: str, loaded):
    with pytest.raises(UsageError, match=r"write section\.key=value"):
        loaded(text)


def test_set_of_a_section_that_is_no_section_is_a_usage_error(loaded):
    with pytest.raises(UsageError, match=r"agent\.id=x"):
        loaded("agent=5", "agent.id=x")


@pytest.mark.parametrize(
    ("override", "key"),
    [("agent.ids=x", "agent.ids"), ("agnet.id=x", "agnet"), ("alarms.raise_after=9/8", "alarms.raise_after")],
)
def test_a_wrong_set_is_named_with_its_key(override: str, key: str, complaint):
    assert complaint(override).startswith(f"--set: {key}: ")


def test_a_set_of_thousands_of_digits_is_named_with_its_key(complaint):
    """Python reads no more than 4,300 of them."""
    assert complaint(f"mqtt.keepalive_s={'9' * 5000}").startswith("--set: mqtt.keepalive_s: ")


@pytest.mark.parametrize(
    "name",
    ["DRSN_AGENT__AGENT__IDS", "DRSN_AGENT__AGNET__ID", "DRSN_AGENT__AGNET", "drsn_agent__agnet", "DRSN_AGENT__"],
)
def test_an_unknown_variable_is_an_error(name: str, complaint, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(name, "x")
    assert complaint().startswith(f"environment variable {name}: unknown setting")


def test_a_wrong_value_is_blamed_on_who_gave_it(complaint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = complaint(mqtt="keepalive_s = 0")
    assert file.startswith(f"{tmp_path / 'agent.toml'}: mqtt.keepalive_s: ")
    monkeypatch.setenv("DRSN_AGENT__MQTT__KEEPALIVE_S", "x")
    assert complaint().startswith("environment variable DRSN_AGENT__MQTT__KEEPALIVE_S: mqtt.keepalive_s: ")
    assert complaint("mqtt.keepalive_s=y").startswith("--set: mqtt.keepalive_s: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[agent", "not TOML"),
        ("", "agent: missing"),
        ("agent = 5", "agent: "),
        (
            TEXT.format(mqtt="") + "hop_window = 1",
            "(topic plant/{machine}/frame): hop_window: unknown setting; did you mean 'hop_windows'?",
        ),
        (TEXT.format(mqtt="") + "[alarm]", "alarm: unknown setting; did you mean 'alarms'?"),
    ],
)
def test_a_file_that_can_not_be_says_where(text: str, said: str, complaint):
    line = complaint(text=text)
    assert "agent.toml: " in line
    assert said in line
    assert "at least 1 item" not in line  # a wrong input is not a missing one


def test_a_list_that_is_no_json_is_named(complaint, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DRSN_AGENT__INPUTS", "a,b")
    assert '"inputs"' in complaint()


def test_missing_files_are_errors(complaint, tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: no such file"):
        load(tmp_path / "nowhere.toml")
    assert "mqtt.ca_file: nowhere" in complaint(mqtt='ca_file = "nowhere"')


def test_a_ca_file_without_certificates_is_found_before_the_service_waits_for_ever(complaint, tmp_path: Path):
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate")
    assert "cannot read the certificates" in complaint(mqtt=f'ca_file = "{path}"')
    assert "password file nowhere" in complaint(mqtt=LOGIN.format("nowhere"))


def test_a_password_without_a_user_is_an_error(complaint, password_file: Path):
    assert complaint(mqtt=f'password_file = "{password_file}"').startswith("mqtt.username: missing")


def test_the_password_comes_from_its_file_or_else_the_credential(loaded, password_file, tmp_path, monkeypatch):
    login = LOGIN.format(password_file)
    assert loaded(mqtt=login).password == PASSWORD
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert loaded(mqtt=login).password == PASSWORD  # no such credential
    (tmp_path / "mqtt-password").write_text("another")
    assert loaded(mqtt=login).password == "another"
    assert loaded(mqtt='username = "agent"').password == "another"


def test_the_key_of_a_certificate_comes_from_its_file_or_else_the_credential(loaded, tmp_path, monkeypatch):
    with_certificate = [f'mqtt.cert_file="{tmp_path}/c"', f'mqtt.key_file="{tmp_path}/k"']
    monkeypatch.setattr("drsn.agent.settings.loader.context", lambda broker: tried.append(broker.key_file))
    tried: list[str | None] = []
    loaded(*with_certificate)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    loaded(*with_certificate)  # no such credential
    (tmp_path / "mqtt-key").write_text("key")
    loaded(*with_certificate)
    loaded(with_certificate[0])
    assert tried == [f"{tmp_path}/k", f"{tmp_path}/k", f"{tmp_path}/mqtt-key", f"{tmp_path}/mqtt-key"]
    assert loaded().broker.key_file is None  # a credential alone is of no use


def test_a_key_without_a_certificate_and_a_certificate_that_is_none_are_errors(complaint, tmp_path: Path):
    assert "key_file needs cert_file" in complaint("mqtt.key_file=k")
    (tmp_path / "c").write_text("no certificate")
    assert complaint(f"mqtt.cert_file={tmp_path}/c").startswith(
        f"mqtt.cert_file: {tmp_path}/c: cannot read the certificate and its"
    )


def test_insecure_is_never_the_default_and_degrades(loaded):
    assert loaded("mqtt.url=mqtts://b").degraded == ()
    assert not loaded("mqtt.url=mqtts://b").broker.insecure
    (reason,) = loaded("mqtt.url=mqtts://b", "mqtt.insecure=true").degraded
    assert "mqtt.insecure" in reason
    plain = loaded("mqtt.url=mqtt://b", "mqtt.insecure=true")
    assert (plain.degraded, plain.warnings) == ((), ("mqtt.insecure is not used: mqtt.url is mqtt://, without TLS",))


def test_a_secret_that_everybody_may_read_warns(loaded, password_file: Path):
    password_file.chmod(0o644)
    (warning,) = loaded("mqtt.url=mqtts://b", mqtt=LOGIN.format(password_file)).warnings
    assert warning == f"mqtt.password_file: every user of this machine can read it; run chmod o= {password_file}"


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "#" * (1 << 20) + "\n", "a = {b = " * 50_000])
def test_a_file_without_end_is_no_configuration(text: str, complaint):
    assert complaint(text=text)


def test_a_file_that_is_too_large_says_so_and_is_not_read_to_its_end(complaint, tmp_path: Path):
    said = complaint(text="#" * (1 << 20) + "\n" + TEXT.format(mqtt=""))
    assert said.startswith(f"{tmp_path / 'agent.toml'}: larger than 1048576 bytes")


def test_a_variable_without_end_is_the_environments_fault(complaint, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DRSN_AGENT__INPUTS", "[" * 100_000)
    assert complaint().startswith("environment: ")


def test_a_value_without_end_is_text(loaded):
    with pytest.raises(ConfigurationError):
        loaded("agent.id=" + "[" * 100_000)


def test_a_password_in_the_url_is_not_repeated(complaint):
    assert PASSWORD not in complaint(f"mqtt.url=http://agent:{PASSWORD}@broker/x")


def test_the_password_is_never_shown_nor_part_of_the_hash(loaded, password_file: Path):
    first = loaded(mqtt=LOGIN.format(password_file))
    shown = f"{first} {first!r} {first.settings.model_dump()} {first.settings.model_dump_json()} {first.warnings}"
    assert PASSWORD not in shown
    password_file.write_text("another")
    second = loaded(mqtt=LOGIN.format(password_file))
    assert second.password != first.password
    assert second.sha256 == first.sha256


def test_the_hash_tells_settings_apart(loaded):
    assert loaded().sha256 == loaded("agent.max_sensors=10").sha256  # the same value, whoever gives it
    assert loaded().sha256 != loaded("agent.max_sensors=11").sha256


def test_a_password_that_travels_in_the_open_warns(loaded, password_file: Path):
    login = LOGIN.format(password_file)
    (warning,) = loaded("mqtt.url=mqtt://b", mqtt=login).warnings
    assert "mqtts://" in warning
    assert loaded("mqtt.url=mqtts://b", mqtt=login).warnings == loaded("mqtt.url=mqtt://b").warnings == ()


def test_systemd_gives_the_state_directory_where_nobody_else_does(loaded, complaint, monkeypatch: pytest.MonkeyPatch):
    without = TEXT.format(mqtt="").replace('state_dir = "state"\n', "")
    assert "agent.state_dir: missing" in complaint(text=without)
    monkeypatch.setenv("STATE_DIRECTORY", "first:second")
    assert loaded(text=without).settings.agent.state_dir == Path("first")
    assert loaded().settings.agent.state_dir == Path("state")


def test_shipped_bundles_have_names(loaded, complaint):
    for name in SHIPPED:
        assert loaded(f"agent.bundle=shipped:{name}").bundle_path == shipped(name)
    assert loaded("agent.bundle=some/folder").bundle_path == Path("some/folder")
    assert all(name in complaint("agent.bundle=shipped:nope") for name in (*SHIPPED, "nope"))


def test_a_shared_subscription_is_a_warning(loaded, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DRSN_AGENT__INPUTS", '[{"topic": "$share/g/{s}", "sensor": "{s}"}]')
    (warning,) = loaded().warnings
    assert warning.startswith("inputs[0] (topic $share/g/{s}) is a shared subscription")
