"""TLS contexts for servers and clients of tests, with certificates made on the spot."""

import functools
import os
import ssl
from pathlib import Path
from typing import Final

import trustme

# The names of the servers of the tests.
NAMES: Final = ("peer.example", "127.0.0.1")


@functools.cache
def _authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def server_context(
    *, maximum_version: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED, num_tickets: int = 2
) -> ssl.SSLContext:
    """Make the context of a server that is called by any of NAMES."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.maximum_version = maximum_version
    context.num_tickets = num_tickets
    _authority().issue_cert(*NAMES).configure_cert(context)
    return context


def write_server_files(folder: Path) -> tuple[Path, Path]:
    """Write the files of a server: its certificate with the chain, and its key."""
    issued = _authority().issue_cert(*NAMES)
    certificate, key = folder / "server.pem", folder / "server.key"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.touch(mode=0o600)
    key.write_bytes(issued.private_key_pem.bytes())
    return certificate, key


def write_authority(file: Path) -> None:
    """Write the certificate that clients must trust."""
    _authority().cert_pem.write_to_path(os.fspath(file))


@functools.cache
def client_context() -> ssl.SSLContext:
    """Make the context of a client that trusts such servers; tests share it, so they leave it as it is."""
    return trusting_context()


def trusting_context() -> ssl.SSLContext:
    """Make such a context for one test."""
    context = ssl.create_default_context()
    _authority().configure_trust(context)
    return context
