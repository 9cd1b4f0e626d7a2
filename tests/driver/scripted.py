"""The far end of a port, in memory: a line on which a test reads and writes bytes, and a scripted module.

`FarEnd` leaves every byte to the test. `Module` answers as a healthy module does, reading commands with the DCE, and
lets a test replace any answer by its own bytes.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeVar

import pytest

from bc260y_aio.at.commands import (
    CloseSocket,
    Command,
    OpenSocket,
    QueryAcks,
    QueryDataFormat,
    QueryRegistration,
    QuerySleep,
    QuerySocket,
    QuerySockets,
    Raw,
    SendData,
    SetDataFormat,
    SetDeepSleepReports,
    SetEcho,
    SetErrorLevel,
    SetPowerReports,
    SetSleep,
    Test,
)
from bc260y_aio.at.completions import SendResult, SocketClosed, SocketOpened
from bc260y_aio.at.dce import DCE, PromptedData, Refused
from bc260y_aio.at.dte import NEED_DATA
from bc260y_aio.at.information import AckStatus, DataFormat, Registration, RegistrationStatus, SleepSetting, SocketInfo
from bc260y_aio.at.responses import Failure, Response, Success, Text
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import DataReceived, PeerClosed
from bc260y_aio.line.channel import Channel
from bc260y_aio.line.profile import Profile
from bc260y_aio.modem.modem import Modem
from bc260y_aio.port import Port
from tests.loops import Clock

T = TypeVar("T")

# How long a test waits for bytes that should come at once, in seconds.
PATIENCE: Final = 5.0

OK: Final = b"\r\nOK\r\n"
ERROR: Final = b"\r\nERROR\r\n"
SEND_OK: Final = b"\r\nOK\r\n\r\nSEND OK\r\n"
SEND_FAIL: Final = b"\r\nOK\r\n\r\nSEND FAIL\r\n"
CLOSE_OK: Final = b"\r\nOK\r\n\r\nCLOSE OK\r\n"

# The probe that brings a line into step, and what it is answered with.
MARKER: Final = b"AT+QICFG=?\r"
MARKED: Final = b'\r\n+QICFG: "dataformat",(0,1),(0,1)\r\n\r\nOK\r\n'


class FarEnd:
    """The far end of a port: it receives the bytes of the driver, and sends bytes to it.

    Attributes:
        written: every byte that the driver has written.
    """

    def __init__(self) -> None:
        self.written = bytearray()
        self.is_closed = False
        self._expected = 0
        self._written = asyncio.Event()
        self._near: asyncio.Protocol | None = None

    async def connect(self, protocol: asyncio.Protocol, /) -> asyncio.Transport:
        self._near = protocol
        transport = _Line(self, protocol)
        protocol.connection_made(transport)
        return transport

    async def close(self) -> None:
        self.is_closed = True

    @property
    def is_connected(self) -> bool:
        """Whether somebody has the line."""
        return self._near is not None

    async def open_port(self, url: str = "script://module", baudrate: int | None = None) -> Port:
        """Open a port that stands on this line."""
        return await Port(url, self)._open()

    # Receiving

    def receive(self, data: bytes) -> None:
        """Take what the driver wrote."""
        self.written += data
        self._written.set()

    @property
    def unexpected(self) -> bytes:
        """The bytes that were received and not expected yet."""
        return bytes(self.written[self._expected :])

    async def expect(self, data: bytes) -> None:
        """Wait for the next bytes, and check that they are these."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while len(self.unexpected) < len(data):
                    self._written.clear()
                    await self._written.wait()

        assert self.unexpected[: len(data)] == data
        self._expected += len(data)

    async def expect_nothing(self) -> None:
        """Check that nothing more was received, nor is about to be."""
        await settle()
        assert self.unexpected == b""

    # Sending

    def send(self, *data: bytes) -> None:
        """Send bytes, as one read in the loop's next turn."""
        if self._near is not None:
            asyncio.get_running_loop().call_soon(self._near.data_received, b"".join(data))

    async def answer(self, command: bytes, *data: bytes) -> None:
        """Expect a command line and answer it."""
        await self.expect(command)
        self.send(*data)
        await settle()

    async def resynchronise(self) -> None:
        """Answer the probes of a driver that brings the line into step, the last ``AT`` of several."""
        await self.expect(b"AT\r")
        while self.unexpected.startswith(b"AT\r"):
            await self.expect(b"AT\r")

        self.send(OK)
        await settle()
        marker = self.unexpected
        assert marker.startswith(b"AT+QI")
        assert marker.endswith(b"=?\r")
        await self.answer(marker, b"\r\n%b: (0-4)\r\n" % marker[2:-3], OK)

    def hang_up(self, error: Exception | None = None) -> None:
        """Let the line go away."""
        near, self._near = self._near, None
        if near is not None:
            asyncio.get_running_loop().call_soon(near.connection_lost, error)


