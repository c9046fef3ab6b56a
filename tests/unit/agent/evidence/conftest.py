"""A record to read, write, draw and replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from witness import record_of_balls

if TYPE_CHECKING:
    from drsn.agent.evidence.record import Record
    from drsn.model.contract import ModelContract


@pytest.fixture
def record(contract: ModelContract) -> Record:
    """Of an alarm about the balls, with the four windows behind it."""
    return record_of_balls(contract)
