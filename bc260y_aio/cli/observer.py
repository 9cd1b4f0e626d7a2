"""A modem for queries that leaves the module as it was."""

import contextlib
import functools
from collections.abc import Callable
from typing import Final, TypeVar

from ..at.commands import Command, QueryDataFormat, QuerySleep, SetSleep, read_verbatim
from ..at.information import SleepSetting, SocketInfo
from ..at.responses import Information, Response
from ..at.urcs import RegistrationChanged, Restarted
from ..errors import BC260YError, CommandError
from ..line.channel import Channel
from ..line.inbox import Inbox
from ..line.turns import Answer, Turn, Watcher
from ..modem.diagnosis import explain
from ..modem.modem import Modem
from ..modem.startup import StartupSettings
from ..sockets.dataformat import PayloadFormats

_INBOX_LIMIT: Final = 1024

T = TypeVar("T", bound=Information)


class Observer(Modem):
    """A modem that does not change the module.

    Unlike :class:`bc260y_aio.Modem`, it does not write the payload formats to the NVRAM, does not switch off the
    echo, and leaves the open sockets alone. It is for queries to a module that another program uses.
    """

    def __init__(
        self, port: str, *, baudrate: int | None = None, stays_awake: bool = False, close_timeout: float = 10.0
    ) -> None:
        """Describe the modem; nothing is opened yet.

        Args:
            port: as for :class:`bc260y_aio.Modem`.
            baudrate: the rate of the serial port; None tries the usual rates.
            stays_awake: switch sleep off while it is open (guide 4.1); the setting is restored at the end.
            close_timeout: how long restoring may take, in seconds.
        """
        super().__init__(port, baudrate=baudrate, close_timeout=close_timeout)
        self._settings = _ObserverStartup(self._formats, stays_awake=stays_awake)

    def _on_urc(self, event: Response) -> None:
        # Sleep and sockets are the business of the program that uses them.
        match event:
            case RegistrationChanged():
                self._note_registration(event)
            case Restarted():
                self._tasks.spawn(self._configure_again(), "configure_again")

    async def hint(self) -> str:
        """Return why the module is not registered and what to check; empty if it cannot be found out."""
        with contextlib.suppress(BC260YError):
            async with self._channel.turn() as turn:
                return await explain(turn, self._settings, may_write=False)

        return ""

    async def _explain_registration(self) -> str:
        hint = await self.hint()
        return f": {hint}" if hint else ""

    async def _configure_again(self) -> None:
        with contextlib.suppress(BC260YError):
            channel = self._channel
            async with channel.turn(urgent=True) as turn:
                await self._settings.establish(channel, turn, lambda: None)

    async def ask(self, line: str, timeout: float | None = None, watch: Watcher | None = None) -> Answer:
        """Send a command line unchanged, and return the answer.

        Args:
            line: the line.
            timeout: for its final result code and again for its completion, in seconds; by default its own limits.
            watch: is called with each information response and each completion as it comes.

        Raises:
            ValueError: it is not a command line.
            CommandError: the module refused it, or did not answer.
        """
        return await self._channel.execute(read_verbatim(line), timeout, watch)

    async def ask_one(self, command: Command, kind: type[T]) -> T:
        """Send a query, and return its answer.

        Args:
            command: the query.
            kind: the class of its information response.

        Raises:
            CommandError: the module refused it, or did not answer.
        """
        return await self._query_one(command, kind)

    def listen(self, on_data: Callable[[int, bytes], None], on_loss: Callable[[Exception], None]) -> None:
        """Receive the data of peers, on any connectID, and the loss of the line.

        Args:
            on_data: is called with the connectID and the payload. It must not raise.
            on_loss: is called with the reason. It must not raise.
        """
        channel = self._channel
        # The module may be asleep when the user enters the next command.
        channel.may_sleep = True
        for connect_id in range(self._profile.sockets):
            channel.inboxes.attach(connect_id, _CallbackInbox(channel, functools.partial(on_data, connect_id), on_loss))


class _ObserverStartup(StartupSettings):
    """Settings that change nothing, or only switch sleep off."""

    def __init__(self, formats: PayloadFormats, *, stays_awake: bool) -> None:
        super().__init__(formats)
        self._stays_awake = stays_awake

    async def establish(self, channel: Channel, turn: Turn, on_echo: Callable[[], None]) -> list[SocketInfo]:
        # The echo stays unchanged, so on_echo is unused. The parser needs the payload format for pushes.
        with contextlib.suppress(CommandError):
            await turn.execute(QueryDataFormat())

        await self.query_registration(turn)
        if self._stays_awake:
            with contextlib.suppress(CommandError):
                await self._forbid_sleep(turn)

        return []

    async def restore(self, channel: Channel, *, restore_data_format: bool) -> None:
        # With nothing to restore, there is no reason to wait for a running command.
        if self.sleep_found is not None:
            await super().restore(channel, restore_data_format=restore_data_format)

    async def _forbid_sleep(self, turn: Turn) -> None:
        if self.sleep_found is None:
            answer = await turn.execute(QuerySleep())
            self.sleep_found = next((one for one in answer.information if isinstance(one, SleepSetting)), None)

        if self.sleep_found is not None and self.sleep_found.mode:
            await turn.execute(SetSleep(0))


class _CallbackInbox(Inbox):
    """An inbox that passes data on instead of keeping it."""

    def __init__(
        self, channel: Channel, on_data: Callable[[bytes], None], on_loss: Callable[[Exception], None]
    ) -> None:
        super().__init__(_INBOX_LIMIT, keeps_order=False)
        self._channel = channel
        self._on_data = on_data
        self._on_loss = on_loss

    def put(self, payload: bytes) -> None:
        self._on_data(payload)

    def end(self, error: Exception | None = None) -> None:
        # A URC reports the end of a socket; only the end of the channel is reported here.
        if self._channel.error is not None:
            self._on_loss(self._channel.error)
