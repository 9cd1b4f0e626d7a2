"""Opening and closing a modem, and bringing it back into order after a restart of the module."""

import asyncio
import contextlib
import logging
from types import TracebackType
from typing import Final, Self

from ..at.completions import SocketOpened
from ..at.information import SocketInfo, SocketState
from ..at.responses import Response
from ..at.urcs import LateAnswer, PowerChanged, PowerEvent, RegistrationChanged, Restarted
from ..errors import BC260YError, CommandError, ModemClosed, ModemNotResponding, ModuleRestarted, ModuleSlept
from ..line.channel import Channel
from ..line.turns import Turn
from ..port import Port, open_port
from ..sockets.allocation import ConnectIDs
from ..sockets.closing import close_connect_id
from ..sockets.tasks import TaskSet, running_loop, uninterrupted
from .connections import Connections
from .diagnosis import explain
from .power import PowerManagement
from .startup import DEFAULT_RATES, close_open_sockets, explain_silence, find_rate

logger = logging.getLogger("bc260y_aio")

# Restoring the module's settings at a close takes at most so long, in seconds.
_RESTORE_TIMEOUT: Final = 10.0
# So often is re-establishing tried before the module is taken for lost. The pauses after a refusal, in seconds.
_REESTABLISHMENTS: Final = 10
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 5.0


