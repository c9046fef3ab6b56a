"""The site in a real browser that reaches no host but the one of the site."""

from __future__ import annotations

import functools
import shutil
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import site_pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

# No name of a host is resolved.
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.version_info < (3, 11), reason="Zensical needs Python 3.11"),
    pytest.mark.skipif(not shutil.which("npm"), reason="no npm: apt-get install npm"),
]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Browser) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site_pages.build(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("no chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", NO_NETWORK])
        yield started
        started.close()


def test_the_site_has_every_page(site: Path):
    built = {path.relative_to(site).with_suffix(".md") for path in site.rglob("*.html")}
    assert set(site_pages.pages()) <= built


def test_every_page_comes_whole_without_another_host(site: Path, url: str, browser: Browser):
    elsewhere, failures = [], []
    context = browser.new_context()
    context.route(
        lambda address: not address.startswith(url), lambda route: (elsewhere.append(route.request.url), route.abort())
    )
    page = context.new_page()
    page.on("console", lambda message: failures.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: failures.append(str(error)))
    # ERR_ABORTED: the next page was opened before the index of the search had come.
    page.on("requestfailed", lambda request: failures.append(f"{request.failure} {request.url}"))
    for path in sorted(site.rglob("*.html")):
        page.goto(url + path.relative_to(site).as_posix(), wait_until="load")
    assert elsewhere == []
    assert [failure for failure in failures if "ERR_ABORTED" not in failure] == []


def test_diagrams_are_drawn(url: str, browser: Browser):
    from playwright.sync_api import expect

    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.goto(url)
    drawn = page.locator("div.mermaid")
    expect(drawn).to_have_count(1)
    assert drawn.bounding_box()["height"] > 40
    page.goto(url + "use/alarms.html")
    expect(page.locator("pre.mermaid")).to_have_count(0)
    assert page.locator("div.mermaid").first.bounding_box()["height"] > 100
