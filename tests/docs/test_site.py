"""The site: each page is in the navigation, each anchor exists on GitHub too, links that leave docs/ are replaced."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest
import site_pages

ROOT = Path(__file__).parents[2]
READ_ON_GITHUB = [ROOT / "README.md", ROOT / "examples" / "README.md"]
PAGES = [*READ_ON_GITHUB, *(ROOT / "docs" / page for page in site_pages.pages())]


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings, and those written as HTML."""
    text = page.read_text("utf-8")
    outside_code = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    found = set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    for heading in re.findall(r"^#+ (.*)$", outside_code, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    return found


def test_each_page_is_in_the_navigation():
    listed = re.findall(
        r"- (?:\w+: )?([\w./*-]+\.md|[\w./-]+/\*)$", (ROOT / "docs" / ".nav.yml").read_text(), re.MULTILINE
    )
    pages = [page.as_posix() for page in site_pages.pages()]
    assert [page for page in pages if not any(fnmatch.fnmatch(page, entry) for entry in listed)] == []
    assert [entry for entry in listed if not fnmatch.filter(pages, entry)] == []


def test_each_page_has_a_title_that_the_navigation_can_show():
    assert [page for page in PAGES if not page.read_text("utf-8").startswith("# ")] == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_each_anchor_that_a_link_names_exists(page: Path):
    targets = re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text("utf-8"))
    within = [(file, anchor) for file, anchor in targets if "://" not in file and (not file or file.endswith(".md"))]
    lost = [
        f"{file}#{anchor}" for file, anchor in within if anchor not in anchors(page.parent / file if file else page)
    ]
    assert lost == []


def told(text: str, page: str = "use/alarms.md") -> str:
    return site_pages.for_the_site(text, Path(page), lambda path: f"assets/{path.name}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](level.md#b)", "[a](level.md#b)"),
        ("[a](../reference/mqtt.md)", "[a](../reference/mqtt.md)"),
        ("[a](https://example.com)", "[a](https://example.com)"),
        ("[a](#b)", "[a](#b)"),
        ("[the recipe](../../configs/recipes/cwru.toml)", "the recipe (`configs/recipes/cwru.toml`)"),
        ("[configs/agent.toml](../../configs/agent.toml)", "configs/agent.toml"),
        ("[README](../../README.md#use-it)", "README (`README.md`)"),
        ("![soak](../../benchmarks/results/soak.png)", "![soak](../assets/soak.png)"),
        ("`[a](../../x.py)`", "`[a](../../x.py)`"),
        ("```sh\n[a](../../x.py)\n```", "```sh\n[a](../../x.py)\n```"),
    ],
)
def test_only_links_that_leave_the_pages_are_replaced(text: str, expected: str):
    assert told(text) == expected
