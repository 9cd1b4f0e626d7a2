"""A visit to a module: it is found, looked at, and left as it was."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from ..at.commands import CloseSocket, Command, OpenSocket, QuerySockets, SetEcho, SetSleep
from ..at.completions import SocketOpened
from ..at.information import DataFormat, SocketInfo
from ..errors import BC260YError
from ..line.profile import DEFAULT_PROFILE
from ..modem.startup import DEFAULT_RATES, find_rate
from ..port import open_port
from .line import Exchange, Line
from .record import Harm, Record
from .settings import read_settings, restore_settings

logger = logging.getLogger(__package__)

# How long to look for a module that answers, in seconds; one that starts may take its time.
_OPEN_TIMEOUT: Final = 60.0
# How long the module may take to be left as it was found, in seconds.
_LEAVE_TIMEOUT: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What may be done on a visit, and with whom the module may talk.

    Attributes:
        allowed: what may be done to the module.
        server: the host and port of an echo server, for TCP and UDP; None for none.
        time_server: the host and port of an NTP server; None for none.
    """

    allowed: frozenset[Harm] = frozenset()
    server: tuple[str, int] | None = None
    time_server: tuple[str, int] | None = None


class Visit:
    """What the looks have to do with.

    Attributes:
        line: the line to the module.
        order: what may be done.
        record: what was seen.
        found: the settings that were found.
        leftovers: the sockets that were open already; they are left alone.
    """

    def __init__(self, line: Line, order: Order) -> None:
        self.line = line
        self.order = order
        self.record = Record(line.exchanges)
        self.found: dict[str, Any] = {}
        self.leftovers: list[SocketInfo] = []
        self._opened: set[int] = set()

    async def see(self, name: str, command: Command, **options: Any) -> Exchange:
        """Send a command, and keep what it brings under a name."""
        exchange = self.record.exchanges[name] = await self.line.ask(command, **options)
        return exchange

    def free_connect_id(self) -> int | None:
        """Return a connectID that nobody has, or None."""
        taken = {info.connect_id for info in self.leftovers}
        count = self.record.facts.get("sockets", DEFAULT_PROFILE.sockets)
        return next((number for number in range(count) if number not in taken), None)

    @property
    def format_found(self) -> DataFormat | None:
        """The payload formats that were found; None when the module does not tell."""
        found: DataFormat | None = self.found.get("data_format")
        return found

    # Sockets

    async def open(self, name: str, service_type: str, host: str, port: int) -> int | None:
        """Open a socket; return its connectID, or None when it did not open, and was closed again."""
        connect_id = self.free_connect_id()
        if connect_id is None:
            self.record.skipped[name] = "every connectID is in use"
            return None

        self._opened.add(connect_id)
        exchange = await self.see(name, OpenSocket(connect_id, service_type, host, port))
        if any(one == SocketOpened(connect_id, 0) for one in exchange.completions):
            return connect_id

        await self.close(name.replace("open", "close"), connect_id)
        return None

    async def close(self, name: str, connect_id: int) -> None:
        """Close a socket that was opened here, well or not."""
        await self.see(name, CloseSocket(connect_id))
        self._opened.discard(connect_id)

    # From the beginning to the end

    async def begin(self) -> None:
        """Read what is to be set back, and see to it that the module stays awake."""
        self.found = await read_settings(self.line)
        self.leftovers = (await self.line.ask(QuerySockets())).all_of(SocketInfo)
        await self.line.ask(SetEcho(on=False))
        if self.found["sleep"]:
            await self.line.ask(SetSleep(0))

    async def end(self) -> None:
        """Leave the module as it was found, if it answers."""
        try:
            async with asyncio.timeout(_LEAVE_TIMEOUT):
                await self.line.synchronise(_LEAVE_TIMEOUT)
                for connect_id in tuple(self._opened):
                    await self.line.ask(CloseSocket(connect_id))

                await restore_settings(self.line, self.found)
        except (BC260YError, TimeoutError) as exc:
            logger.warning("%s: the module may not be left as it was found: %s", self.line.port.url, exc)


@contextlib.asynccontextmanager
async def visiting(url: str, baudrate: int | None, order: Order) -> AsyncIterator[Visit]:
    """Open a port, find the module, and leave it as it was found at the end, whatever happens.

    Args:
        url: as for :class:`bc260y_aio.Modem`.
        baudrate: the rate of the serial port; None probes the usual ones.
        order: what may be done.

    Raises:
        PortError: the port cannot be opened.
        ModemNotResponding: nothing answers ``AT``.
    """
    port = await open_port(url, baudrate or DEFAULT_RATES[0])
    try:
        if baudrate is None and port.baudrate is not None:
            await find_rate(port, _OPEN_TIMEOUT)
        else:
            port.write(b"\r")

        line = Line(port)
        await line.synchronise(_OPEN_TIMEOUT, anew=True)
        visit = Visit(line, order)
        try:
            await visit.begin()
            yield visit
        finally:
            await _see_through(asyncio.create_task(visit.end(), name="bc260y.doctor.end"))
    finally:
        await port.close()


async def _see_through(task: asyncio.Task[None]) -> None:
    """Wait for a task; whoever is cancelled meanwhile waits for it all the same, once."""
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
