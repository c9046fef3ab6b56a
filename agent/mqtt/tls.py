"""TLS settings of the connection to the broker; service, doctor and commands use the same."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from drsn.agent.mqtt.broker_address import BrokerAddress

INSECURE: Final = (
    "mqtt.insecure: the broker's certificate is not checked, so anyone on the network path can read the password and "
    "forge alarms; set mqtt.ca_file and remove mqtt.insecure"
)


def context(broker: BrokerAddress) -> ssl.SSLContext:
    """TLS 1.2 or 1.3, with verification of the broker's certificate and host name, and the client certificate if any.

    Each connection makes a new context, so that it uses renewed files.

    Raises:
        ConfigurationError: a file is missing or unusable, or the key has a passphrase.
    """
    try:
        made = ssl.create_default_context(cafile=broker.ca_file)
    except OSError as error:  # SSLError is an OSError; its strerror says what
        raise ConfigurationError(
            f"ca_file: {broker.ca_file}: cannot read the certificates ({error.strerror or error})"
        ) from None
    made.minimum_version = ssl.TLSVersion.TLSv1_2  # also Python's default, but a distribution may lower it
    if broker.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if broker.cert_file is not None:
        _load_own(made, broker.cert_file, broker.key_file)
    return made


def certificate_of(line: object) -> bytes | None:
    """Certificate of the other side of a socket, DER; None: the socket has no TLS."""
    return line.getpeercert(binary_form=True) if isinstance(line, ssl.SSLSocket) else None


def _load_own(made: ssl.SSLContext, cert_file: str, key_file: str | None) -> None:
    where = f"cert_file: {cert_file}" + ("" if key_file is None else f", key_file: {key_file}")

    def passphrase() -> str:  # without it, OpenSSL would ask on the terminal and wait for ever
        raise ConfigurationError(f"{where}: the key has a passphrase; store it without one, as a systemd credential")

    try:
        made.load_cert_chain(cert_file, key_file, passphrase)
    except OSError as error:
        why = error.strerror or getattr(error, "reason", None) or error
        raise ConfigurationError(f"{where}: cannot read the certificate and its key ({why})") from None
