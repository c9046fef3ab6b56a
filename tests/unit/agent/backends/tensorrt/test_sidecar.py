from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from engine_files import lay
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drsn.agent.backends.tensorrt.sidecar import MAX_SIDECAR_BYTES, read_sidecar, sidecar_path
from drsn.agent.bundles import shipped
from drsn.model.bundle import open_bundle
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

BUNDLE = open_bundle(shipped("synthetic"))


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return lay(tmp_path, BUNDLE)


def refused(plan: Path, text: str | bytes) -> str:
    sidecar_path(plan).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BundleError) as caught:
        read_sidecar(plan)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_sidecar_is_read(plan: Path):
    assert read_sidecar(plan).l4t == "36.4.3"


def test_a_huge_sidecar_is_not_read(plan: Path):
    assert "larger than 65536 bytes" in refused(plan, " " * (MAX_SIDECAR_BYTES + 1))


@pytest.mark.parametrize("text", ["[]", "7", "null"])
def test_a_sidecar_that_is_no_table_is_named(plan: Path, text: str):
    assert ".json: document: " in refused(plan, text)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_in_a_sidecar_upset_the_reader(plan: Path, text: bytes):
    assert "sidecar" in refused(plan, text)
