"""Certificates of openssl, in several forms, against openssl's own dates."""

from __future__ import annotations

import logging
import ssl
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import openssl, require

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.certificate_expiry import (
    NOT_WATCHED,
    WARN_BEFORE_S,
    CertificateExpiry,
    expiry_warnings,
    not_watched,
)

if TYPE_CHECKING:
    from collections.abc import Callable

DAY_S = 86_400.0
FORMS = {
    "rsa": ("rsa:2048",),
    "elliptic": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "edwards": ("ed25519",),
}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., str]:
    """`make(name, days, by)`: `NAME.pem`, signed by another one or by itself."""
    require("openssl")

    def make(name: str, days: int, by: str | None = None, form: str = "edwards", *, version_1: bool = False) -> str:
        subject = ("-subj", f"/O=plant/CN={name}", "-keyout", f"{name}.key")
        if by is None:
            openssl(tmp_path, "req", "-x509", "-newkey", *FORMS[form], "-nodes", "-days", str(days),
                    *subject, "-out", f"{name}.pem")  # fmt: skip
        else:
            (tmp_path / "ext").write_text("" if version_1 else "basicConstraints = CA:FALSE\n")
            openssl(tmp_path, "req", "-newkey", *FORMS[form], "-nodes", *subject, "-out", f"{name}.csr")
            openssl(tmp_path, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key",
                    "-CAcreateserial", "-days", str(days), "-extfile", "ext", "-out", f"{name}.pem")  # fmt: skip
        return str(tmp_path / f"{name}.pem")

    return make


