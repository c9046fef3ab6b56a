from __future__ import annotations

import math

from drsn.agent.delivery.deferred_events import DeferredEvents


def test_a_sensor_is_deferred_until_its_last_event_is_removed():
    deferred = DeferredEvents()
    for event_id, sensor in ((3, "a"), (1, "a"), (2, "b")):
        deferred.add(event_id, sensor)
    assert (len(deferred), deferred.oldest(2)) == (3, [1, 2])
    deferred.remove(1)
    assert deferred.has("a")
    deferred.remove(3)
    assert (deferred.has("a"), deferred.has("b"), deferred.has("c")) == (False, True, False)
    deferred.retry_due_s = 7.0
    deferred.clear()
    assert (len(deferred), deferred.has("b"), deferred.retry_due_s) == (0, False, math.inf)
