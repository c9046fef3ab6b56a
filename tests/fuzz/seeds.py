"""What each fuzzer starts from: one or a few valid inputs of every target."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
from witness import record_of_balls

from drsn.agent.acquisition.codecs import CODECS, Packet, codec
from drsn.agent.acquisition.codecs.sparkplug_payload import payload_class
from drsn.agent.evidence.json_form import to_message
from drsn.agent.evidence.npz_form import to_bytes
from drsn.model.bundle import MANIFEST, REQUIRED
from drsn.model.contract import Label, ModelContract

ROOT = Path(__file__).parents[2]
SAID = {"sample_rate_hz": 12_000.0, "seq": 3, "boot_id": 7, "t0_unix_ns": 1_767_225_600_250_000_000, "rpm": 1797.0}
T0_NS = SAID["t0_unix_ns"]
SENT = Packet(np.arange(8, dtype=np.float32).reshape(1, 8) / 4, unit="g", **SAID)
STEREO = Packet(np.arange(8, dtype=np.float32).reshape(2, 4), **SAID)
CONTRACT = ModelContract(
    labels=(
        Label(name="normal", condition="normal", healthy=True),
        Label(name="inner_race", condition="inner_race"),
        Label(name="ball", condition="ball"),
    ),
    window=64,
    sample_rate_hz=12_000,
    bandwidth_hz=5_300,
)
SIDECAR = {
    "flavour": "tensorrt", "tensorrt": "10.3.0.30", "gpu": "Orin", "compute_capabilities": ["8.7"], "l4t": "36.4.3",
    "cuda": "12.6", "batch": {"min": 1, "opt": 8, "max": 32}, "precision": "fp32", "strict": False,
    "network": "model.onnx", "onnx_sha256": "0" * 64, "bundle_sha256": "0" * 64, "plan_sha256": "0" * 64,
    "plan_bytes": 28, "workspace_bytes": 1, "build_s": 1.5, "peak_memory_bytes": 2, "created": "2026-01-01T00:00:00Z",
}  # fmt: skip

CERTIFICATE = (
    "MIIBczCCARmgAwIBAgIUNSSZkFbVPBdRvl0FsyOvqKf1OtUwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEc2VlZDAeFw0yNjExMjkx"
    "MjU0MjdaFw0zNjExMjYxMjU0MjdaMA8xDTALBgNVBAMMBHNlZWQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARWYjn91UQqxa69"
    "7oZvyZBvRmW883mW4CBSgmj9SuNQjZxPes1RUXqtw/FkF1N+GY4L+Q1x40gDBsVyT+AAnA6Wo1MwUTAdBgNVHQ4EFgQUplQA3nXZ"
    "1toM4QrZtjSbQYPiEHswHwYDVR0jBBgwFoAUplQA3nXZ1toM4QrZtjSbQYPiEHswDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD"
    "AgNIADBFAiEAi9usd8byJ82AhiBZ2rAOf9odbjMI98iUBmsvLgpaK3kCIHVtEPzl7QIQWP0OzrKG/r4Tdm8rBW2CFxftlr2b7Gck"
)
"""Of nobody, on a curve: the smallest that openssl makes; its key is forgotten."""


def _packets(name: str) -> tuple[bytes, ...]:
    encode = codec(name).encode
    planned = b"\x40" + bytes([0x7F]) + bytes(range(1, 60))
    return b"\0" + encode(SENT), b"\4" + encode(STEREO), planned


def _influx() -> tuple[bytes, ...]:
    moments = "\n".join(f"vib,host=gw\\ 1 x={n / 4},y=-{n}i {T0_NS + n * 83_333}" for n in range(66))
    text = 'vib,host=a value="0.5,0.25,-1",seq=3i,unit="g",ok=t 1767225600'
    return b"\x03" + moments.encode(), b"\x0b" + moments.encode(), b"\x10" + text.encode()


def _senml() -> tuple[bytes, ...]:
    base = {"bn": "urn:dev:mac:0024befffe804ff1/", "bt": 1_767_225_600.25, "bu": "m/s2", "bv": 0.5}
    moments = [{"n": name, "t": n / 12_000, "v": n / 4} for n in range(4) for name in "xy"]
    packs = ([base | moments[0], *moments[1:]], [{"n": "value", "vd": "AAAAAA", "u": "g"}, {"n": "seq", "v": 3}])
    one, whole = (json.dumps(pack).encode() for pack in packs)
    binary = cbor2.dumps([{-2: "urn:dev:", -3: base["bt"], 0: "x", 2: 1.5}, {0: "x", 6: 0.5, 2: -2}])
    return b"\0" + one, b"\x08" + one, b"\x10" + whole, b"\0" + binary


def _opcua() -> tuple[bytes, ...]:
    messages = [
        {"DataSetWriterId": 1, "SequenceNumber": n, "Payload": {"x": {"Value": [n / 4, -0.5]}}} for n in range(3)
    ]
    document = {"MessageId": "1", "MessageType": "ua-data", "PublisherId": "p", "Messages": messages}
    other = [messages[0], messages[1] | {"DataSetWriterId": 2}]
    documents = (document, document | {"Messages": messages[::2]}, document | {"Messages": other})
    return tuple(b"\x20" + json.dumps(each).encode() for each in documents)


def _sparkplug() -> tuple[bytes, ...]:
    def payload(seq: int, *metrics: dict[str, Any]) -> bytes:
        message = payload_class()(timestamp=1_767_225_600_250 + seq, seq=seq)
        for metric in metrics:
            message.metrics.add(**metric)
        return bytes(message.SerializeToString())

    floats = np.arange(6, dtype="<f4").tobytes()
    born = payload(1, {"name": "x", "alias": 7, "datatype": 30, "bytes_value": floats})
    counted = payload(3, *({"name": "x", "datatype": 4, "long_value": 2**64 - n} for n in range(1, 4)))
    table = payload_class()(seq=2)
    rows = table.metrics.add(name="samples", datatype=16).dataset_value
    rows.columns.extend(("x", "y"))
    rows.types.extend((9, 10))
    for n in range(3):
        rows.rows.add(elements=[{"float_value": n}, {"double_value": -n}])
    node, device, data = b"\0" + payload(0), b"\1" + born, b"\2" + payload(2, {"alias": 7, "bytes_value": floats})
    tabled = b"\x0a" + table.SerializeToString()
    return b"\xff\xfe".join((node, device, data)), b"\xff\xfe".join((node, tabled, b"\2" + counted))


def _messages() -> bytes:
    frames = [codec("frame").encode(Packet(np.ones((1, 48), np.float32), **{**SAID, "seq": n})) for n in range(3)]
    return b"\xff\xfe".join(b"plant/press4/mono\n" + frame[:44] + frame[48:] for frame in frames)


def _golden() -> bytes:
    file = io.BytesIO()
    np.savez(
        file,
        x=np.zeros((2, 1, 64), np.float32),
        probabilities=np.full((2, 3), 0.5, np.float32),
        novelty=np.zeros(2, np.float32),
    )
    return file.getvalue()


def _manifest(files: dict[str, bytes]) -> bytes:
    told = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()}
    contract = json.loads(CONTRACT.model_dump_json())
    return json.dumps({"name": "b", "version": "1", "created": "now", "contract": contract, "files": told}).encode()


def _zip() -> bytes:
    files = {name: name.encode() for name in REQUIRED}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {MANIFEST: _manifest(files), **files}.items():
            archive.writestr(name, data)
    return file.getvalue()


def _texts(*patterns: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for pattern in patterns for path in sorted(ROOT.glob(pattern)))


RECORD = record_of_balls(CONTRACT)
SEEDS: dict[str, tuple[bytes, ...]] = {name: _packets(name) for name in CODECS} | {
    "influx": _influx(),
    "senml": _senml(),
    "opcua": _opcua(),
    "sparkplug": _sparkplug(),
    "intake": (_messages(),),
    "manifest": (_manifest({}),),
    "zip": (_zip(),),
    "golden": (_golden(),),
    "settings": tuple(
        text + b"\0DRSN_AGENT__AGENT__MAX_SENSORS=5\0mqtt.protocol=5" for text in _texts("configs/*.toml")
    ),
    "evidence": (to_message(RECORD) or b"", to_bytes(RECORD)),
    "sidecar": (json.dumps(SIDECAR).encode(), b"ftrt" + bytes(20) + bytes([10, 3, 0, 30])),
    "certificate": (base64.b64decode(CERTIFICATE),),
    "cases": _texts("tests/alarm_cases/*.toml"),
}
