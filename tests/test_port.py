"""A port behaves the same on a pty, a socket and a line in memory."""

import asyncio
import contextlib
import itertools
import os
import resource
import socket
import struct
import termios
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final, Self, TypeAlias

import pytest
import serial

from bc260y_aio import Modem
from bc260y_aio.emulator import Options
from bc260y_aio.errors import LocalProtocolError, PortBusy, PortError, PortLost, PortNotFound
from bc260y_aio.port import READ_SIZE, RECEIVE_LIMIT, Port, open_port
from bc260y_aio.port import device as device_module
from bc260y_aio.port import port as port_module
from tests.loops import Clock

pytestmark = pytest.mark.loops("asyncio", "eager", "uvloop")

# The longest that any callback may take, in seconds; tcdrain on a stuck line never returns.
BLOCKED: Final = 0.5


# The far ends


class Wire:
    """The far end of a pty or of a connection."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor

    async def send(self, data: bytes) -> None:
        loop, rest = asyncio.get_running_loop(), memoryview(data)

        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                await self._until_ready(loop.add_writer, loop.remove_writer)

    async def receive(self, count: int) -> bytes:
        loop, data = asyncio.get_running_loop(), b""

        while len(data) < count:
            try:
                data += os.read(self._descriptor, count - len(data))
            except BlockingIOError:
                await self._until_ready(loop.add_reader, loop.remove_reader)

        return data

    async def _until_ready(self, add: Callable[..., object], remove: Callable[[int], object]) -> None:
        ready = asyncio.Event()
        add(self._descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            remove(self._descriptor)

    def hang_up(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

        self._descriptor = -1


class Memory(asyncio.Transport):
    """A line in memory: the far end, and the transport of the near one."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._protocol = protocol
        self._ended = False
        self._reading = asyncio.Event()
        self._reading.set()
        self._written = bytearray()
        self._arrived = asyncio.Event()
        protocol.connection_made(self)

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), READ_SIZE):
            await self._reading.wait()
            self.arrive(data[start : start + READ_SIZE])

    def arrive(self, data: bytes) -> None:
        self._protocol.data_received(data)

    async def receive(self, count: int) -> bytes:
        while len(self._written) < count:
            self._arrived.clear()
            await self._arrived.wait()

        data = bytes(self._written[:count])
        del self._written[:count]
        return data

    def hang_up(self) -> None:
        if not self._ended:
            self._ended = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def write(self, data: Any) -> None:
        self._written += data
        self._arrived.set()

    def pause_reading(self) -> None:
        self._reading.clear()

    def resume_reading(self) -> None:
        self._reading.set()

    def close(self) -> None:
        self.hang_up()

    def abort(self) -> None:
        self.hang_up()


class StandIn:
    """The part of an emulator that a port uses."""

    last: ClassVar["StandIn"]

    def __init__(self, url: str = "memory://", baudrate: int | None = None) -> None:
        self.url = url
        self.options = Options(baudrate=baudrate)
        self.running = False
        self.line: Memory | None = None
        StandIn.last = self

    @classmethod
    def from_url(cls, url: str) -> Self:
        match url.partition("?")[2].partition("="):
            case "device", "=", device:
                return cls(device, 115200)
            case "line", "=", "memory":
                return cls()

        raise ValueError(f"{url}: unknown option")

    async def start(self) -> None:
        self.running = True

    async def connect(self, protocol: asyncio.Protocol) -> asyncio.Transport:
        self.line = Memory(protocol)
        return self.line

    async def close(self) -> None:
        self.running = False


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ``emulator://`` open a stand-in."""
    monkeypatch.setattr("bc260y_aio.emulator.Emulator", StandIn, raising=False)


Line: TypeAlias = Callable[[], AbstractAsyncContextManager[tuple[Port, Any]]]


@contextmanager
def pty() -> Iterator[tuple[Wire, str]]:
    """A pty: its master, and the path of its slave, which somebody else holds open."""
    master, slave = os.openpty()
    far = Wire(master)

    try:
        yield far, os.ttyname(slave)
    finally:
        far.hang_up()
        os.close(slave)


@asynccontextmanager
async def on_pty() -> AsyncIterator[tuple[Port, Wire]]:
    with pty() as (far, path):
        async with await open_port(path) as port:
            yield port, far


