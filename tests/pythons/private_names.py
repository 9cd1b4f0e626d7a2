"""Every private name of another library that the package uses, and why there is no public way.

Each library has one file that uses its private names, the adapter. ``test_private_names.py`` holds the list: a name
that is used and not listed, or listed and not used, fails there, and so does a Python, or a version of a library, in
which one is missing or takes other arguments.
"""

import asyncio
import inspect
import socket
import ssl
import sys
from asyncio import sslproto
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import serial_asyncio

# The names of a function's parameters; several where Pythons differ.
Signatures = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Private:
    """The private names that are used of one class of another library.

    Attributes:
        owner: the class, as a person would look for it.
        file: the file of the package that uses it, and no other does.
        reason: why there is no public way.
        made: an instance of it.
        called: its methods that are called, with the parameters that are given.
        overridden: its methods that are overridden, with their parameters.
        attributes: what else is read or set.
    """

    owner: str
    file: str
    reason: str
    made: Callable[[], Any]
    called: Mapping[str, Signatures] = field(default_factory=dict)
    overridden: Mapping[str, Signatures] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()

    @property
    def names(self) -> set[str]:
        """All of them."""
        return {*self.called, *self.overridden, *self.attributes}


NONE: Final[Signatures] = ((),)
EXCEPTION: Final[Signatures] = (("exc",),)


def tls_protocol() -> Any:
    """Make asyncio's TLS protocol, not connected to anything."""
    kind: Any = sslproto.SSLProtocol
    context = ssl.create_default_context()
    protocol = kind(asyncio.get_running_loop(), asyncio.Protocol(), context, None, False, "peer.example")
    # It would warn of a transport that was never closed.
    protocol._get_app_transport()._closed = True
    return protocol


def tls_transport() -> Any:
    """Make asyncio's TLS transport, not connected to anything; it is closed."""
    return tls_protocol()._get_app_transport()


class Silent:
    """As much of a pyserial object as pyserial-asyncio's transport asks for while it is made."""

    def __init__(self) -> None:
        self._end, self._far_end = socket.socketpair()

    def fileno(self) -> int:
        """Return the descriptor of an end that says nothing."""
        return self._end.fileno()

    def close(self) -> None:
        """Close both ends."""
        self._end.close()
        self._far_end.close()


def serial_transport() -> Any:
    """Make pyserial-asyncio's transport; its loop never gets to call it."""

    class Loop:
        def call_soon(self, *args: object) -> None:
            pass

    silent = Silent()
    transport = serial_asyncio.SerialTransport(Loop(), asyncio.Protocol(), silent)
    silent.close()
    return transport


