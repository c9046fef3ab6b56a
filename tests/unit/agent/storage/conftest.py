from __future__ import annotations

import pytest
from faulty_disk import Disk


@pytest.fixture
def disk() -> Disk:
    return Disk()
