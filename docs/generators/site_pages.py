"""Builds the site of the documentation in build/site: the second half of `make docs`.

The pages are written for GitHub: they link to files of the repository that are not in docs/, and show pictures that are
not in docs/. The site has the pages alone. Therefore the pages are copied. In the copies, such a link becomes its text
and the path, and such a picture is copied with the page. Zensical then builds the copies; every warning is an error.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BUILD = ROOT / "build" / "docs"
# Pinned; tests/docs/test_browser.py sees that the theme draws with it.
MERMAID = "mermaid-11.17.2.tgz"
MERMAID_SHA512 = "V6K3C8EBdEsPFZXSKMJe6ppQOENxuHARr9GvHX4hh47lAbhMRD9qf4oEK7LoaRQxULMa80/qt5gHO73aCleBBg=="
# What the site is made of, besides the pages.
COPIED = ("*.md", "*.json", "*.svg", "*.png", "*.js", ".nav.yml")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_CODE = re.compile(r"(^```.*?^```|`[^`\n]*`)", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every page of the site, relative to docs/."""
    return sorted(path.relative_to(DOCS) for path in DOCS.rglob("*.md") if "generators" not in path.parts)


def for_the_site(text: str, page: Path, picture: Callable[[Path], str]) -> str:
    """Replace the links of a page that leave docs/.

    Args:
        text: the page in Markdown.
        page: its path, relative to docs/.
        picture: copies the picture of a path (relative to the repository), and returns the path of the copy (to docs/).

    Returns:
        The page, where a link that leaves docs/ is its text with the path of the file, and a picture leads to its copy.
    """

    def replaced(found: re.Match[str]) -> str:
        shows, words, target = found.groups()
        path = posixpath.normpath(posixpath.join("docs", page.parent.as_posix(), target.partition("#")[0]))
        if "://" in target or target.startswith(("#", "mailto:")) or path.startswith("docs/"):
            return found[0]
        if shows:
            return f"![{words}]({posixpath.relpath(picture(Path(path)), page.parent.as_posix())})"
        return words if path in words else f"{words} (`{path}`)"

    # The odd parts are code, in which a bracket is no link.
    parts = _CODE.split(text)
    return "".join(
        part if odd else _LINK.sub(replaced, part)
        for part, odd in zip(parts, itertools.cycle((False, True)), strict=False)
    )


def stage(folder: Path) -> None:
    """Write the copies of the pages, and of what they show, into a folder."""

    def picture(path: Path) -> str:
        copy = Path("assets") / "repository" / path
        (folder / copy).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / copy)
        return copy.as_posix()

    for pattern in COPIED:
        for source in DOCS.rglob(pattern):
            path = source.relative_to(DOCS)
            if "generators" in path.parts:
                continue
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == ".md":
                (folder / path).write_text(for_the_site(source.read_text("utf-8"), path, picture), "utf-8")
            else:
                shutil.copy(source, folder / path)


def mermaid() -> bytes:
    """Mermaid's script, from its npm package, which is fetched once and has to have the hash above.

    Raises:
        SystemExit: there is no npm, no registry, or the package is another one.
    """
    archive = BUILD / MERMAID
    BUILD.mkdir(parents=True, exist_ok=True)
    if not archive.exists():
        name = MERMAID.removesuffix(".tgz").replace("-", "@")
        found = subprocess.run(["npm", "pack", "--silent", name], cwd=BUILD, check=False)  # noqa: S603, S607 # our constant
        if found.returncode:
            sys.exit(f"npm pack {name} failed: the site needs npm and its registry (apt-get install npm)")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != MERMAID_SHA512:
        sys.exit(f"{archive} has the SHA-512 {digest}, not {MERMAID_SHA512}; delete it and run `make docs` again")
    with tarfile.open(archive) as tar:
        script = tar.extractfile("package/dist/mermaid.min.js")
        assert script is not None
        return script.read()


def build(folder: Path = BUILD) -> Path:
    """Build the site anew.

    Returns:
        The folder of the site; its first page is index.html.

    Raises:
        SystemExit: Zensical warned, e.g. of a link or an anchor that leads nowhere.
    """
    shutil.rmtree(folder / "pages", ignore_errors=True)
    (folder / "pages" / "assets").mkdir(parents=True)
    stage(folder / "pages")
    (folder / "pages" / "assets" / "mermaid.min.js").write_bytes(mermaid())
    shutil.copy(DOCS / "mkdocs.yml", folder / "mkdocs.yml")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "-f", str(folder / "mkdocs.yml")]
    plain = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=plain)  # noqa: S603 # our own arguments
    if done.returncode:
        sys.exit(done.stdout + done.stderr.partition("Traceback")[0])
    return folder / "site"


if __name__ == "__main__":
    print(build() / "index.html")  # noqa: T201 # a command
