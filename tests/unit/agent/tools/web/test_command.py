from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.web.command import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("", 64, "no broker given"),
        ("--brokr mqtt://x", 64, "did you mean '--broker'?"),
        ("--broker http://x", 64, "URL"),
        ("--broker mqtt://x --listen 8088", 78, "command line: web.listen"),
        ("--broker mqtt://x --listen 0.0.0.0:0", 78, "there is no token"),
        ("--broker mqtt://x --prefix a/+", 78, "web.prefix"),
        ("--broker mqtt://x --config /nowhere.toml", 78, "/nowhere.toml"),
        ("--broker mqtt://x --listen 192.0.2.1:0 --config {commands}", 69, "192.0.2.1:0"),
        ("--config {broker} --username ana", 64, "--username: --config already gives the login"),
    ],
)
def test_a_mistake_is_one_line_with_its_exit_code(
    arguments: str, code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("DRSN_BROKER", raising=False)
    files = {"commands": "[web]\ncommands = false\n", "broker": '[mqtt]\nurl = "mqtt://x"\n'}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert main(arguments.format(**{name: tmp_path / name for name in files}).split()) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_help_and_version(capsys: pytest.CaptureFixture):
    for option in ("--help", "--version"):
        with pytest.raises(SystemExit) as ended:
            main([option])
        assert ended.value.code == 0
    assert "drsn-web" in capsys.readouterr().out
