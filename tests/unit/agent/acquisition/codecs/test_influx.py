from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import Packet, PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.codecs.influx import decode

START_NS = 1_796_018_400_000_000_000


def read(text: str, **options: object) -> Packet:
    return decode(text.encode(), {}, PayloadFormat(**{"t0_unit": "ns", "fields": {"samples": "x"}, **options}))


def lines(count: int, step_ns: int = 83_333, series: str = "vib") -> str:
    return "\n".join(f"{series} x={n},y={-n}i {START_NS + n * step_ns}" for n in range(count))


def test_the_lines_of_a_series_are_samples_with_their_time_and_rate():
    packet = read(lines(100))
    assert packet.samples.tolist() == [list(range(100))]
    assert packet.t0_unix_ns == START_NS
    assert packet.sample_rate_hz == pytest.approx(12_000, rel=1e-4)
    assert read(lines(10)).sample_rate_hz is None  # too few for a rate


def test_fields_are_channels_by_their_names():
    packet = read(lines(8), channels=2, channel_names=("x", "y"), fields={})
    np.testing.assert_array_equal(packet.samples, [np.arange(8), -np.arange(8)])


def test_escapes_quotes_comments_and_numbers_are_read():
    text = '# by hand\nvib\\ a,host=gw\\,1 x=1.5e1,t="a, b = \\"c\\"" 1\r\nvib\\ a,host=gw\\,1 x=2u,t="d" 2\n\n'
    assert read(text).samples.tolist() == [[15, 2]]
    assert read("vib,host=no\u00a0break x=1 1\nvib,host=no\u00a0break x=2 2").samples.tolist() == [[1, 2]]
    assert read("vib x=1 \nvib x=2").t0_unix_ns is None
    assert read("vib seq=7i,x=1 1\nvib seq=8i,x=2 2").seq == 7


def test_a_text_may_hold_the_whole_packet():
    assert read('vib x="AACAPw==" 5', dtype="f32").samples.tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no lines"),
        ("vib", "line 1 is not line protocol"),
        ("vib x", "line 1 has no fields"),
        ("vib x=1,", "line 1 has no fields"),
        ("vib x=a", "neither a number nor a quoted text"),
        ("vib,m=a x=1\nvib,m=b x=1", "two series in one message"),
        ("vib x=1 1\nvib y=1 2", "'x' has values at 1 of 2 times"),
        ("vib x=1 2\nvib x=1 1", "the times go back"),
        (
            lines(100).replace("vib x=50,y=-50i " + str(START_NS + 50 * 83_333) + "\n", ""),
            "not evenly spaced",
        ),
        ("vib x=t 1", "not base64"),
        ("vib y=1 1", "no samples at fields.samples = 'x'"),
    ],
)
def test_what_is_no_series_of_samples_is_refused(text: str, words: str):
    with pytest.raises(PacketError, match=words) as refusal:
        read(text)
    assert refusal.value.reason in (Reason.BAD_DOCUMENT, Reason.EMPTY)
    assert len(str(refusal.value)) < 250


def test_rounded_times_give_no_rate():
    packet = read("\n".join(f"vib x={n} {START_NS + n // 12 * 10**6}" for n in range(120)))
    assert (packet.samples.shape, packet.sample_rate_hz) == ((1, 120), None)
