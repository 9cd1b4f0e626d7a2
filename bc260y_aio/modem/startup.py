"""Finding the rate of a module, and the settings before and after its use (guide 4.1)."""

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final

from ..at.commands import (
    Attention,
    Command,
    QueryRegistration,
    QuerySleep,
    QuerySockets,
    SetEcho,
    SetErrorLevel,
    SetSleep,
    read_verbatim,
)
from ..at.commands.base import RESULT_TIMEOUT
from ..at.information import Registration, RegistrationStatus, SleepSetting, SocketInfo
from ..at.responses import CmeLevel, Text
from ..at.syntax import Malformed, Parameters
from ..errors import BC260YError, CommandError, CommandFailed, CommandTimeout, ModemNotResponding, ModuleSlept
from ..line.channel import Channel
from ..line.profile import DEFAULT_PROFILE, Profile
from ..line.turns import Answer, Turn
from ..port import Port
from ..sockets.closing import close_connect_id
from ..sockets.dataformat import PayloadFormats

logger = logging.getLogger("bc260y_aio")

# The factory setting first, then the usual setting of boards, then the rest. Autobaud is not used: it is unreliable.
DEFAULT_RATES: Final = (9600, 115200, 57600, 38400, 19200, 4800, 2400, 230400, 460800)
_AT_ATTEMPTS: Final = 2
_AT_TIMEOUT: Final = 0.3
# A start in which an answer is lost, or the module sleeps, is made again, so many times in all.
_ATTEMPTS: Final = 3


async def find_rate(port: Port, timeout: float) -> None:
    """Set the port to the rate at which the module answers ``AT``, beginning with the one it is set to.

    Args:
        port: the open port.
        timeout: how long to try, in seconds; a module that is starting takes about ten.

    Raises:
        ModemNotResponding: nothing answered at any rate.
        PortLost: the port went away.
    """
    try:
        async with asyncio.timeout(timeout):
            while True:
                for rate in (port.baudrate or DEFAULT_RATES[0], *DEFAULT_RATES):
                    try:
                        await port.set_baudrate(rate)
                    except ValueError:
                        # The device does not know this rate.
                        continue

                    # Bytes sent at a wrong rate are garbage in the module's line buffer; a CR ends it.
                    port.write(b"\r")
                    for _ in range(_AT_ATTEMPTS):
                        port.write(b"AT\r")
                        if await _is_answered(port):
                            logger.info("%s: the module answers at %d baud", port.url, rate)
                            return
    except TimeoutError:
        why = explain_silence(port)
        raise ModemNotResponding(f"{port.url}: no answer to AT at any of the usual rates; {why}") from None


def explain_silence(port: Port) -> str:
    """Return what may be wrong where a module does not answer, in one line."""
    if port.bytes_received:
        return (
            f"{port.bytes_received} bytes were received, but no answer: check the rate (ser2net sets the rate itself), "
            "and that no other program uses the port"
        )

    return (
        "nothing was received: check the power of the module, whether TX and RX are swapped, the rate (ser2net sets "
        "the rate itself), whether the module sleeps with its UART off (a pulse on PSM_EINT wakes it), and that no "
        "other program reads the port"
    )


async def _is_answered(port: Port) -> bool:
    received = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_AT_TIMEOUT):
            while b"OK\r" not in received:
                received += await port.read()

    return b"OK\r" in received


