from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.notify.keyed_alarm import AlarmKey, KeyedAlarm
from drsn.agent.tools.notify.settings import NotifySection
from drsn.model.contract import Severity

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def entry() -> Callable[..., NotifySection]:
    """`entry(name, **settings)`: a webhook."""

    def make(name: str = "phone", **settings: object) -> NotifySection:
        kind = {"kind": "webhook", "url": "http://127.0.0.1:9/"}
        return NotifySection(name=name, **{**kind, **settings})

    return make


@pytest.fixture
def alarm() -> Callable[..., KeyedAlarm]:
    """`alarm(seq, active, **fields)`: of the ball of press4."""

    def make(seq: int = 1, *, active: bool = True, **fields: object) -> KeyedAlarm:
        usual = {
            "subject": AlarmKey("press4", "ball"), "agent": "line4", "acked": False, "suppressed": False,
            "severity": Severity.MAJOR, "occurrence": f"t{seq}", "began_s": 0.0, "epoch": "e", "seq": seq,
        }  # fmt: skip
        return KeyedAlarm(active=active, **{**usual, **fields})

    return make
