"""The events of a modem as a file of packets."""

import contextlib
import ipaddress
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..at.commands import OpenSocket, read_command
from ..at.syntax import Malformed, PayloadFormat
from ..tracing import (
    CommandEnded,
    CommandSent,
    DataAcknowledged,
    DataArrived,
    DataTaken,
    SocketBegan,
    SocketEnded,
    TraceEvent,
    UrcHeard,
)
from ..tracing.files import create_private, create_private_binary
from .conversation import TcpConversation, UdpConversation
from .packets import Address, End
from .pcapng import interface, names, packet, secrets, section, statistics

# The module's address, which it does not report, by the version of IP: for documentation (RFC 5737, RFC 3849).
MODULE: Final[dict[int, Address]] = {
    4: ipaddress.IPv4Address("192.0.2.1"),
    6: ipaddress.IPv6Address("2001:db8:bc26::1"),
}
# A peer that was named rather than addressed gets one of these, by its name: reserved for benchmarks (RFC 2544).
_PEERS: Final = ipaddress.IPv4Network("198.18.0.0/15")
# Each socket gets a port of its own, so that every connection is a conversation of its own.
_FIRST_PORT: Final = 49152
_PORTS: Final = 65536 - _FIRST_PORT

# How many lines wait for a packet that bears them as its comment; the oldest are dropped.
_MOST_COMMENTS: Final = 100
# With TLS keys, packets wait so long for the keys that they need, in seconds.
_DELAY: Final = 1.0


