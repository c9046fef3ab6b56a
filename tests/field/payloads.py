"""Every payload of shared/field, and those that the issue adds, as a table."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

import cbor2
import numpy as np
from field.case import Case, Publication
from field.signals import PACKET, RATE_HZ, axes, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

T0_S = 1_796_018_400.0
"""2026-11-30T06:00:00Z, the time at which the cases receive."""

ONE = {"a": 0}
XYZ = {"a-x": 0, "a-y": 1, "a-z": 2}
JSON = 'topic = "plant/{m}/data"\nsensor = "{m}"\ncodec = "json"\nsample_rate_hz = 12000\n'
AXES = JSON + 'channels = ["x", "y", "z"]\n'
RAW = JSON.replace('"json"', '"raw"') + "continuous = true\n"
OPCUA = 'preset = "opcua-pubsub"\n' + JSON.replace('codec = "json"\n', "")
COUNTS = 2048.0


def sent(payloads: Iterable[bytes | str], topic: str = "plant/a/data") -> list[Publication]:
    """The payloads on one topic."""
    return [(topic, payload.encode() if isinstance(payload, str) else payload) for payload in payloads]


def each(make: Callable[[NDArray[np.float32], int], object], axis: int = 0) -> Callable[[], list[Publication]]:
    """A payload of each packet of one axis: bytes, text, or a document."""

    def publish() -> list[Publication]:
        made = [make(piece, at) for at, piece in enumerate(pieces(axis))]
        return sent(item if isinstance(item, (bytes, str)) else json.dumps(item) for item in made)

    return publish


def all_axes(make: Callable[[NDArray[np.float32], int], object]) -> Callable[[], list[Publication]]:
    """A document of each packet of three axes: float32[3, samples]."""

    def publish() -> list[Publication]:
        blocks = [axes()[:, at * PACKET : (at + 1) * PACKET] for at in range(axes().shape[1] // PACKET)]
        return sent(json.dumps(make(block, at)) for at, block in enumerate(blocks))

    return publish


def samples(make: Callable[[NDArray[np.float32]], object], **more: object) -> Callable[[], list[Publication]]:
    """Documents `{"samples": …, "seq": …}`."""
    return each(lambda x, at: {"samples": make(x), "seq": at} | more)


def document(**fields: Callable[[int], object]) -> Callable[[], list[Publication]]:
    """Documents with a list of samples, and these fields, each a function of the packet's number."""
    return each(lambda x, at: {"samples": x.tolist(), "seq": at} | {name: of(at) for name, of in fields.items()})


def i16(x: NDArray[np.float32], order: str = "<") -> bytes:
    return bytes((x * COUNTS).astype(f"{order}i2").tobytes())


def i24(x: NDArray[np.float32], *, big: bool = False) -> bytes:
    quads = np.frombuffer((x * 2**19).astype("<i4").tobytes(), "u1").reshape(-1, 4)[:, :3]
    return bytes((quads[:, ::-1] if big else quads).tobytes())


def numbers(x: NDArray[np.float32], separator: str = "\n") -> str:
    return separator.join(f"{v:.6f}" for v in x)


def comma(x: NDArray[np.float32]) -> str:
    return numbers(x, ";").replace(".", ",")


def plain(x: NDArray[np.float32], at: int) -> bytes:
    """The default document."""
    return json.dumps({"samples": x.tolist(), "seq": at}).encode()


def u12(x: NDArray[np.float32]) -> bytes:
    """An ADC of 12 bits whose middle is 2048."""
    return bytes(np.clip(x * 200 + 2048, 0, 4095).astype("<u2").tobytes())


def small(**more: object) -> Callable[[], list[Publication]]:
    """Packets of 60 samples, as a client with a buffer of 256 bytes sends them; `seq=True` counts them."""

    def publish() -> list[Publication]:
        made = (
            {"samples": axes()[0, 60 * at : 60 * at + 60].tolist()} | ({"seq": at} if more else {}) for at in range(100)
        )
        return sent(map(json.dumps, made))

    return publish


