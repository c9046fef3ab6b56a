from __future__ import annotations

import numpy as np

from drsn.agent.decision.alarm_state import SensorState
from drsn.agent.decision.counters import counter_dtype, packed
from drsn.agent.evidence.quantise import samples_of
from drsn.agent.evidence.window_history import Arrays, NoteForm, WindowHistory, WindowShape, note_dtype

CONDITIONS = ("ball", "unknown")
FORM = NoteForm(note_dtype(2, 0, len(CONDITIONS)), ("ok", "worn"), CONDITIONS, (None, "gate"))
BEFORE = counter_dtype(len(CONDITIONS))


def test_the_oldest_goes_when_it_is_full():
    state = SensorState.new(FORM.conditions)
    history = WindowHistory(3, WindowShape(1, 8, 100.0, 2, 0), FORM.dtype)
    for number in range(7):
        note = np.zeros((), FORM.dtype)
        note["times"], note["count"] = (number, 5, 5), np.nan
        note["before"], note["after"] = (np.frombuffer(packed(state, FORM.conditions), BEFORE)[0],) * 2
        history.windows.append((np.full((1, 8), number, np.float32), note.tobytes(), (state, state), "g"))
        kept, copied = history.copy("press4", FORM).unpack()
        first = max(0, number - 2)
        assert [each.reading.end_unix_ns for each in kept] == list(range(first, number + 1))
        assert {(each.reading.sensor, each.reading.unit, each.condition) for each in kept} == {("press4", "g", "ball")}
        assert all(each.before == each.after == state for each in kept)
        samples = samples_of(copied.counts, copied.scale, copied.offset)
        assert samples[:, 0, 0].tolist() == list(range(first, number + 1))


def test_arrays_have_one_row_a_window():
    arrays = Arrays.empty(5, WindowShape(2, 8, 100.0, 3, 7))
    shapes = [array.shape for array in arrays.named().values()]
    assert shapes == [(5, 2, 8), (5, 2), (5, 2), (5, 3), (5,), (5, 7)]
    assert arrays.at(slice(1, 3)).alpha.shape == (2, 7)
