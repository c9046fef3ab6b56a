from __future__ import annotations

from drsn.agent.acquisition.notice import WARNING, Notice, Notices


def notice(number: int) -> Notice:
    return Notice(WARNING, "something happened", number, {"number": number})


def test_notices_are_taken_once_in_their_order():
    notices = Notices()
    for number in range(3):
        notices.add(notice(number))
    assert notices.take() == [notice(0), notice(1), notice(2)]
    assert notices.take() == []


def test_a_full_list_counts_the_further_notices():
    notices = Notices(limit=2)
    for number in range(5):
        notices.add(notice(number))
    *kept, last = notices.take()
    assert kept == [notice(0), notice(1)]
    assert last.fields == {"dropped": 3}
    assert notices.take() == []
