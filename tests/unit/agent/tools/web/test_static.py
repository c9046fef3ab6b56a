"""The files that run in the browser: what a strict Content-Security-Policy and hostile documents demand of them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[5] / "agent" / "tools" / "web" / "static"
SCRIPTS = sorted((STATIC / "app").glob("*.js"))
MARKUP_OR_CODE = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|"
    r"\beval\(|new Function|setAttribute\([^,]*\"style\""
)
# dist/uPlot.iife.min.js of the npm package uplot 1.6.32.
UPLOT_SHA256 = "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_makes_no_markup_and_no_code_of_a_text(path: Path):
    assert MARKUP_OR_CODE.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [*SCRIPTS, STATIC / "style.css"], ids=lambda path: path.name)
def test_a_file_is_short(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_the_page_has_no_inline_script_or_style():
    text = (STATIC / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text) == []


@pytest.mark.parametrize("path", [*SCRIPTS, STATIC / "index.html", STATIC / "style.css"], ids=lambda path: path.name)
def test_no_file_names_another_host(path: Path):
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"https?://|url\(|@import|//[a-z]+\.", text) == []


def test_every_import_is_a_file():
    wanted = {name for path in SCRIPTS for name in re.findall(r'from "\./([\w.]+)"', path.read_text(encoding="utf-8"))}
    assert wanted <= {path.name for path in SCRIPTS}
    assert "main.js" in {path.name for path in SCRIPTS}


def test_uplot_is_the_published_file_and_has_its_licence():
    vendor = STATIC / "vendor"
    assert hashlib.sha256((vendor / "uPlot.iife.min.js").read_bytes()).hexdigest() == UPLOT_SHA256
    assert "MIT License" in (vendor / "LICENSE-uPlot").read_text(encoding="utf-8")
    assert "1.6.32" in (vendor / "uPlot.iife.min.js").read_text(encoding="utf-8")[:300]
