from __future__ import annotations

from witness import tell

from drsn.agent.evidence.window_history import Arrays, WindowHistory, WindowShape


def test_the_oldest_goes_when_it_is_full(contract):
    story = tell(contract, *["ball"] * 3)
    story.recorder.release()
    infos = story.writer.taken[0].windows
    history = WindowHistory(3, WindowShape(1, 8, 100.0, 2, 0))
    for number, info in enumerate(infos):
        arrays, at = history.next_slot()
        arrays.counts[at] = number
        history.add(info)
        kept, copied = history.copy()
        first = max(0, number - 2)
        assert kept == infos[first : number + 1]
        assert copied.counts[:, 0, 0].tolist() == list(range(first, number + 1))


def test_arrays_have_one_row_a_window():
    arrays = Arrays.empty(5, WindowShape(2, 8, 100.0, 3, 7))
    shapes = [array.shape for array in arrays.named().values()]
    assert shapes == [(5, 2, 8), (5, 2), (5, 2), (5, 3), (5,), (5, 7)]
    assert arrays.at(slice(1, 3)).alpha.shape == (2, 7)
