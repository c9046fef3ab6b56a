"""The checks of the broker, from its name to the permissions; the first that fails needs the remedy."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

from drsn.agent.mqtt.certificate_expiry import expiry_warnings, not_watched
from drsn.agent.mqtt.session import CLOSED, NO_CONNACK
from drsn.agent.mqtt.tls import INSECURE, certificate_of
from drsn.agent.tools.doctor.broker_session import (
    LISTEN_S,
    TIMEOUT_S,
    OwnCertificateError,
    connected,
    encrypted,
)
from drsn.agent.tools.doctor.finding import limited, misconfigured, ok, soon, unavailable, unneeded

if TYPE_CHECKING:
    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.tools.doctor.finding import Finding
    from drsn.agent.tools.doctor.subject import Subject

NOT_REACHED = unneeded("not tested: there is no connection to the broker")
NOT_LET_IN = unneeded("not tested: the broker refuses the login")

NOT_YET_VALID, EXPIRED = 9, 10
OTHER_NAME, OTHER_ADDRESS = 62, 64
"""Error codes of OpenSSL, X509_V_ERR_*."""

SAME_TIME = "compare this machine's clock with the certificate's dates; if the clock is right, renew the certificate"
CERTIFICATE_REMEDIES = {
    NOT_YET_VALID: SAME_TIME,
    EXPIRED: SAME_TIME,
    OTHER_NAME: "use a name of the broker's certificate in mqtt.url, or make a certificate with this name",
    OTHER_ADDRESS: "use a name of the broker's certificate in mqtt.url, or make a certificate with this address",
}
OUR_CERTIFICATE = ("ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE", "ALERT_UNKNOWN_CA", "ALERT_HANDSHAKE_FAILURE")
"""TLS alerts with which a broker refuses our certificate during the handshake (TLS 1.2); OpenSSL's names."""

