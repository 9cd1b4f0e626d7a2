"""The messages of SOCKS5 (RFC 1928), parsed and written without I/O.

A client greets with its methods of authentication, and the server selects none. Then the client asks for one
thing: a connection to a name or an address, or the passing on of datagrams. Data after that request is no longer
SOCKS.
"""

import enum
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

_VERSION: Final = 5
_VERSION_4: Final = 4
_NO_AUTHENTICATION: Final = 0
_CONNECT: Final = 1
_UDP_ASSOCIATE: Final = 3
_COMMANDS: Final = {2: "BIND"}
_IPV4: Final = 1
_NAME: Final = 3
_IPV6: Final = 4
# How long an address of a type is, in bytes; a name's first byte is its length.
_SIZES: Final = {_IPV4: 4, _IPV6: 16}
# Version, how many methods.
_GREETING_HEAD: Final = 2
# Version, command, reserved, kind of address.
_REQUEST_HEAD: Final = 4
_PORT_SIZE: Final = 2

# A datagram begins with two reserved bytes and the number of a fragment, 0 for a whole one.
_WHOLE: Final = bytes(3)

#: The answer to a greeting that no authentication is needed.
NO_AUTHENTICATION_REPLY: Final = bytes([_VERSION, _NO_AUTHENTICATION])
# None of the ways that the client named will do.
_NO_METHOD: Final = bytes([_VERSION, 0xFF])
# To SOCKS4: request rejected.
_REJECTED_4: Final = bytes([0, 0x5B, 0, 0, 0, 0, 0, 0])


class Code(enum.IntEnum):
    """The reply to a request (RFC 1928, section 6)."""

    SUCCEEDED = 0
    GENERAL_FAILURE = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    CONNECTION_REFUSED = 5
    TTL_EXPIRED = 6
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8


class NeedData(enum.Enum):
    """The type of :data:`NEED_DATA`."""

    NEED_DATA = enum.auto()
    """More bytes of the client are needed."""


#: Returned by :meth:`Negotiation.next_event` when more bytes are needed.
NEED_DATA: Final = NeedData.NEED_DATA


@dataclass(frozen=True, slots=True)
class Greeting:
    """The client greets, and needs no authentication: answer :data:`NO_AUTHENTICATION_REPLY`."""


@dataclass(frozen=True, slots=True)
class Connect:
    """The client asks for a connection: answer with :func:`reply`.

    Attributes:
        host: a name, or an IPv4 or IPv6 address.
        port: the port, 0 to 65535.
    """

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Associate:
    """The client asks for datagrams to be passed on: answer with :func:`reply` and the address that it sends them to.

    Attributes:
        port: the port that it will send them from; 0 if it names none.
    """

    port: int


