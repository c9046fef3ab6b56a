"""Real certificates of openssl, whatever their form, against openssl's own word on them."""

from __future__ import annotations

import ssl
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import openssl, require

from drsn.agent.mqtt.certificates import in_file, parsed

if TYPE_CHECKING:
    from pathlib import Path

FORMS = {
    "rsa": ("rsa:2048",),
    "elliptic": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "edwards": ("ed25519",),
}


def made(folder: Path, name: str, *more: str, days: int = 10, form: str = "rsa") -> Path:
    require("openssl")
    openssl(folder, "req", "-x509", "-newkey", *FORMS[form], "-nodes", "-days", str(days),
            "-subj", f"/O=plant/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", *more)  # fmt: skip
    return folder / f"{name}.pem"


def ends_of(path: Path) -> float:
    said = subprocess.run(
        ["openssl", "x509", "-in", path, "-noout", "-enddate"], capture_output=True, text=True, check=True
    ).stdout
    return float(ssl.cert_time_to_seconds(said.strip().removeprefix("notAfter=")))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("days", [1, 10, 36_500], ids=["a day", "ten days", "a century"])  # UTCTime ends in 2049
def test_openssl_agrees_on_when_it_ends(tmp_path: Path, form: str, days: int):
    path = made(tmp_path, "machine", days=days, form=form)
    (found,) = in_file(path)
    assert found.ends_unix_s == ends_of(path)
    assert found.subject == found.issuer, "it signs for itself"
    assert b"machine" in found.subject


def test_a_version_1_certificate_has_no_version(tmp_path: Path):
    made(tmp_path, "ca")
    openssl(tmp_path, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=old", "-keyout", "old.key", "-out", "csr")
    openssl(tmp_path, "x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "10", "-out", "old.pem")  # fmt: skip
    (found,), (ca,) = in_file(tmp_path / "old.pem"), in_file(tmp_path / "ca.pem")
    assert found.ends_unix_s == ends_of(tmp_path / "old.pem")
    assert (found.issuer, found.subject == ca.subject) == (ca.subject, False)


def test_a_file_may_hold_several_and_a_key_and_talk(tmp_path: Path):
    one, two = made(tmp_path, "one", days=10), made(tmp_path, "two", days=20)
    whole = tmp_path / "whole.pem"
    text = two.read_text().replace("BEGIN CERT", "BEGIN X509 CERT").replace("END CERT", "END X509 CERT")
    whole.write_text(f"Grüße\n{(tmp_path / 'one.key').read_text()}{one.read_text()}\n# and\n{text}")
    assert [found.ends_unix_s for found in in_file(whole)] == [ends_of(one), ends_of(two)]


@given(der=st.binary(max_size=200))
def test_bytes_are_a_certificate_or_a_value_error(der: bytes):
    with pytest.raises(ValueError, match="no certificate"):
        parsed(der)


def test_a_certificate_that_is_cut_anywhere_is_a_value_error(tmp_path: Path):
    der = ssl.PEM_cert_to_DER_cert(made(tmp_path, "machine", form="edwards").read_text())
    for length in range(len(der)):
        with pytest.raises(ValueError, match="no certificate"):
            parsed(der[:length])
    (tmp_path / "half.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    with pytest.raises(ValueError, match="no certificate"):
        in_file(tmp_path / "half.pem")


def test_a_file_full_of_beginnings_takes_no_time(tmp_path: Path):
    """Looked for to the end of the file, the ends of so many took an hour."""
    (tmp_path / "many.pem").write_text("-----BEGIN CERTIFICATE-----\n" * 100_000)
    before_s = time.perf_counter()
    assert in_file(tmp_path / "many.pem") == []
    assert time.perf_counter() - before_s < 5
