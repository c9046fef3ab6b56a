"""A real browser that resolves no name of a host, and axe-core."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"


def _missing(what: str) -> None:
    """Skip on a laptop; in CI it must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must have {what}")
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    chromium = shutil.which("chromium")
    if not chromium:
        _missing("chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=chromium, args=["--no-sandbox", NO_NETWORK])
        yield started
        started.close()


class Visit:
    """A page of the browser, and what went wrong in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.failures: list[str] = []
        """Errors of scripts, and messages of the console."""
        self.elsewhere: list[str] = []
        """Requests to other hosts."""
        page.on("pageerror", lambda error: self.failures.append(str(error)))
        page.on("console", lambda m: self._console(m.type, m.text))
        page.on("request", lambda request: None if request.url.startswith((url, "data:")) else self.note(request.url))

    def _console(self, kind: str, text: str) -> None:
        """A request that the server answers with an error is not a failure of the page: it shows the reason."""
        if kind in ("error", "warning") and "Failed to load resource" not in text:
            self.failures.append(text)

    def note(self, address: str) -> None:
        self.elsewhere.append(address)

    def open(self, view: str = "") -> Page:
        """Open a view: `#/alarms`, for example."""
        self.page.goto(f"{self.url}{view}")
        self.page.wait_for_selector("main > div")
        return self.page


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Make a visit: `visit(url, width=360)`. At its end no script has failed and no other host was asked."""
    visits: list[Visit] = []

    def make(url: str, width: int = 1400, height: int = 900, **options: Any) -> Visit:  # noqa: ANN401 (Playwright's)
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        visits.append(Visit(context.new_page(), url))
        return visits[-1]

    yield make
    for each in visits:
        each.page.context.close()
    assert [address for each in visits for address in each.elsewhere] == []


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """What axe-core calls serious or critical on a page: `rule: element`."""
    if not AXE.exists():
        _missing("axe-core: make browser")

    def violations(page: Page) -> list[str]:
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        return [
            f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for rule in found
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]

    return violations
