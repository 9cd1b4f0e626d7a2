"""Lines that other programs can open: a pty and a TCP port. Here the clock is the real one."""

import asyncio
import contextlib
import os
import subprocess
import sys
import termios
import time
import tty
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, cast

import pytest
import serial

from bc260y_aio.emulator import EchoPeer, Emulator, SourcePeer
from bc260y_aio.errors import PortError
from tests import loops
from tests.loops import LoopFactory

pytestmark = pytest.mark.loops("asyncio", "uvloop", "eager")

OK: Final = b"\r\nOK\r\n"


@pytest.fixture(autouse=True)
def loop_factory(request: pytest.FixtureRequest) -> LoopFactory:
    return loops.FACTORIES[getattr(request, "param", "asyncio")]


class Host:
    """A program with an open descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.unread = b""

    def write(self, data: bytes) -> None:
        os.write(self._descriptor, data)

    async def until(self, ending: bytes) -> bytes:
        async with asyncio.timeout(10):
            while ending not in self.unread:
                self.unread += await self._read()

        end = self.unread.index(ending) + len(ending)
        found, self.unread = self.unread[:end], self.unread[end:]
        return found

    async def _read(self) -> bytes:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._descriptor, readable.set)
        try:
            await readable.wait()
            return os.read(self._descriptor, 65536)
        finally:
            loop.remove_reader(self._descriptor)

    async def ask(self, line: bytes, ending: bytes = OK) -> bytes:
        self.write(line + b"\r")
        return await self.until(ending)


@contextlib.contextmanager
def opened(path: str) -> Iterator[Host]:
    """Open a terminal as a serial program does."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(descriptor)
        yield Host(descriptor)
    finally:
        os.close(descriptor)


def set_rate(path: str, rate: int) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        attributes = termios.tcgetattr(descriptor)
        attributes[4] = attributes[5] = rate
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
    finally:
        os.close(descriptor)


# A pty


async def test_a_pty_can_be_opened_by_its_path() -> None:
    async with Emulator() as emulator:
        assert emulator.url.startswith("/dev/")
        with opened(emulator.url) as host:
            assert await host.ask(b"AT") == b"AT" + OK
            assert await host.ask(b"ATE0") == b"ATE0" + OK
            assert await host.ask(b"AT+CSQ") == b"\r\n+CSQ: 23,0\r\n" + OK


async def test_a_host_may_come_and_go_and_the_sockets_stay() -> None:
    async with Emulator() as emulator:
        emulator.network.add_host("echo.example", EchoPeer())
        with opened(emulator.url) as host:
            await host.ask(b"ATE0")
            await host.ask(b'AT+QIOPEN=0,0,"TCP","echo.example",7', b"0,0\r\n")

        await asyncio.sleep(0.05)
        with opened(emulator.url) as host:
            assert b'+QISTATE: 0,"TCP","echo.example",7,0,2,0,1\r\n' in await host.ask(b"AT+QISTATE?")


async def test_an_emulator_without_a_host_uses_no_processor_time() -> None:
    async with Emulator() as emulator:
        with opened(emulator.url):
            pass

        before = time.process_time()
        await asyncio.sleep(0.3)
        assert time.process_time() - before < 0.1


async def test_a_serial_program_can_open_a_pty_for_itself_alone() -> None:
    async with Emulator() as emulator:
        with serial.Serial(emulator.url, 115200, exclusive=True, timeout=0) as port:
            with pytest.raises(serial.SerialException):
                serial.Serial(emulator.url, 115200, exclusive=True)

            host = Host(port.fileno())
            assert await host.ask(b"AT") == b"AT" + OK

        with serial.Serial(emulator.url, 9600, exclusive=True, timeout=0) as port:
            assert await Host(port.fileno()).ask(b"AT") == b"AT" + OK


