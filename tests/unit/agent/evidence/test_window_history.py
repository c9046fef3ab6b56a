from __future__ import annotations

from witness import tell

from drsn.agent.evidence.window_history import Arrays, Shape, WindowHistory


def test_the_oldest_goes_when_it_is_full(contract):
    facts = tell(contract, *["normal"] * 4).keeper._trails["press4"].copy()[0]
    trail = WindowHistory(3, Shape(1, 8, 100.0, 2, 0))
    for number, fact in enumerate(facts):
        arrays, at = trail.place()
        arrays.counts[at] = number
        trail.add(fact)
        kept, copied = trail.copy()
        first = max(0, number - 2)
        assert kept == facts[first : number + 1]
        assert copied.counts[:, 0, 0].tolist() == list(range(first, number + 1))


def test_arrays_have_one_row_a_window():
    arrays = Arrays.empty(5, Shape(2, 8, 100.0, 3, 7))
    shapes = [array.shape for array in arrays.named().values()]
    assert shapes == [(5, 2, 8), (5, 2), (5, 2), (5, 3), (5,), (5, 7)]
    assert arrays.at(slice(1, 3)).alpha.shape == (2, 7)
