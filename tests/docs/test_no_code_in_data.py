"""Nothing that is read can run code (docs/trust/security.md): what the sources may call, by their syntax trees."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("agent", "export", "model") for path in (ROOT / folder).rglob("*.py"))
PICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "jsonpickle"}
NAMES_OF_PICKLE = {"UnpicklingError"}
"""An exception of it may be caught; torch raises it."""

SAFE = {"load": {"numpy": ("allow_pickle", False), "np": ("allow_pickle", False), "torch": ("weights_only", True)}}
ALWAYS = {"write_array", "read_array", "save", "savez", "savez_compressed"}
"""Of numpy: allow_pickle is True by default, in writing too."""

BUILTINS = {"eval", "exec", "compile", "__import__"}


def offences(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = {alias.name for alias in node.names} if isinstance(node, ast.Import) else {node.module or ""}
            yield from (f"imports {name}" for name in modules if name.split(".")[0] in PICKLERS - {"pickle"})
            if isinstance(node, ast.ImportFrom) and node.module == "pickle":
                yield from (f"pickle.{a.name}" for a in node.names if a.name not in NAMES_OF_PICKLE)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pickle":
            if node.attr not in NAMES_OF_PICKLE:
                yield f"pickle.{node.attr}"
        elif isinstance(node, ast.Call):
            yield from _call(node)


def _call(node: ast.Call) -> Iterator[str]:
    options = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
    name = ast.unparse(node.func)
    owner, _, method = name.rpartition(".")
    if name in BUILTINS:
        yield name
    if options.get("shell"):
        yield f"{name}(shell=True)"
    option = SAFE.get(method, {}).get(owner)
    if option is not None and options.get(option[0]) is not option[1]:
        yield f"{name} without {option[0]}={option[1]}"
    if owner.split(".")[0] in ("np", "numpy") and method in ALWAYS and options.get("allow_pickle") is not False:
        yield f"{name} without allow_pickle=False"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_reads_what_could_run(path: Path):
    assert list(offences(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import dill", "imports dill"),
        ("from joblib import load", "imports joblib"),
        ("import pickle\npickle.loads(b'')", "pickle.loads"),
        ("from pickle import load", "pickle.load"),
        ("np.load('x')", "np.load without allow_pickle=False"),
        ("np.load('x', allow_pickle=True)", "np.load without allow_pickle=False"),
        ("torch.load(p, weights_only=False)", "torch.load without weights_only=True"),
        ("np.lib.format.write_array(f, a)", "np.lib.format.write_array without allow_pickle=False"),
        ("eval('1')", "eval"),
        ("subprocess.run('x', shell=True)", "subprocess.run(shell=True)"),
    ],
)
def test_what_is_looked_for_is_found(source: str, said: str):
    assert list(offences(source)) == [said]


def test_what_is_allowed_is_allowed():
    fine = "import pickle\ntry: torch.load(p, weights_only=True)\nexcept pickle.UnpicklingError: pass\n"
    fine += "np.load(p, allow_pickle=False)"
    assert list(offences(fine)) == []
