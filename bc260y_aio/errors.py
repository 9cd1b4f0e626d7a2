"""Every exception of the package, drawn as a tree.

Each exception is also the builtin that an asyncio program already catches::

    BC260YError (OSError)
     +- PortError
     |   +- PortNotFound (FileNotFoundError)
     |   +- PortBusy (PermissionError)
     |   +- PortLost (ConnectionResetError)
     +- ModemNotResponding (TimeoutError)
     +- ModemClosed (ConnectionAbortedError)
     +- NotRegistered (TimeoutError)
     +- ProtocolError
     |   +- LocalProtocolError (RuntimeError)
     |   +- RemoteProtocolError (ConnectionAbortedError)
     +- ReplayMismatch (AssertionError)
     +- HalfCloseNotSupported (NotImplementedError)
     +- CommandError
     |   +- CommandFailed
     |   +- CommandTimeout (TimeoutError)
     +- SocketError                             errno by the module's error code
     |   +- ConnectRefused (ConnectionRefusedError)
     |   +- ConnectTimeout (TimeoutError)
     |   +- LocalPortBusy                       errno EADDRINUSE
     |   +- NoFreeConnectID (TimeoutError)      errno EMFILE
     |   +- ResolutionError (socket.gaierror)
     +- ConnectionLost (ConnectionResetError)
         +- ModuleRestarted
         +- ModuleSlept
         +- SendFailed
         +- NotAcknowledged
         +- ReceiveOverflow
         +- PayloadDamaged

The root is an OSError because network clients translate, report and reconnect on that. Input that can never work (a
host name with a quote in it, a text payload with other bytes) is a plain ValueError or TypeError, raised before
anything is sent. A message says what happened, the likely causes, and the option or call that helps.
"""

import enum
import errno
import socket
from typing import Final


class ErrorCode(enum.IntEnum):
    """The module's own error codes (guide, chapter 3)."""

    SUCCESS = 0
    UNKNOWN = 550
    OPERATION_BLOCKED = 551
    INVALID_PARAMETERS = 552
    MEMORY_NOT_ENOUGH = 553
    CREATE_SOCKET_FAILED = 554
    NOT_SUPPORTED = 555
    BIND_FAILED = 556
    LISTEN_FAILED = 557
    WRITE_FAILED = 558
    READ_FAILED = 559
    ACCEPT_FAILED = 560
    OPEN_CONTEXT_FAILED = 561
    CLOSE_CONTEXT_FAILED = 562
    IDENTITY_IN_USE = 563
    DNS_BUSY = 564
    DNS_PARSE_FAILED = 565
    CONNECTION_FAILED = 566
    SOCKET_CLOSED = 567
    OPERATION_BUSY = 568
    OPERATION_TIMEOUT = 569
    CONTEXT_BROKEN_DOWN = 570
    CANCEL_SEND = 571
    NOT_ALLOWED = 572
    APN_NOT_CONFIGURED = 573
    PORT_BUSY = 574

    @property
    def meaning(self) -> str:
        """The meaning of the code, in words."""
        return _MEANINGS[self]


_MEANINGS: Final = {
    ErrorCode.SUCCESS: "success",
    ErrorCode.UNKNOWN: "unknown error",
    ErrorCode.OPERATION_BLOCKED: "operation blocked",
    ErrorCode.INVALID_PARAMETERS: "invalid parameters",
    ErrorCode.MEMORY_NOT_ENOUGH: "out of memory",
    ErrorCode.CREATE_SOCKET_FAILED: "the socket could not be created",
    ErrorCode.NOT_SUPPORTED: "operation not supported",
    ErrorCode.BIND_FAILED: "the local port could not be bound",
    ErrorCode.LISTEN_FAILED: "listening failed",
    ErrorCode.WRITE_FAILED: "writing to the socket failed",
    ErrorCode.READ_FAILED: "reading from the socket failed",
    ErrorCode.ACCEPT_FAILED: "accepting failed",
    ErrorCode.OPEN_CONTEXT_FAILED: "the PDP context could not be opened",
    ErrorCode.CLOSE_CONTEXT_FAILED: "the PDP context could not be closed",
    ErrorCode.IDENTITY_IN_USE: "the connectID is in use",
    ErrorCode.DNS_BUSY: "the resolver is busy",
    ErrorCode.DNS_PARSE_FAILED: "the name could not be resolved",
    ErrorCode.CONNECTION_FAILED: "the connection failed",
    ErrorCode.SOCKET_CLOSED: "the socket has been closed",
    ErrorCode.OPERATION_BUSY: "another operation is under way",
    ErrorCode.OPERATION_TIMEOUT: "the operation timed out",
    ErrorCode.CONTEXT_BROKEN_DOWN: "the PDP context broke down",
    ErrorCode.CANCEL_SEND: "the send was cancelled",
    ErrorCode.NOT_ALLOWED: "operation not allowed",
    ErrorCode.APN_NOT_CONFIGURED: "no APN is configured",
    ErrorCode.PORT_BUSY: "the local port is busy",
}