class StartupSettings:
    """The settings that this package relies on: found in the module, set where they differ, and restored at the end.

    Settings that the module keeps in NVRAM are read first, and written only when they differ, to save NVRAM writes.

    Attributes:
        status: the last registration status that the module reported.
        sleep_found: the sleep setting that the module had.
        profile: the known quirks of the module.
        nvram_writes: how often a setting was written to NVRAM, payload formats aside.
    """

    def __init__(self, formats: PayloadFormats, profile: Profile = DEFAULT_PROFILE) -> None:
        self.profile = profile
        self.status: RegistrationStatus | None = None
        self.sleep_found: SleepSetting | None = None
        self.nvram_writes = 0
        self._formats = formats

    async def establish(self, channel: Channel, turn: Turn, on_echo: Callable[[], None]) -> list[SocketInfo]:
        """Establish all settings that this package relies on, and return the sockets that are open in the module.

        Args:
            channel: the channel.
            turn: a turn on it.
            on_echo: is called when the module echoes a command line later: it has restarted then, and its ``RDY`` was
                lost on the line. It is not called for a module whose echo cannot be switched off.

        Raises:
            CommandError: the module refuses a command that is indispensable.
            ModemNotResponding: it does not answer.
            ModuleSlept: it falls asleep each time.
        """
        for _ in range(_ATTEMPTS - 1):
            # All of these commands may be repeated.
            with contextlib.suppress(CommandTimeout, ModuleSlept):
                return await self._establish(channel, turn, on_echo)

        return await self._establish(channel, turn, on_echo)

    async def _establish(self, channel: Channel, turn: Turn, on_echo: Callable[[], None]) -> list[SocketInfo]:
        echoes: list[None] = []
        channel.watch_echo(lambda: echoes.append(None))
        # It may be slow to answer while it starts, as with any other command.
        await turn.execute(Attention(), RESULT_TIMEOUT)
        if echoes:
            # Not where it is off already: some models save it in their NVRAM.
            await turn.execute(SetEcho(on=False))
            echoes.clear()

        await self.write_if_different(turn, "AT+CMEE?", [str(int(CmeLevel.NUMBER))], SetErrorLevel(CmeLevel.NUMBER))
        # Sleep costs every connection, and a module that is not allowed to sleep again afterwards never does.
        if self.sleep_found is None and (answer := await self._execute_unless_refused(turn, QuerySleep())) is not None:
            self.sleep_found = next((info for info in answer.information if isinstance(info, SleepSetting)), None)

        await self._execute_unless_refused(turn, SetSleep(0))
        await self._formats.establish(turn)
        await self.query_registration(turn)
        answer = await turn.execute(QuerySockets())
        channel.watch_echo(None if echoes else on_echo)
        return [info for info in answer.information if isinstance(info, SocketInfo)]

    async def execute_verbatim(self, turn: Turn, line: str) -> Answer:
        """Send a command line as it is.

        Raises:
            CommandFailed: the module refused it, or its profile says that it does not know the command.
        """
        command = read_verbatim(line)
        self.profile.require(command)
        return await turn.execute(command)

    async def read_setting(self, turn: Turn, line: str, *, is_optional: bool = True) -> list[str] | None:
        """Return the values of a setting, as strings; None when the module does not report them.

        Args:
            turn: a turn on the line.
            line: the query, such as ``AT+CMEE?``.
            is_optional: the module may refuse it.

        Raises:
            CommandError: the module refused it, and may not.
        """
        try:
            answer = await self.execute_verbatim(turn, line)
        except CommandError as exc:
            if not is_optional:
                raise

            logger.info("going on without it: %s", exc)
            return None

        prefix = re.split(r"[?=]", line[2:])[0] + ":"
        for information in answer.information:
            if isinstance(information, Text) and information.text.startswith(prefix):
                values = Parameters(information.text.removeprefix(prefix).strip())
                with contextlib.suppress(Malformed):
                    return [values.string(index) for index in range(len(values))]

        return None

    async def write_if_different(self, turn: Turn, query: str, wanted: list[str], command: Command) -> bool:
        """Write a setting that the module keeps in NVRAM, unless it has the value already; return whether it had.

        Args:
            turn: a turn on the line.
            query: the line that queries it.
            wanted: the last values of the answer, when nothing has to be written.
            command: the command that writes it; a module that does not know it is left as it is.
        """
        values = await self.read_setting(turn, query)
        if values is not None and values[-len(wanted) :] == wanted:
            return True

        if await self._execute_optional(turn, command) is not None:
            self.nvram_writes += 1

        return False

    async def query_registration(self, turn: Turn) -> Registration | None:
        """Query whether the module is registered (guide 4.1)."""
        answer = await self._execute_optional(turn, QueryRegistration())
        found = next((info for info in answer.information if isinstance(info, Registration)), None) if answer else None
        self.status = found.status if found is not None else None
        return found

    async def restore(self, channel: Channel, *, restore_data_format: bool) -> None:
        """Restore the settings that were changed. A module that does not answer any more is left as it is."""
        mode = self.sleep_found.mode if self.sleep_found is not None else 0
        if not (mode or restore_data_format):
            return

        with contextlib.suppress(BC260YError):
            async with channel.turn() as turn:
                if restore_data_format:
                    with contextlib.suppress(CommandFailed):
                        await _insist(lambda: self._formats.restore(turn))

                if mode:
                    await _insist(lambda: self._execute_unless_refused(turn, SetSleep(mode)))

    async def _execute_optional(self, turn: Turn, command: Command) -> Answer | None:
        """Send a command that some firmware may not know, or not answer."""
        try:
            return await self._execute_unless_refused(turn, command)
        except CommandError as exc:
            logger.info("going on without it: %s", exc)
            return None

    async def _execute_unless_refused(self, turn: Turn, command: Command) -> Answer | None:
        """Send a command that some firmware may not know.

        Raises:
            CommandTimeout: it was not answered; it may have been lost on the line.
        """
        try:
            self.profile.require(command)
            return await turn.execute(command)
        except CommandFailed as exc:
            logger.info("going on without it: %s", exc)
            return None


async def _insist(work: Callable[[], Awaitable[object]]) -> None:
    """Do what may be done again until it is answered, three times at the most."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(CommandTimeout, ModuleSlept):
            await work()
            return


async def close_open_sockets(channel: Channel, left_open: list[SocketInfo]) -> None:
    """Close the sockets that an earlier program left open: each blocks its connectID."""
    for info in left_open:
        logger.info("%s: closing a socket that was left open: %s", channel.name, info)
        await close_connect_id(channel, info.connect_id)
