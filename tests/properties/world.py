"""A modem, its module and its network, and a simple model of them: the written data, and the received data.

The model knows no commands and no states. A far host has got a beginning of what was written to it, a protocol has
got a beginning of what its far host sent, and each is whole when all has come to rest and the connection stands. Of
datagrams some may be missing; none is changed, comes twice, or comes in another's place.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from bc260y_aio import (
    BC260YError,
    CommandTimeout,
    ConnectionLost,
    Modem,
    ModemClosed,
    NotRegistered,
    PortLost,
    SocketError,
)
from bc260y_aio.emulator import EchoPeer, Emulator, Faults, Network, PeerConnection
from bc260y_aio.emulator.faults import KINDS, NOISES
from bc260y_aio.emulator.module.power import Power
from tests.guide.bench import ports_to

NOW: Final = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)

# How much each end of a connection has to say, at the most, in bytes.
LONGEST: Final = 1 << 16
_TO_TEXT: Final = bytes(0x20 + code % 95 for code in range(256))

# Long enough for everything that has been begun to come to its end, in seconds.
REST: Final = 900.0

# The arguments of `connection_lost`: the README's table. That the module is silent for minutes does not happen here.
LOSSES: Final = (ConnectionLost, ModemClosed, PortLost)
# Exceptions of opening a connection.
REFUSALS: Final = (*LOSSES, NotRegistered, SocketError)


# Not among them: what damages bytes, for AT commands have no checksums.
FAULTS: Final = tuple(kind for kind in KINDS if kind not in NOISES)
# After these, some of what either end said may never come.
CUTS: Final = ("closed", "broken_receiving", "broken_sending", "session_lost")
_ASLEEP: Final = (Power.LIGHT_SLEEP, Power.DEEP_SLEEP)


@dataclass(slots=True, kw_only=True)
class DueFaults(Faults):
    """Faults that strike when they are due, not by chance.

    Attributes:
        due: on how many of the next occasions a fault of each kind strikes.
    """

    due: Counter[str] = field(default_factory=Counter, init=False, compare=False)

    def occurs(self, kind: str) -> bool:
        if not self.due[kind]:
            return False

        self.due[kind] -= 1
        self.counts[kind] += 1
        return True


class Script:
    """The data that one end of a connection sends: bytes that occur only once."""

    def __init__(self, seed: str, *, is_text: bool) -> None:
        pattern = random.Random(seed).randbytes(LONGEST)
        self._pattern = pattern.translate(_TO_TEXT) if is_text else pattern
        self._said = 0

    def next(self, size: int) -> bytes:
        """Return the next so many bytes, fewer at the end."""
        data = self._pattern[self._said : self._said + size]
        self._said += len(data)
        return data


class Far:
    """A far host that one connection is opened to.

    Attributes:
        got: what has come, piece by piece.
        said: what it has sent.
        is_cut_off: it closed, or may have been cut off; what it had not got by then it may never get.
    """

    def __init__(self, name: str, *, is_text: bool) -> None:
        self.name = name
        self.script = Script(f"{name} says", is_text=is_text)
        self.got: list[bytes] = []
        self.sent: list[bytes] = []
        self.connections: list[PeerConnection] = []
        self.has_closed = False
        self.is_cut_off = False

    async def __call__(self, connection: PeerConnection) -> None:
        self.connections.append(connection)
        while data := await connection.receive():
            self.got.append(data)

    def say(self, size: int) -> None:
        """Send the next bytes, if there is a connection to send them on."""
        for connection in self.connections[-1:]:
            data, before = self.script.next(size), connection.sent
            connection.send(data)
            if connection.sent > before:
                self.sent.append(data)

    def close(self) -> None:
        """Close the connection, if there is one."""
        for connection in self.connections[-1:]:
            self.has_closed = True
            connection.close()


class Near(asyncio.Protocol, asyncio.DatagramProtocol):
    """The near end of a connection: a protocol that holds its transport to asyncio's grammar.

    Attributes:
        wrote: what was written, piece by piece.
        received: what has come, piece by piece.
        events: which callbacks came, in order.
        loss: the argument of ``connection_lost``.
        errors: the arguments of ``error_received``.
    """

    def __init__(self, far: Far, complain: Callable[[str], None], *, is_text: bool, stays_open: bool) -> None:
        self.far = far
        self.script = Script(f"{far.name} receives", is_text=is_text)
        self.wrote: list[bytes] = []
        self.received: list[bytes] = []
        self.events: list[str] = []
        self.errors: list[Exception] = []
        self.loss: BaseException | None = None
        self.transport: Any = None
        self.is_paused = False
        self.was_told_to_pause = False
        self.was_closed = False
        self.was_aborted = False
        self._stays_open = stays_open
        self._complain = complain

    def __repr__(self) -> str:
        return f"<Near {self.far.name} {' '.join(self.events)} loss={self.loss!r}>"

    def _check(self, is_so: bool, what: str) -> None:
        if not is_so:
            self._complain(f"{self!r}: {what}")

    # Callbacks of the transport

    def connection_made(self, transport: Any) -> None:
        self._check(not self.events, "connection_made is called once, first")
        self.events.append("made")
        self.transport = transport
        transport.set_write_buffer_limits(2048)

    def data_received(self, data: bytes) -> None:
        self._check(self.events == ["made"], "data comes between connection_made and the end")
        self._check(bool(data), "data is not empty")
        self._check(not self.is_paused and not self.was_closed, "data comes only while reading")
        self.received.append(data)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._check(addr == (self.far.name, 7), f"a datagram is said to be from {addr}")
        self.data_received(data)

    def error_received(self, exc: Exception) -> None:
        self._check(self.events == ["made"], "errors come before the end")
        self._check(isinstance(exc, BC260YError), f"{exc!r} is not a documented error")
        self.errors.append(exc)

    def eof_received(self) -> bool:
        self._check(self.events == ["made"], "the end comes once")
        self._check(not self.is_paused and not self.was_closed, "the end comes only while reading")
        self.events.append("eof")
        if not self.far.is_cut_off:
            self._check(b"".join(self.received) == b"".join(self.far.sent), "the end came before all data")

        return self._stays_open

    def connection_lost(self, exc: BaseException | None) -> None:
        self._check("made" in self.events, "connection_lost came before connection_made")
        self._check("lost" not in self.events, "connection_lost came twice")
        self._check(exc is None or isinstance(exc, LOSSES), f"{exc!r} is no documented loss")
        self.events.append("lost")
        self.loss = exc

    def pause_writing(self) -> None:
        self._check(not self.was_told_to_pause, "pause_writing came twice")
        self.was_told_to_pause = True

    def resume_writing(self) -> None:
        self._check(self.was_told_to_pause, "resume_writing came without pause_writing")
        self.was_told_to_pause = False

    # Calls of a program

    @property
    def is_up(self) -> bool:
        """Whether there is a transport, and it has not been asked to close."""
        return self.transport is not None and not self.transport.is_closing()

    @property
    def is_stream(self) -> bool:
        """Whether it is TCP."""
        return hasattr(self.transport, "write")

    def write(self, size: int) -> None:
        """Write the next bytes."""
        data = self.script.next(size if self.is_stream else min(size, 512)) if self.is_up else b""
        if not data:
            return

        if self.is_stream:
            self.transport.write(data)
        else:
            self.transport.sendto(data)

        self.wrote.append(data)

    def pause(self) -> None:
        """Stop reading."""
        self.transport.pause_reading()
        self.is_paused = True

    def resume(self) -> None:
        """Go on reading."""
        self.is_paused = False
        self.transport.resume_reading()

    def end(self, how: str) -> None:
        """Close or abort."""
        self.was_closed = True
        self.was_aborted |= how == "abort"
        getattr(self.transport, how)()


def is_beginning(part: Iterable[bytes], whole: Iterable[bytes]) -> bool:
    """Tell whether some pieces are the beginning of others, wherever they are cut."""
    return b"".join(whole).startswith(b"".join(part))


def is_selection(part: Iterable[bytes], whole: Iterable[bytes]) -> bool:
    """Tell whether some datagrams are among others, in their order, each as often as it is there."""
    rest = iter(whole)
    return all(one in rest for one in part)


@dataclass(eq=False)
class Errand:
    """A call under way, and a check of its result.

    Attributes:
        what: what it is.
        task: the task that waits for the result.
        is_right: returns whether a result is correct.
        errors: what it may raise.
    """

    what: str
    task: asyncio.Task[Any]
    is_right: Callable[[Any], bool]
    errors: tuple[type[Exception], ...]


class World:
    """A modem on an emulated module, behind which each connection has a far host of its own.

    Attributes:
        complaints: where the model and the modem did not agree.
        has_trouble: whether anything has been done to it that may cost data or answers.
    """

    def __init__(self, *, modem: dict[str, Any], module: dict[str, Any], latency: float) -> None:
        self.complaints: list[str] = []
        self.nears: list[Near] = []
        self.errands: list[Errand] = []
        self.has_trouble = False
        self.is_text = modem["data_format"] != "hex"
        self.network = Network(latency=latency, now=lambda: NOW)
        self.network.add_host("echo.example", EchoPeer())
        self.emulator = Emulator(
            line="memory",
            network=self.network,
            faults=DueFaults(),
            sleep_after=10.0,
            # Otherwise a connection that sleep has ended is noticed only when it is next used.
            dsevent_at_once=True,
            **module,
        )
        self._modem_options = modem
        self._names = 0
        self._is_hung_up = False
        self._exits = contextlib.ExitStack()

    async def begin(self) -> None:
        """Set it up, and open the modem."""
        await self.emulator.start()
        self._exits.enter_context(ports_to(self.emulator))
        self.modem = Modem(self.emulator.url, **self._modem_options)
        await self.modem.open()

    def leave(self) -> None:
        """Leave the process as it was, whatever has become of this."""
        self._exits.close()

    @property
    def faults(self) -> DueFaults:
        """The next fault."""
        assert isinstance(self.emulator.faults, DueFaults)
        return self.emulator.faults

    def complain(self, what: str) -> None:
        """Note that something is not as it should be."""
        self.complaints.append(what)

    # Connections

    def open(self, kind: str, *, local_port: int, stays_open: bool) -> None:
        """Begin to open a connection to a far host of its own."""
        name = f"{kind}{len(self.nears)}.example"
        far = Far(name, is_text=self.is_text)
        far.is_cut_off = any(self.faults.due[kind] for kind in CUTS)
        self.network.add_host(name, far)
        near = Near(far, self.complain, is_text=self.is_text, stays_open=stays_open)
        self.nears.append(near)
        local = ("", local_port) if local_port else None
        if kind == "tcp":
            work: Coroutine[Any, Any, Any] = self.modem.create_connection(lambda: near, name, 7, local_addr=local)
        else:
            work = self.modem.create_datagram_endpoint(lambda: near, local, (name, 7))

        self.go(f"open {name}", work, lambda made: made[1] is near, REFUSALS)

    @property
    def up(self) -> list[Near]:
        """The near ends that are open."""
        return [near for near in self.nears if near.is_up]

    # Errands

    def go(
        self,
        what: str,
        work: Coroutine[Any, Any, Any],
        is_right: Callable[[Any], bool],
        errors: tuple[type[Exception], ...] = (BC260YError,),
    ) -> None:
        """Start something that brings an answer, or raises one of these errors."""
        errand = Errand(what, asyncio.ensure_future(work), is_right, errors)
        self.errands.append(errand)
        errand.task.add_done_callback(lambda _: self._judge(errand))

    def _judge(self, errand: Errand) -> None:
        self.errands.remove(errand)
        if errand.task.cancelled():
            return

        error = errand.task.exception()
        if error is None and not errand.is_right(errand.task.result()):
            self.complain(f"{errand.what} was answered with {errand.task.result()!r}")
        elif error is not None and not isinstance(error, errand.errors):
            self.complain(f"{errand.what} failed with {error!r}")
        elif error is not None and not self.has_trouble:
            self.complain(f"{errand.what} failed without cause: {error!r}")

    def ask(self, what: str) -> None:
        """Ask the modem for something."""
        modem, network = self.modem, self.network
        self._names += 1
        name = f"name{self._names}.example"
        match what:
            case "signal":
                self.go(what, modem.execute("AT+CSQ"), ["+CSQ: 23,0"].__eq__)
            case "revision":
                self.go(what, modem.execute("AT+CGMR"), lambda told: "BC260YCN" in "".join(told))
            case "resolve":
                self.go(what, modem.resolve(name), lambda told: told == [network.resolve(name)])
            case "ping":
                self.go(what, modem.ping("echo.example", count=2, timeout=1), lambda told: told.sent == 2)
            case "time":
                self.go(what, modem.ntp_time("ntp.example"), NOW.__eq__)
            case "sockets":
                self.go(what, modem.sockets(), lambda told: {one.host for one in told} <= self._names_of_hosts)
            case "sleep" | "wake":
                self.has_trouble = True
                self.go(what, getattr(modem, what)(), lambda told: told is None)

    @property
    def _names_of_hosts(self) -> set[str]:
        return {near.far.name for near in self.nears}

    def ask_about(self, near: Near, what: str) -> None:
        """Ask how far the data of a connection has come."""
        if not near.is_stream:
            return

        written = sum(map(len, near.wrote))
        if what == "acknowledged":
            work, far = near.transport.wait_acked(20.0), near.far
            self.go(f"{what} {far.name}", work, lambda _: far.connections[0].received >= written)
            # NotAcknowledged is a result, too.
            self.has_trouble = True
        else:
            self.go(what, near.transport.ack_status(), lambda told: told.sent == told.acked + told.unacked)

    def cancel(self, index: int) -> None:
        """Cancel one of those who wait for an answer."""
        for errand in self.errands[index : index + 1]:
            errand.task.cancel()

    # Trouble

    def break_next(self, kind: str) -> None:
        """Let a fault of the module strike on the next occasion."""
        self.has_trouble = True
        self.faults.due[kind] += 1
        if kind in CUTS:
            self._cut_off()

    @property
    def _is_running(self) -> bool:
        return self.emulator.module.sleep.state is not Power.OFF

    def _cut_off(self) -> None:
        for near in self.nears:
            near.far.is_cut_off = True

    def trouble(self, what: str) -> None:
        """Let something happen to the module or its network."""
        module = self.emulator.module
        self.has_trouble = True
        match what:
            case "restart":
                self.emulator.restart()
            case "outage":
                self.network.outage = not self.network.outage
            case "off the air" if module.registration.is_registered and self._is_running:
                self._cut_off()
                module.go_off_air()
            case "on the air":
                self._return_to_air()
            case "hang up" if not self._is_hung_up:
                self._is_hung_up = True
                self.emulator.hang_up()
            case "close":
                self.go("close the modem", self.modem.close(), lambda told: told is None)
            case "open" if not self.modem.is_open and not self._is_moving:
                self.go("open the modem", self.modem.open(), lambda told: told is None)

    @property
    def _is_moving(self) -> bool:
        return any(errand.what.endswith("the modem") for errand in self.errands)

    def _return_to_air(self) -> None:
        if self._is_running and not self.emulator.module.registration.is_registered:
            self.emulator.module.registration.search()

    async def plug_in(self) -> None:
        """Bring the line back."""
        if self._is_hung_up:
            self._is_hung_up = False
            await self.emulator.plug_in()

    # Looking

    def look(self) -> None:
        """Check what must be so at any moment: nothing was lost, repeated, changed or forged."""
        for near in self.nears:
            far = near.far
            if len(far.connections) > 1:
                self.complain(f"{near!r}: connected {len(far.connections)} times")

            if near.transport is None:
                continue

            agree = is_beginning if near.is_stream else is_selection
            if not agree(far.got, near.wrote):
                self.complain(f"{near!r}: {far.got!r} has come of {near.wrote!r}")

            if not agree(near.received, far.sent):
                self.complain(f"{near!r}: received {near.received!r} of {far.sent!r}")

    async def rest(self) -> None:
        """Let all trouble end, and check that everything that was begun came to its end."""
        self.faults.due.clear()
        self.network.outage = False
        await self.plug_in()
        await asyncio.sleep(60)
        self._return_to_air()
        for near in self.up:
            near.resume()

        await asyncio.sleep(REST)
        for errand in self.errands:
            self.complain(f"{errand.what} hangs")

        if not self.modem.is_open:
            self._check_lost()
            await self.modem.open()

        await self._check_line()
        self._check_whole()

    def _check_lost(self) -> None:
        for near in self.nears:
            if near.events == ["made"]:
                self.complain(f"{near!r}: was not told that the modem is gone")

    async def _check_line(self) -> None:
        if self.emulator.module.sleep.state in _ASLEEP and not self.modem._channel.may_sleep:
            # It restarted, its RDY was lost in the middle of a push, and by its own settings it sleeps. Nobody can know
            # that before it loses a command.
            with contextlib.suppress(CommandTimeout):
                await self.modem.execute("AT+CSQ")

        began = asyncio.get_running_loop().time()
        answer = await self.modem.execute("AT+CSQ")
        took = asyncio.get_running_loop().time() - began
        if answer != ["+CSQ: 23,0"]:
            self.complain(f"the line is out of step: {answer}")

        if took > 5:
            self.complain(f"the line took {took:g} s to answer")

        # If the module was asleep, the connections that it lost end only now, and are closed.
        await asyncio.sleep(5)
        # A connection that the peer has closed may be gone from the module before it is closed from this side.
        held = {near.transport.get_extra_info("connect_id"): "eof" not in near.events for near in self.up}
        needed = {connect_id for connect_id, is_needed in held.items() if is_needed}
        told = {info.connect_id for info in await self.modem.sockets()}
        if not needed <= told == set(self.emulator.module.sockets) <= held.keys() == self.modem._ids.taken:
            self.complain(f"{held} are in use, {told} are open, {self.modem!r}")

    def _check_whole(self) -> None:
        for near in self.nears:
            far = near.far
            if near.transport is None or (not near.is_stream and self.has_trouble):
                continue

            is_whole = near.is_up or (near.loss is None and near.was_closed and not near.was_aborted)
            if is_whole and not far.has_closed and not far.is_cut_off and b"".join(far.got) != b"".join(near.wrote):
                self.complain(f"{near!r}: not all that was written has come")

            if near.is_up and not far.is_cut_off and b"".join(near.received) != b"".join(far.sent):
                self.complain(f"{near!r}: not all sent data was received")

            if near.is_up and near.was_told_to_pause:
                self.complain(f"{near!r}: got pause_writing, and never resume_writing")

            if "lost" not in near.events and not near.is_up:
                self.complain(f"{near!r}: was closed, and never told")

    # The end

    async def end(self) -> None:
        """Close everything, and check that nothing is left."""
        if any(errand.what.endswith("the modem") for errand in self.errands):
            await asyncio.wait([errand.task for errand in self.errands if errand.what.endswith("the modem")])

        await self.modem.close()
        for near in self.nears:
            if near.events and near.events[-1] != "lost":
                self.complain(f"{near!r}: was not told of the end")

        if self.errands:
            await asyncio.wait([errand.task for errand in self.errands], timeout=REST)

        await self.emulator.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left, timeout=1.0)

        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            self.complain(f"left behind: {task!r}")