def time_s(at: int) -> float:
    return T0_S + at * PACKET / RATE_HZ


def iso(at: int, form: str = "%Y-%m-%dT%H:%M:%S.%f") -> str:
    return dt.datetime.fromtimestamp(time_s(at), dt.timezone.utc).strftime(form)


def lines(x: NDArray[np.float32], at: int) -> str:
    """Line protocol as Telegraf writes it, a line for each moment."""
    start_ns = round(time_s(at) * 1e9)
    return "\n".join(
        f"vibration,host=gw\\ 1,sensor=de value={v} {start_ns + round(n * 1e9 / RATE_HZ)}"
        for n, v in enumerate(x.tolist())
    )


def telegraf_json(x: NDArray[np.float32], at: int) -> dict[str, Any]:
    """A batch of Telegraf's JSON output."""
    start_ns = round(time_s(at) * 1e9)
    moments = [(v, start_ns + round(n * 1e9 / RATE_HZ)) for n, v in enumerate(x.tolist())]
    return {"metrics": [{"fields": {"value": v}, "name": "vib", "tags": {}, "timestamp": t} for v, t in moments]}


def senml(x: NDArray[np.float32], at: int) -> list[dict[str, Any]]:
    base = {"bn": "urn:dev:mac:0024befffe804ff1/", "bt": time_s(at), "bu": "m/s2"}
    records = [{"n": "x", "t": n / RATE_HZ, "v": v} for n, v in enumerate(x.tolist())]
    return [base | records[0], *records[1:]]


def senml_cbor(x: NDArray[np.float32], at: int) -> bytes:
    """The same pack with the labels of CBOR."""
    label = {"bn": -2, "bt": -3, "bu": -4, "n": 0, "t": 6, "v": 2}
    return cbor2.dumps([{label[key]: value for key, value in record.items()} for record in senml(x, at)])


def opcua(x: NDArray[np.float32], at: int) -> dict[str, Any]:
    message = {
        "DataSetWriterId": 62541,
        "SequenceNumber": at + 1,
        "Timestamp": iso(at) + "0Z",
        "Payload": {"Vib": {"Value": x.tolist(), "SourceTimestamp": iso(at) + "0Z"}},
    }
    return {"MessageId": str(at), "MessageType": "ua-data", "PublisherId": "press4", "Messages": [message]}


def opcua_batch(*numbers: int, writers: int = 1) -> list[Publication]:
    """One network message with several data sets, as a gateway batches them."""
    documents = [opcua(pieces()[number], number) for number in numbers]
    messages = [document["Messages"][0] for document in documents]
    for at, message in enumerate(messages):
        message["DataSetWriterId"] += at % writers
    return sent([json.dumps(documents[0] | {"Messages": messages})])


def sparkplug() -> list[Publication]:
    """Births with names and aliases, then data by alias alone."""
    from drsn.agent.acquisition.codecs.sparkplug_payload import payload_class

    def payload(seq: int, *metrics: dict[str, Any]) -> bytes:
        message = payload_class()(timestamp=round(time_s(seq) * 1e3), seq=seq)
        for metric in metrics:
            message.metrics.add(**metric)
        return bytes(message.SerializeToString())

    first = pieces()[0].astype("<f4").tobytes()
    born = {"name": "value", "alias": 7, "datatype": 30, "bytes_value": first}
    published = [("spBv1.0/hall/NBIRTH/gw", payload(0, {"name": "bdSeq", "datatype": 8, "long_value": 1}))]
    published.append(("spBv1.0/hall/DBIRTH/gw/a", payload(1, born)))
    data = [payload(2 + n, {"alias": 7, "bytes_value": x.astype("<f4").tobytes()}) for n, x in enumerate(pieces())]
    return published + [("spBv1.0/hall/DDATA/gw/a", each_one) for each_one in data]


