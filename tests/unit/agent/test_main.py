from __future__ import annotations

import argparse
import json
import pkgutil
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.__main__ import command_parser, main
from drsn.agent.backends.tensorrt.cuda import NoDevice
from drsn.agent.bundles import shipped
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG = """
[agent]
id = "line4"
bundle = "shipped:synthetic"
state_dir = "never-touched"
[mqtt]
url = "mqtts://broker"
{mqtt}
[[inputs]]
topic = "plant/{{machine}}/frame"
sensor = "{{machine}}"
"""
TO = ("--to", "mqtt://broker")
BROKER_COMMANDS = {
    "alarms": (), "events": ("s",), "trend": ("s",), "ack": ("s", "ball"), "reset": ("s", "ball"), "unshelve": ("s",),
    "shelve": ("s", "--hours", "1"), "out-of-service": ("s",), "in-service": ("s",), "forget": ("s",),
    "clean": ("--agent", "a"), "commission": ("s",), "reload": ("a",), "replay": ("good.npy", "--sample-rate-hz", "9"),
    "evidence": ("e-1", "--sensor", "s"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs: a configuration, recordings good and bad."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("drsn.agent.backends.tensorrt.cuda.probe", lambda: NoDevice("no CUDA driver"))
    Path("agent.toml").write_text(CONFIG.format(mqtt=""))
    Path("broken.toml").write_text("[agent")
    Path("broken.zip").write_bytes(b"PK\3\4")
    Path("again").mkdir()
    for name in ("good.npy", "again/good.npy"):
        np.save(name, np.zeros(4096, np.float32))
    np.save("short.npy", np.zeros(99, np.float32))
    Path("text.csv").write_text("1,2")
    return tmp_path


@pytest.fixture
def failed(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Exit code and error of a command that fails: one line, on stderr, nothing on stdout."""

    def of(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("drsn-agent: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        return code, err

    return of


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("", 64, "COMMAND"),
        ("dance", 64, "dance"),
        ("alrms --broker mqtt://b", 64, "; did you mean 'alarms'?"),
        ("alarms --brokr mqtt://b", 64, "unrecognized arguments: --brokr mqtt://b; did you mean '--broker'?"),
        ("replay good.npy --codec jsn", 64, "; did you mean 'json'?"),
        ("run", 64, "--config"),
        ("check --config agent.toml --set agent.id", 64, "write section.key=value"),
        ("demo --seconds 1", 64, "use 12 to 3600"),
        ("demo --seconds nan", 64, "use 12 to 3600"),
        ("demo --seconds inf", 64, "use 12 to 3600"),
        ("replay good.npy", 64, "--broker URL, --config FILE, or the environment variable DRSN_BROKER"),
        ("alarms", 64, "no broker given: use --broker URL"),
        ("alarms --config agent.toml --username me", 64, "--username: --config already gives the login"),
        ("replay good.npy --to mqtts://broker --key-file k", 64, "--key-file needs --cert-file"),
        ("replay good.npy --to mqtts://broker --password-file p", 64, "--password-file needs --username"),
        (
            "replay good.npy --to mqtts://broker --ca-file text.csv",
            78,
            "ca_file: text.csv: cannot read the certificates",
        ),
        (
            "alarms --broker mqtts://broker --cert-file text.csv",
            78,
            "cert_file: text.csv: cannot read the certificate and its key",
        ),
        (
            "check --config agent.toml --set mqtt.cert_file=nowhere",
            78,
            "mqtt.cert_file: nowhere: cannot read the certificate",
        ),
        ("check --config agent.toml --set mqtt.key_file=k", 78, "needs cert_file"),
        ("replay good.npy --to http://broker", 64, "is not mqtt://host[:port]"),
        ("replay good.npy --to mqtt://broker:x", 64, "is not mqtt://host[:port]"),
        ("replay good.npy --to mqtt://broker --topic plant/frame", 64, "{sensor}"),
        ("replay good.npy --to mqtt://broker --topic {area}/{sensor}", 64, "no other name"),
        ("replay good.npy --to mqtt://broker --topic +/{sensor}", 64, "--topic"),
        ("replay good.npy --to mqtt://broker --samples 0", 64, "--samples"),
        ("replay good.npy --to mqtt://broker --speed -1", 64, "--speed"),
        ("replay good.npy again/good.npy --to mqtt://broker --sample-rate-hz 9", 64, "one sensor"),
        ("replay text.csv --to mqtt://broker", 65, "text.csv"),
        ("replay good.npy --to mqtt://broker", 65, "--sample-rate-hz"),
        ("replay short.npy --to mqtt://broker --sample-rate-hz 9", 65, "lower --samples"),
        ("check --config agent.toml --set agent.backend=tensorrt", 69, "set agent.backend = 'onnxruntime'"),
        ("replay nowhere.npy --to mqtt://broker", 74, "nowhere.npy"),
        ("run --config nowhere.toml", 78, "nowhere.toml: no such file"),
        ("check --config broken.toml", 78, "broken.toml: not TOML"),
        ("check --config agent.toml --set agent.max_sensor=9", 78, "agent.max_sensor: unknown setting"),
        ("check --config agent.toml --set agent.bundle=nowhere", 78, "bundle nowhere: no such file"),
        ("check --config agent.toml --set agent.bundle=broken.zip", 78, "bundle broken.zip: not a readable .zip"),
        (
            "check --config agent.toml --set agent.bundle=shipped:x",
            78,
            "the shipped bundles are universal, universal-10khz, universal-2500hz, universal-800hz, cwru",
        ),
        ("replay good.npy --to mqtt://broker --username me --password-file nowhere", 78, "password file nowhere"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code_that_says_whose_fault_it_is(command: str, code: int, said: str, failed):
    found, line = failed(*command.split())
    assert said in line
    assert found == code


@pytest.mark.parametrize("command", ["", "run", "check", "demo", "replay"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        main([*command.split(), "--help"])
    out, err = capsys.readouterr()
    assert (left.value.code, err) == (0, "")
    assert out.startswith(f"usage: drsn-agent {command}".rstrip())


@pytest.mark.parametrize("command", ["", "run", "doctor", "alarms", "evidence", "replay", "simulate", "test-alarms"])
def test_help_loads_no_library(command: str):
    """A shell that completes names, or a person who looks up an option, must not wait for a second."""
    program = f"""
import json, sys
from drsn.agent.__main__ import main
try:
    main([*{command.split()}, "--help"])
finally:
    print(json.dumps(list(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: ")
    assert {"numpy", "onnxruntime", "paho", "pydantic", "pydantic_core"} & set(json.loads(done.stderr)) == set()


NOT_FOR_RUN = ("torch", "onnx", "scipy", "sklearn", "matplotlib", "rich", "amqtt", "unittest", "tomli_w")
"""What other commands need, and what no library that `run` needs should bring with it again."""


def test_run_loads_nothing_that_only_other_commands_need(folder: Path):
    """Each takes time of every start, and memory of every agent."""
    program = """
import json, sys
from drsn.agent.__main__ import main
from drsn.agent.service import bootstrap
main(["check", "--config", "agent.toml", "--json"])
print(json.dumps(list(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    of_tools = [m for m in loaded if re.fullmatch(r"drsn\.agent\.tools\.\w+\.(?!arguments$).+", m)]
    engines = [m for m in loaded if re.fullmatch(r"drsn\.agent\.backends\.tensorrt\.(backend|engine|sidecar)", m)]
    science = [m for m in loaded if re.match(r"drsn\.(export|model\.(network|training|report|data\.files))", m)]
    assert [name for name in NOT_FOR_RUN if name in loaded] + of_tools + engines + science == []


def test_every_command_names_a_function_that_exists():
    (subparsers,) = (a for a in command_parser()._actions if isinstance(a, argparse._SubParsersAction))
    for name, parser in subparsers.choices.items():
        assert callable(pkgutil.resolve_name(parser.get_default("command"))), name


def test_version(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert (left.value.code, capsys.readouterr().out) == (0, f"drsn-agent {version('drsn-edge')}\n")


def test_check_prints_one_json_object(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", "--config", "agent.toml", "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    bundle = open_bundle(shipped("synthetic"))
    assert report["bundle"] == {"name": "synthetic", "version": bundle.manifest.version, "sha256": bundle.sha256}
    assert report["conditions"] == list(bundle.contract.alarm_conditions)
    assert (report["backend"], report["config"], report["warnings"]) == ("onnxruntime", "agent.toml", [])
    assert len(report["config_sha256"]) == 64
    assert (out.count("\n"), err) == (1, "")


def test_check_touches_nothing(folder: Path):
    before = sorted(folder.rglob("*"))
    main(["check", "--config", "agent.toml"])
    assert sorted(folder.rglob("*")) == before


def test_check_warns_on_stderr_and_never_prints_the_password(folder: Path, capsys: pytest.CaptureFixture[str]):
    Path("password").write_text("hunter2")
    Path("agent.toml").write_text(CONFIG.format(mqtt='username = "me"\npassword_file = "password"'))
    assert main(["check", "--config", "agent.toml", "--set", "mqtt.url=mqtt://broker"]) == 0
    out, err = capsys.readouterr()
    assert "agent.toml: ready to run; bundle synthetic" in out
    assert open_bundle(shipped("synthetic")).manifest.noise_verdict in out
    assert err.startswith("drsn-agent: warning: ")
    assert "hunter2" not in out + err


def test_a_password_in_a_url_is_not_repeated(failed):
    code, line = failed("replay", "good.npy", "--to", "http://me:hunter2@broker")
    assert code == 64
    assert "hunter2" not in line


@pytest.mark.parametrize("command", sorted(BROKER_COMMANDS))
def test_each_command_of_an_operator_takes_the_broker_of_a_configuration(command: str, failed, monkeypatch):
    """--config gives the broker and its login; without one, the message names all three ways."""
    monkeypatch.delenv("DRSN_BROKER", raising=False)
    words = BROKER_COMMANDS[command]
    code, line = failed(command, *words)
    assert (code, "--broker URL, --config FILE, or the environment variable DRSN_BROKER" in line) == (64, True)
    code, line = failed(command, *words, "--config", "nowhere.toml")
    assert (code, "nowhere.toml: no such file" in line) == (78, True)
