"""The emulator: a module, its serial line and its network, built from options."""

import asyncio
import os
import random
import types
from collections.abc import Callable
from typing import Any, Final, Self

from ..at.responses import Response
from ..at.urcs import Unrecognised
from ..errors import PortError
from .line import Line, LineEndpoint, MemoryEndpoint, make_endpoint
from .module import Module, Nvram
from .network import Network
from .network.coverage import PROFILE_FIELDS
from .options import Options
from .radio import Radio

# The options that are the network's.
# The firmware R02A01 asks for both kinds of address with the SIMs of China Mobile and China Telecom.
_DUAL_STACK: Final = ("46000", "46002", "46004", "46007", "46008", "46003", "46005", "46011")
_OF_THE_NETWORK: Final = frozenset({"names", "any_address", *PROFILE_FIELDS})


class Emulator:
    """A Quectel BC260Y-CN at the other end of a serial line.

    It is an async context manager; a program then opens :attr:`url`::

        async with Emulator(baudrate=115200, latency=0.3) as emulator:
            async with Modem(emulator.url) as modem:
                ...

    Everything happens on the running loop, by its clock, and from random sequences that begin at the seed.

    Args:
        options: its options; by default, all defaults.
        network: its network; several emulators may share one. By default it has a network of its own, with the
            conditions and names of its options; where these are named here, a network that is given takes them over. A
            name is a coverage, for a network of its own: ``"good"``, ``"average"`` or ``"edge"``.
        nvram: the settings that it keeps: an object, or the file that holds them. By default, a factory-new one.
        **settings: single options by name, with those of the dialect and of the faults: ``baudrate=115200``,
            ``stray_nul=True``, ``send_ok_lost=0.1``. :class:`Options` has the list. They go before ``options``.

    Attributes:
        options: its options.
        faults: the faults made on purpose; may be changed at any time.
        network: the network it reaches.
        nvram: the settings that it keeps.
        line: the serial line; known once it is started.
        module: the module; known once it is started.

    Raises:
        TypeError: an option is unknown.
        ValueError: an option cannot be.
    """

    line: Line
    module: Module

    def __init__(
        self,
        options: Options | None = None,
        *,
        network: Network | str | None = None,
        nvram: Nvram | str | os.PathLike[str] | None = None,
        **settings: Any,
    ) -> None:
        if isinstance(nvram, str | os.PathLike):
            nvram = Nvram.load(nvram)

        if isinstance(network, str):
            settings, network = {"network": network} | settings, None

        self.options = (options or Options()).with_settings(**settings)
        self.faults = self.options.faults
        self.faults.reseed(self.options.seed)
        self.network = _network(self.options) if network is None else network
        for name in settings.keys() & _OF_THE_NETWORK:
            setattr(self.network, name, settings[name])

        self.nvram = nvram or _nvram(self.options)
        self._end: LineEndpoint | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._plugging: asyncio.Task[None] | None = None

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Make one of a URL: ``emulator://?latency=0.3&baudrate=115200&line=tcp``. The line is in memory by default.

        Raises:
            ValueError: an option is unknown or cannot be; the message names it.
        """
        return cls(Options.from_url(url))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Emulator {self.url} {self.module!r}>" if self._end is not None else "<Emulator not started>"

    @property
    def url(self) -> str:
        """The URL for programs: a device path, ``socket://127.0.0.1:<port>``, or ``memory://<name>`` (:meth:`connect`).

        Raises:
            RuntimeError: it is not started.
        """
        return self._started.url

    @property
    def radio(self) -> Radio:
        """The state of the module's radio, and its ledger: seconds in each state, connections, energy, since the start.

        Raises:
            RuntimeError: it has never been started.
        """
        if not hasattr(self, "module"):
            raise RuntimeError("the emulator has not been started")

        return self.module.radio

    @property
    def _started(self) -> LineEndpoint:
        if self._end is None:
            raise RuntimeError("the emulator is not started")

        return self._end

    # From start to close

    async def start(self) -> None:
        """Make the line and switch the module on.

        Raises:
            RuntimeError: it is started.
            PortError: the line could not be made.
        """
        if self._end is not None:
            raise RuntimeError("the emulator is started")

        options = self.options
        end = make_endpoint(options.line, port=options.port, link=options.link)
        if options.baudrate is not None:
            self.nvram.baudrate = options.baudrate

        self.nvram.saves_reports = options.variants.saves_reports
        if options.dialect.cme:
            self.nvram.error_level = int(options.dialect.cme)

        self.line = Line(
            end,
            baudrate=self.nvram.baudrate,
            is_paced=options.baudrate is not None,
            size=_sizes(options),
            is_strict=options.baudrate_strict,
            faults=self.faults,
        )
        self.module = Module(options, self.line, self.network, self.nvram, self.faults)
        self._attach(end)
        if options.boot:
            self.line.connected = self._boot
        else:
            self.module.start()

        try:
            await end.start()
        except OSError as exc:
            await self.module.close()
            raise PortError(f"the emulator's line could not be made: {exc}", number=exc.errno) from exc
        except BaseException:
            await self.module.close()
            raise

        self._end = end
        self._set_timers()

    def _attach(self, end: LineEndpoint) -> None:
        self.module.random_faults.unplug = self._unplug
        if isinstance(end, MemoryEndpoint):
            end.radio = self.module.radio

    def _set_timers(self) -> None:
        loop = asyncio.get_running_loop()
        plans = (("outage", self.options.blackout, (True, False)), ("has_cell", self.options.cell_lost, (False, True)))
        self._timers = [
            loop.call_later(when, setattr, self.network, name, value)
            for name, moments, values in plans
            for when, value in zip(moments or (), values, strict=False)
        ]

    def _boot(self) -> None:
        self.line.connected = lambda: None
        self.module.restart()

    async def close(self) -> None:
        """Hang up and switch off. Nothing is left: no task, no timer, no descriptor. Closing twice is harmless."""
        end, self._end = self._end, None
        if end is None:
            return

        for timer in self._timers:
            timer.cancel()

        if self._plugging is not None:
            self._plugging.cancel()
            await asyncio.wait({self._plugging})

        await self.module.close()
        self.line.close()
        await end.close()

    # A line in memory

    async def connect(self, protocol: asyncio.Protocol) -> asyncio.Transport:
        """Give a line in memory to a protocol, and return the transport that is the DTE's end of it.

        ``connection_made`` has been called when this returns.

        Raises:
            PortNotFound: the line is hung up.
            PortBusy: another protocol has it.
            RuntimeError: the line is not one in memory, or the emulator is not started.
        """
        if not isinstance(end := self._started, MemoryEndpoint):
            raise RuntimeError(f"{self.url} is not in memory: open it as a serial port")

        return end.connect(protocol)

    # Events

    def restart(self) -> None:
        """Make the module restart: every socket is gone, and it boots."""
        self.module.restart()

    def sleep(self, *, deep: bool = True) -> None:
        """Make the module fall asleep now, whatever AT+QSCLK says."""
        self.module.sleep.fall_asleep(deep=deep)

    def wake(self) -> None:
        """Wake the module as its PSM_EINT pin does."""
        self.module.sleep.wake()

    def send_urc(self, urc: Response | str) -> None:
        """Make the module write a URC, or any line."""
        self.module.notify(Unrecognised(urc) if isinstance(urc, str) else urc)

    def hang_up(self) -> None:
        """Take the line away, as when the cable is pulled; the module lives on."""
        self._started.hang_up()

    async def plug_in(self) -> None:
        """Bring the line back; a pty has another name then.

        Raises:
            PortError: it could not be made.
        """
        try:
            await self._started.plug_in()
        except OSError as exc:
            raise PortError(f"the emulator's line could not be made: {exc}", number=exc.errno) from exc

    def _unplug(self) -> None:
        self.hang_up()
        if self._plugging is None or self._plugging.done():
            self._plugging = asyncio.get_running_loop().create_task(self._plug_in_again(), name="bc260y-emulator.plug")

    async def _plug_in_again(self) -> None:
        await asyncio.sleep(self.faults.unplugged_for)
        await self.plug_in()


def _network(options: Options) -> Network:
    figures = {name: getattr(options, name) for name in PROFILE_FIELDS}
    return Network(names=options.names, any_address=options.any_address, seed=options.seed, **figures)


def _nvram(options: Options) -> Nvram:
    factory = Nvram(baudrate=options.kind.baudrate, psm=options.psm_requested)
    if options.firmware == "R02A01" and options.imsi.startswith(_DUAL_STACK):
        factory.context = ("IPV4V6", "", "", "")

    return factory if options.nvram is None else Nvram.load(options.nvram)


def _sizes(options: Options) -> Callable[[], int] | None:
    if options.chunk is not None:
        size = options.chunk
        return lambda: size

    if options.chunks is not None:
        (low, high), dice = options.chunks, random.Random(f"{options.seed}.chunks")
        return lambda: dice.randint(low, high)

    return None