SPARKPLUG = """
[[inputs]]
preset = "sparkplug"
sensor = "{device}"
sample_rate_hz = 12000
[[inputs]]
topic = "spBv1.0/{group}/{type}/{node}"
sensor = "{node}"
codec = "sparkplug"
"""

TWO_INPUTS = """
[[inputs]]
topic = "plant/{m}/data"
sensor = "{m}-x"
codec = "json"
sample_rate_hz = 12000
fields.samples = "x"
[[inputs]]
topic = "plant/{m}/data"
sensor = "{m}-y"
codec = "json"
sample_rate_hz = 12000
fields.samples = "accel.y"
"""


def path(text: str) -> str:
    return JSON + f"fields.samples = {json.dumps(text)}\n"


def raw(dtype: str, more: str = "") -> str:
    return RAW + f'dtype = "{dtype}"\n{more}'


def counts(more: str = "") -> str:
    return JSON + f'dtype = "i16"\nscale = 0.000488\n{more}'


def topic(pattern: str, published: str, sensor: str) -> dict[str, Any]:
    """A frame-like case whose topic is what matters."""
    return {
        "inputs": JSON.replace("plant/{m}/data", pattern),
        "publish": lambda: [(published, payload) for _, payload in document()()],
        "read": {sensor: 0},
    }