@asynccontextmanager
async def on_socket() -> AsyncIterator[tuple[Port, Wire]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with await open_port(f"socket://127.0.0.1:{listener.getsockname()[1]}") as port:
            far = Wire(listener.accept()[0].detach())

            try:
                yield port, far
            finally:
                far.hang_up()


@asynccontextmanager
async def in_memory() -> AsyncIterator[tuple[Port, Memory]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bc260y_aio.emulator.Emulator", StandIn, raising=False)

        async with await open_port("emulator://?line=memory") as port:
            assert StandIn.last.line is not None
            yield port, StandIn.last.line


any_line = pytest.mark.parametrize("line", [on_pty, on_socket, in_memory])
with_descriptor = pytest.mark.parametrize("line", [on_pty, on_socket])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await turns(1)


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@asynccontextmanager
async def heartbeat() -> AsyncIterator[None]:
    """Fail if the loop is blocked meanwhile."""
    loop = asyncio.get_running_loop()
    last, longest = loop.time(), 0.0
    timer: asyncio.Handle

    def beat() -> None:
        nonlocal last, longest, timer
        now = loop.time()
        last, longest = now, max(longest, now - last)
        timer = loop.call_later(0.01, beat)

    timer = loop.call_soon(beat)
    yield
    beat()
    timer.cancel()
    assert longest < BLOCKED


# The same on every line


@any_line
async def test_bytes_go_both_ways(line: Line) -> None:
    async with line() as (port, far):
        port.write(b"AT\r")
        assert await far.receive(3) == b"AT\r"

        await far.send(b"\r\nOK\r\n")
        assert await port.read() == b"\r\nOK\r\n"


@any_line
async def test_a_read_returns_all_that_has_arrived(line: Line) -> None:
    async with line() as (port, far):
        await far.send(b"\r\nRDY")
        await until(lambda: port.in_waiting == 5)
        await far.send(b"\r\n")
        await until(lambda: port.in_waiting == 7)

        assert await port.read() == b"\r\nRDY\r\n"
        assert port.in_waiting == 0


@any_line
async def test_a_cancelled_read_loses_nothing(line: Line) -> None:
    async with line() as (port, far):
        reader = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        await far.send(b"kept")
        await until(lambda: port.in_waiting > 0 or reader.done())
        reader.cancel()

        try:
            data = await reader
        except asyncio.CancelledError:
            data = await port.read()

        assert data == b"kept"


async def test_a_read_cancelled_after_its_bytes_came_leaves_them() -> None:
    async with in_memory() as (port, far):
        reader = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        far.arrive(b"kept")
        reader.cancel()

        with pytest.raises(asyncio.CancelledError):
            await reader

        assert await port.read() == b"kept"


@any_line
async def test_there_is_one_reader_at_a_time(line: Line) -> None:
    async with line() as (port, far):
        reader = asyncio.create_task(port.read())
        await asyncio.sleep(0)

        with pytest.raises(LocalProtocolError):
            await port.read()

        await far.send(b"first come")
        assert await reader == b"first come"


@any_line
async def test_data_is_delivered_until_the_port_ends(line: Line) -> None:
    received: list[bytes] = []
    async with line() as (port, far):
        await far.send(b"early ")
        await until(lambda: port.in_waiting == 6)
        delivery = asyncio.create_task(port.deliver(received.append))
        await until(lambda: received == [b"early "])
        await far.send(b"late")
        await until(lambda: b"".join(received) == b"early late")
        assert port.in_waiting == 0
        with pytest.raises(LocalProtocolError):
            await port.read()

        far.hang_up()
        with pytest.raises(PortLost, match="was lost"):
            await delivery


async def test_data_that_arrived_before_a_loss_is_delivered_before_it() -> None:
    received: list[bytes] = []
    async with in_memory() as (port, far):
        far.arrive(b"last")
        far.hang_up()
        with pytest.raises(PortLost, match="was lost"):
            await port.deliver(received.append)

    assert received == [b"last"]


async def test_bytes_are_delivered_as_soon_as_they_arrive() -> None:
    received: list[bytes] = []
    async with in_memory() as (port, far):
        delivery = asyncio.create_task(port.deliver(received.append))
        far.arrive(b"1")
        await turns()
        far.arrive(b"2")
        assert received == [b"1", b"2"]
        delivery.cancel()
        await asyncio.wait([delivery])
        far.arrive(b"3")
        assert await port.read() == b"3"
        assert received == [b"1", b"2"]


async def test_a_delivery_ends_when_its_callback_fails_and_the_rest_waits_to_be_read() -> None:
    def take(data: bytes) -> None:
        if data == b"2":
            raise ZeroDivisionError

    async with in_memory() as (port, far):
        delivery = asyncio.create_task(port.deliver(take))
        far.arrive(b"1")
        await turns()
        far.arrive(b"2")
        far.arrive(b"3")
        with pytest.raises(ZeroDivisionError):
            await delivery

        assert await port.read() == b"3"


async def test_a_delivery_ends_with_the_close_of_the_port() -> None:
    async with in_memory() as (port, _):
        delivery = asyncio.create_task(port.deliver(lambda _: None))
        await turns()
        await port.close()
        with pytest.raises(PortLost, match="is closed"):
            await delivery


async def test_a_write_that_finds_the_other_end_gone_delivers_nothing_before_it_returns() -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with await open_port(f"socket://127.0.0.1:{listener.getsockname()[1]}") as port:
            far, _ = listener.accept()
            delivery = asyncio.create_task(port.deliver(received.append))
            far.sendall(b"1")
            await until(lambda: received == [b"1"])
            # To reset the connection, so that the next write fails.
            far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            far.sendall(b"2")
            far.close()
            port.write(b"AT\r")
            assert received == [b"1"]
            with pytest.raises(PortLost):
                await delivery

    assert received == [b"1", b"2"]


@any_line
async def test_data_that_arrived_before_a_loss_is_read_before_it(line: Line) -> None:
    async with line() as (port, far):
        await far.send(b"last")
        await until(lambda: port.in_waiting == 4)
        far.hang_up()
        await until(lambda: repr(port).endswith("lost>"))

        assert await port.read() == b"last"
        for _ in range(2):
            with pytest.raises(PortLost, match="was lost") as lost:
                await port.read()

            assert lost.value.__cause__ is not None

        with pytest.raises(PortLost):
            port.write(b"AT\r")

        with pytest.raises(PortLost):
            await port.set_baudrate(9600)


async def test_data_that_arrived_before_a_reset_is_read_although_a_write_found_it_first() -> None:
    async with on_socket() as (port, far):
        port.write(b"never read, which makes closing a reset")
        await far.send(b"last")
        far.hang_up()
        port.write(b"AT\r")

        assert await port.read() == b"last"
        with pytest.raises(PortLost):
            await port.read()


@any_line
async def test_a_waiting_reader_gets_the_loss(line: Line) -> None:
    async with line() as (port, far):
        reader = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        far.hang_up()

        with pytest.raises(PortLost):
            await reader


@any_line
async def test_a_closed_port_raises_when_it_is_used(line: Line) -> None:
    async with line() as (port, _):
        reader = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        assert repr(port).endswith(" open>")
        await port.close()
        await port.close()
        assert repr(port).endswith(" closed>")

        with pytest.raises(PortLost, match="is closed"):
            await reader

        with pytest.raises(PortLost, match="is closed"):
            await port.read()

        with pytest.raises(PortLost, match="is closed"):
            port.write(b"AT\r")


@any_line
async def test_a_lost_port_can_be_closed_from_two_tasks(line: Line) -> None:
    async with line() as (port, far):
        far.hang_up()
        await until(lambda: repr(port).endswith("lost>"))
        await asyncio.gather(port.close(), port.close())


@any_line
async def test_a_cancelled_close_goes_on_by_itself(line: Line) -> None:
    async with line() as (port, _):
        closing = asyncio.create_task(port.close())
        await asyncio.sleep(0)
        closing.cancel()

        with contextlib.suppress(asyncio.CancelledError):
            await closing

        await until(lambda: repr(port).endswith(" closed>"))


@any_line
async def test_without_a_reader_the_far_end_waits_and_nothing_is_lost(line: Line) -> None:
    data = os.urandom(1024) * 1024

    async with line() as (port, far):
        sending = asyncio.create_task(far.send(data))
        await until(lambda: port.in_waiting > RECEIVE_LIMIT)
        await turns()
        assert port.in_waiting <= RECEIVE_LIMIT + READ_SIZE

        received = bytearray()
        while len(received) < len(data):
            received += await port.read()

        assert received == data
        await sending


@any_line
async def test_writes_keep_their_order_however_slowly_they_are_taken(line: Line) -> None:
    chunks = [os.urandom(size) for size in range(1, 800)]

    received = b""

    async with line() as (port, far):
        for chunk in chunks:
            port.write(chunk)
            received += await far.receive(len(chunk) // 3)

        received += await far.receive(sum(map(len, chunks)) - len(received))

    assert received == b"".join(chunks)


@with_descriptor
async def test_data_written_before_a_close_arrives(line: Line) -> None:
    async with line() as (port, far):
        port.write(b"AT+QICLOSE=0\r")
        await port.close()
        assert await far.receive(13) == b"AT+QICLOSE=0\r"


@pytest.mark.parametrize("line", [on_socket, in_memory])
async def test_a_line_without_a_rate_takes_any(line: Line) -> None:
    async with line() as (port, far):
        assert port.baudrate is None
        await port.set_baudrate(115200)
        assert port.baudrate is None

        port.pause(60)
        await far.send(b"RDY")
        assert await port.read() == b"RDY"


class Recorder(asyncio.Protocol):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append("made")

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")


async def test_a_transport_tolerates_every_call_after_its_end() -> None:
    protocol = Recorder()

    with pty() as (far, path):
        device = device_module.Device(path, 9600)
        transport = await device.connect(protocol)
        far.hang_up()
        await until(lambda: protocol.calls == ["made", "lost"])
        transport.abort()
        transport.close()
        transport.pause_reading()
        transport.resume_reading()
        transport.write(b"AT\r")
        await turns()
        await device.close()

    assert protocol.calls == ["made", "lost"]


# The line stands still


@with_descriptor
async def test_closing_drops_what_a_far_end_that_does_not_read_leaves(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_module, "CLOSE_TIMEOUT", 1.0)
    monkeypatch.setattr(device_module, "CLOSE_TIMEOUT", 1.0)

    async with line() as (port, _), heartbeat(), asyncio.timeout(10):
        for _ in range(64):
            port.write(bytes(256 * 1024))

        closing = asyncio.create_task(port.close())
        await turns()
        assert repr(port).endswith(" closing>")
        await closing

    # A callback left behind would disturb the next owner of the descriptor.
    await test_bytes_go_both_ways(line)


class QueueingSerial(serial.Serial):
    """A device whose bytes stay in the kernel for a while, or, under flow control, for good: closing would wait there.

    Attributes:
        queue: how many bytes are in the kernel, each time that somebody looks.
        events: what was done to it.
    """

    queue: ClassVar[Iterator[int]]
    events: ClassVar[list[str]]

    @property
    def out_waiting(self) -> int:
        return next(self.queue)

    def reset_output_buffer(self) -> None:
        self.events.append("flushed")

    def close(self) -> None:
        if self.is_open:
            self.events.append("closed")

        super().close()


class SlowSerial(serial.Serial):
    """A device that takes its time to open and to close."""

    may_open: ClassVar[threading.Event]
    closed_late: ClassVar[threading.Event]

    def open(self) -> None:
        super().open()
        assert self.may_open.wait(10)

    def close(self) -> None:
        if self.is_open:
            time.sleep(BLOCKED)
            super().close()
            self.closed_late.set()


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the devices above known to pyserial, for ``alt://``."""
    monkeypatch.setattr(QueueingSerial, "events", [], raising=False)
    monkeypatch.setattr(QueueingSerial, "queue", itertools.repeat(100), raising=False)
    monkeypatch.setattr(SlowSerial, "may_open", threading.Event(), raising=False)
    monkeypatch.setattr(SlowSerial, "closed_late", threading.Event(), raising=False)
    for device in (QueueingSerial, SlowSerial):
        monkeypatch.setattr(serial, device.__name__, device, raising=False)


@pytest.mark.usefixtures("devices")
async def test_closing_drops_what_the_kernel_cannot_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_module, "CLOSE_TIMEOUT", 0.1)
    monkeypatch.setattr(device_module, "CLOSE_TIMEOUT", 0.1)

    with pty() as (_, path):
        port = await open_port(f"alt://{path}?class=QueueingSerial")
        reader = asyncio.create_task(port.read())
        await turns()
        async with heartbeat(), asyncio.timeout(10):
            closing = asyncio.create_task(port.close())
            with pytest.raises(PortLost):
                await reader

            assert QueueingSerial.events == []
            await closing

    assert QueueingSerial.events == ["flushed", "closed"]


@pytest.mark.usefixtures("devices")
async def test_closing_waits_for_what_the_kernel_is_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QueueingSerial, "queue", iter([48, 24, 0, 0]))

    with pty() as (_, path):
        async with heartbeat(), await open_port(f"alt://{path}?class=QueueingSerial"):
            pass

    assert QueueingSerial.events == ["closed"]


@pytest.mark.usefixtures("devices")
async def test_a_slow_device_does_not_block_the_loop() -> None:
    SlowSerial.may_open.set()

    with pty() as (_, path):
        async with heartbeat():
            async with await open_port(f"alt://{path}?class=SlowSerial"):
                pass

            assert SlowSerial.closed_late.is_set()


@pytest.mark.usefixtures("devices")
async def test_a_port_that_opens_after_its_caller_was_cancelled_is_closed() -> None:
    with pty() as (_, path):
        opening = asyncio.create_task(open_port(f"alt://{path}?class=SlowSerial"))
        await turns()
        opening.cancel()

        with pytest.raises(asyncio.CancelledError):
            await opening

        SlowSerial.may_open.set()
        assert await asyncio.to_thread(SlowSerial.closed_late.wait, 10)
        async with await open_port(path):
            pass


# Opening


async def test_a_port_is_opened_exclusively() -> None:
    with pty() as (_, path):
        async with await open_port(path):
            with pytest.raises(PortBusy, match=path):
                await open_port(path)

        async with await open_port(path):
            pass


async def test_an_empty_read_means_a_hang_up_and_nothing_else() -> None:
    with pty() as (_, path):
        async with await open_port(path):
            descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

            with pytest.raises(BlockingIOError):
                os.read(descriptor, 1)

            os.close(descriptor)


async def read_to_end(port: Port) -> None:
    while True:
        await port.read()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"Port already in use\r\n", PortBusy),
        (b"Device open failure: Value or file not found\n\r", PortNotFound),
        (b"You are not welcome\r\n", PortLost),
    ],
)
async def test_the_text_of_a_server_that_hangs_up_is_in_the_error(text: bytes, kind: type[PortError]) -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        address = f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with await open_port(address) as port:
            with pytest.raises(kind, match=f"after it wrote {text.decode().strip()!r}$") as lost:
                await read_to_end(port)

            assert type(lost.value) is kind

        with pytest.raises(kind, match="after it wrote"):
            await Modem(address).open()