@dataclass(frozen=True, slots=True)
class Datagram:
    """The datagrams that a client sends and receives on the UDP socket of an association (RFC 1928, section 7).

    Attributes:
        host: the peer: a name, or an IPv4 or IPv6 address.
        port: the peer's port.
        data: the payload.
    """

    host: str
    port: int
    data: bytes

    @classmethod
    def read(cls, packet: bytes) -> "Datagram | None":
        """Read a packet; return None for one that is no datagram, or a fragment of one."""
        if len(packet) < _REQUEST_HEAD + 1 or packet[:3] != _WHOLE:
            return None

        kind = packet[_REQUEST_HEAD - 1]
        size = 1 + packet[_REQUEST_HEAD] if kind == _NAME else _SIZES.get(kind, 0)
        end = _REQUEST_HEAD + size
        if not size or len(packet) < end + _PORT_SIZE:
            return None

        host = _host(kind, packet[_REQUEST_HEAD:end])
        port = int.from_bytes(packet[end : end + _PORT_SIZE])
        return cls(host, port, packet[end + _PORT_SIZE :]) if host and port else None

    def encode(self) -> bytes:
        """Return it as a packet, with its peer written as the client wrote it: as an address or as a name."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            name = self.host.encode()
            peer = bytes([_NAME, len(name)]) + name
        else:
            peer = bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed

        return _WHOLE + peer + self.port.to_bytes(_PORT_SIZE) + self.data


@dataclass(frozen=True, slots=True)
class Refusal:
    """The client asks for something that is not supported: send the answer, and close.

    Attributes:
        answer: the bytes to send; empty for a client that does not speak SOCKS.
        reason: why, for a person.
    """

    answer: bytes
    reason: str


Event: TypeAlias = Greeting | Connect | Associate | Refusal
Step: TypeAlias = Event | Literal[NeedData.NEED_DATA]


class Negotiation:
    """The server's side of one client's SOCKS, from the greeting to the request.

    Feed it with :meth:`receive_data`, and take events with :meth:`next_event` until that returns NEED_DATA. It raises
    nothing, whatever the bytes are. It holds the bytes fed last, and at most 517 bytes besides. A Connect, an Associate
    or a Refusal is the last event, and is returned again after that.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._read: Callable[[], Step] = self._read_greeting
        self._last: Connect | Associate | Refusal | None = None

    @property
    def trailing_data(self) -> bytes:
        """Data that the client sent after its request, for the peer."""
        return self._buffer

    def receive_data(self, data: bytes) -> None:
        """Take what the client sent."""
        self._buffer += data

    def next_event(self) -> Step:
        """Return the next event, or NEED_DATA."""
        if self._last is not None:
            return self._last

        event = self._read()
        match event:
            case Greeting():
                self._read = self._read_request
            case Connect() | Associate() | Refusal():
                self._last = event

        return event

    def _take(self, size: int) -> bytes:
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    # The greeting: version, how many methods, the methods

    def _read_greeting(self) -> Step:
        if not self._buffer:
            return NEED_DATA

        if self._buffer[0] != _VERSION:
            is_4 = self._buffer[0] == _VERSION_4
            return Refusal(_REJECTED_4 if is_4 else b"", "it speaks SOCKS4" if is_4 else "it does not speak SOCKS")

        size = _GREETING_HEAD + sum(self._buffer[1:_GREETING_HEAD])
        if len(self._buffer) < max(size, _GREETING_HEAD):
            return NEED_DATA

        methods = self._take(size)[_GREETING_HEAD:]
        return Greeting() if _NO_AUTHENTICATION in methods else Refusal(_NO_METHOD, "it insists on authentication")

    # The request: version, command, a reserved byte, kind of address, address, port

    def _read_request(self) -> Step:
        if self._buffer and self._buffer[0] != _VERSION:
            return Refusal(reply(Code.GENERAL_FAILURE), "it changed its version")

        if len(self._buffer) < _REQUEST_HEAD:
            return NEED_DATA

        if (size := self._address_size()) is None:
            kind = self._buffer[_REQUEST_HEAD - 1]
            return Refusal(reply(Code.ADDRESS_TYPE_NOT_SUPPORTED), f"it names an address of type {kind}")

        # The whole request is read before it is refused, so that nothing unread turns the answer into a reset.
        if len(self._buffer) < _REQUEST_HEAD + size + _PORT_SIZE:
            return NEED_DATA

        _, command, _, kind = self._take(_REQUEST_HEAD)
        address, port = self._take(size), int.from_bytes(self._take(_PORT_SIZE))
        if command == _UDP_ASSOCIATE:
            return Associate(port)

        if command != _CONNECT:
            what = _COMMANDS.get(command, f"command {command}")
            return Refusal(reply(Code.COMMAND_NOT_SUPPORTED), f"it asks for {what}")

        host = _host(kind, address)
        return Connect(host, port) if host else Refusal(reply(Code.GENERAL_FAILURE), f"it names the host {address!r}")

    def _address_size(self) -> int | None:
        """Return how long the address is, with its length byte; None for an unknown type."""
        kind, length = self._buffer[_REQUEST_HEAD - 1], self._buffer[_REQUEST_HEAD : _REQUEST_HEAD + 1]
        return 1 + sum(length) if kind == _NAME else _SIZES.get(kind)


def _host(kind: int, address: bytes) -> str:
    """Return a host as text; empty if it is none."""
    if kind != _NAME:
        return str(ipaddress.ip_address(address))

    try:
        return address[1:].decode()
    except UnicodeDecodeError:
        return ""


def reply(code: Code, bound: tuple[str, int] = ("0.0.0.0", 0)) -> bytes:
    """Return the answer to a request.

    Args:
        code: what it is.
        bound: the local address of the connection, or the one that datagrams are sent to, and its port.
    """
    address = ipaddress.ip_address(bound[0])
    kind = _IPV4 if address.version == 4 else _IPV6
    return bytes([_VERSION, code, 0, kind]) + address.packed + bound[1].to_bytes(_PORT_SIZE)