CASES = (
    Case("axes in one object", "01", AXES, all_axes(lambda b, _: dict(zip("xyz", b.tolist(), strict=True))), XYZ),
    Case("axes by path", "01", JSON + 'channels = {x = "accel.x", y = "accel.y", z = "accel.z"}\n',
         all_axes(lambda b, _: {"accel": dict(zip("xyz", b.tolist(), strict=True))}), XYZ),
    Case("two inputs on one topic", "01", TWO_INPUTS,
         all_axes(lambda b, _: {"x": b[0].tolist(), "accel": {"y": b[1].tolist()}}), {"a-x": 0, "a-y": 1}),
    Case("rows per moment", "02", AXES, all_axes(lambda b, _: {"samples": b.T.tolist()}), XYZ),
    Case("objects per moment", "02", AXES,
         all_axes(lambda b, _: {"samples": [dict(zip("xyz", row, strict=True)) for row in b.T.tolist()]}), XYZ),
    Case("objects per moment, by path", "02", JSON + 'channels = {x = "samples[*].x", z = "samples[*].z"}\n',
         all_axes(lambda b, _: {"samples": [dict(zip("xyz", row, strict=True)) for row in b.T.tolist()]}),
         {"a-x": 0, "a-z": 2}),
    Case("bare list", "02", JSON, each(lambda x, _: x.tolist()), ONE),
    Case("bare list of rows", "02", AXES, all_axes(lambda b, _: b.T.tolist()), XYZ),
    Case("objects without names", "02", JSON, each(lambda x, _: {"samples": [{"x": v} for v in x.tolist()]}),
         words="a sample has 'x': name these keys in `channels`"),
    Case("hex as base64", "03", counts(), samples(lambda x: i16(x).hex()), words="set encoding = 'hex'"),
    Case("hex, declared", "03", counts('encoding = "hex"\n'), samples(lambda x: i16(x).hex()), ONE),
    Case("HEX with 0x and blanks", "03", counts('encoding = "hex"\n'),
         samples(lambda x: "0x" + i16(x).hex(" ").upper()), ONE),
    Case("base64 in lines", "04", counts(), samples(lambda x: base64.encodebytes(i16(x)).decode()), ONE),
    Case("base64 URL-safe", "04", counts(), samples(lambda x: base64.urlsafe_b64encode(i16(x)).decode()), ONE),
    Case("base64 unpadded", "04", counts(), samples(lambda x: base64.b64encode(i16(x)).decode().rstrip("=")), ONE),
    Case("base64", "04", counts(), samples(lambda x: base64.b64encode(i16(x)).decode()), ONE),
    Case("t0 in ms", "05", JSON, document(t0=lambda at: round(time_s(at) * 1e3)), words="set t0_unit = 'ms'"),
    Case("t0 in ms, declared", "05", JSON + 't0_unit = "ms"\n', document(t0=lambda at: round(time_s(at) * 1e3)), ONE),
    Case("t0 in us, declared", "05", JSON + 't0_unit = "us"\n', document(t0=lambda at: round(time_s(at) * 1e6)), ONE),
    Case("t0 in us", "05", JSON, document(t0=lambda at: round(time_s(at) * 1e6)), words="set t0_unit = 'us'"),
    Case("t0 since boot", "05", JSON, document(t0=lambda at: time_s(at) - T0_S + 61.5), ONE),
    Case("t0 since boot in ms", "05", JSON, document(t0=lambda at: round(1e3 * (time_s(at) - T0_S + 61.5))), ONE),
    Case("t0 three hours behind", "05", JSON, document(t0=lambda at: time_s(at) - 10_800), ONE),
    Case("t0 three hours ahead", "05", JSON, document(t0=lambda at: time_s(at) + 10_800), ONE),
    Case("t0 ISO without offset", "05", JSON, document(t0=iso), words="set time_zone = 'UTC' or the sensor's zone"),
    Case("t0 ISO, zone declared", "05", JSON + 'time_zone = "Europe/Berlin"\n', document(t0=iso), ONE),
    Case("t0 ISO +0000", "05", JSON, document(t0=lambda at: iso(at) + "+0000"), ONE),
    Case("t0 ISO 7 digits", "05", JSON, document(t0=lambda at: iso(at) + "0Z"), ONE),
    Case("t0 as text", "05", JSON, document(t0=lambda at: str(time_s(at))), ONE),
    Case("t0 with a blank", "05", JSON, document(t0=lambda at: iso(at, "%Y-%m-%d %H:%M:%S.%f") + "Z"), ONE),
    Case("raw f64 as f32", "07", raw("f32"), each(lambda x, _: x.astype("<f8").tobytes()), words="set dtype = 'f64'"),
    Case("raw f64", "07", raw("f64"), each(lambda x, _: x.astype("<f8").tobytes()), ONE),
    Case("raw big-endian i16 as little", "07", raw("i16"), each(lambda x, _: i16(x, ">")),
         words="set byte_order = 'big'"),
    Case("raw big-endian i16", "07", raw("i16", 'byte_order = "big"\n'), each(lambda x, _: i16(x, ">")), ONE),
    Case("raw big-endian f32 as little", "07", raw("f32"), each(lambda x, _: x.astype(">f4").tobytes()),
         words="set byte_order = 'big'"),
    Case("raw big-endian f32", "07", raw("f32", 'byte_order = "big"\n'),
         each(lambda x, _: x.astype(">f4").tobytes()), ONE),
    Case("raw packed 24 bit as i32", "07", raw("i32"), each(lambda x, _: i24(x)), words="set dtype = 'i24'"),
    Case("raw packed 24 bit", "07", raw("i24"), each(lambda x, _: i24(x)), ONE),
    Case("raw packed 24 bit, big-endian", "07", raw("i24", 'byte_order = "big"\n'),
         each(lambda x, _: i24(x, big=True)), ONE),
    Case("raw u12 as i16", "07", raw("i16"), each(lambda x, _: u12(x)),
         ONE),
    Case("raw u12 with its offset", "07", raw("u16", "offset = -2048\nscale = 0.005\n"),
         each(lambda x, _: u12(x)), ONE),
    Case("raw offset binary as i16", "07", raw("i16"),
         each(lambda x, _: (x * COUNTS + 32768).astype("<u2").tobytes()), words="set dtype = 'u16'"),
    Case("raw u8", "07", raw("u8"), each(lambda x, _: np.clip(x * 15 + 128, 0, 255).astype("u1").tobytes()), {"a": -1}),
    Case("raw text as f32", "07", raw("f32"), each(lambda x, _: numbers(x)[:8192]), words="set encoding = 'text'"),
    Case("raw text", "07", raw("f32", 'encoding = "text"\n'), each(lambda x, _: numbers(x)), ONE),
    Case("raw text with commas", "07", raw("f32", 'encoding = "text"\n'), each(lambda x, _: numbers(x, ", ")), ONE),
    Case("raw JSON", "07", raw("f32"), each(lambda x, _: json.dumps({"samples": x.tolist()})[:4095] + "}"),
         words="set codec = 'json'"),
    Case("raw hex", "07", raw("i16"), each(lambda x, _: i16(x).hex()), words="set encoding = 'hex'"),
    Case("raw hex, declared", "07", raw("i16", 'encoding = "hex"\n'), each(lambda x, _: i16(x).hex()), ONE),
    Case("raw base64", "07", raw("i16"), each(lambda x, _: base64.b64encode(i16(x))), words="set encoding = 'base64'"),
    Case("raw with a header", "07", raw("i16", "header_bytes = 7\n"), each(lambda x, _: b"HEADER!" + i16(x)), ONE),
    Case("numbers as text", "08", JSON, samples(lambda x: [str(v) for v in x.tolist()]), ONE),
    Case("one text of numbers", "08", JSON, samples(lambda x: ",".join(map(str, x.tolist()))), ONE),
    Case("null", "08", JSON, samples(lambda x: [*x.tolist()[:-1], None]), words="sample 2047 is null"),
    Case("NaN", "08", JSON, samples(lambda x: [*x.tolist()[:-1], float("nan")]), words="1 of 2048 samples are NaN"),
    Case("seq 12.0", "08", JSON, document(seq=float), ONE),
    Case("seq of 64 bits", "08", JSON, document(seq=lambda at: 2**40 + at), ONE),
    Case("seq as text", "08", JSON, document(seq=str), ONE),
    Case("boot_id as text", "08", JSON, document(boot_id=lambda _: "a4cf12"), ONE),
    Case("rate as text", "08", JSON, document(sample_rate_hz=lambda _: "12000"), ONE),
    Case("gzip", "08", JSON, each(lambda x, at: gzip.compress(plain(x, at))), ONE),
    Case("zlib", "08", JSON, each(lambda x, at: zlib.compress(plain(x, at))), ONE),
    Case("gzip of raw", "08", raw("i16"), each(lambda x, _: gzip.compress(i16(x))), ONE),
    Case("BOM", "08", JSON, each(lambda x, at: b"\xef\xbb\xbf" + plain(x, at)), ONE),
    Case("UTF-16", "08", JSON, each(lambda x, at: plain(x, at).decode().encode("utf-16")), ONE),
    Case("trailing NUL", "08", JSON, each(lambda x, at: plain(x, at) + b"\0"), ONE),
    Case("decimal commas, no JSON", "08", JSON, each(lambda x, _: f'{{"samples":[{comma(x)}]}}'),
         words="not JSON"),
    Case("decimal commas in a text", "08", JSON, samples(comma), ONE),
    Case("a list of one document", "08", JSON, each(lambda x, at: [{"samples": x.tolist(), "seq": at}]),
         words="a sample has 'samples', 'seq'"),
    Case("a list of one document, by path", "08", path("$[0].samples"),
         each(lambda x, _: [{"samples": x.tolist()}]), ONE),
    Case("vals.0.val", "09", path("vals.0.val"), each(lambda x, _: {"vals": [{"id": "101", "val": x.tolist()}]}), ONE),
    Case("Messages.0", "09", path("Messages.0.Payload.Vib.Value"), each(opcua), ONE),
    Case("a key with dots", "09", path("Channel1.Device1.Vib"), each(lambda x, _: {"Channel1.Device1.Vib": x.tolist()}),
         words="write fields.samples = \"['Channel1.Device1.Vib']\""),
    Case("a key with dots, quoted", "09", path("['Channel1.Device1.Vib']"),
         each(lambda x, _: {"Channel1.Device1.Vib": x.tolist()}), ONE),
    Case("vals[0].val", "09", path("vals[0].val"), each(lambda x, _: {"vals": [{"val": x.tolist()}]}), ONE),
    Case("$.data.v", "09", path("$.data.v"), each(lambda x, _: {"data": {"v": x.tolist()}}), ONE),
    Case("a wrong path", "09", path("vals[0].val"), each(lambda x, _: {"val": x.tolist(), "id": 3}),
         words="no samples at fields.samples = 'vals[0].val': the document has 'val', 'id'"),
    Case("60-sample packets with seq", "10", JSON,
         small(seq=True),
         ONE),
    Case("60-sample packets, continuous", "10", JSON + "continuous = true\n",
         small(), ONE),
    Case("Telegraf lines", "issue", 'preset = "telegraf"\n' + JSON.replace('codec = "json"\n', ""), each(lines), ONE),
    Case("Telegraf lines of two series", "issue", 'preset = "telegraf"\n' + JSON.replace('codec = "json"\n', ""),
         each(lambda x, at: lines(x, at).replace("=de", "=nde", 1)), words="two series in one message"),
    Case("Telegraf JSON", "issue", 'preset = "telegraf-json"\n' + JSON, each(telegraf_json), ONE),
    Case("SenML", "issue", 'preset = "senml"\n' + JSON.replace('codec = "json"\n', ""), each(senml), ONE),
    Case("SenML in CBOR", "issue", 'preset = "senml"\n' + JSON.replace('codec = "json"\n', ""), each(senml_cbor), ONE),
    Case("OPC UA PubSub", "issue", OPCUA, each(opcua), ONE),
    Case("OPC UA PubSub, data sets together", "issue", OPCUA, lambda: opcua_batch(0, 1) + opcua_batch(2, 3), ONE),
    Case("OPC UA PubSub, a data set lost", "issue", OPCUA, lambda: opcua_batch(0, 2),
         words="2 data sets in one message, and SequenceNumber 1 comes before 3: let the gateway send one data set"),
    Case("OPC UA PubSub, two writers", "issue", OPCUA, lambda: opcua_batch(0, 1, writers=2),
         words="data sets of 2 writers in one message (62541, 62542): let the gateway publish each writer to its own"),
    Case("Sparkplug B", "issue", SPARKPLUG, sparkplug, ONE),
    Case("Node-RED message", "issue", 'preset = "node-red"\n' + JSON, each(lambda x, _: {"payload": x.tolist()}), ONE),
    Case("MAC with colons", "issue",
         **topic("plant/{m}/data", "plant/AA:BB:CC:DD:EE:FF/data", "AA~3aBB~3aCC~3aDD~3aEE~3aFF")),
    Case("blank and umlaut", "issue", **topic("plant/{m}/data", "plant/Lüfter 2/data", "L~c3~bcfter~202")),
    Case("leading underscore", "issue", **topic("plant/{m}/data", "plant/_line/data", "~5fline")),
    Case("{GUID}", "issue", **topic("plant/{m}/data", "plant/{4F1A}/data", "~7b4F1A~7d")),
    Case("leading slash", "issue", **topic("/plant/{m}/data", "/plant/a/data", "a")),
    Case("shared subscription", "issue", **topic("$share/g/plant/{m}/data", "plant/a/data", "a")),
    Case("bridge with a prefix", "issue", **topic("site/{site}/plant/{m}/data", "site/north/plant/a/data", "a")),
)  # fmt: skip

FRACTIONS = (
    "2026-11-30T06:00:00.1234567Z", "2026-11-30T06:00:00.123456789Z", "2026-11-30T06:00:00.5Z",
    "2026-11-30T06:00:00.123+0000", "2026-11-30T06:00:00+02", "20261130T060000Z", "2026-11-30T06:00:00.123Z",
)  # fmt: skip
"""Case 30: what Python 3.10 refused."""
