"""Sleep and its settings: when the module may sleep, and how it is woken (guide 4.1, 4.3.9)."""

import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ..at.commands import Command, QuerySockets, SetDeepSleepReports, SetPowerReports, SetSleep, read_verbatim
from ..at.information import SocketInfo
from ..at.responses import Text
from ..at.syntax import Malformed, Parameters
from ..at.timers import (
    read_active,
    read_cycle,
    read_periodic,
    read_window,
    write_active,
    write_cycle,
    write_periodic,
)
from ..errors import BC260YError, ModuleSlept, RemoteProtocolError
from ..line.channel import Channel
from ..line.turns import Turn
from ..sockets.dataformat import PayloadFormats
from ..sockets.tasks import uninterrupted
from .core import ModemCore, Options

logger = logging.getLogger("bc260y_aio")

_QUERY_REPORTS: Final = 'AT+QCFG="dsevent"'
# How long the module stays awake after the last command, in whole seconds (AT manual 9.5); 10 unless set otherwise.
_QUERY_SLEEP_LOCK: Final = 'AT+QCFG="slplocktimes"'
# A module that was just woken is taken to be awake for so long, whatever its setting, in seconds.
_LEAST_AWAKE: Final = 0.3

# NB-IoT, as +CEDRXS numbers the access technologies.
_NB_IOT = 5

# The value that +CEDRXS shows where none is set, and the forms of the whole line then.
_NO_CYCLE = "0000"
_EDRX_OFF = [["0"], [str(_NB_IOT)], [str(_NB_IOT), _NO_CYCLE]]


@dataclass(frozen=True, slots=True)
class PsmSetting:
    """The power saving mode that the module asks the network for (TS 27.007, +CPSMS).

    Attributes:
        enabled: whether it asks at all.
        periodic_update: T3412, how long it sleeps at most before it reports to the network; None: not asked for.
        active_time: T3324, how long it can be reached before it sleeps; None: not asked for.
    """

    enabled: bool
    periodic_update: timedelta | None = None
    active_time: timedelta | None = None


@dataclass(frozen=True, slots=True)
class EdrxSetting:
    """The extended DRX that the module asks the network for (TS 27.007, +CEDRXS).

    Attributes:
        cycle: how often it listens; None when it does not ask.
        paging_window: for how long each time, where the module reports it.
    """

    cycle: timedelta | None = None
    paging_window: timedelta | None = None


