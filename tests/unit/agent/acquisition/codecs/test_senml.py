from __future__ import annotations

import json

import cbor2
import pytest

from drsn.agent.acquisition.codecs import Packet, PacketError, PayloadFormat
from drsn.agent.acquisition.codecs.senml import decode

BASE = {"bn": "urn:dev:1/", "bt": 1_796_018_400.0, "bu": "m/s2"}


def read(pack: object, **options: object) -> Packet:
    return decode(json.dumps(pack).encode(), {}, PayloadFormat(**{"fields": {"samples": "x"}, **options}))


def test_records_are_samples_with_their_base_fields():
    packet = read([BASE | {"n": "x", "v": 1, "bv": 10}, *({"n": "x", "v": n, "t": n / 1000} for n in range(1, 100))])
    assert packet.samples.tolist() == [[11, *range(11, 110)]]
    assert (packet.t0_unix_ns, packet.unit) == (1_796_018_400_000_000_000, "m/s2")
    assert packet.sample_rate_hz == pytest.approx(1000, rel=1e-6)


def test_names_are_channels():
    pack = [BASE, *({"n": name, "v": value, "t": t} for t in range(3) for name, value in (("x", t), ("y", -t)))]
    assert read(pack, channels=2, channel_names=("x", "y"), fields={}).samples.tolist() == [[0, 1, 2], [0, -1, -2]]
    other = [{"bn": "a/", "n": "x", "v": 1}, {"bn": "b/", "n": "x", "v": 2}]
    assert read(other, fields={"samples": "b/x"}).samples.tolist() == [[2]]


def test_data_of_one_record_hold_the_whole_packet():
    assert read([BASE | {"n": "x", "vd": "AACAPwAAAEA"}]).samples.tolist() == [[1, 2]]


def test_cbor_has_numbers_for_names():
    first = {-2: "urn:dev:1/", -3: 1_796_018_400.0, -4: "m/s2", 0: "x", 2: 1}
    packet = decode(cbor2.dumps([first, {0: "x", 6: 0.5, 2: 2}]), {}, PayloadFormat(fields={"samples": "x"}))
    assert packet.samples.tolist() == [[1, 2]]
    assert (packet.t0_unix_ns, packet.unit) == (1_796_018_400_000_000_000, "m/s2")
    whole = cbor2.dumps([{0: "x", 8: b"\0\0\x80?\0\0\0@"}])
    assert decode(whole, {}, PayloadFormat(fields={"samples": "x"})).samples.tolist() == [[1, 2]]
    for payload, words in ((cbor2.dumps([{0: "x", "secret_": 1}]), "does not support"), (b"\x82\0", "not CBOR")):
        with pytest.raises(PacketError, match=words):
            decode(payload, {}, PayloadFormat())


def test_a_relative_time_is_no_t0():
    assert read([{"n": "x", "v": 1, "t": -1}, {"n": "x", "v": 2, "t": 0}]).t0_unix_ns is None


@pytest.mark.parametrize(
    ("pack", "words"),
    [
        ({}, "no list of records"),
        ([], "no list of records"),
        ([1], "no list of records"),
        ([{"n": "x"}], "no values"),
        ([{"n": "x", "v": "1"}], "`v` is not a number"),
        ([{"n": "x", "v": 1, "t": "soon"}], "t is not a number"),
        ([{"n": 1, "v": 1}], "n is not a text"),
        ([{"n": "x", "v": 1, "secret_": 1}], "does not support"),
        ([{"n": "x", "v": 1}, {"n": "y", "v": 1, "t": 1}], "different times"),
        ([{"n": "y", "v": 1}], "no samples at"),
    ],
)
def test_what_is_no_pack_of_samples_is_refused(pack: object, words: str):
    with pytest.raises(PacketError, match=words):
        read(pack)
