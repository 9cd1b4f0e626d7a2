"""A session with a module: find it, query it, and leave it as it was found."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from ..at.commands import CloseSocket, Command, OpenSocket, QuerySockets, SetEcho, SetSleep, read_verbatim
from ..at.completions import SocketOpened
from ..at.information import DataFormat, SocketInfo
from ..at.urcs import Restarted
from ..errors import BC260YError
from ..line.profile import DEFAULT_PROFILE
from ..modem.startup import DEFAULT_RATES, find_rate
from ..port import open_port
from .line import Exchange, Line
from .observations import Impact, Observations
from .settings import read_settings, restore_settings

logger = logging.getLogger(__package__)

# How long to wait for a module that answers, in seconds; it may be starting.
_OPEN_TIMEOUT: Final = 60.0
# How long restoring the settings may take, in seconds; and a restart that puts them into force.
_RESTORE_TIMEOUT: Final = 30.0
_RESTART_TIMEOUT: Final = 60.0

# The model that saves ATE in its NVRAM.
_SAVES_ECHO: Final = "BC660K"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which effects on the module are allowed, and which servers it may use.

    Attributes:
        allowed: the effects that are allowed.
        server: the host and port of an echo server, for TCP and UDP; None for none.
        time_server: the host and port of an NTP server; None for none.
    """

    allowed: frozenset[Impact] = frozenset()
    server: tuple[str, int] | None = None
    time_server: tuple[str, int] | None = None


class Session:
    """The objects that the probes work with.

    Attributes:
        line: the line to the module.
        options: what is allowed.
        observations: what was observed.
        found: the settings that were found.
        found_sockets: the sockets that were already open; they are left alone.
        may_echo: ATE may be sent: a model that saves it needs consent.
        needs_restart: a setting that was changed is in force until the next restart.
    """

    def __init__(self, line: Line, options: Options) -> None:
        self.line = line
        self.options = options
        self.observations = Observations(line.exchanges)
        self.found: dict[str, Any] = {}
        self.found_sockets: list[SocketInfo] = []
        self.may_echo = True
        self.needs_restart = False
        self._opened: set[int] = set()

    async def execute(self, name: str, command: Command, **options: Any) -> Exchange:
        """Send a command, and keep the exchange under a name."""
        exchange = self.observations.exchanges[name] = await self.line.ask(command, **options)
        return exchange

    def free_connect_id(self) -> int | None:
        """Return a free connectID, or None."""
        taken = {info.connect_id for info in self.found_sockets}
        count = self.observations.facts.get("sockets", DEFAULT_PROFILE.sockets)
        return next((number for number in range(count) if number not in taken), None)

    @property
    def format_found(self) -> DataFormat | None:
        """The payload formats that were found; None if the module does not report them."""
        found: DataFormat | None = self.found.get("data_format")
        return found

    @property
    def may_write(self) -> bool:
        """Whether settings may be written to the NVRAM."""
        return Impact.NVRAM in self.options.allowed

    async def restart(self, name: str) -> Exchange:
        """Restart the module, and wait until it answers again."""
        exchange = await self.execute(name, read_verbatim("AT+QRST=1"))
        if not exchange.is_refused and not exchange.all_of(Restarted):
            await self.line.listen(_RESTART_TIMEOUT, Restarted)

        await self.line.synchronise(anew=True)
        return exchange

    # Sockets

    async def open(self, name: str, service_type: str, host: str, port: int) -> int | None:
        """Open a socket and return its connectID; close it again and return None if the open failed."""
        connect_id = self.free_connect_id()
        if connect_id is None:
            self.observations.skipped[name] = "every connectID is in use"
            return None

        self._opened.add(connect_id)
        exchange = await self.execute(name, OpenSocket(connect_id, service_type, host, port))
        if any(one == SocketOpened(connect_id, 0) for one in exchange.completions):
            return connect_id

        await self.close(name.replace("open", "close"), connect_id)
        return None

    async def close(self, name: str, connect_id: int) -> None:
        """Close a socket that was opened here, whether the open succeeded or not."""
        await self.execute(name, CloseSocket(connect_id))
        self._opened.discard(connect_id)

    # Begin and end

    async def begin(self) -> None:
        """Read the settings that are restored later, and keep the module awake."""
        self.found = await read_settings(self.line)
        self.found_sockets = (await self.line.ask(QuerySockets())).all_of(SocketInfo)
        model = await self.line.ask(read_verbatim("AT+CGMM"))
        self.may_echo = self.may_write or _SAVES_ECHO.encode() not in model.received
        await self.settle()

    async def settle(self) -> None:
        """Switch the echo off, and keep the module awake."""
        if self.may_echo:
            await self.line.ask(SetEcho(on=False))

        if self.found["sleep"]:
            await self.line.ask(SetSleep(0))

    async def end(self) -> None:
        """Close the sockets and restore the settings, if the module answers."""
        try:
            async with asyncio.timeout(_RESTORE_TIMEOUT):
                await self.line.synchronise(_RESTORE_TIMEOUT)
                for connect_id in tuple(self._opened):
                    await self.line.ask(CloseSocket(connect_id))

                await restore_settings(self.line, self.found)

            if self.needs_restart:
                async with asyncio.timeout(_RESTART_TIMEOUT + _RESTORE_TIMEOUT):
                    await self.restart("end")
                    await restore_settings(self.line, self.found)
        except (BC260YError, TimeoutError) as exc:
            logger.warning("%s: the settings of the module may not have been restored: %s", self.line.port.url, exc)


@contextlib.asynccontextmanager
async def open_session(url: str, baudrate: int | None, options: Options) -> AsyncIterator[Session]:
    """Open a port, find the module, and restore its settings at the end, whatever happens.

    Args:
        url: as for :class:`bc260y_aio.Modem`.
        baudrate: the rate of the serial port; None probes the usual ones.
        options: what is allowed.

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
        session = Session(line, options)
        try:
            await session.begin()
            yield session
        finally:
            await _await_uncancelled(asyncio.create_task(session.end(), name="bc260y.doctor.end"))
    finally:
        await port.close()


async def _await_uncancelled(task: asyncio.Task[None]) -> None:
    """Wait for a task; a caller that is cancelled meanwhile still waits for it, once."""
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