class _Line(asyncio.Transport):
    def __init__(self, far: FarEnd, near: asyncio.Protocol) -> None:
        super().__init__()
        self._far = far
        self._near: asyncio.Protocol | None = near

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._far.receive(bytes(data))

    def close(self) -> None:
        asyncio.get_running_loop().call_soon(self._far.hang_up)

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def settle(turns: int = 20) -> None:
    """Let everything happen that needs only turns of the loop. What needs time is waited for, or has a clock."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def fast_forward(clock: Clock, work: Awaitable[T]) -> T:
    """Await something; whenever nothing else happens, move the clock to the next timer."""
    loop: Any = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            due = min((timer.when() for timer in loop._scheduled if not timer.cancelled()), default=0.0)
            await clock.advance(max(due - loop.time(), 0.0) + 0.001)
    finally:
        task.cancel()

    return await task


@contextlib.asynccontextmanager
async def open_channel(far: FarEnd, **options: Any) -> AsyncIterator[Channel]:
    """Make a channel on a line; the line is in step. The options are those of a profile, or ``recovery_timeout``."""
    port = await far.open_port()
    timeout = options.pop("recovery_timeout", 60.0)
    profile = Profile(**{"nvram_gap": 0.0} | options)
    channel = Channel(port, name="script", recovery_timeout=timeout, profile=profile)
    channel.start()
    try:
        yield channel
    finally:
        await channel.close()


# A scripted module


class Socket:
    """A socket of the module.

    Attributes:
        opened: the command that opened it.
        taken: what the module took to send to the peer.
        counted: how much of it the module counts; None counts all.
        unacked: how many bytes of it the peer has not acknowledged.
    """

    def __init__(self, opened: OpenSocket) -> None:
        self.opened = opened
        self.taken = bytearray()
        self.datagrams: list[bytes] = []
        self.rais: list[int] = []
        self.unacked = 0

    def take(self, data: bytes, rai: int = 0) -> None:
        """Take bytes to send."""
        self.taken += data
        self.datagrams.append(data)
        self.rais.append(rai)

    @property
    def acks(self) -> AckStatus:
        return AckStatus(len(self.taken), len(self.taken) - self.unacked, self.unacked)

    @property
    def info(self) -> SocketInfo:
        opened = self.opened
        return SocketInfo(
            opened.connect_id, opened.service_type, opened.host, opened.remote_port, local_port=opened.local_port
        )


class Module(FarEnd):
    """A healthy module, each of whose answers a test may replace.

    Attributes:
        instead: the bytes in place of the healthy answer: called with every command; None lets the module answer.
        lines: the command lines that were received, in order.
        sockets: the sockets that are open.
        nvram_writes: how often the payload formats were written.
        setting_writes: how often other settings were written that the module keeps in NVRAM.
        settings: what the module answers to queries of them, by the query.
        sleep: the sleep setting.
    """

    def __init__(self, send: PayloadFormat = PayloadFormat.HEX, receive: PayloadFormat = PayloadFormat.HEX) -> None:
        super().__init__()
        self.dce = DCE()
        self.dce.send_format, self.dce.receive_format = send, receive
        self.override: Callable[[Command], bytes | None] = lambda command: None
        self.lines: list[str] = []
        self.sockets: dict[int, Socket] = {}
        self.closed: list[Socket] = []
        self.nvram_writes = 0
        self.setting_writes = 0
        self.settings = {
            "AT+CMEE?": "+CMEE: 1",
            "AT+QNBIOTEVENT?": "+QNBIOTEVENT: 0,1",
            'AT+QCFG="dsevent"': '+QCFG: "dsevent",0',
            'AT+QCFG="slplocktimes"': '+QCFG: "slplocktimes",10',
        }
        self.sleep = 1
        self.registration = RegistrationStatus.HOME

    def receive(self, data: bytes) -> None:
        super().receive(data)
        self.dce.receive_data(data)
        while (command := self.dce.next_event()) is not NEED_DATA:
            assert not isinstance(command, PromptedData)
            asyncio.get_running_loop().call_soon(self.send, self.dce.echo() + self._answer(command))

    def count(self, start: str) -> int:
        """Count the command lines that begin so."""
        return sum(line.startswith(start) for line in self.lines)

    # Its peers

    def push(self, connect_id: int, data: bytes) -> None:
        """Report that a peer sent data."""
        self.send(self.dce.send(DataReceived(connect_id, data, self.dce.receive_format)))

    def end(self, connect_id: int) -> None:
        """Report that a peer closed its connection."""
        self.send(self.dce.send(PeerClosed(connect_id)))

    # Answering

    def _answer(self, command: Command | Refused) -> bytes:
        if isinstance(command, Refused):
            self.lines.append(command.line)
            return ERROR

        self.lines.append(command.write())
        instead = self.override(command)
        return self.healthy(command) if instead is None else instead

    def healthy(self, command: Command) -> bytes:
        """Return what a healthy module answers, and do what it does."""
        return self.dce.send(*self._act(command))

    def _act(self, command: Command) -> tuple[Response, ...]:
        match command:
            case Test(tested=name):
                return Text(f"{name}: (0-4)"), Success()
            case SetEcho(on=on):
                self.dce.echo_ending = b"\r\n" if on else None
            case QuerySleep():
                return SleepSetting(self.sleep), Success()
            case SetSleep(mode=mode):
                self.sleep = mode
            case QueryRegistration():
                return Registration(0, self.registration), Success()
            case QueryDataFormat():
                return DataFormat(self.dce.send_format, self.dce.receive_format), Success()
            case SetDataFormat(send=send, receive=receive):
                self.dce.send_format, self.dce.receive_format = send, receive
                self.nvram_writes += 1
            case SetErrorLevel(level=level):
                self._write("AT+CMEE?", f"+CMEE: {level:d}")
            case SetPowerReports(on=on):
                self._write("AT+QNBIOTEVENT?", f"+QNBIOTEVENT: {on:d},1")
            case SetDeepSleepReports(on=on):
                self._write('AT+QCFG="dsevent"', f'+QCFG: "dsevent",{on:d}')
            case Raw(line=line) if line in self.settings:
                return Text(self.settings[line]), Success()
            case QuerySockets():
                return *(socket.info for socket in self.sockets.values()), Success()
            case _:
                return self._act_on_socket(command)

        return (Success(),)

    def _write(self, query: str, setting: str) -> None:
        self.settings[query] = setting
        self.setting_writes += 1

    def _act_on_socket(self, command: Command) -> tuple[Response, ...]:
        socket = self.sockets.get(getattr(command, "connect_id", -1))
        match command, socket:
            case OpenSocket(connect_id=connect_id), None:
                self.sockets[connect_id] = Socket(command)
                return Success(), SocketOpened(connect_id)
            case SendData(data=data, rai=rai), Socket():
                socket.take(data, rai)
                return Success(), SendResult(ok=True)
            case QueryAcks(), Socket():
                return socket.acks, Success()
            case QuerySocket(), Socket():
                return socket.info, Success()
            case QuerySocket(), None:
                return (Success(),)
            case CloseSocket(connect_id=connect_id), Socket():
                self.closed.append(self.sockets.pop(connect_id))
                return Success(), SocketClosed()
            case ((OpenSocket() | SendData() | QueryAcks() | CloseSocket()), _):
                return (Failure(),)
            case _:
                return (Success(),)


@contextlib.asynccontextmanager
async def open_modem(far: FarEnd, **options: Any) -> AsyncIterator[Modem]:
    """Open a modem on a line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bc260y_aio.modem.lifecycle.open_port", far.open_port)
        async with Modem("script://module", **{"nvram_gap": 0.0} | options) as modem:
            yield modem