# The likely causes of an error of a socket, and what helps.
_HINTS: Final = {
    ErrorCode.MEMORY_NOT_ENOUGH: "fewer sockets, or smaller writes, may help",
    ErrorCode.OPEN_CONTEXT_FAILED: "check the APN, and that the module is registered: wait_registered()",
    ErrorCode.DNS_PARSE_FAILED: "check the name; dns_servers() returns the servers that were asked",
    ErrorCode.CONNECTION_FAILED: "the peer refused it, or cannot be reached from the module's network",
    ErrorCode.OPERATION_TIMEOUT: "the peer does not answer, or the coverage is poor: signal() reports it",
    ErrorCode.CONTEXT_BROKEN_DOWN: "the network ended the PDP context; wait_registered() waits for it to come back",
    ErrorCode.APN_NOT_CONFIGURED: 'set one with execute("AT+QCGDEFCONT=...") and restart the module',
    ErrorCode.PORT_BUSY: "a local port stays busy for 70 s after its close; wait_for_local_port=True waits for it",
}

# The errno that an asyncio program would get from a kernel socket.
_ERRNOS: Final = {
    ErrorCode.INVALID_PARAMETERS: errno.EINVAL,
    ErrorCode.MEMORY_NOT_ENOUGH: errno.ENOBUFS,
    ErrorCode.NOT_SUPPORTED: errno.EOPNOTSUPP,
    ErrorCode.BIND_FAILED: errno.EADDRINUSE,
    ErrorCode.OPEN_CONTEXT_FAILED: errno.ENETUNREACH,
    ErrorCode.IDENTITY_IN_USE: errno.EMFILE,
    ErrorCode.CONNECTION_FAILED: errno.ECONNREFUSED,
    ErrorCode.SOCKET_CLOSED: errno.ENOTCONN,
    ErrorCode.OPERATION_BUSY: errno.EBUSY,
    ErrorCode.OPERATION_TIMEOUT: errno.ETIMEDOUT,
    ErrorCode.CONTEXT_BROKEN_DOWN: errno.ENETDOWN,
    ErrorCode.NOT_ALLOWED: errno.EPERM,
    ErrorCode.APN_NOT_CONFIGURED: errno.ENETUNREACH,
    ErrorCode.PORT_BUSY: errno.EADDRINUSE,
}


def _known(code: int | None) -> ErrorCode | None:
    return next((known for known in ErrorCode if known == code), None)


class BC260YError(OSError):
    """The base of all: a failure on the line, in the module or in its network.

    Attributes:
        errno: the number that a kernel socket has for the same failure.
    """

    _errno: int = errno.EIO

    def __init__(self, message: str, *, number: int | None = None) -> None:
        super().__init__(self._errno if number is None else number, message)

    def __str__(self) -> str:
        return str(self.strerror)


# The port


class PortError(BC260YError):
    """Raised when the serial port cannot be opened or used."""


class PortNotFound(PortError, FileNotFoundError):
    """Raised when there is no such port."""

    _errno = errno.ENOENT


class PortBusy(PortError, PermissionError):
    """Raised when another program uses the port, or this one may not open it."""

    _errno = errno.EACCES


class PortLost(PortError, ConnectionResetError):
    """Raised when an open port went away: unplugged, hung up, or closed by its other end."""

    _errno = errno.ECONNRESET


