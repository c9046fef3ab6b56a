"""Makes the OPC UA server: its address, its certificate, its logins and its limits."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from asyncua import Server, ua
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from cryptography import x509

from drsn.agent.tools.opcua.sessions import SessionServer
from drsn.model.errors import ConfigurationError, UnavailableError, excerpt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from drsn.agent.tools.opcua.settings import OpcuaSection

ENCRYPTED: Final = (
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
)
"""Security policies with a certificate; those that only sign are left out: a password would be readable."""

MAX_MESSAGE_BYTES: Final = 4 * 1_048_576
"""Of a request; asyncua's default is 100 MiB."""

_BUFFER_BYTES: Final = 65_535

for noisy in ("asyncua", "asyncuagds"):  # each request is a line
    logging.getLogger(noisy).setLevel(logging.ERROR)


async def make_server(section: OpcuaSection, login: tuple[str, str] | None) -> Server:
    """Make a server that does not listen yet.

    Args:
        section: the settings.
        login: name and password of the clients; None: they are anonymous.

    Raises:
        ConfigurationError: the certificate or the key can't be used.
    """
    inner = SessionServer(login, section.max_sessions, time.monotonic)
    server = Server(iserver=inner)
    server.limits.max_message_size = MAX_MESSAGE_BYTES
    server.limits.max_chunk_count = MAX_MESSAGE_BYTES // _BUFFER_BYTES + 1
    server.name, server.manufacturer_name, server.product_uri = "drsn-opcua", "drsn-edge", "urn:drsn-edge:opcua"
    server.application_type = ua.ApplicationType.Server
    uri = f"urn:{socket.gethostname()}:drsn-opcua"
    if section.cert_file is not None:
        uri = _application_uri(section.cert_file) or uri
    await server.init()
    await server.set_application_uri(uri)
    await server.set_build_info(
        server.product_uri, server.manufacturer_name, server.name, version("drsn-edge"), "", datetime.now(timezone.utc)
    )
    server.set_endpoint(section.url)
    await _secure(server, section, login)
    return server


async def _secure(server: Server, section: OpcuaSection, login: tuple[str, str] | None) -> None:
    server.set_identity_tokens([ua.AnonymousIdentityToken if login is None else ua.UserNameIdentityToken])
    if section.cert_file is None or section.key_file is None:
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        return
    server.set_security_policy(list(ENCRYPTED))
    await _load("cert_file", section.cert_file, server.load_certificate)
    await _load("key_file", section.key_file, server.load_private_key)
    if section.trusted_dir is not None:
        if not section.trusted_dir.is_dir():
            raise ConfigurationError(f"opcua.trusted_dir: {section.trusted_dir}: no such folder; create it")
        store = TrustStore([section.trusted_dir], [])
        await store.load()
        options = CertificateValidatorOptions.TIME_RANGE | CertificateValidatorOptions.TRUSTED
        validator = CertificateValidator(options | CertificateValidatorOptions.PEER_CLIENT, store)
        server.iserver.certificate_validator = validator.validate


async def _load(name: str, path: Path, load: Callable[..., Awaitable[None]]) -> None:
    """Load a certificate or a key. asyncua takes a file for DER unless its name ends with .pem; its content decides."""
    try:
        content = await asyncio.to_thread(path.read_bytes)
        await load(content, format="pem" if content.startswith(b"-----") else "der")
    except OSError as error:
        raise ConfigurationError(f"opcua.{name}: {path}: {error.strerror or error}") from None
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"opcua.{name}: {path}: {excerpt(error)}; give a PEM or DER file") from None


def _application_uri(path: Path) -> str | None:
    """The URI in the certificate: clients compare it with that of the server."""
    try:
        data = path.read_bytes()
        load = x509.load_pem_x509_certificate if data.startswith(b"-----") else x509.load_der_x509_certificate
        names = load(data).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except OSError as error:
        raise ConfigurationError(f"opcua.cert_file: {path}: {error.strerror or error}") from None
    except (ValueError, x509.ExtensionNotFound):
        return None
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), None)


async def listen(server: Server, url: str) -> None:
    """Start to listen.

    Raises:
        UnavailableError: the address is in use or not one of this machine.
    """
    try:
        await server.start()
    except OSError as error:
        raise UnavailableError(f"opcua.url {url}: cannot listen: {error.strerror or error}; set another port") from None
