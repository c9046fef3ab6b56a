from __future__ import annotations

import logging
import ssl
import time
from pathlib import Path

import pytest
from servers import openssl

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.certificate_expiry import SAY_S, SOON_S, CertificateExpiry, ending

DAY_S = 86_400.0


@pytest.fixture
def make(tmp_path: Path):
    """`make(name, days, by)`: `NAME.pem`, signed by another one or by itself."""

    def make(name: str, days: int, by: str | None = None) -> str:
        if by is None:
            openssl(tmp_path, "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", str(days),
                    "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip
        else:
            openssl(tmp_path, "req", "-newkey", "ed25519", "-nodes", "-subj", f"/CN={name}",
                    "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
            openssl(tmp_path, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key",
                    "-CAcreateserial", "-days", str(days), "-out", f"{name}.pem")  # fmt: skip
        return str(tmp_path / f"{name}.pem")

    return make


def der(path: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(Path(path).read_text())


def broker(**how: object) -> BrokerAddress:
    return BrokerAddress("b", 8883, tls=True, **how)


def test_each_of_three_is_warned_of_from_30_days_on_and_not_before(make):
    ca = make("ca", 40)
    own, theirs = make("own", 50, "ca"), make("theirs", 60, "ca")
    asked, now = broker(ca_file=ca, cert_file=own), time.time()
    for days, said in ((9, []), (11, ["ca"]), (21, ["own", "ca"]), (31, ["theirs", "own", "ca"])):
        found = ending(asked, der(theirs), now + days * DAY_S)
        names = {"theirs": "the broker's certificate", "own": f"mqtt.cert_file: {own} ", "ca": f"mqtt.ca_file: {ca} "}
        assert [next(name for name, text in names.items() if line.startswith(text)) for line in found] == said
    assert all(" ends on 20" in line and "; " in line for line in found)
    assert all("has ended on" in line for line in ending(asked, der(theirs), now + 61 * DAY_S))
    assert ending(asked, None, now + 31 * DAY_S) == found[1:], "without the network: its files"


def test_what_is_not_used_is_not_warned_of(make):
    ca = make("ca", 10)
    now = time.time()
    assert len(ending(broker(ca_file=ca, cert_file=ca), der(ca), now)) == 3
    assert ending(BrokerAddress("b", 1883, ca_file=ca, cert_file=ca), None, now) == (), "no TLS"
    (only,) = ending(broker(ca_file=ca, cert_file=ca, insecure=True), der(ca), now)
    assert only.startswith("mqtt.cert_file"), "nobody looks at the other two"
    assert ending(broker(), der(make("long", 400)), now) == (), "the system's authorities are the system's"


def test_of_authorities_the_one_counts_that_signed_and_of_two_in_a_row_the_last(make, tmp_path: Path):
    old, foreign = make("ca", 10), make("foreign", 400)
    theirs = make("theirs", 300, "ca")
    file = tmp_path / "both.pem"
    file.write_text((tmp_path / "ca.pem").read_text() + (tmp_path / "foreign.pem").read_text())
    now = time.time()
    assert ending(broker(ca_file=str(file)), None, now) == (), f"{foreign} may be the one, nobody has asked the broker"
    (warned,) = ending(broker(ca_file=str(file)), der(theirs), now)
    assert warned.startswith(f"mqtt.ca_file: {file} ends on")
    renewed = tmp_path / "renewed.pem"
    openssl(tmp_path, "req", "-x509", "-key", "ca.key", "-days", "400", "-subj", "/CN=ca", "-out", "renewed.pem")
    file.write_text((tmp_path / "ca.pem").read_text() + renewed.read_text())
    assert ending(broker(ca_file=str(file)), der(theirs), now) == (), f"what follows {old} is there"


def test_of_our_own_chain_what_ends_first_counts(make, tmp_path: Path):
    make("ca", 400)
    own = make("own", 300, "ca")
    assert ending(broker(cert_file=own), None, time.time()) == ()
    make("between", 10)
    chain = (tmp_path / "own.pem").read_text() + (tmp_path / "between.pem").read_text()
    (tmp_path / "own.pem").write_text(chain)
    assert len(ending(broker(cert_file=own), None, time.time())) == 1


def test_it_is_said_once_a_day_and_a_renewed_file_ends_it(make, caplog: pytest.LogCaptureFixture):
    ca, now = make("ca", 20), time.time()
    expiry = CertificateExpiry(broker(ca_file=ca))
    with caplog.at_level(logging.WARNING):
        for s in range(0, int(2.5 * SAY_S), 1800):
            expiry.tend(s, now + s, None)
    assert len(caplog.records) == 3
    assert "ends on" in str(caplog.records[0].__dict__)
    (warned,) = expiry.warnings
    assert warned.startswith("mqtt.ca_file")
    make("ca", 400)
    expiry.tend(3 * SAY_S, now + 3 * SAY_S, None)
    assert expiry.warnings == ()


def test_another_certificate_of_the_broker_is_looked_at_at_once(make):
    expiry, now = CertificateExpiry(broker()), time.time()
    expiry.tend(0.0, now, None)
    assert expiry.warnings == ()
    expiry.tend(1.0, now, der(make("theirs", 10)))
    assert len(expiry.warnings) == 1
    expiry.tend(2.0, now, der(make("theirs", 400)))
    assert expiry.warnings == ()


def test_a_file_that_is_away_or_half_written_is_left_to_the_connection(make, tmp_path: Path):
    (tmp_path / "half.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    for path in (str(tmp_path / "half.pem"), str(tmp_path / "nowhere"), str(tmp_path)):
        assert ending(broker(ca_file=path, cert_file=path), b"no certificate", time.time()) == ()


def test_a_month_is_thirty_days():
    assert SOON_S == 30 * DAY_S