# The modem as a whole


class ModemNotResponding(BC260YError, TimeoutError):
    """Raised when nothing on the port answers ``AT``."""

    _errno = errno.ETIMEDOUT


class ModemClosed(BC260YError, ConnectionAbortedError):
    """Raised when a modem is used before it is opened or after it is closed."""

    _errno = errno.ECONNABORTED


class NotRegistered(BC260YError, TimeoutError):
    """Raised when the module did not register with a network in time."""

    _errno = errno.ETIMEDOUT


# The dialogue


class ProtocolError(BC260YError):
    """Raised when this side or the module broke the rules of the AT dialogue."""

    _errno = errno.EPROTO


class LocalProtocolError(ProtocolError, RuntimeError):
    """Raised for a call that the state of the line does not allow."""


class RemoteProtocolError(ProtocolError, ConnectionAbortedError):
    """Raised when the module wrote something that cannot be read."""


class ReplayMismatch(BC260YError, AssertionError):
    """Raised when a program writes anything else than the transcript that is replayed to it.

    Attributes:
        line: the number of the line of the transcript.
        expected: the bytes of that line; empty at the end.
        came: the bytes that the program wrote; empty when it wrote nothing more.
    """

    _errno = errno.EPROTO

    def __init__(self, message: str, *, line: int, expected: bytes, came: bytes) -> None:
        super().__init__(message)
        self.line = line
        self.expected = expected
        self.came = came


class CommandError(BC260YError):
    """Raised when a command did not succeed.

    Attributes:
        command: the command line without its terminator; payloads are left out.
    """

    def __init__(self, message: str, *, command: str, number: int | None = None) -> None:
        super().__init__(message, number=number)
        self.command = command


class CommandFailed(CommandError):
    """Raised when the module answered a command with ``ERROR`` or ``+CME ERROR``.

    Attributes:
        code: the number of the ``+CME ERROR``, where it carried one.
    """

    def __init__(self, command: str, *, code: int | None = None, text: str = "") -> None:
        known = _known(code)
        reason = text or (known.meaning if known else "ERROR" if code is None else f"error {code}")
        super().__init__(f"{command}: {reason}", command=command, number=_ERRNOS.get(known) if known else None)
        self.code = code


class CommandTimeout(CommandError, TimeoutError):
    """Raised when the answer to a command was not complete in time, or within the greatest number of lines.

    It is not known whether the module carried out the command.
    """

    _errno = errno.ETIMEDOUT

    def __init__(self, command: str, *, awaiting: str, within: str) -> None:
        hint = "" if within.endswith("lines") else "; the module may still carry it out. A larger timeout= waits longer"
        super().__init__(f"{command}: no {awaiting} within {within}{hint}", command=command)


# Opening sockets and looking names up


class SocketError(BC260YError):
    """Raised when the module reports an error of a socket or of its network.

    Attributes:
        code: the module's code; an :class:`ErrorCode` where the guide's chapter 3 knows it.
    """

    def __init__(self, code: int, what: str) -> None:
        self.code: ErrorCode | int = _known(code) or code
        reason = self.code.meaning if isinstance(self.code, ErrorCode) else "unknown error"
        hint = self._hint(self.code)
        super().__init__(f"{what}: {reason} ({code}){'; ' if hint else ''}{hint}", number=self._number(self.code))

    @classmethod
    def _hint(cls, code: "ErrorCode | int") -> str:
        return _HINTS.get(code, "") if isinstance(code, ErrorCode) else ""

    @classmethod
    def _number(cls, code: "ErrorCode | int") -> int:
        return _ERRNOS.get(code, cls._errno) if isinstance(code, ErrorCode) else cls._errno


class ConnectRefused(SocketError, ConnectionRefusedError):
    """Raised when a connection failed (566). The module does not distinguish a refusal from an unreachable host."""

    _errno = errno.ECONNREFUSED


class ConnectTimeout(SocketError, TimeoutError):
    """Raised when the outcome of an open did not come in time, or the module timed out (569)."""

    _errno = errno.ETIMEDOUT


class LocalPortBusy(SocketError):
    """Raised when a local port is in use, or was closed less than 70 s ago (guide 2.2.2, note 4)."""

    _errno = errno.EADDRINUSE