OWN_REMEDY = (
    "set mqtt.cert_file and mqtt.key_file to a valid certificate of the broker's authority; "
    "if the broker requires no certificate, its log has the reason"
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
            "check the name in mqtt.url and the DNS servers in /etc/resolv.conf, or use the address",
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
        return unneeded(f"not tested: {broker.host} has no address")
    except ConnectionRefusedError:
        return unavailable(
            f"{where}: no program listens there",
            "check that the broker runs, on this port, and accepts other machines: mosquitto 2 without a listener "
            "line accepts its own machine only",
        )
    except OSError as error:
        why = f"no answer within {TIMEOUT_S:g} s" if isinstance(error, TimeoutError) else error.strerror or error
        return unavailable(
            f"{where}: {why}", "check that the broker's machine is on, and that no firewall blocks the port"
        )
    return ok(f"{where} answers within {(time.monotonic() - before_s) * 1e3:.1f} ms")


def encryption(subject: Subject) -> Finding:
    """Check TLS: the handshake and the broker's certificate."""
    broker = subject.broker
    if not broker.tls:
        return unneeded("the connection is not encrypted; use mqtts:// or wss:// unless the network is trusted")
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
            return unavailable(f"the broker refuses the agent's certificate: {why}", OWN_REMEDY)
        return unavailable(
            f"no TLS on port {broker.port}: {why}",
            "use the broker's TLS port, usually 8883; for a port without TLS use mqtt:// in mqtt.url",
        )


def _encrypted(broker: BrokerAddress, secured: ssl.SSLSocket) -> Finding:
    if broker.insecure:
        return misconfigured(f"{secured.version()}, but the broker's certificate is not checked", INSECURE)
    until = (secured.getpeercert() or {}).get("notAfter", "an unknown date")
    text = f"{secured.version()}, certificate checked against {broker.ca_file or 'the system'}, valid until {until}"
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
        return _let_in(who, session.protocol, broker)
    if session.error.startswith((NO_CONNACK, CLOSED)):
        other = "without TLS, usually 1883" if not broker.tls else "of an MQTT broker"
        remedy = f"check that port {broker.port} is the port {other}"
    elif broker.username is None:
        remedy = "set mqtt.username and a password (docs/reference/mqtt.md), or allow anonymous clients at the broker"
    elif broker.password is None:
        remedy = "set a password: the credential mqtt-password or mqtt.password_file"
    else:
        remedy = "compare mqtt.username and the password with the broker's; the broker's log has the reason"
    return unavailable(f"login of {who} refused: {session.error}", remedy)


def _let_in(who: str, protocol: str, broker: BrokerAddress) -> Finding:
    if protocol in ("5", broker.protocol):
        return ok(f"login of {who} accepted, MQTT {protocol}")
    return limited(
        f"login of {who} accepted with MQTT {protocol}; the broker does not accept MQTT 5",
        f'the agent works (docs/reference/brokers.md); mqtt.protocol = "{protocol}" makes connecting faster',
    )


def subscription(subject: Subject) -> Finding:
    """Check the permission to read what the agent subscribes to."""
    session = subject.session
    if session is None or session.error is not None:
        return NOT_REACHED if session is None else NOT_LET_IN
    if session.denied:
        listed = ", ".join(session.denied)
        return unavailable(
            f"the broker denies the subscription {listed}", f"allow the account to read {listed} in the broker's ACL"
        )
    listed = ", ".join(subject.filters)
    if session.received is None:
        unsure = f"not proven, because no packet came within {LISTEN_S:g} s"
        return ok(f"may subscribe to {listed} and its commands; {unsure}")
    return ok(f"reads {listed}: a packet on {session.received}")


def publication(subject: Subject) -> Finding:
    """Check the permission to write where the agent publishes."""
    session = subject.session
    if session is None or session.error is not None:
        return NOT_REACHED if session is None else NOT_LET_IN
    refused = {topic: reason for topic, reason in session.published.items() if reason is not None}
    remedy = f"allow the account to write {subject.topics.prefix}/# in the broker's ACL"
    if refused:
        listed = ", ".join(f"{topic} ({reason})" for topic, reason in refused.items())
        return unavailable(f"the broker refuses {listed}", remedy)
    if session.unconfirmed:
        return unavailable(f"the broker does not confirm {', '.join(session.unconfirmed)}", remedy)
    unsure = "; not proven, because MQTT 3.1.1 cannot report a refusal" if session.protocol != "5" else ""
    return ok(f"may write {', '.join(session.published)}{unsure}")


def alarms(subject: Subject) -> Finding:
    """Check by trial whether the agent may read the alarms under its prefix."""
    readable, topics = subject.traits.alarms_read, subject.topics
    if readable is None:
        return _not_tried(subject, f"write {topics.alarms}")
    if readable:
        return ok(f"reads {topics.alarms}")
    # A broker of MQTT 3.1.1 can't report a refused publish; `broker.write` tells so.
    may_not = "read" if subject.session is not None and subject.session.protocol == "5" else "read or may not write"
    return limited(
        f"an alarm that the doctor published did not come back: the account may not {may_not} {topics.alarms}; without "
        "reading, the agent finds neither the alarms of a lost state directory nor another agent on its sensors",
        f"allow the account to read {topics.alarms} in the broker's ACL (configs/broker/acl)",
    )


def retained(subject: Subject) -> Finding:
    """Check by trial whether a subscription with a wildcard gets retained messages."""
    found, topics = subject.traits.retained, subject.topics
    if found is None:
        return _not_tried(subject)
    if found == "not kept":
        return unavailable(
            "the broker does not keep retained messages: a new subscriber sees no alarms",
            "allow retained messages at the broker",
        )
    if found == "by wildcard":
        return ok("subscriptions with wildcards get retained messages")
    return limited(
        "the broker sends no retained messages to subscriptions with wildcards: a new subscriber sees the alarms by "
        "their exact topics only",
        f"subscribe to {topics.summary}, which has every alarm; drsn-agent alarms --agent {topics.agent} does that",
    )


def dots(subject: Subject) -> Finding:
    """Check by trial whether dots in topics are kept."""
    kept, settings = subject.traits.dots_kept, subject.configuration.settings
    if kept is None:
        return _not_tried(subject)
    if kept:
        return ok("dots in topics are kept")
    text = "the broker replaces dots in topics by slashes"
    named = {"agent.id": settings.agent.id, "agent.prefix": settings.agent.prefix}
    for index, entry in enumerate(settings.inputs):
        named |= {f"inputs[{index}].topic": entry.topic, f"inputs[{index}].sensor": entry.sensor}
        named[f"inputs[{index}].channels"] = " ".join(entry.channels)
    dotted = [f"{key} = {value!r}" for key, value in named.items() if "." in value]
    if not dotted:
        return ok(f"{text}; nothing in this configuration has a dot")
    return misconfigured(
        f"{text}, so subscribers do not find the topics of {', '.join(dotted)}",
        "use a dash instead of each dot",
    )


def _not_tried(subject: Subject, what: str = "") -> Finding:
    session = subject.session
    if session is None or session.error is not None:
        return NOT_REACHED if session is None else NOT_LET_IN
    return unneeded(f"not tested: the account may not {what or f'write and read {subject.topics.doctor}/#'}")
