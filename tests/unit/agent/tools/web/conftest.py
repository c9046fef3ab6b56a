from __future__ import annotations

from importlib.util import find_spec

# The page is an extra: the tests of the oldest releases and of the base install do without it.
collect_ignore_glob = ["test_*.py"] if find_spec("uvicorn") is None else []
