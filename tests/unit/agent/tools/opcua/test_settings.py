from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.opcua.command import main
from drsn.agent.tools.opcua.settings import read
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

REACHABLE = 'url = "opc.tcp://0.0.0.0:4840"\n'


def written(folder: Path, opcua: str, mqtt: str = "") -> Path:
    path = folder / "opcua.toml"
    path.write_text(f"[mqtt]\n{mqtt}\n[opcua]\n{opcua}", "utf-8")
    return path


def test_without_a_file_it_listens_on_loopback_without_a_login():
    found = read(None, "mqtt://broker")
    assert (found.opcua.url, found.opcua.loopback, found.login) == ("opc.tcp://127.0.0.1:4840/drsn", True, None)
    assert (found.broker.host, found.broker.port) == ("broker", 1883)


@pytest.mark.parametrize(
    ("opcua", "expected"),
    [(REACHABLE, "can be reached from other machines; set cert_file"),
     (REACHABLE + 'cert_file = "a"\nkey_file = "b"', "set cert_file, key_file, username"),
     ('cert_file = "a"', "cert_file and key_file go together"),
     ('username = "scada"', "must not be sent unencrypted; set cert_file"),
     ('cert_file = "a"\nkey_file = "b"\nusername = "scada"', "opcua.password_file: missing"),
     ('url = "http://127.0.0.1:80"', "is not opc.tcp://host:port"),
     ("max_session = 3", "opcua.max_session: unknown setting; did you mean 'max_sessions'?"),
     ("max_sessions = 0", "opcua.max_sessions: "),
     ('password_file = "p"', "opcua.username: missing")],
)  # fmt: skip
def test_an_unsafe_or_wrong_setting_is_refused_with_the_remedy(tmp_path, opcua: str, expected: str, capsys):
    path = written(tmp_path, opcua)
    with pytest.raises(ConfigurationError) as caught:
        read(path, None)
    assert expected in str(caught.value)
    assert main(["--config", str(path)]) == 78
    assert expected in capsys.readouterr().err


def test_a_reachable_server_has_a_certificate_and_a_login(tmp_path):
    (tmp_path / "p").write_text("a secret\n", "utf-8")
    more = f'cert_file = "c"\nkey_file = "k"\nusername = "scada"\npassword_file = "{tmp_path / "p"}"\n'
    found = read(written(tmp_path, REACHABLE + more), None)
    assert found.login == ("scada", "a secret")
    assert "a secret" not in repr(found)


def test_passwords_come_from_credentials_of_systemd(tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "opcua-password").write_text("one\n", "utf-8")
    (tmp_path / "mqtt-password").write_text("two\n", "utf-8")
    path = written(tmp_path, 'cert_file = "c"\nkey_file = "k"\nusername = "scada"\n', 'username = "bridge"')
    found = read(path, None)
    assert (found.login, found.broker.password) == (("scada", "one"), "two")


def test_a_file_that_is_missing_and_a_wrong_option(capsys):
    assert main(["--config", "nowhere.toml"]) == 78
    assert main(["--nonsense"]) == 64
    assert "nowhere.toml" in capsys.readouterr().err
