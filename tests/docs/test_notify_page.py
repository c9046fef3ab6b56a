"""docs/use/notify.md: every example is a valid setting, and the lists of the page are those of the code."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import get_args

import pytest

from drsn.agent.tools.notify.settings import ChangeKind
from drsn.agent.tools.notify.template import PRESETS, VALUES
from drsn.agent.tools.web.settings import WebSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "use" / "notify.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
REFERENCE = re.findall(r"```toml\n(.*?)```", (DOCS / "reference" / "notify-settings.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", [*BLOCKS, *REFERENCE])
def test_each_example_is_valid(block: str):
    assert WebSettings.model_validate(tomllib.loads(block)).notify


def test_the_page_names_every_placeholder_and_every_kind_of_change():
    assert [name for name in VALUES if f"`{{{name}}}`" not in TEXT] == []
    assert [kind for kind in get_args(ChangeKind) if f"| `{kind}` |" not in TEXT] == []


def test_each_template_has_an_example():
    shown = {entry["template"] for block in BLOCKS for entry in tomllib.loads(block)["notify"] if "template" in entry}
    assert set(PRESETS) - {"plain"} <= shown
