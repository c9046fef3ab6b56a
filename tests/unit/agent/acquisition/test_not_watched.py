import re

import pytest

from drsn.agent.acquisition.codecs import Reason
from drsn.agent.acquisition.not_watched import REASON_OF_REFUSAL, REASONS, NotWatched


def test_every_refusal_of_a_packet_is_a_reason_with_a_remedy() -> None:
    assert set(REASON_OF_REFUSAL) == set(Reason)
    assert set(REASON_OF_REFUSAL.values()) <= set(REASONS)


def test_a_reason_is_one_word_and_a_remedy_one_sentence() -> None:
    for reason, remedy in REASONS.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", reason)
        assert remedy.endswith(".")
        assert "\n" not in remedy


def test_the_remedy_is_that_of_the_table() -> None:
    found = NotWatched.of("press4.de-x", "gaps", 5)
    assert (found.source, found.reason, found.since_unix_ns) == ("press4.de-x", "gaps", 5)
    assert found.remedy == REASONS["gaps"]
    with pytest.raises(KeyError):
        NotWatched.of("press4.de-x", "weather", 5)