class Lifecycle(Connections, PowerManagement):
    """How a modem is opened and closed, and what it does when the module restarts."""

    _port_url: str
    _baudrate: int | None
    _close_task: asyncio.Task[None] | None = None
    _reestablish_task: asyncio.Task[None] | None = None
    _restarts = 0
    # A port whose event loop ended before it was closed.
    _abandoned: Port | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    # Opening

    async def open(self) -> None:
        """Open the port, find the module, and establish the settings that this package relies on (guide 4.1).

        Echo and sleep are switched off, the payload formats are set if they differ, and sockets that an earlier program
        left open are closed. A modem whose event loop ended without :meth:`close` can be opened again on another.

        Raises:
            PortNotFound: there is no such port.
            PortBusy: another program has it.
            ModemNotResponding: nothing answers ``AT``.
            RuntimeError: the modem is open already or being opened, or is open on another event loop.
        """
        self._check_loop()
        await self._release_abandoned()
        if self._opened is not None:
            if self._opened.error is None:
                raise RuntimeError(f"{self!r} is open already")

            await self.close()

        if self._is_opening and self._loop is not None and not self._loop.is_closed():
            raise RuntimeError(f"{self!r} is being opened already")

        self._loop = running_loop()
        # Until the sockets left open are closed, it is unknown which connectIDs are free.
        self._is_opening = True
        try:
            await self._open()
        finally:
            self._is_opening = False

    async def _open(self) -> None:
        port = await open_port(self._port_url, self._baudrate or DEFAULT_RATES[0])
        try:
            if self._baudrate is None and port.baudrate is not None:
                await find_rate(port, self._options.open_timeout)
            else:
                port.write(b"\r")
        except BaseException:
            await port.close()
            raise

        try:
            await self._begin(port)
        except ModemNotResponding as exc:
            raise ModemNotResponding(f"{exc}; {explain_silence(port)}") from exc

    async def _begin(self, port: Port) -> None:
        options = self._options
        channel = Channel(
            port,
            name=self._tasks.name,
            recovery_timeout=options.open_timeout,
            profile=options.profile,
            trace=self._trace,
            numbers=self._marker_numbers,
        )
        channel.inboxes.sockets = options.profile.sockets
        self._ledger.begin(channel, port.radio)
        self._ids = ConnectIDs(options.profile.sockets)
        self._left_open.clear()
        self._opened = channel
        self._tasks.bind()
        channel.start()
        try:
            # Bytes of a wrong rate or of an earlier program in the module's line buffer must be answered before the
            # first command.
            channel.recover()
            async with channel.turn() as turn:
                left_open = await self._settings.establish(channel, turn, self._on_echo)

            # From here on a module that restarts needs all of that again.
            channel.subscribe(self._on_urc, Restarted, RegistrationChanged, PowerChanged, LateAnswer)
            keep = [info for info in left_open if options.adopt_udp and _can_be_adopted(info)]
            await close_open_sockets(channel, [info for info in left_open if info not in keep])
            for info in keep:
                self._keep_open_socket(channel, info)
        except BaseException:
            await uninterrupted(lambda: self._tasks.spawn(self._give_up(channel), "give_up"))
            raise

        channel.recovery.timeout = options.recovery_timeout
        channel.recovery.on_lost_probe = lambda: self._check_streams(channel)

    async def _give_up(self, channel: Channel) -> None:
        try:
            await self._restore_settings(channel)
        finally:
            self._opened = None
            await channel.close()
            self._ledger.end()

    # Closing

    async def close(self) -> None:
        """Close what is open, let the module sleep again if it may, and close the port.

        Connections are closed as their ``close()`` does: what was written goes out first, for as long as there is
        progress. Nothing is raised for what went wrong on the way. A cancelled call aborts the connections instead of
        waiting for their peers, closes their sockets in the module, restores its settings, and then raises
        CancelledError.

        Raises:
            RuntimeError: the modem is open on another event loop.
        """
        self._check_loop()
        await self._release_abandoned()
        if self._opened is not None:
            await uninterrupted(self._start_closing, self._abort_transports)

    def _start_closing(self) -> asyncio.Task[None]:
        if self._opened is not None:
            self._opened.is_needed = True

        if self._close_task is None or self._close_task.done():
            # Not among the tasks that it waits for.
            work = self._close()
            self._close_task = asyncio.get_running_loop().create_task(work, name=f"bc260y[{self._tasks.name}].close")

        return self._close_task

    def _abort_transports(self) -> None:
        self._radio_release.cancel()
        for transport in self._transports():
            transport._force_close(
                ModemClosed("the close of the modem was cancelled before everything was acknowledged")
            )

    async def _close(self) -> None:
        channel = self._opened
        if channel is None:
            return

        # From here on nothing new is begun: a connectID that becomes free goes to no waiting caller.
        self._is_closing = True
        self._radio_release.finish()
        for transport in self._transports():
            transport.close()

        # The transports wait for their own progress; this ends what else does not end.
        await self._tasks.wait_all(2 * self._options.close_timeout, self._progress)
        await self._restore_settings(channel)
        await channel.close()
        await self._tasks.wait_all(self._options.close_timeout)
        self._opened = None
        self._is_closing = False
        self._ledger.end()

    async def _explain_registration(self) -> str:
        with contextlib.suppress(BC260YError):
            async with self._channel.turn() as turn:
                why = await explain(turn, self._settings)
                return f": {why}" if why else ""

        return ""

    def _progress(self) -> list[tuple[int, int]]:
        return [(one.traffic.sent, one.traffic.acked) for one in self._transports() if hasattr(one, "traffic")]

    async def _restore_settings(self, channel: Channel) -> None:
        """Restore the settings that were changed in the module, if it answers."""
        try:
            async with asyncio.timeout(_RESTORE_TIMEOUT):
                restore = self._options.restore_data_format
                await self._settings.restore(channel, restore_data_format=restore)
        except TimeoutError:
            logger.warning("%s: the module did not answer in time; its settings are left as they are", channel.name)

    async def _release_abandoned(self) -> None:
        abandoned, self._abandoned = self._abandoned, None
        if abandoned is not None:
            await abandoned.abandon()

    def _check_loop(self) -> None:
        """Forget an opening whose event loop has ended; refuse to be used on another loop than that of the opening."""
        if self._opened is not None and self._loop is not None and self._loop.is_closed():
            logger.warning("%s: its event loop ended before the modem was closed", self._opened.name)
            self._abandoned = self._opened.port
            self._opened = self._registration_changed = None
            # Neither of them goes on any more.
            self._close_task = self._reestablish_task = None
            self._tasks = TaskSet(self._tasks.name)
            self._open_transports.clear()
            self._is_opening = self._is_closing = False
            self._awake = 0

        super()._check_loop()

    # Restarts, and what else the module reports

    def _on_urc(self, event: Response) -> None:
        channel = self._opened
        if channel is None:
            return

        match event:
            case Restarted():
                logger.warning("%s: the module restarted; every socket is gone", channel.name)
                self._establish_again(channel)
            case RegistrationChanged():
                self._note_registration(event)
            case PowerChanged(event=PowerEvent.EXIT_DEEP_SLEEP):
                channel.inboxes.end_streams(ModuleSlept("the module slept, and TCP connections do not survive that"))
            case LateAnswer(response=SocketOpened(connect_id=connect_id)) if connect_id not in self._ids.taken:
                self._close_late(channel, connect_id)

    def _close_late(self, channel: Channel, connect_id: int) -> None:
        """Close a socket that the module opened after its open was given up; nobody gets its connectID meanwhile."""
        ids, is_known = self._ids, connect_id < self._options.profile.sockets
        if is_known:
            ids.take(connect_id)

        closing = self._tasks.spawn(close_connect_id(channel, connect_id), f"{connect_id}.late")
        if is_known:
            closing.add_done_callback(lambda _: ids.release(connect_id))

    def _on_echo(self) -> None:
        if self._opened is not None:
            logger.warning("%s: the module echoes again; it seems to have restarted", self._opened.name)
            self._establish_again(self._opened)

    def _establish_again(self, channel: Channel) -> None:
        """Establish the settings again, before anybody else sends a command; begin again at each further restart."""
        self._restarts += 1
        channel.watch_echo(None)
        if self._reestablish_task is None or self._reestablish_task.done():
            turn = channel.turn(urgent=True)
            turn.queue()
            self._reestablish_task = self._tasks.spawn(self._reestablish(channel, turn), "reestablish")

    async def _reestablish(self, channel: Channel, turn: Turn) -> None:
        """Establish the settings until they are; nobody else sends a command before, for none of them holds."""
        try:
            async with turn:
                for attempt in range(_REESTABLISHMENTS):
                    restarts = self._restarts
                    try:
                        await self._reestablish_once(channel, turn)
                    except (ModuleRestarted, ModuleSlept):
                        continue
                    except CommandError as exc:
                        # A module that starts may refuse commands for a while.
                        logger.info("%s: its settings are not established yet: %s", channel.name, exc)
                        await asyncio.sleep(min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))
                        continue

                    if restarts == self._restarts:
                        return

            channel.end(
                ModemNotResponding(
                    f"{channel.name}: the module restarted, and in {_REESTABLISHMENTS} attempts it could not be set up "
                    "again: it restarts, sleeps or refuses commands each time; check its power supply"
                )
            )
        except BC260YError as exc:
            logger.warning("%s: after its restart the module cannot be used: %s", channel.name, exc)

    async def _reestablish_once(self, channel: Channel, turn: Turn) -> None:
        open_sockets = await self._settings.establish(channel, turn, self._on_echo)
        await self._reconcile(channel, turn, open_sockets)
        if not open_sockets:
            # It did restart, and knows nothing of earlier commands.
            channel.forget_overdue()

        # A restart may have lost what was set for it.
        self._sleep_prepared_on = None
        if channel.may_sleep:
            await self._allow_sleep(channel, turn)

    async def _reconcile(self, channel: Channel, turn: Turn, open_sockets: list[SocketInfo]) -> None:
        """End the sockets that the module has no more, and close those that it has and that are not in use here."""
        found = {info.connect_id for info in open_sockets}
        for connect_id in self._ids.taken - found:
            # Where its RDY was lost on the line, this is the first sign of the restart.
            if (inbox := channel.inboxes.get(connect_id)) is not None:
                inbox.end(ModuleRestarted("the module restarted, and its report of that was lost on the line"))

        self._drop_kept_sockets(channel)
        for info in open_sockets:
            # A socket about to be opened has a connectID and no inbox yet; its AT+QIOPEN is not sent in this turn.
            if (inbox := channel.inboxes.get(info.connect_id)) is None or inbox.is_ended:
                logger.info("%s: closing a socket that is not in use here: %s", channel.name, info)
                await close_connect_id(channel, info.connect_id, turn)


def _can_be_adopted(info: SocketInfo) -> bool:
    # In any other state the opening failed, or is not over.
    return info.service_type == "UDP" and info.state is SocketState.CONNECTED
