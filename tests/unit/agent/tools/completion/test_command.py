from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from drsn.agent.__main__ import main
from drsn.agent.tools.completion.arguments import PROGRAMS

if TYPE_CHECKING:
    from pathlib import Path


def script(program: str, shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    pytest.importorskip("shtab")
    assert main(["completion", shell, program]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("program", "words", "offered"),
    [
        ("drsn-agent", ["al"], {"alarms"}),
        ("drsn-agent", ["alarms", "--br"], {"--broker"}),
        ("drsn-agent", ["replay", "a", "--codec", "fr"], {"frame"}),
        ("drsn-export", ["ver"], {"verify"}),
        ("drsn-export", ["--targ"], {"--target"}),
        ("drsn-train", ["eval"], {"evaluate"}),
        ("drsn-train", ["--resu"], {"--resume"}),
        ("drsn-train", ["baseline", "--bun"], {"--bundle"}),
    ],
)
def test_bash_completes_commands_options_and_choices(program, words, offered, tmp_path: Path, capsys):
    path = tmp_path / "complete.bash"
    path.write_text(script(program, "bash", capsys))
    function = f"_shtab_{program.replace('-', '_')}"
    line = (
        f"source {path}; complete -p {program} >/dev/null || exit 9; COMP_WORDS=({program} {' '.join(words)}); "
        f'COMP_CWORD={len(words)}; {function}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, timeout=20)
    assert offered <= {word.strip() for word in done.stdout.splitlines()}, done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_scripts_are_sound(program: str, tmp_path: Path, capsys):
    for shell in ("bash", "zsh"):
        text = script(program, shell, capsys)
        path = tmp_path / shell
        path.write_text(text)
        assert program in text
        if shutil.which(shell):
            subprocess.run([shell, "-n", str(path)], check=True, timeout=20)


def test_without_shtab_the_command_names_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 69
    assert "pip install 'drsn-edge[completion]'" in capsys.readouterr().err