async def test_another_process_can_use_it() -> None:
    program = (
        "import serial, sys\n"
        "with serial.Serial(sys.argv[1], 115200, timeout=5) as port:\n"
        "    port.write(b'AT+CGMR\\r')\n"
        "    print(port.read_until(b'OK\\r\\n'))\n"
    )
    async with Emulator() as emulator:
        command = [sys.executable, "-c", program, emulator.url]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=20, check=True)

    assert done.stdout == b"b'AT+CGMR\\r\\nRevision: BC260YCNAAR01A03\\r\\n\\r\\nOK\\r\\n'\n"


async def test_a_link_leads_to_the_pty_while_there_is_one(tmp_path: Path) -> None:
    link = tmp_path / "modem"
    async with Emulator(link=link) as emulator:
        assert os.readlink(link) == emulator.url
        with opened(str(link)) as host:
            assert await host.ask(b"AT") == b"AT" + OK

    assert not link.is_symlink()


async def test_a_link_that_cannot_be_made_fails_the_start(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="could not be made"):
        await Emulator(link=tmp_path / "no" / "folder").start()


@pytest.mark.parametrize("target", ["/dev/null", "/dev/nothing"])
async def test_a_link_that_exists_is_neither_replaced_nor_removed(target: str, tmp_path: Path) -> None:
    link = tmp_path / "modem"
    link.symlink_to(target)
    with pytest.raises(PortError, match=f"there is a link to {target} already, which this program did not make"):
        await Emulator(link=link).start()

    assert os.readlink(link) == target


async def test_a_link_that_was_replaced_meanwhile_is_not_removed(tmp_path: Path) -> None:
    link = tmp_path / "modem"
    async with Emulator(link=link) as emulator:
        assert os.readlink(link) == emulator.url
        link.unlink()
        link.symlink_to("/dev/null")

    assert os.readlink(link) == "/dev/null"