class PowerManagement(ModemCore):
    """When the module may sleep, and the settings of PSM and eDRX."""

    def __init__(self, name: str, options: Options, formats: PayloadFormats) -> None:
        super().__init__(name, options, formats)
        self._awake = 0
        # The channel on which reports of sleep have been switched on.
        self._sleep_prepared_on: Channel | None = None

    # Sleep

    async def sleep(self) -> None:
        """Allow the module to sleep (guide 4.2.9, 4.3.8): it will, some ten seconds after the last command.

        UDP sockets survive it, and the next datagram wakes the module by itself. TCP connections do not, and end with
        ModuleSlept, a ConnectionResetError: at once where the module reports that it slept, which it does after a
        restart once the setting was written; otherwise at the next command of the modem.

        Raises:
            CommandFailed: the module refused.
            ModemClosed: the modem is not open.
        """
        channel = self._channel
        async with channel.turn() as turn:
            await self._allow_sleep(channel, turn)

    async def _allow_sleep(self, channel: Channel, turn: Turn) -> None:
        if self._sleep_prepared_on is not channel:
            await self._prepare_sleep(channel, turn)
            self._sleep_prepared_on = channel

        self._profile.require(SetSleep(1))
        # From here on, for the answer may be lost, or the caller may be cancelled.
        channel.may_sleep = True
        await turn.execute(SetSleep(1))

    async def _prepare_sleep(self, channel: Channel, turn: Turn) -> None:
        """Switch the reports of sleep on, where they are not, and learn how soon the module sleeps."""
        settings = self._settings
        await settings.write_if_different(turn, "AT+QNBIOTEVENT?", ["1", "1"], SetPowerReports(on=True))
        if not await settings.write_if_different(turn, _QUERY_REPORTS, ["1"], SetDeepSleepReports(on=True)):
            logger.info(
                "%s: the module reports deep sleep only after its next restart (AT+QRST=1); until then a TCP "
                "connection that sleep ended is noticed at the next command",
                channel.name,
            )

        locked_for = await settings.read_setting(turn, _QUERY_SLEEP_LOCK)
        with contextlib.suppress(ValueError, IndexError):
            # Half of it leaves time for a command to arrive.
            awake_for = max(float((locked_for or [])[-1]) / 2, _LEAST_AWAKE)
            channel.profile = dataclasses.replace(channel.profile, awake_for=min(channel.profile.awake_for, awake_for))

    async def wake(self) -> None:
        """Wake the module if it sleeps, and keep it awake (guide 4.3.9).

        The command that wakes it is lost, so ``AT`` is repeated until it is answered.

        Raises:
            ModemNotResponding: it does not answer.
            CommandFailed: the module refused to stay awake.
            ModemClosed: the modem is not open.
        """
        channel = self._channel
        async with channel.turn() as turn:
            if channel.may_sleep:
                channel.recover()

            self._profile.require(SetSleep(0))
            await turn.execute(SetSleep(0))
            if channel.may_sleep:
                await self._find_lost_streams(channel, turn)

            channel.may_sleep = False

    def _check_streams(self, channel: Channel) -> None:
        """Find the streams that the module lost if it slept and has just been woken."""
        if channel.may_sleep and channel.inboxes.has_streams:
            self._tasks.spawn(self._check_lost_streams(channel), "lost_streams")

    async def _check_lost_streams(self, channel: Channel) -> None:
        # If this is not answered, the next command that finds the module asleep is followed by another query.
        with contextlib.suppress(BC260YError):
            async with channel.turn(urgent=True) as turn:
                await self._find_lost_streams(channel, turn)

    async def _find_lost_streams(self, channel: Channel, turn: Turn) -> None:
        """End the streams that the module has no more: not all firmware reports that it slept."""
        answer = await turn.execute(QuerySockets())
        found = {info.connect_id for info in answer.information if isinstance(info, SocketInfo)}
        channel.inboxes.end_streams(ModuleSlept("the module slept and lost the connection"), spared=found)

    @contextlib.asynccontextmanager
    async def awake(self) -> AsyncIterator[None]:
        """Keep the module awake inside the block, and allow it to sleep after the last such block has ended.

        A block that is cancelled allows it as well, before the cancellation goes on.

        Raises:
            BC260YError: as :meth:`wake` and :meth:`sleep`.
        """
        self._awake += 1
        try:
            await self.wake()
            yield
        except BaseException:
            # The error of the block matters more than that of allowing sleep.
            with contextlib.suppress(BC260YError):
                await self._leave_awake()

            raise
        else:
            await self._leave_awake()

    async def _leave_awake(self) -> None:
        self._awake -= 1
        if not self._awake:
            await uninterrupted(lambda: self._tasks.spawn(self._end_awake(), "sleep"))

    async def _end_awake(self) -> None:
        # Another block may have begun meanwhile.
        if not self._awake and self.is_open:
            await self.sleep()

    # PSM and eDRX

    async def psm(self) -> PsmSetting:
        """Return the PSM setting.

        Raises:
            CommandFailed: the module did not report it.
            RemoteProtocolError: its report cannot be understood.
        """
        reported = await self._query_setting("AT+CPSMS?")
        with _parsing("AT+CPSMS?"):
            periodic = read_periodic(reported.string(3)) if reported.has(3) else None
            active = read_active(reported.string(4)) if reported.has(4) else None
            return PsmSetting(reported.has(0) and reported.integer(0, 0, 2) == 1, periodic, active)

    async def set_psm(self, *, periodic_update: timedelta | None = None, active_time: timedelta | None = None) -> None:
        """Ask the network for PSM, or, with neither argument, stop asking.

        A time that is not given stays as it was set before (AT manual 1.3, 8.2); firmware that follows the TCP/IP guide
        alone may ask for none then. :meth:`psm` returns what the module asks for.

        Args:
            periodic_update: T3412; up to 413 days, rounded up to what can be written.
            active_time: T3324; up to 186 minutes, rounded up to what can be written.

        Raises:
            ValueError: a time is out of range.
            CommandFailed: the module refused.
        """
        if periodic_update is None and active_time is None:
            await self._write_if_different("AT+CPSMS?", lambda values: values[0] == "0", "AT+CPSMS=0")
            return

        periodic = "" if periodic_update is None else write_periodic(periodic_update)
        active = "" if active_time is None else write_active(active_time)

        def is_set(values: list[str]) -> bool:
            found_periodic, found_active = (*values[3:5], "", "")[:2]
            is_kept = _same(read_periodic, periodic, found_periodic) and _same(read_active, active, found_active)
            return values[0] == "1" and is_kept

        line = f"AT+CPSMS=1,,,{_quoted(periodic)},{_quoted(active)}".rstrip(",")
        await self._write_if_different("AT+CPSMS?", is_set, line)

    async def edrx(self) -> EdrxSetting:
        """Return the eDRX setting.

        Raises:
            CommandFailed: the module did not report it.
            RemoteProtocolError: its report cannot be understood.
        """
        reported = await self._query_setting("AT+CEDRXS?")
        with _parsing("AT+CEDRXS?"):
            is_set = reported.has(1) and reported.string(1) != _NO_CYCLE
            cycle = read_cycle(reported.string(1)) if is_set else None
            return EdrxSetting(cycle, read_window(reported.string(3)) if reported.has(3) else None)

    async def set_edrx(self, cycle: timedelta | None) -> None:
        """Ask the network for eDRX.

        Args:
            cycle: 20.48 s to 10485.76 s, rounded up to one that exists; None to stop asking.

        Raises:
            ValueError: the cycle is out of range.
            CommandFailed: the module refused.
        """
        if cycle is None:
            # 3 forgets the value as well: some modules show it while eDRX is off.
            wanted, line = _EDRX_OFF, "AT+CEDRXS=3"
        else:
            wanted, line = [[str(_NB_IOT), write_cycle(cycle)]], f'AT+CEDRXS=1,{_NB_IOT},"{write_cycle(cycle)}"'

        await self._write_if_different("AT+CEDRXS?", lambda values: _without_empty_end(values) in wanted, line)

    async def _write_if_different(self, query: str, is_set: Callable[[list[str]], bool], line: str) -> None:
        """Write a setting that the module keeps in NVRAM, unless it is set already."""
        command = self._verbatim(line)
        async with self._channel.turn() as turn:
            values = await self._settings.read_setting(turn, query)
            if not values or not is_set(values):
                await turn.execute(command)
                self._settings.nvram_writes += 1

    def _verbatim(self, line: str) -> Command:
        command = read_verbatim(line)
        self._profile.require(command)
        return command

    async def _query_setting(self, line: str) -> Parameters:
        answer = await self._channel.execute(self._verbatim(line))
        for reported in answer.information:
            if isinstance(reported, Text) and reported.text.startswith(line[2:-1] + ":"):
                return Parameters(reported.text.partition(":")[2].strip())

        return Parameters("")


def _same(read: Callable[[str], timedelta | None], wanted: str, found: str) -> bool:
    """Return whether a timer is as wanted, in whatever unit, or none is wanted."""
    if wanted in ("", found):
        return True

    with contextlib.suppress(Malformed):
        return bool(found) and read(found) == read(wanted)

    return False


def _quoted(value: str) -> str:
    return f'"{value}"' if value else ""


def _without_empty_end(values: list[str]) -> list[str]:
    while values and not values[-1]:
        values = values[:-1]

    return values


@contextlib.contextmanager
def _parsing(line: str) -> Iterator[None]:
    try:
        yield
    except Malformed as exc:
        raise RemoteProtocolError(f"{line}: {exc}") from exc