class Capture:
    """Writes what sockets of a module send and receive as packets, in a pcapng file that Wireshark opens.

    It is a callback for :meth:`bc260y_aio.Modem.trace` with payload, and a context manager that closes the file;
    :meth:`bc260y_aio.Modem.capture` makes one. The packets are made up around the data, for a module shows none: every
    socket is a conversation of IP with TCP or UDP, with real times. The AT command lines, answers and URCs since the
    packet before are the comment of a packet. A host that was given by its name has an address of 198.18.0.0/15, and
    the file has its name.

    Attributes:
        error: the error after which nothing more is written, or None.
        on_close: is called when the file is closed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        tls_keys: str | os.PathLike[str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Create the file.

        Args:
            path: the file, for its owner only; an existing file is replaced, a symbolic link is not followed.
            tls_keys: a key log (SSLKEYLOGFILE) that clients write to; it is created if it is not there. Its lines
                become part of the file, so that TLS is shown decrypted.
            clock: returns seconds since the epoch.

        Raises:
            OSError: a file cannot be created.
        """
        self.error: OSError | None = None
        self.on_close: Callable[[], None] = lambda: None
        self._clock = clock
        self._offset: float | None = None
        self._last = clock()
        self._keys = None if tls_keys is None else _KeyLog(Path(tls_keys))
        self._file = create_private_binary(path)
        self._waiting: list[bytes] = []
        self._waiting_since = 0.0
        self._comments: list[str] = []
        self._dropped = 0
        # What is being opened, and what is open, by connectID.
        self._opening: dict[int, TcpConversation | UdpConversation] = {}
        self._conversations: dict[int, TcpConversation | UdpConversation] = {}
        self._addresses: dict[str, Address] = {}
        self._sockets = 0
        self._put(section("bc260y-aio"))
        self._put(interface("BC260Y"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what waits, and close the file. Closing twice is harmless.

        Raises:
            OSError: the file could not be written completely.
        """
        if self._file.closed:
            return

        self.on_close()
        self._flush()
        if self._comments:
            self._put(statistics(self._last, [self._take_comment()]))

        self._file.close()
        if self._keys is not None:
            self._keys.close()

        if self.error is not None:
            raise self.error

    def __call__(self, event: TraceEvent) -> None:
        """Take an event, with payload."""
        if self._file.closed:
            return

        if self._offset is None:
            self._offset = self._clock() - event.time

        now = self._last = event.time + self._offset
        if self._waiting and now - self._waiting_since >= _DELAY:
            self._flush()

        match event:
            case CommandSent() | CommandEnded() | UrcHeard():
                self._note_line(now, event)
            case SocketBegan(connect_id=connect_id):
                self._begin(now, connect_id)
            case SocketEnded(connect_id=connect_id, reason=reason):
                if (conversation := self._conversations.pop(connect_id, None)) is not None:
                    conversation.ended(now, is_closed=reason == "closed")
            case DataTaken(connect_id=connect_id, payload=bytes(data)) if connect_id in self._conversations:
                self._conversations[connect_id].sent(now, data)
            case DataArrived(connect_id=connect_id, payload=bytes(data)) if connect_id in self._conversations:
                self._conversations[connect_id].received(now, data)
            case DataAcknowledged(connect_id=connect_id, total=total) if connect_id in self._conversations:
                self._conversations[connect_id].acknowledged(now, total)

    # Lines

    def _note_line(self, now: float, event: CommandSent | CommandEnded | UrcHeard) -> None:
        self._comments.append(str(event))
        if len(self._comments) > _MOST_COMMENTS:
            self._dropped += len(self._comments) - _MOST_COMMENTS
            del self._comments[:-_MOST_COMMENTS]

        match event:
            case CommandSent(name="+QIOPEN", command=line):
                with contextlib.suppress(Malformed):
                    command = read_command(line.encode("latin-1", "replace"), PayloadFormat.HEX)
                    if isinstance(command, OpenSocket):
                        self._ask(now, command)
            case CommandEnded(name="+QIOPEN", is_ok=False, connect_id=int(connect_id), result=result):
                conversation = self._opening.pop(connect_id, None)
                # Otherwise there was no answer.
                if isinstance(conversation, TcpConversation) and result.startswith("+QIOPEN"):
                    conversation.refused(now)
            case UrcHeard(kind="PeerClosed", connect_id=int(connect_id)) if connect_id in self._conversations:
                self._conversations[connect_id].peer_closed(now)

    def _take_comment(self) -> str:
        dropped = [f"({self._dropped} earlier lines)"] if self._dropped else []
        comment = "\n".join([*dropped, *self._comments])
        self._comments.clear()
        self._dropped = 0
        return comment

    # Sockets

    def _ask(self, now: float, command: OpenSocket) -> None:
        address = self._address(command.host)
        module = End(MODULE[address.version], _FIRST_PORT + self._sockets % _PORTS)
        peer = End(address, command.remote_port)
        self._sockets += 1
        if command.service_type == "UDP":
            self._opening[command.connect_id] = UdpConversation(module, peer, self._write)
            return

        conversation = self._opening[command.connect_id] = TcpConversation(module, peer, self._write)
        conversation.asked(now)

    def _begin(self, now: float, connect_id: int) -> None:
        if (conversation := self._opening.pop(connect_id, None)) is not None:
            self._conversations[connect_id] = conversation
            if isinstance(conversation, TcpConversation):
                conversation.opened(now)

    def _address(self, host: str) -> Address:
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(host)

        if host not in self._addresses:
            address = _PEERS[1 + len(self._addresses) % (_PEERS.num_addresses - 2)]
            self._addresses[host] = address
            self._put(names([(address.packed, host)]))

        return self._addresses[host]

    # The file

    def _write(self, time: float, data: bytes) -> None:
        comments = [self._take_comment()] if self._comments else []
        block = packet(time, data, comments)
        if self._keys is None:
            self._put(block)
            return

        if not self._waiting:
            self._waiting_since = time

        self._waiting.append(block)

    def _flush(self) -> None:
        if self._keys is not None and (lines := self._keys.read()):
            self._put(secrets(lines))

        self._put(b"".join(self._waiting))
        self._waiting.clear()

    def _put(self, data: bytes) -> None:
        if self.error is not None:
            return

        try:
            self._file.write(data)
        except OSError as exc:
            self.error = exc


class _KeyLog:
    """A key log that others append to."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            # What is written to it must be read by its owner only.
            create_private(path).close()

        self._file = path.open("rb")

    def read(self) -> bytes:
        """Return the complete lines that have been added."""
        begin = self._file.tell()
        data = self._file.read()
        lines = data[: data.rfind(b"\n") + 1]
        self._file.seek(begin + len(lines))
        return lines

    def close(self) -> None:
        """Close it."""
        self._file.close()