async def test_a_program_notices_that_the_emulator_is_gone() -> None:
    async with Emulator() as emulator:
        descriptor = os.open(emulator.url, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    try:
        with pytest.raises(OSError, match="Input/output error"):
            os.write(descriptor, b"AT\r")
    finally:
        os.close(descriptor)


async def test_a_pulled_cable_can_be_plugged_in_again(tmp_path: Path) -> None:
    link = tmp_path / "modem"
    async with Emulator(link=link) as emulator:
        with opened(str(link)) as host:
            await host.ask(b"AT+CMEE=2")
            emulator.hang_up()
            assert not link.is_symlink()
            with pytest.raises(OSError, match="Input/output error"):
                host.write(b"AT\r")

        await emulator.plug_in()
        with opened(str(link)) as host:
            assert b"+CMEE: 2\r\n" in await host.ask(b"AT+CMEE?")


async def test_a_booting_module_reports_it_on_a_pty() -> None:
    async with Emulator(boot=True) as emulator:
        with opened(emulator.url) as host:
            assert await host.until(b"102\r\n") == (
                b"\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n\r\n+IP: 10.46.18.102\r\n"
            )


async def test_a_strict_line_turns_other_rates_into_garbage() -> None:
    async with Emulator(baudrate_strict=True) as emulator:
        set_rate(emulator.url, termios.B115200)
        with opened(emulator.url) as host:
            output = bytearray()

            def note(data: bytes) -> bytes:
                output.extend(data)
                return data

            emulator.line.receive_filter = note
            host.write(b"AT\r")
            emulator.send_urc("+HELLO: 1")
            garbage = await host._read()
            assert len(garbage) == len(b"\r\n+HELLO: 1\r\n")
            await asyncio.sleep(0.1)
            # The module ignores garbage without a line end.
            assert len(output) == 3
            assert all(byte >= 0x80 for byte in garbage + output)

            set_rate(emulator.url, termios.B9600)
            host.write(b"\r")
            assert await host.until(b"ERROR\r\n")
            assert await host.ask(b"AT") == b"AT" + OK
            await host.ask(b"AT+IPR=115200")
            set_rate(emulator.url, termios.B115200)
            assert await host.ask(b"AT") == b"AT" + OK


async def test_a_host_that_does_not_read_makes_the_module_hold_its_peers_back() -> None:
    async with Emulator() as emulator:
        emulator.network.add_host("source.example", SourcePeer(bytes(1_000_000)))
        with opened(emulator.url) as host:
            await host.ask(b'AT+QIOPEN=0,0,"TCP","source.example",7', b"0,0\r\n")
            await asyncio.sleep(0.1)
            assert emulator.line.bytes_out < 200_000

            size = 0
            async with asyncio.timeout(20):
                while b'"closed",0' not in host.unread:
                    size += len(host.unread) - len(host.unread[-100:])
                    host.unread = host.unread[-100:] + await host._read()

            size += len(host.unread)
            assert size > 1_000_000
            assert emulator.line.bytes_lost == 0


async def test_real_time_passes_at_the_rate() -> None:
    async with Emulator(baudrate=115200) as emulator:
        with opened(emulator.url) as host:
            await host.ask(b"ATE0")
            began = time.monotonic()
            for _ in range(10):
                await host.ask(b"ATI")

            size = 10 * (len(b"ATI\r") + len(b"\r\nQuectel_Ltd\r\n\r\nQuectel_BC260Y-CN\r\n\r\n"))
            size += 10 * (len(b"Revision: BC260YCNAAR01A03\r\n") + len(OK))
            assert size / 11520 <= time.monotonic() - began < size / 11520 + 2.0


async def test_a_pty_host_that_writes_too_fast_is_held_back_and_loses_nothing() -> None:
    async with Emulator(baudrate=460800) as emulator:
        with opened(emulator.url) as host:
            await host.ask(b"ATE0")
            left = b"AT\r" * 10_000
            async with asyncio.timeout(10):
                while left:
                    with contextlib.suppress(BlockingIOError):
                        left = left[os.write(host._descriptor, left) :]

                    assert emulator.line.unread <= 32 * 1024
                    host.unread = host.unread[-10:]
                    with contextlib.suppress(BlockingIOError):
                        host.unread += os.read(host._descriptor, 65536)

                    await asyncio.sleep(0.005)

                assert b"+CSQ" in await host.ask(b"AT+CSQ", b"23,0\r\n")

        assert emulator.module.commands["AT"] == 10_000


# Real servers behind the module, on every loop


async def test_real_servers_are_reached_from_every_loop() -> None:
    class Mirror(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.DatagramTransport", transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.transport.sendto(data[::-1], addr)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.write(b"bye")
        writer.close()

    loop = asyncio.get_running_loop()
    received = loop.create_future()
    mirror, _ = await loop.create_datagram_endpoint(Mirror, local_addr=("127.0.0.1", 0))
    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener, Emulator(latency=0.01) as emulator:
        with opened(emulator.url) as host:
            await host.ask(b"ATE0")
            tcp, udp = listener.sockets[0].getsockname()[1], mirror.get_extra_info("sockname")[1]
            await host.ask(b'AT+QIOPEN=0,0,"TCP","a.example",%d' % tcp, b"0,0\r\n")
            await host.ask(b'AT+QIOPEN=0,1,"UDP","a.example",%d' % udp, b"1,0\r\n")
            await host.ask(b'AT+QISEND=1,3,"abc"', b"SEND OK\r\n")
            assert await host.until(b'"cba"\r\n') == b'\r\n+QIURC: "recv",1,3,"cba"\r\n'
            for _ in range(10):
                await host.ask(b'AT+QISEND=0,1000,"%b"' % (b"x" * 1000), b"SEND OK\r\n")

            await host.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
            async with asyncio.timeout(5):
                assert await received == b"x" * 10_000

            assert await host.ask(b'AT+QIOPEN=0,2,"TCP","127.0.0.1",1', b"2,566\r\n")

    mirror.close()


async def test_the_radio_is_released_on_every_loop() -> None:
    async with Emulator(rrc_inactivity=0.05) as emulator:
        sink = emulator.network.add_sink("sink.example")
        with opened(emulator.url) as host:
            await host.ask(b"ATE0")
            await host.ask(b'AT+QIOPEN=0,0,"TCP","sink.example",7', b"0,0\r\n")
            for _ in range(3):
                await host.ask(b'AT+QISEND=0,3,"abc",1', b"SEND OK\r\n")

            async with asyncio.timeout(5):
                assert await sink.until(9) == b"abcabcabc"
                await emulator.radio.released()

        assert emulator.radio.bytes_sent == 40 + 3 * 43
        assert emulator.radio.connected_seconds >= 0.05


# A TCP port


@contextlib.asynccontextmanager
async def dialled(emulator: Emulator) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = emulator.url.removeprefix("socket://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_tcp_line_serves_one_host_after_another() -> None:
    async with Emulator(line="tcp") as emulator:
        async with dialled(emulator) as (reader, writer):
            writer.write(b"AT+CMEE=2\r")
            assert await reader.readuntil(OK) == b"AT+CMEE=2" + OK

        async with dialled(emulator) as (reader, writer):
            writer.write(b"AT+CMEE?\r")
            assert await reader.readuntil(OK) == b"AT+CMEE?\r\n+CMEE: 2\r\n" + OK


async def test_a_second_host_at_the_same_time_is_turned_away() -> None:
    async with Emulator(line="tcp") as emulator, dialled(emulator) as (reader, writer):
        writer.write(b"AT\r")
        await reader.readuntil(OK)
        async with dialled(emulator) as (second, _):
            with contextlib.suppress(ConnectionError):
                assert await second.read() == b""

        writer.write(b"AT\r")
        assert await reader.readuntil(OK) == b"AT" + OK


async def test_a_tcp_line_has_the_port_that_it_is_given() -> None:
    async with Emulator(line="tcp") as emulator:
        port = int(emulator.url.rpartition(":")[2])

    async with Emulator(line="tcp", port=port) as emulator:
        assert emulator.url == f"socket://127.0.0.1:{port}"
        with pytest.raises(PortError, match="could not be made"):
            await Emulator(line="tcp", port=port).start()


async def test_a_tcp_host_notices_a_hang_up_and_can_come_back() -> None:
    async with Emulator(line="tcp") as emulator:
        async with dialled(emulator) as (reader, writer):
            writer.write(b"AT\r")
            await reader.readuntil(OK)
            emulator.hang_up()
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""

        with pytest.raises(ConnectionError):
            async with dialled(emulator):
                pass

        await emulator.plug_in()
        async with dialled(emulator) as (reader, writer):
            writer.write(b"AT\r")
            assert await reader.readuntil(OK) == b"AT" + OK


async def test_a_tcp_host_that_writes_too_fast_is_held_back() -> None:
    async with Emulator(line="tcp", baudrate=460800) as emulator, dialled(emulator) as (_, writer):
        began = time.monotonic()
        writer.write(b"AT\r" * 500_000)
        await asyncio.sleep(0.2)
        assert emulator.line.unread < 300_000
        assert 0 < emulator.module.bytes_in <= (time.monotonic() - began) * 46080
        writer.transport.abort()


async def test_only_a_line_in_memory_can_be_connected_to() -> None:
    async with Emulator(line="tcp") as emulator:
        with pytest.raises(RuntimeError, match="is not in memory"):
            await emulator.connect(asyncio.Protocol())


async def test_ten_emulators_fit_into_one_process() -> None:
    async with contextlib.AsyncExitStack() as stack:
        emulators = [await stack.enter_async_context(Emulator(seed=number)) for number in range(10)]
        for emulator in emulators:
            host = stack.enter_context(opened(emulator.url))
            assert await host.ask(b"AT") == b"AT" + OK

        assert len({emulator.url for emulator in emulators}) == 10
