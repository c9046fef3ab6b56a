"""The checks of the broker, from its name to the permissions; the first that fails needs the remedy."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

from drsn.agent.mqtt.certificate_expiry import expiry_warnings, not_watched
from drsn.agent.mqtt.session import CLOSED
from drsn.agent.mqtt.tls import INSECURE, certificate_of
from drsn.agent.tools.doctor.broker_session import (
    LISTEN_S,
    NO_ANSWER,
    TIMEOUT_S,
    OwnCertificateError,
    connected,
    encrypted,
)
from drsn.agent.tools.doctor.finding import misconfigured, ok, soon, unavailable, unneeded

if TYPE_CHECKING:
    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.tools.doctor.finding import Finding
    from drsn.agent.tools.doctor.subject import Subject

NOT_REACHED = unneeded("not tried: there is no line to the broker")
NOT_LET_IN = unneeded("not tried: the broker does not let the agent in")

NOT_YET_VALID, EXPIRED = 9, 10
OTHER_NAME, OTHER_ADDRESS = 62, 64
"""Error codes of OpenSSL, X509_V_ERR_*."""

SAME_TIME = "compare this machine's clock with the certificate's dates; where the clock is right, renew the certificate"
CERTIFICATE_REMEDIES = {
    NOT_YET_VALID: SAME_TIME,
    EXPIRED: SAME_TIME,
    OTHER_NAME: "write a name into mqtt.url that stands in the broker's certificate, or make one with this name",
    OTHER_ADDRESS: "write a name into mqtt.url that stands in the broker's certificate, or make one with this address",
}
OUR_CERTIFICATE = ("ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE", "ALERT_UNKNOWN_CA", "ALERT_HANDSHAKE_FAILURE")
"""TLS alerts with which a broker refuses our certificate during the handshake (TLS 1.2); OpenSSL's names."""

OWN_REMEDY = (
    "set mqtt.cert_file and mqtt.key_file to a certificate of the broker's authority that is still good; "
    "where the broker asks for none, its log says why it leaves"
)
UNKNOWN_AUTHORITY = "set mqtt.ca_file to the certificate of the authority that signed the broker's"


def name(subject: Subject) -> Finding:
    """Check DNS: the broker's name has an address."""
    broker = subject.broker
    try:
        found = socket.getaddrinfo(broker.host, broker.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return unavailable(
            f"{broker.host}: {error.strerror or error}",
            "is the name in mqtt.url right, and does a server of /etc/resolv.conf know it? Else write the address",
        )
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    return ok(f"{broker.host} is {', '.join(addresses)}")


def line(subject: Subject) -> Finding:
    """Check TCP: the broker accepts connections."""
    broker = subject.broker
    where = f"{broker.host}:{broker.port}"
    before_s = time.monotonic()
    try:
        connected(broker).close()
    except socket.gaierror:
        return unneeded(f"not tried: {broker.host} has no address")
    except ConnectionRefusedError:
        return unavailable(
            f"{where}: nothing listens there",
            "does the broker run, on this port, and for other machines? mosquitto 2 without a listener line "
            "listens on its own machine only",
        )
    except OSError as error:
        why = f"no answer within {TIMEOUT_S:g} s" if isinstance(error, TimeoutError) else error.strerror or error
        return unavailable(f"{where}: {why}", "is the broker's machine on, and does no firewall stand between?")
    return ok(f"{where} answers within {(time.monotonic() - before_s) * 1e3:.1f} ms")


def encryption(subject: Subject) -> Finding:
    """Check TLS: the handshake and the broker's certificate."""
    broker = subject.broker
    if not broker.tls:
        return unneeded("the connection is not encrypted; use mqtts:// or wss:// where others can listen")
    try:
        plain = connected(broker)
    except OSError:
        return NOT_REACHED
    try:
        with plain, encrypted(broker, plain) as secured:
            return _encrypted(broker, secured)
    except ssl.SSLCertVerificationError as error:
        remedy = CERTIFICATE_REMEDIES.get(error.verify_code, UNKNOWN_AUTHORITY)
        return unavailable(f"the broker's certificate is refused: {error.verify_message}", remedy)
    except OSError as error:
        why = getattr(error, "reason", None) or error.strerror or str(error) or "no answer"
        if isinstance(error, OwnCertificateError) or any(word in why for word in OUR_CERTIFICATE):
            return unavailable(f"the broker does not take our certificate: {why}", OWN_REMEDY)
        return unavailable(
            f"no TLS on port {broker.port}: {why}",
            "is this the port with TLS, most often 8883? For one without, write mqtt:// into mqtt.url",
        )


def _encrypted(broker: BrokerAddress, secured: ssl.SSLSocket) -> Finding:
    if broker.insecure:
        return misconfigured(f"{secured.version()}, but the broker's certificate is not checked", INSECURE)
    until = (secured.getpeercert() or {}).get("notAfter", "nobody knows when")
    text = f"{secured.version()}, certificate checked against {broker.ca_file or 'the system'}, good until {until}"
    if missing := not_watched(broker):
        return ok(f"{text}; {missing}")
    ends = expiry_warnings(broker, certificate_of(secured), time.time())
    return soon(text, "; ".join(ends)) if ends else ok(text)


def login(subject: Subject) -> Finding:
    """Check the login: name and password."""
    session, broker = subject.session, subject.broker
    if session is None:
        return NOT_REACHED
    who = "anonymous" if broker.username is None else repr(broker.username)
    if session.error is None:
        return ok(f"{who} is let in, MQTT {session.protocol}")
    if session.error in (NO_ANSWER, CLOSED):
        other = "without TLS, most often 1883" if not broker.tls else "of an MQTT broker"
        remedy = f"is port {broker.port} that {other}?"
    elif broker.username is None:
        remedy = "set mqtt.username and a password (docs/mqtt.md), or let anonymous clients in at the broker"
    elif broker.password is None:
        remedy = "give a password: the credential mqtt-password or mqtt.password_file"
    else:
        remedy = "compare mqtt.username and the password with the broker's; its log says more than it tells us"
    return unavailable(f"{who} is not let in: {session.error}", remedy)


def subscription(subject: Subject) -> Finding:
    """Check the permission to read what the agent subscribes to."""
    session = subject.session
    if session is None or session.error is not None:
        return NOT_REACHED if session is None else NOT_LET_IN
    if session.denied:
        listed = ", ".join(session.denied)
        return unavailable(f"the broker denies the subscription {listed}", f"allow it there to read {listed}")
    listed = ", ".join(subject.filters)
    if session.received is None:
        unsure = f"no packet within {LISTEN_S:g} s, which alone would prove that it may read"
        return ok(f"may subscribe to {listed} and its commands; {unsure}")
    return ok(f"reads {listed}: a packet on {session.received}")


def publication(subject: Subject) -> Finding:
    """Check the permission to write where the agent publishes."""
    session = subject.session
    if session is None or session.error is not None:
        return NOT_REACHED if session is None else NOT_LET_IN
    refused = {topic: reason for topic, reason in session.published.items() if reason is not None}
    remedy = f"allow it there to write {subject.topics.prefix}/#"
    if refused:
        listed = ", ".join(f"{topic} ({reason})" for topic, reason in refused.items())
        return unavailable(f"the broker refuses {listed}", remedy)
    if session.unconfirmed:
        return unavailable(f"the broker does not confirm {', '.join(session.unconfirmed)}", remedy)
    unsure = "; MQTT 3.1.1 can't report a refusal" if session.protocol != "5" else ""
    return ok(f"may write {', '.join(session.published)}{unsure}")
