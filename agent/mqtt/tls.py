"""How the line to a broker is encrypted: one place, so that service, doctor and commands check alike."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from drsn.agent.mqtt.broker_address import BrokerAddress

INSECURE: Final = (
    "mqtt.insecure: nobody checks the broker's certificate, so whoever is on the line reads the password and forges "
    "alarms; set mqtt.ca_file and leave mqtt.insecure out"
)


def context(broker: BrokerAddress) -> ssl.SSLContext:
    """TLS 1.2 or 1.3, the broker's certificate checked and its name too; our certificate, where there is one.

    Made anew for each connection, so that renewed files count from the next one on.

    Raises:
        ConfigurationError: a file is missing, or is not what it should be; or its key has a passphrase.
    """
    try:
        made = ssl.create_default_context(cafile=broker.ca_file)
    except OSError as error:  # SSLError is an OSError; its strerror says what
        raise ConfigurationError(f"ca_file: {broker.ca_file}: no certificates ({error.strerror or error})") from None
    made.minimum_version = ssl.TLSVersion.TLSv1_2  # Python's default too, but a distribution may lower it
    if broker.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if broker.cert_file is not None:
        _load_own(made, broker.cert_file, broker.key_file)
    return made


def certificate_of(line: object) -> bytes | None:
    """What the other side of a line has shown, in DER; None: it is not encrypted."""
    return line.getpeercert(binary_form=True) if isinstance(line, ssl.SSLSocket) else None


def _load_own(made: ssl.SSLContext, cert_file: str, key_file: str | None) -> None:
    where = f"cert_file: {cert_file}" + ("" if key_file is None else f", key_file: {key_file}")

    def passphrase() -> str:  # asked for by OpenSSL, which would else ask the terminal and wait for ever
        raise ConfigurationError(f"{where}: the key has a passphrase; keep it without one, as a systemd credential")

    try:
        made.load_cert_chain(cert_file, key_file, passphrase)
    except OSError as error:
        why = error.strerror or getattr(error, "reason", None) or error
        raise ConfigurationError(f"{where}: no certificate with its key ({why})") from None