class NoFreeConnectID(SocketError, TimeoutError):
    """Raised when all connectIDs stayed in use for as long as the caller allowed (``connect_id_timeout``)."""

    _errno = errno.EMFILE


class ResolutionError(SocketError, socket.gaierror):
    """Raised when the module could not resolve a name (564, 565)."""

    _errno = socket.EAI_NONAME

    @classmethod
    def _number(cls, code: ErrorCode | int) -> int:
        return socket.EAI_AGAIN if code in (ErrorCode.DNS_BUSY, ErrorCode.OPERATION_TIMEOUT) else socket.EAI_NONAME


_KINDS: Final[dict[int, type[SocketError]]] = {
    ErrorCode.BIND_FAILED: LocalPortBusy,
    ErrorCode.PORT_BUSY: LocalPortBusy,
    ErrorCode.IDENTITY_IN_USE: SocketError,
    ErrorCode.DNS_BUSY: ResolutionError,
    ErrorCode.DNS_PARSE_FAILED: ResolutionError,
    ErrorCode.CONNECTION_FAILED: ConnectRefused,
    ErrorCode.OPERATION_TIMEOUT: ConnectTimeout,
}


def socket_error(code: int, what: str) -> SocketError:
    """Return the exception for an error code of the module.

    Args:
        code: the module's code (guide, chapter 3), not 0.
        what: what was attempted, for the message: ``"opening tcp example.com:7"``.
    """
    return _KINDS.get(code, SocketError)(code, what)


def socket_error_code(exc: CommandError) -> int:
    """Return the code of the socket error that a command which did not succeed amounts to.

    Args:
        exc: what became of the command: a refusal, with or without a number, or silence.
    """
    if isinstance(exc, CommandFailed):
        return exc.code or ErrorCode.UNKNOWN

    return ErrorCode.OPERATION_TIMEOUT


# Established connections


class HalfCloseNotSupported(BC260YError, NotImplementedError):
    """Raised by ``write_eof()``: the module cannot close a connection in one direction only (guide 2.2.3).

    asyncio's transports raise NotImplementedError for that. Libraries that call ``write_eof()`` on their way to
    ``close()``, as anyio 4.10 to 4.15, ignore an OSError; this is both.
    """

    _errno = errno.EOPNOTSUPP


class ConnectionLost(BC260YError, ConnectionResetError):
    """Raised when an established connection ended and neither side closed it."""

    _errno = errno.ECONNRESET


class ModuleRestarted(ConnectionLost):
    """Raised when the module restarted (``RDY``): every socket is gone."""


class ModuleSlept(ConnectionLost):
    """Raised when the module slept: TCP connections do not survive deep sleep (guide 2.2.2, note 6)."""


class SendFailed(ConnectionLost):
    """Raised when data could not be sent, and sending the rest again did not help."""


class NotAcknowledged(ConnectionLost):
    """Raised when a connection was closed with data that the peer had not acknowledged (guide 4.2.9).

    Attributes:
        unacked: how many bytes.
        sent: how many bytes the module had taken, where that is known.
        waited: for how long nothing more was acknowledged, in seconds, where that is known.
    """

    def __init__(self, unacked: int, *, sent: int | None = None, waited: float | None = None, unsent: int = 0) -> None:
        what = f"closed with {unacked} bytes that the peer has not acknowledged"
        if unsent:
            what += f": {unacked - unsent} of the {sent or 0} that the module took, and {unsent} that it did not take"
        elif sent is not None:
            what += f", of {sent} that the module took"

        if waited is not None:
            what += (
                f"; there was no progress for {waited:g} s. A larger close_timeout= waits longer; "
                "wait_acked(), awaited before the close, returns when the peer has everything"
            )

        super().__init__(what)
        self.unacked = unacked
        self.sent = sent
        self.waited = waited


class ReceiveOverflow(ConnectionLost):
    """Raised when a reader left more than the limit unread: direct push has no flow control."""

    _errno = errno.ENOBUFS


class PayloadDamaged(ConnectionLost):
    """Raised when received data did not match its announced length, did not parse, or may have been lost."""

    _errno = errno.EBADMSG
