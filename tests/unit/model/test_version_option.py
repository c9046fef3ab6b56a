from __future__ import annotations

import pkgutil
from importlib.metadata import version

import pytest


@pytest.mark.parametrize("name", ["agent", "export", "model"])
def test_each_command_gives_its_version(name: str, capsys: pytest.CaptureFixture[str]):
    program = {"agent": "drsn-agent", "export": "drsn-export", "model": "drsn-train"}[name]
    with pytest.raises(SystemExit) as left:
        pkgutil.resolve_name(f"drsn.{name}.__main__:main")(["--version"])
    assert (left.value.code, capsys.readouterr().out) == (0, f"{program} {version('drsn-edge')}\n")
