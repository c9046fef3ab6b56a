"""What each fuzzer starts from: one or a few valid inputs of every target."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
from witness import record_of_balls

from drsn.agent.acquisition.codecs import CODECS, Packet, codec
from drsn.agent.evidence.json_form import to_message
from drsn.agent.evidence.npz_form import to_bytes
from drsn.model.bundle import MANIFEST, REQUIRED
from drsn.model.contract import Label, ModelContract

ROOT = Path(__file__).parents[2]
SAID = {"sample_rate_hz": 12_000.0, "seq": 3, "boot_id": 7, "t0_unix_ns": 1_767_225_600_250_000_000, "rpm": 1797.0}
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


_RECORD = record_of_balls(CONTRACT)
SEEDS: dict[str, tuple[bytes, ...]] = {name: _packets(name) for name in CODECS} | {
    "intake": (_messages(),),
    "manifest": (_manifest({}),),
    "zip": (_zip(),),
    "golden": (_golden(),),
    "settings": tuple(
        text + b"\0DRSN_AGENT__AGENT__MAX_SENSORS=5\0mqtt.protocol=5" for text in _texts("configs/*.toml")
    ),
    "evidence": (to_message(_RECORD) or b"", to_bytes(_RECORD)),
    "sidecar": (json.dumps(SIDECAR).encode(), b"ftrt" + bytes(20) + bytes([10, 3, 0, 30])),
    "certificate": (base64.b64decode(CERTIFICATE),),
    "cases": _texts("tests/alarm_cases/*.toml"),
}