def der(path: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(Path(path).read_text())


def broker(**how: object) -> BrokerAddress:
    return BrokerAddress("b", 8883, tls=True, **how)


def ends_of(path: str) -> float:
    """Expiry, from openssl."""
    command = ["openssl", "x509", "-in", path, "-noout", "-enddate"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(ssl.cert_time_to_seconds(printed.strip().removeprefix("notAfter=")))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("days", [1, 36_500], ids=["a day", "a century"])  # the encoding of dates changes in 2050
def test_the_date_is_the_one_that_openssl_reports(make, form: str, days: int):
    path = make("machine", days, form=form)
    ends_s = ends_of(path)
    moment = datetime.fromtimestamp(ends_s, tz=timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    for address, peer in ((broker(), der(path)), (broker(cert_file=path), None)):
        assert expiry_warnings(address, peer, ends_s - WARN_BEFORE_S - 1) == ()
        (line,) = expiry_warnings(address, peer, ends_s - WARN_BEFORE_S)
        assert f"expires on {moment};" in line
        (line,) = expiry_warnings(address, peer, ends_s + 1)
        assert f"expired on {moment};" in line


def test_a_version_1_certificate_is_read_too(make):
    make("ca", 400, form="rsa")
    path = make("old", 10, by="ca", version_1=True)
    assert "Version: 1" in subprocess.run(
        ["openssl", "x509", "-in", path, "-noout", "-text"], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    assert len(expiry_warnings(broker(), der(path), time.time())) == 1


def test_a_file_may_also_hold_other_certificates_a_key_and_text(make, tmp_path: Path):
    one, two = make("one", 10), make("two", 20)
    text = Path(two).read_text().replace("BEGIN CERT", "BEGIN X509 CERT").replace("END CERT", "END X509 CERT")
    whole = tmp_path / "whole.pem"
    whole.write_text(f"Grüße\n{(tmp_path / 'one.key').read_text()}{text}\n# and\n{Path(one).read_text()}")
    for address, counts in ((broker(cert_file=str(whole)), one), (broker(ca_file=str(whole)), two)):
        (line,) = expiry_warnings(address, None, time.time())
        assert datetime.fromtimestamp(ends_of(counts), tz=timezone.utc).strftime("on %Y-%m-%d") in line


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_certificate_give_no_warning(data: bytes):
    assert expiry_warnings(broker(), data, time.time()) == ()


def test_a_certificate_that_is_cut_anywhere_gives_no_warning(make):
    whole = der(make("machine", 10))
    assert all(expiry_warnings(broker(), whole[:length], time.time()) == () for length in range(len(whole)))


def test_a_file_full_of_begin_lines_takes_no_time(tmp_path: Path):
    """A reader that looks for the END of each one takes an hour."""
    (tmp_path / "many.pem").write_text("-----BEGIN CERTIFICATE-----\n" * 100_000)
    before_s = time.perf_counter()
    assert expiry_warnings(broker(ca_file=str(tmp_path / "many.pem")), None, time.time()) == ()
    assert time.perf_counter() - before_s < 5


def test_each_certificate_is_warned_of_within_30_days_and_not_before(make):
    ca = make("ca", 40)
    own, theirs = make("own", 50, "ca"), make("theirs", 60, "ca")
    address, now = broker(ca_file=ca, cert_file=own), time.time()
    for days, expected in ((9, []), (11, ["ca"]), (21, ["own", "ca"]), (31, ["theirs", "own", "ca"])):
        found = expiry_warnings(address, der(theirs), now + days * DAY_S)
        names = {"theirs": "the broker's certificate", "own": f"mqtt.cert_file: {own} ", "ca": f"mqtt.ca_file: {ca} "}
        assert [next(name for name, text in names.items() if line.startswith(text)) for line in found] == expected
    assert all(" expires on 20" in line and "; " in line for line in found)
    assert all("expired on" in line for line in expiry_warnings(address, der(theirs), now + 61 * DAY_S))
    assert expiry_warnings(address, None, now + 31 * DAY_S) == found[1:], "without the network: its files"


def test_unused_certificates_are_not_warned_of(make):
    ca = make("ca", 10)
    now = time.time()
    assert len(expiry_warnings(broker(ca_file=ca, cert_file=ca), der(ca), now)) == 3
    assert expiry_warnings(BrokerAddress("b", 1883, ca_file=ca, cert_file=ca), None, now) == (), "no TLS"
    (only,) = expiry_warnings(broker(ca_file=ca, cert_file=ca, insecure=True), der(ca), now)
    assert only.startswith("mqtt.cert_file"), "the other two are not checked"
    assert expiry_warnings(broker(), der(make("long", 400)), now) == (), "the system updates its own authorities"


def test_the_authority_that_signed_counts_and_the_last_one_of_a_renewal(make, tmp_path: Path):
    old, foreign = make("ca", 10), make("foreign", 400)
    theirs = make("theirs", 300, "ca")
    file = tmp_path / "both.pem"
    file.write_text((tmp_path / "ca.pem").read_text() + (tmp_path / "foreign.pem").read_text())
    now = time.time()
    assert expiry_warnings(broker(ca_file=str(file)), None, now) == (), f"{foreign} may be the one that signed"
    (warned,) = expiry_warnings(broker(ca_file=str(file)), der(theirs), now)
    assert warned.startswith(f"mqtt.ca_file: {file} expires on")
    renewed = tmp_path / "renewed.pem"
    openssl(tmp_path, "req", "-x509", "-key", "ca.key", "-days", "400", "-subj", "/O=plant/CN=ca",
            "-out", "renewed.pem")  # fmt: skip
    file.write_text((tmp_path / "ca.pem").read_text() + renewed.read_text())
    assert expiry_warnings(broker(ca_file=str(file)), der(theirs), now) == (), f"the successor of {old} is there"


def test_the_first_certificate_of_our_own_chain_to_expire_counts(make, tmp_path: Path):
    make("ca", 400)
    own = make("own", 300, "ca")
    assert expiry_warnings(broker(cert_file=own), None, time.time()) == ()
    make("between", 10)
    chain = (tmp_path / "own.pem").read_text() + (tmp_path / "between.pem").read_text()
    (tmp_path / "own.pem").write_text(chain)
    assert len(expiry_warnings(broker(cert_file=own), None, time.time())) == 1


def test_a_warning_is_logged_once_a_day_and_a_renewed_file_ends_it(make, caplog: pytest.LogCaptureFixture):
    ca, now = make("ca", 20), time.time()
    expiry = CertificateExpiry(broker(ca_file=ca))
    with caplog.at_level(logging.WARNING):
        for s in range(0, int(2.5 * DAY_S), 1800):
            expiry.tend(s, now + s, None)
    assert len(caplog.records) == 3
    assert "expires on" in str(caplog.records[0].__dict__)
    (warned,) = expiry.warnings
    assert warned.startswith("mqtt.ca_file")
    make("ca", 400)
    expiry.tend(3 * DAY_S, now + 3 * DAY_S, None)
    assert expiry.warnings == ()


def test_another_certificate_of_the_broker_is_checked_at_once(make):
    expiry, now = CertificateExpiry(broker()), time.time()
    expiry.tend(0.0, now, None)
    assert expiry.warnings == ()
    expiry.tend(1.0, now, der(make("theirs", 10)))
    assert len(expiry.warnings) == 1
    expiry.tend(2.0, now, der(make("theirs", 400)))
    assert expiry.warnings == ()


def test_files_that_are_missing_or_half_written_give_no_warning(tmp_path: Path):
    """The next attempt to connect reports them."""
    (tmp_path / "half.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    for path in (str(tmp_path / "half.pem"), str(tmp_path / "nowhere"), str(tmp_path)):
        assert expiry_warnings(broker(ca_file=path, cert_file=path), b"no certificate", time.time()) == ()


def test_without_the_extra_one_line_at_the_start_says_what_to_install(make, monkeypatch, caplog):
    ca = make("ca", 10)
    monkeypatch.setitem(sys.modules, "cryptography", None)  # as where it is not installed
    monkeypatch.delitem(sys.modules, "cryptography.x509", raising=False)
    expiry = CertificateExpiry(broker(ca_file=ca))
    for now_s in (0.0, DAY_S, 2 * DAY_S):
        expiry.tend(now_s, time.time(), der(ca))
    assert [record.getMessage() for record in caplog.records] == [NOT_WATCHED]
    assert expiry.warnings == ()


def test_with_the_extra_or_without_tls_nothing_is_missing(monkeypatch):
    assert not_watched(broker()) == ""
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert not_watched(BrokerAddress("b", 1883)) == ""
    assert not_watched(broker()) == NOT_WATCHED