async def test_the_output_of_a_module_is_not_an_explanation() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\r\nRDY\r\n" * 100)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = await open_port(f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(PortLost, match=r"the other end hung up$"):
            await read_to_end(port)

        await port.close()


async def test_a_missing_device_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(PortNotFound, match="No such file") as missing:
        await open_port(str(tmp_path / "ttyUSB0"))

    assert isinstance(missing.value.__cause__, serial.SerialException)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
async def test_a_device_that_may_not_be_opened_is_busy(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch(mode=0)

    with pytest.raises(PortBusy, match="permission denied"):
        await open_port(str(tmp_path / "ttyUSB0"))


async def test_a_file_that_is_no_serial_port_is_an_error() -> None:
    with pytest.raises(PortError, match="cannot open /dev/null: it is not a serial port"):
        await open_port("/dev/null")


async def test_a_port_opened_again_in_the_handler_of_its_loss_raises_its_own_error() -> None:
    async with on_pty() as (port, far):
        far.hang_up()

        try:
            await port.read()
        except PortLost:
            with pytest.raises(PortNotFound):
                await open_port("/dev/nonesuch")


async def test_a_refused_connection_is_an_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        with pytest.raises(PortError, match="Connection refused"):
            await open_port(f"socket://127.0.0.1:{unused.getsockname()[1]}")


@pytest.mark.parametrize(
    "url",
    [
        "rfc2217://127.0.0.1:7000",
        "loop://",
        "carrier-pigeon://coop",
        "socket://127.0.0.1",
        "socket://127.0.0.1:70000",
        "socket://127.0.0.1:7000?colour=blue",
        "spy:///dev/null?colour=blue",
        "spy:///dev/null?raw",
        "alt:///dev/null?class=Nonesuch",
        "/dev/tty\0",
        "emulator://?colour=blue",
    ],
)
@pytest.mark.usefixtures("emulator")
async def test_a_url_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"://|embedded null"):
        await open_port(url)


