"""The ledger of a modem: its sockets, those that are closed too, its lines, and its emulated radios."""

import asyncio
import threading
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from .connection import ConnectionUsage, Counts
from .modem_usage import OF_CONNECTIONS, ModemUsage, Totals

if TYPE_CHECKING:
    from ..emulator.radio import Radio, Usage

# So many closed sockets are kept, the newest.
_MOST_CLOSED: Final = 1000
_MOST_NAMES: Final = 1000


class Counted(Protocol):
    """A socket that counts.

    Attributes:
        connect_id: its connectID.
        host: the remote host as it was given.
        name: the name that was resolved to that.
    """

    connect_id: int
    host: str
    name: str

    def counts(self) -> Counts:
        """Return its counts."""


class CountedPort(Protocol):
    """A port."""

    @property
    def bytes_received(self) -> int:
        """How many bytes were read."""


class CountedLine(Protocol):
    """The dialogue on a line."""

    @property
    def port(self) -> CountedPort:
        """Its port."""

    @property
    def wire_bytes(self) -> int:
        """How many bytes were written."""

    @property
    def sends(self) -> Mapping[str, int]:
        """How many commands were written, by name."""


class Ledger:
    """What a modem has cost; the sockets and lines do the counting."""

    def __init__(self) -> None:
        """Make an empty one."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._origin = 0.0
        self._ended_at = 0.0
        self._ended_with: Usage | None = None
        self._opened = 0
        # By connectID. Weakly, for a socket may be dropped without a close.
        self._open: dict[int, weakref.ref[Counted]] = {}
        # The names that were resolved last to addresses.
        self._names: dict[str, str] = {}
        # For a view asks from another thread.
        self._lock = threading.Lock()
        self._just_closed: list[Counts] = []
        self._closed: list[ConnectionUsage] = []
        # The sums over all closed sockets.
        self._totals = Totals()
        self._line: CountedLine | None = None
        self._line_sent = self._line_received = 0
        self._commands: Counter[str] = Counter()
        # Each radio, and what it had done before it was this modem's.
        self._radios: dict[Radio, Usage] = {}
        self.is_closed = True

    def begin(self, line: CountedLine, radio: "Radio | None") -> None:
        """Count what goes over another line, and what the radio behind it does, from now on."""
        loop, was_on = asyncio.get_running_loop(), self._loop
        if was_on is not loop:
            # Another loop may have another clock: go on where that of the first has ended.
            self._origin = loop.time() - (0.0 if was_on is None else self._ended_at - self._origin)
            self._loop = loop

        if (previous := self._line) is not None:
            self._line_sent += previous.wire_bytes
            self._line_received += previous.port.bytes_received
            self._commands.update(previous.sends)

        self._line = line
        self.is_closed = False
        if radio is not None and radio not in self._radios:
            self._radios[radio] = radio.usage

    def end(self) -> None:
        """The modem is closed; the connection of its radio, if it left one behind, is counted up to its release."""
        if not self.is_closed:
            self._ended_at = self._now()
            self._ended_with = self._radio_usage(to_the_end=True)
            self.is_closed = True

    def add(self, socket: Counted) -> None:
        """Count a socket that is about to be opened."""
        self._opened += 1
        self._open[socket.connect_id] = weakref.ref(socket)
        socket.name = self._names.get(socket.host, socket.host)

    def note_name(self, name: str, addresses: Iterable[str]) -> None:
        """Note that a name was resolved to addresses: who connects to one of them next is shown with the name."""
        if len(self._names) > _MOST_NAMES:
            self._names.clear()

        self._names.update(dict.fromkeys(addresses, name))

    def close(self, socket: Counted) -> None:
        """Keep the counts of a socket that is closed."""
        with self._lock:
            known = self._open.get(socket.connect_id)
            # On a line that was opened again, its connectID may be another's.
            if known is not None and known() is socket:
                del self._open[socket.connect_id]

            self._just_closed.append(socket.counts())
            if len(self._just_closed) > _MOST_CLOSED:
                self._settle()

    def _settle(self) -> None:
        while self._just_closed:
            usage = self._just_closed.pop(0).usage(self._origin, 0.0)
            self._totals.add(usage)
            self._closed.append(usage)
            del self._closed[:-_MOST_CLOSED]

    def usage(self, *, to_the_end: bool = False) -> ModemUsage:
        """Return the sums, up to now; or up to the close of the modem.

        Args:
            to_the_end: count the connection of the radio up to its release.
        """
        with self._lock:
            return self._usage(to_the_end=to_the_end)

    def _usage(self, *, to_the_end: bool) -> ModemUsage:
        self._settle()
        now = self._now()
        # The tuple is made at once, whatever another thread does meanwhile.
        sockets = [socket for ref in tuple(self._open.values()) if (socket := ref()) is not None]
        still_open = [one.counts().usage(self._origin, now) for one in sockets]
        totals = Totals(self._totals)
        for one in still_open:
            totals.add(one)

        line = self._line
        commands = self._commands + Counter({} if line is None else dict(line.sends))
        return ModemUsage(
            seconds=now - self._origin,
            connections=tuple(sorted([*self._closed, *still_open], key=lambda one: one.opened)),
            opened=self._opened,
            **{name: totals[name] for name in (*OF_CONNECTIONS, "handshakes", "resumed", "tls_sent", "tls_received")},
            line_sent=self._line_sent + (0 if line is None else line.wire_bytes),
            line_received=self._line_received + (0 if line is None else line.port.bytes_received),
            commands=dict(commands),
            radio=self._ended_with if self.is_closed else self._radio_usage(to_the_end=to_the_end),
            radio_state=None if self.is_closed or not self._radios else next(reversed(self._radios)).state.name,
        )

    def connection(self, socket: Counted) -> ConnectionUsage:
        """Return what one socket has cost, up to now."""
        return socket.counts().usage(self._origin, self._now())

    def _now(self) -> float:
        return self._ended_at if self.is_closed or self._loop is None else self._loop.time()

    def _radio_usage(self, *, to_the_end: bool) -> "Usage | None":
        whole: Usage | None = None
        for radio, before in self._radios.items():
            one = (radio.outlook if to_the_end else radio.usage) - before
            whole = one if whole is None else whole + one

        return whole
