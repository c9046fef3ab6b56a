"""A machine to look at: its configuration in memory, its GPU and TensorRT fakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from drsn.agent.bundles import shipped
from drsn.agent.settings.loader import Configuration
from drsn.agent.settings.sections import Settings
from drsn.agent.tools.doctor.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def subject(tmp_path: Path) -> Callable[..., Subject]:
    """`subject(backend="tensorrt", tegra="# R36 …")`; what it would find out may be set on it."""

    def make(
        tegra: str | None = None,
        bundle: Path | None = None,
        sensors: list[dict[str, Any]] | None = None,
        **agent: Any,  # noqa: ANN401
    ) -> Subject:
        settings = Settings(
            agent={"id": "t", "bundle": "shipped:synthetic", "state_dir": tmp_path / "state", **agent},
            inference={"max_batch": 8},
            inputs=[{"topic": "plant/{s}/frame", "sensor": "{s}"}],
            sensors=sensors or [],
        )
        release = tmp_path / "nv_tegra_release"
        if tegra is not None:
            release.write_text(tegra)
        return Subject(Configuration(settings, "0" * 64, bundle or shipped("synthetic")), tegra_release=release)

    return make