async def test_an_invalid_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="not a rate"):
        await open_port("/dev/null", 0)


@contextmanager
def descriptors_from(lowest: int) -> Iterator[None]:
    """Have every descriptor below a number in use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < lowest + 100:
        pytest.skip(f"this process may not have {lowest} descriptors")

    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, lowest + 100), hard))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        descriptor = os.open(os.devnull, os.O_RDONLY)
        stack.callback(os.close, descriptor)
        while descriptor < lowest:
            descriptor = os.dup(descriptor)
            stack.callback(os.close, descriptor)

        yield


@with_descriptor
async def test_a_descriptor_may_have_any_number(line: Line) -> None:
    with descriptors_from(1024):
        async with line() as (port, far):
            port.write(b"AT\r")
            assert await far.receive(3) == b"AT\r"
            await far.send(b"\r\nOK\r\n")
            assert await port.read() == b"\r\nOK\r\n"


async def test_a_spied_port_logs_its_bytes(tmp_path: Path) -> None:
    log = tmp_path / "log"

    with pty() as (far, path):
        async with await open_port(f"spy://{path}?file={log}") as port:
            port.write(b"AT\r")
            assert await far.receive(3) == b"AT\r"
            await far.send(b"\r\nOK\r\n")
            await port.read()

    assert "41 54 0D" in log.read_text()
    assert "0D 0A 4F 4B 0D 0A" in log.read_text()


# The rate


def speed(path: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)

    try:
        return int(termios.tcgetattr(descriptor)[4])
    finally:
        os.close(descriptor)


async def test_the_rate_can_be_changed() -> None:
    with pty() as (_, path):
        async with await open_port(path, 9600) as port:
            assert speed(path) == termios.B9600
            await port.set_baudrate(115200)
            assert speed(path) == termios.B115200
            assert repr(port) == f"<Port {path} 115200 baud open>"

            with pytest.raises(ValueError, match="not a rate"):
                await port.set_baudrate(0)

            assert port.baudrate == 115200


async def test_the_rate_of_a_port_that_has_just_gone_cannot_be_changed() -> None:
    async with on_pty() as (port, far):
        far.hang_up()
        with pytest.raises(PortLost):
            await port.set_baudrate(115200)

        assert port.baudrate == 9600


async def test_a_cancelled_change_of_the_rate_is_made_all_the_same() -> None:
    with pty() as (_, path):
        async with await open_port(path, 9600) as port:
            changing = asyncio.create_task(port.set_baudrate(57600))
            await asyncio.sleep(0)
            changing.cancel()

            with contextlib.suppress(asyncio.CancelledError):
                await changing

            await until(lambda: speed(path) == termios.B57600)
            assert port.baudrate == 57600


async def test_a_cancelled_change_of_the_rate_that_fails_is_reported_to_nobody() -> None:
    async with on_pty() as (port, far):
        far.hang_up()
        changing = asyncio.create_task(port.set_baudrate(57600))
        await asyncio.sleep(0)
        changing.cancel()
        # It may have failed before it is cancelled.
        with contextlib.suppress(asyncio.CancelledError, PortLost):
            await changing


async def test_an_unknown_rate_is_none() -> None:
    with pty() as (far, path):
        async with await open_port(path, None) as port:
            assert repr(port) == f"<Port {path} open>"
            port.pause(60)
            await far.send(b"RDY")
            assert await port.read() == b"RDY"
            await port.set_baudrate(9600)
            assert port.baudrate == 9600


# A pause


async def test_a_paused_port_is_not_watched() -> None:
    async with on_pty() as (port, far):
        port.pause(60)
        await far.send(b"later")
        await turns()
        assert port.in_waiting == 0

        port.pause(0)
        assert await port.read() == b"later"


@pytest.mark.loops("asyncio", "eager")
async def test_a_pause_comes_to_its_end(clock: Clock) -> None:
    async with on_pty() as (port, far):
        port.pause(1.5)
        await far.send(b"later")
        await clock.advance(1.0)
        assert port.in_waiting == 0

        await clock.advance(1.0)
        assert await port.read() == b"later"


async def test_a_port_can_be_closed_in_a_pause() -> None:
    async with on_pty() as (port, _):
        port.pause(60)
        await port.close()


# The emulator of an emulator:// port


@pytest.mark.usefixtures("emulator")
async def test_a_port_closes_its_emulator() -> None:
    with pty() as (far, path):
        async with await open_port(f"emulator://?device={path}") as port:
            assert StandIn.last.running
            assert port.baudrate == 115200
            await far.send(b"RDY")
            assert await port.read() == b"RDY"

        assert not StandIn.last.running


@pytest.mark.usefixtures("emulator")
async def test_an_emulator_whose_port_does_not_open_is_closed(tmp_path: Path) -> None:
    with pytest.raises(PortNotFound):
        await open_port(f"emulator://?device={tmp_path / 'gone'}")

    assert not StandIn.last.running