PRIVATE: Final = (
    Private(
        owner="asyncio.sslproto.SSLProtocol",
        file="transports/tls_protocol.py",
        reason="asyncio has no other TLS for a transport of one's own: loop.start_tls refuses it on uvloop, resumes no "
        "session, and closes in a way that loses data on a link with seconds of latency",
        made=tls_protocol,
        called={
            "_get_app_transport": NONE,
            "_set_state": (("new_state",),),
            "_on_shutdown_complete": (("shutdown_exc",),),
            "_control_app_writing": NONE,
            "_control_ssl_reading": NONE,
            "_fatal_error": (("exc", "message"),),
        },
        overridden={
            "_start_handshake": NONE,
            "_on_handshake_complete": (("handshake_exc",),),
            "_do_read": NONE,
            "_do_write": NONE,
            "_start_shutdown": NONE,
            "_do_flush": NONE,
            "_do_shutdown": NONE,
            "_process_outgoing": NONE,
            "_call_eof_received": NONE,
            "_write_appdata": (("list_of_data",),),
            # Without an exception up to Python 3.12.
            "_abort": (EXCEPTION[0], ()),
        },
        attributes=(
            "_app_protocol",
            "_app_transport",
            "_extra",
            "_loop",
            "_outgoing",
            "_server_hostname",
            "_server_side",
            "_sslcontext",
            "_sslobj",
            "_state",
            "_transport",
            "_write_backlog",
            "_write_buffer_size",
        ),
    ),
    Private(
        owner="asyncio.sslproto._SSLProtocolTransport",
        file="transports/tls_protocol.py",
        reason="only the transport above TLS knows whether the application has closed it: is_closing() is true, too, "
        "when the transport below is closing (since Python 3.14)",
        made=tls_transport,
        attributes=("_closed",),
    ),
    Private(
        owner="asyncio.transports._FlowControlMixin",
        file="routing/sendfile.py",
        reason="no public name tells a new protocol of a TLS transport whether writing is paused",
        made=tls_transport,
        attributes=("_protocol_paused",),
    ),
    Private(
        owner="serial_asyncio.SerialTransport",
        file="port/transport.py",
        reason="it has no hooks, and it reads 1 KB a wake-up, takes a hang-up for silence, and closes before the last "
        "bytes have left",
        made=serial_transport,
        called={
            "_ensure_writer": NONE,
            "_remove_reader": NONE,
            "_remove_writer": NONE,
            "_maybe_pause_protocol": NONE,
            "_maybe_resume_protocol": NONE,
        },
        overridden={
            "_read_ready": NONE,
            "_write_ready": NONE,
            "_close": EXCEPTION,
            "_abort": EXCEPTION,
            "_call_connection_lost": EXCEPTION,
        },
        attributes=("_closing", "_protocol", "_write_buffer"),
    ),
)


@dataclass(frozen=True)
class Expected:
    """A private name that asyncio looks for in what the package hands to it.

    Attributes:
        name: the name.
        file: the file of the package that defines it.
        reason: what it is good for.
        source: the function of asyncio's that looks for it.
    """

    name: str
    file: str
    reason: str
    source: Callable[..., Any]


EXPECTED: Final = (
    Expected(
        "_start_tls_compatible",
        "transports/stream.py",
        "asyncio's loops start TLS on no transport without it",
        asyncio.BaseEventLoop.start_tls,
    ),
    Expected(
        "_force_close",
        "transports/base.py",
        "asyncio's TLS ends the transport below by it, with the exception that connection_lost tells",
        sslproto.SSLProtocol._fatal_error,
    ),
)

# Modules that no documentation names, by file of the package.
MODULES: Final = {
    ("asyncio.sslproto", "transports/tls_protocol.py"): "SSLProtocol and what it is made of, see above",
    ("_socket", "routing/socket_calls.py"): "code that uses the C class below socket.socket is refused, too",
}


def complaints() -> list[str]:
    """Return a sentence for each name in the list that this Python has not, or has with other parameters."""
    return [*_missing(), *_unexpected()]


def _missing() -> Iterator[str]:
    for private in PRIVATE:
        thing = private.made()
        for name in private.attributes:
            if not hasattr(thing, name):
                yield _sentence(private, f"has no attribute {name}")

        for name, signatures in {**private.called, **private.overridden}.items():
            method = getattr(thing, name, None)
            if method is None:
                yield _sentence(private, f"has no method {name}()")
            elif (parameters := tuple(inspect.signature(method).parameters)) not in signatures:
                known = " or ".join(f"{name}({', '.join(signature)})" for signature in signatures)
                yield _sentence(private, f"has {name}({', '.join(parameters)}), not {known}")


def _unexpected() -> Iterator[str]:
    for expected in EXPECTED:
        if expected.name not in inspect.getsource(expected.source):
            yield (
                f"{_python()}: {expected.source.__qualname__} does not look for {expected.name} any more, which "
                f"bc260y_aio/{expected.file} defines because {expected.reason}"
            )


def _sentence(private: Private, what: str) -> str:
    return f"{_python()}: {private.owner} {what}. bc260y_aio/{private.file} uses it, because {private.reason}."


def _python() -> str:
    return f"Python {sys.version.partition(' ')[0]}, pyserial-asyncio {serial_asyncio.__version__}"
