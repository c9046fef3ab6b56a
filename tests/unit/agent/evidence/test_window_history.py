from __future__ import annotations

import numpy as np
from witness import tell

from drsn.agent.backends.backend import Outputs
from drsn.agent.evidence.quantise import samples_of
from drsn.agent.evidence.window_history import Arrays, WindowHistory, WindowShape


def test_the_oldest_goes_when_it_is_full(contract):
    story = tell(contract, *["ball"] * 3)
    story.recorder.release()
    infos = story.writer.taken[0].windows
    history = WindowHistory(3, WindowShape(1, 8, 100.0, 2, 0))
    outputs = Outputs(np.zeros((1, 2), np.float32), np.zeros(1, np.float32), None)
    for number, info in enumerate(infos):
        history.add(info, np.full((1, 8), number, np.float32), outputs, 0)
        kept, copied = history.copy()
        first = max(0, number - 2)
        assert [each.reading for each in kept] == [each.reading for each in infos[first : number + 1]]
        samples = samples_of(copied.counts, copied.scale, copied.offset)
        assert samples[:, 0, 0].tolist() == list(range(first, number + 1))


def test_arrays_have_one_row_a_window():
    arrays = Arrays.empty(5, WindowShape(2, 8, 100.0, 3, 7))
    shapes = [array.shape for array in arrays.named().values()]
    assert shapes == [(5, 2, 8), (5, 2), (5, 2), (5, 3), (5,), (5, 7)]
    assert arrays.at(slice(1, 3)).alpha.shape == (2, 7)
