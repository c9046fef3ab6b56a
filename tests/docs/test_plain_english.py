"""The words that docs/contribute/style.md rejects are in no page and in no message."""

from __future__ import annotations

from pathlib import Path

import plain_english
import pytest
import site_pages

ROOT = Path(__file__).parents[2]
STYLE = ROOT / "docs" / "contribute" / "style.md"
REJECTED = plain_english.pattern(STYLE.read_text("utf-8"))
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "examples").rglob("README.md")),
    *(ROOT / "docs" / page for page in site_pages.pages()),
]
SOURCES = sorted(path for folder in ("agent", "export", "model") for path in (ROOT / folder).rglob("*.py"))


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if page != STYLE], ids=name)
def test_a_page_has_no_word_that_the_style_sheet_rejects(page: Path):
    found = REJECTED.findall(plain_english.prose(page.read_text("utf-8")))
    assert found == []


def test_messages_have_no_word_that_the_style_sheet_rejects():
    found = [
        f"{name(path)}: {words}"
        for path in SOURCES
        if REJECTED.search(source := path.read_text("utf-8"))  # few files are parsed: all of them take seconds
        for text in plain_english.strings(source)
        if (words := REJECTED.findall(text))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text", ["The agent knows the sensor.", "it says no", "Whoever reads this", "the sheds of QoS 0"]
)
def test_these_words_are_found(text: str):
    assert REJECTED.search(text)


@pytest.mark.parametrize(
    "text", ["Ana knows the sensor.", "The agent receives it.", "`shed` is counted", "```sh\nit says\n```"]
)
def test_these_words_are_accepted(text: str):
    assert not REJECTED.search(plain_english.prose(text))


def test_docstrings_are_no_messages():
    assert list(plain_english.strings('"""It says so."""\nraise ValueError("it says no")')) == ["it says no"]
