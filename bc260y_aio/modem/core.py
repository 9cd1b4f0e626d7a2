"""The state that the parts of a modem share."""

import asyncio
import contextlib
import itertools
from dataclasses import dataclass
from typing import TypeVar

from ..at.commands import Command
from ..at.information import Registration
from ..at.responses import Information
from ..at.urcs import RegistrationChanged
from ..errors import BC260YError, CommandFailed, ModemClosed, ModuleRestarted, NotRegistered
from ..line.channel import Channel
from ..line.profile import Profile
from ..sockets.allocation import ConnectIDs, LocalPorts
from ..sockets.dataformat import PayloadFormats
from ..sockets.tasks import TaskSet
from ..tls import TlsSessions
from ..tracing import Trace
from ..usage import Ledger, ModemUsage
from .startup import StartupSettings

# How often to query the registration while a caller waits for it, in seconds.
_REGISTRATION_INTERVAL = 1.0

Told = TypeVar("Told", bound=Information)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a modem, which :class:`bc260y_aio.Modem` describes."""

    receive_limit: int
    open_timeout: float
    registration_timeout: float
    connect_id_timeout: float
    close_timeout: float
    recovery_timeout: float
    wait_for_local_port: bool
    restore_data_format: bool
    rai_on_close: bool
    adopt_udp: bool
    datagram_rejoin: bool
    tls_sessions: TlsSessions
    profile: Profile

    def __post_init__(self) -> None:
        if self.receive_limit < 1024:
            raise ValueError(f"receive_limit must be at least one push, 1024 bytes, not {self.receive_limit}")

        for name in ("open_timeout", "recovery_timeout"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")

        for name in ("registration_timeout", "connect_id_timeout", "close_timeout"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative: {getattr(self, name)}")


class ModemCore:
    """The state of a modem that its connections, services and power settings share: the channel and the registration.

    :class:`bc260y_aio.Modem` opens and closes the channel; everything else asks :attr:`_channel` for it.
    """

    def __init__(self, name: str, options: Options, formats: PayloadFormats) -> None:
        self._options = options
        self._formats = formats
        self._profile = options.profile
        self._settings = StartupSettings(formats, options.profile)
        self._tasks = TaskSet(name)
        self._trace = Trace(name)
        self._ledger = Ledger()
        # A late answer to the last query of an earlier opening must not be taken for one to a later query.
        self._marker_numbers = itertools.count()
        self._ids = ConnectIDs(options.profile.sockets)
        self._local_ports = LocalPorts()
        #: The TLS sessions that connections over this modem resume.
        self.tls_sessions = options.tls_sessions
        self._registration_changed: asyncio.Event | None = None
        self._opened: Channel | None = None
        # The event loop of the last opening.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_opening = self._is_closing = False

    def usage(self, *, to_the_end: bool = False) -> ModemUsage:
        """Return what this modem has cost since it was first opened; also when it is closed, and from another thread.

        Bytes by direction, on the air and on the line, commands, TLS handshakes, and each socket; of an emulated module
        also the seconds of the radio in each state, its energy, and which sockets kept it connected. The difference of
        two results is the cost of what was between.

        Args:
            to_the_end: count the connection of the emulated radio up to its release, as if nothing more were sent.
        """
        return self._ledger.usage(to_the_end=to_the_end)

    @property
    def is_open(self) -> bool:
        """Whether the modem is open and its port is there."""
        return self._opened is not None and self._opened.error is None and not (self._is_opening or self._is_closing)

    @property
    def _channel(self) -> Channel:
        """The channel of the open modem.

        Raises:
            ModemClosed: the modem is not open.
            RuntimeError: the modem is open on another event loop than the one that runs.
            BC260YError: why the channel ended.
        """
        self._check_loop()
        if self._opened is None:
            raise ModemClosed("the modem is not open")

        if self._opened.error is not None:
            raise self._opened.error.with_traceback(None)

        if self._is_opening or self._is_closing:
            raise ModemClosed(f"the modem is being {'opened' if self._is_opening else 'closed'}")

        return self._opened

    def _check_loop(self) -> None:
        """Check that the modem is not open on another event loop than the one that runs.

        Raises:
            RuntimeError: it is.
        """
        if self._opened is None or self._loop is None:
            return

        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            # Between two runs of its loop.
            return

        if running is not self._loop:
            raise RuntimeError(
                f"{self!r} is open on another event loop; a modem belongs to the loop on which it was opened "
                "(from another thread: asyncio.run_coroutine_threadsafe)"
            )

    def _note_registration(self, change: RegistrationChanged) -> None:
        self._settings.status = change.status
        if self._registration_changed is not None:
            self._registration_changed.set()

    async def registration(self) -> Registration:
        """Return the module's registration with the network, asked for now (guide 4.1).

        Raises:
            CommandError: the module did not report it.
            ModemClosed: the modem is not open.
        """
        async with self._channel.turn() as turn:
            found = await self._settings.query_registration(turn)

        if found is None:
            raise NotRegistered("the module does not report its registration")

        return found

    async def wait_registered(self, timeout: float | None = None) -> Registration:
        """Wait until the module is registered with a network, and return its registration (guide 4.1).

        Args:
            timeout: how long to wait, in seconds; the modem's ``registration_timeout`` by default.

        Raises:
            NotRegistered: it was not in time.
            ModemClosed: the modem is not open.
        """
        self._check_loop()
        seconds = self._options.registration_timeout if timeout is None else timeout
        self._registration_changed = changed = self._registration_changed or asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    # A module that restarts meanwhile registers again, and one that does not report it may do so later.
                    with contextlib.suppress(ModuleRestarted, NotRegistered):
                        if (found := await self.registration()).status.is_registered:
                            return found

                    changed.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_REGISTRATION_INTERVAL):
                            await changed.wait()
        except BC260YError:
            raise
        except TimeoutError:
            why = await self._explain_registration()
            raise NotRegistered(f"the module did not register within {seconds:g} s{why}") from None

    async def _explain_registration(self) -> str:
        """Return what the module reports of its radio, SIM and registration, for a message."""
        return ""

    async def _ensure_registered(self) -> None:
        known = self._settings.status
        # Firmware that does not report its registration is taken to be registered.
        if known is not None and not known.is_registered:
            await self.wait_registered()

    async def _query_one(self, command: Command, kind: type[Told]) -> Told:
        self._profile.require(command)
        answer = await self._channel.execute(command)
        for information in answer.information:
            if isinstance(information, kind):
                return information

        raise CommandFailed(str(command), text="OK, but nothing reported")
