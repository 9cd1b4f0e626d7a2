"""The serial line: pace, pieces, and the DTE's end of a line in memory."""

import asyncio
import itertools
import random

import pytest

from bc260y_aio.emulator import Emulator, SourcePeer
from bc260y_aio.emulator.line.uart import TICK, WHOLE_LINE, PacedQueue
from bc260y_aio.errors import PortBusy, PortLost, PortNotFound
from tests.emulator.terminal import Terminal, on_line

# Pace


class Collector:
    def __init__(self) -> None:
        self.pieces: list[tuple[float, bytes]] = []

    def __call__(self, data: bytes) -> None:
        self.pieces.append((asyncio.get_running_loop().time(), data))

    @property
    def data(self) -> bytes:
        return b"".join(piece for _, piece in self.pieces)


async def test_without_a_rate_bytes_come_out_at_once() -> None:
    collector = Collector()
    PacedQueue(collector, None).write(b"abc")

    assert collector.pieces == [(0.0, b"abc")]


@pytest.mark.parametrize("rate", [480.0, 960.0, 11520.0, 46080.0])
async def test_the_last_byte_comes_out_when_the_line_has_had_time_for_all(rate: float) -> None:
    collector = Collector()
    PacedQueue(collector, rate).write(bytes(10_000))
    await asyncio.sleep(60)

    assert len(collector.data) == 10_000
    assert collector.pieces[-1][0] == pytest.approx(10_000 / rate, abs=1e-9)


@pytest.mark.parametrize("rate", [480.0, 960.0, 11520.0, 46080.0])
async def test_no_byte_comes_out_before_its_time_and_none_much_later(rate: float) -> None:
    collector = Collector()
    paced = PacedQueue(collector, rate)
    paced.write(bytes(3000))
    await asyncio.sleep(1.0)
    paced.write(bytes(3000))
    await asyncio.sleep(20)

    began, passed = 0.0, 0
    for time, piece in collector.pieces:
        if passed == 3000 and time > 1.0 and began == 0.0 and 3000 / rate < 1.0:
            began, passed = 1.0, 0

        passed += len(piece)
        due = began + passed / rate
        assert due - 1e-6 <= time <= due + TICK + 1 / rate


async def test_a_tick_takes_one_timer_however_many_bytes_it_lets_through() -> None:
    collector = Collector()
    PacedQueue(collector, 46080.0).write(bytes(46080))
    await asyncio.sleep(2)

    assert len(collector.pieces) == pytest.approx(1 / TICK, rel=0.05)


async def test_bytes_written_while_others_come_out_lose_no_time() -> None:
    """A queue that is filled again just when it runs empty keeps the rate in the long run."""
    collector = Collector()
    left = 1000

    def deliver(data: bytes) -> None:
        nonlocal left
        collector(data)
        if left:
            left -= 1
            paced.write(bytes(7))

    paced = PacedQueue(deliver, 960.0)
    paced.write(bytes(7))
    await asyncio.sleep(20)

    assert collector.pieces[-1][0] == pytest.approx(7 * 1001 / 960.0)


async def test_a_cleared_queue_lets_nothing_more_out_and_can_be_used_again() -> None:
    collector = Collector()
    paced = PacedQueue(collector, 960.0)
    paced.write(bytes(960))
    await asyncio.sleep(0.5)
    paced.clear()
    await asyncio.sleep(5)
    assert len(collector.data) == pytest.approx(480, abs=8)

    collector.pieces.clear()
    paced.write(b"again")
    await asyncio.sleep(1)
    assert collector.data == b"again"
    assert collector.pieces[-1][0] == pytest.approx(5.5 + 5 / 960)


@pytest.mark.parametrize(
    ("line", "pieces"),
    [
        (b"\r\nOK\r\n", [6]),
        (b'\r\n+QIURC: "recv",0,10,"7468616E6B20796F750A"\r\n', [46]),
        (b"\r\nOK\r\n\r\nSEND OK\r\n", [17]),
        # The first line would have to wait for the second for too long.
        (b'\r\nOK\r\n\r\n+QIURC: "recv",0,8,"0011223344556677"\r\n', [15, 32]),
        (b"\r\n+QISEND: 190,190,0\r\n\r\nOK\r\n", [22, 6]),
        (b"\r\n" + b"0123456789" * 7 + b"\r\n", [15, 59]),
        (b"\r\n> ", [4]),
        (b"no end of a line", [15, 1]),
    ],
)
async def test_a_line_of_the_module_arrives_whole_if_it_ends_soon(line: bytes, pieces: list[int]) -> None:
    collector = Collector()
    PacedQueue(collector, 960.0, end=b"\n", longest=WHOLE_LINE).write(line)
    await asyncio.sleep(1)

    assert [len(data) for _, data in collector.pieces] == pieces
    assert collector.data == line
    assert [time for time, _ in collector.pieces] == pytest.approx(
        [sum(pieces[: n + 1]) / 960 for n in range(len(pieces))]
    )


async def test_a_driver_never_waits_longer_for_the_next_piece_of_a_line_than_it_takes_for_a_silence() -> None:
    collector = Collector()
    lines = random.Random(4)
    paced = PacedQueue(collector, 960.0, end=b"\n", longest=WHOLE_LINE)
    for _ in range(50):
        paced.write(b"\r\n" + b"x" * lines.randrange(200) + b"\r\n")

    await asyncio.sleep(60)
    times = [0.0, *(time for time, _ in collector.pieces)]
    assert max(after - before for before, after in itertools.pairwise(times)) < 0.1
    assert times[-1] == pytest.approx(len(collector.data) / 960)


async def test_a_line_is_read_at_its_rate_and_answered_at_its_rate() -> None:
    async with on_line(baudrate=9600) as (_, terminal):
        before = asyncio.get_running_loop().time()
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"

    assert terminal.pieces[-1].time - before == pytest.approx((3 + 6) / 960)


async def test_commands_typed_together_are_each_received_no_earlier_than_their_end() -> None:
    async with on_line(baudrate=9600) as (emulator, terminal):
        before = emulator.module.bytes_in
        terminal.type(*[b"AT"] * 100)
        await asyncio.sleep(0.2)

        assert emulator.module.bytes_in - before == pytest.approx(0.2 * 960, abs=960 * TICK)
        assert emulator.module.commands["AT"] == (emulator.module.bytes_in - before) // 3


async def test_downlink_at_9600_baud_takes_its_ten_bits_a_byte() -> None:
    async with on_line(baudrate=9600) as (emulator, terminal):
        emulator.network.add_host("source.example", SourcePeer(bytes(8192), stays_open=True))
        await terminal.open(0, "source.example")
        began = terminal.pieces[-1].time
        said = emulator.module.bytes_out
        await terminal.read(30)

        assert terminal.pieces[-1].time - began == pytest.approx((emulator.module.bytes_out - said) / 960, rel=1e-3)
        _, _, pushed = terminal.received.partition(b"+QIOPEN: 0,0\r\n")
        assert len(pushed) == len(b'\r\n+QIURC: "recv",0,1024,""\r\n') * 8 + 8192


async def test_ipr_changes_the_rate_after_its_ok() -> None:
    async with on_line(baudrate=9600) as (emulator, terminal):
        began = asyncio.get_running_loop().time()
        await terminal.ask(b"AT+IPR=115200")
        assert terminal.pieces[-1].time - began == pytest.approx((14 + 6) / 960)

        began = asyncio.get_running_loop().time()
        assert await terminal.ask(b"AT+IPR?") == b"\r\n+IPR: 115200\r\n\r\nOK\r\n"
        assert terminal.pieces[-1].time - began == pytest.approx((8 + 22) / 11520, abs=1e-6)
        assert emulator.nvram.baudrate == 115200


async def test_an_idle_line_has_no_timer() -> None:
    async with on_line(baudrate=9600) as (_, terminal):
        await terminal.ask(b"AT")
        loop = asyncio.get_running_loop()
        before = loop.jumps  # type: ignore[attr-defined]
        await asyncio.sleep(0.5)

        # The test's own sleep, and perhaps the once-a-second timer of a supervisor.
        assert loop.jumps - before <= 2  # type: ignore[attr-defined]


# Pieces


async def test_output_comes_in_pieces_of_one_byte() -> None:
    async with on_line(chunk=1, echo=True) as (_, terminal):
        assert await terminal.ask(b"AT") == b"AT\r\nOK\r\n"

    assert [piece.data for piece in terminal.pieces] == [b"A", b"T", b"\r", b"\n", b"O", b"K", b"\r", b"\n"]


async def test_paced_output_comes_in_pieces_of_one_byte_too() -> None:
    async with on_line(chunk=1, baudrate=115200) as (_, terminal):
        await terminal.ask(b"ATI")

    assert {len(piece.data) for piece in terminal.pieces} == {1}


async def sizes(seed: int) -> list[int]:
    async with on_line(chunks=(2, 5), seed=seed) as (_, terminal):
        for _ in range(5):
            await terminal.ask(b"ATI")

    return [len(piece.data) for piece in terminal.pieces]


async def test_random_pieces_keep_within_their_sizes_and_follow_the_seed() -> None:
    first, again, other = await sizes(7), await sizes(7), await sizes(8)

    assert first == again != other
    assert set(first) <= {1, 2, 3, 4, 5}
    assert sum(size == 1 for size in first) <= 6


async def test_a_filter_may_damage_data_for_the_host() -> None:
    async with on_line() as (emulator, terminal):
        emulator.line.transmit_filter = lambda data: data.replace(b"K", b"?")
        assert await terminal.ask(b"AT", b"\r\nO?\r\n") == b"\r\nO?\r\n"

        emulator.line.transmit_filter = None
        emulator.line.receive_filter = lambda data: data.replace(b"X", b"")
        assert await terminal.ask(b"AXXT") == b"\r\nOK\r\n"


# The DTE's end in memory


async def test_connection_made_comes_before_connect_returns() -> None:
    async with Emulator(line="memory") as emulator:
        terminal = Terminal()
        transport = await emulator.connect(terminal)
        assert terminal.transport is transport
        transport.close()
        assert await terminal.lost is None


async def test_an_answer_never_comes_within_write() -> None:
    async with on_line() as (_, terminal):
        terminal.type(b"AT")
        assert terminal.unread == b""
        assert await terminal.until(b"OK\r\n") == b"\r\nOK\r\n"


async def test_one_protocol_has_the_line_at_a_time() -> None:
    async with on_line() as (emulator, terminal):
        with pytest.raises(PortBusy):
            await emulator.connect(Terminal())

        terminal.transport.close()
        await terminal.lost
        second = Terminal()
        await emulator.connect(second)
        assert await second.ask(b"AT") == b"\r\nOK\r\n"
        second.transport.abort()
        assert await second.lost is None


async def test_close_lets_what_was_written_arrive_and_abort_does_not() -> None:
    async with on_line(baudrate=9600) as (emulator, terminal):
        terminal.type(b"AT+CMEE=1")
        terminal.transport.close()
        assert terminal.transport.is_closing()
        await terminal.lost
        assert emulator.module.commands["+CMEE"] == 1

        second = Terminal()
        await emulator.connect(second)
        second.type(b"AT+CMEE=2")
        second.transport.abort()
        await second.lost
        await asyncio.sleep(1)
        assert emulator.module.commands["+CMEE"] == 1


async def test_a_paused_reader_is_given_nothing_and_then_everything() -> None:
    async with on_line() as (_, terminal):
        terminal.transport.pause_reading()
        assert not terminal.transport.is_reading()
        terminal.type(b"AT", b"AT")
        assert await terminal.read() == b""

        terminal.transport.resume_reading()
        assert await terminal.read() == b"\r\nOK\r\n" * 2


async def test_a_writer_faster_than_the_line_is_asked_to_pause() -> None:
    async with on_line(baudrate=115200) as (_, terminal):
        terminal.transport.set_write_buffer_limits(high=1000, low=100)
        terminal.type(*[b"AT"] * 400)
        assert terminal.is_writing_paused
        assert terminal.transport.get_write_buffer_size() == 1200
        await asyncio.sleep(0.09)
        assert terminal.is_writing_paused
        await asyncio.sleep(0.02)
        assert not terminal.is_writing_paused


async def test_a_host_that_does_not_read_loses_what_is_beyond_a_mebibyte() -> None:
    async with on_line() as (emulator, terminal):
        terminal.transport.pause_reading()
        for _ in range(12):
            emulator.line.write(bytes(100_000))

        assert emulator.line.backlog == 1_000_000
        assert emulator.line.bytes_lost == 200_000


async def test_a_line_that_is_too_slow_loses_what_is_beyond_a_mebibyte() -> None:
    async with on_line(baudrate=9600) as (emulator, _):
        for _ in range(12):
            emulator.line.write(bytes(100_000))

        assert emulator.line.backlog == 1_000_000
        assert emulator.line.bytes_lost == 200_000


async def test_a_rate_changes_even_if_its_ok_is_never_received() -> None:
    async with on_line(baudrate=9600) as (emulator, terminal):
        terminal.type(b"AT+IPR=115200")
        await asyncio.sleep(15 / 960)
        terminal.transport.abort()
        await terminal.lost
        second = Terminal()
        await emulator.connect(second)
        began = asyncio.get_running_loop().time()
        await second.ask(b"AT")
        assert second.pieces[-1].time - began == pytest.approx((3 + 6) / 11520)
        second.transport.abort()


async def test_output_without_a_listener_is_lost_and_counted() -> None:
    async with Emulator(line="memory") as emulator:
        emulator.send_urc("+HELLO: 1")
        assert emulator.line.bytes_lost == len(b"\r\n+HELLO: 1\r\n")


async def test_a_hang_up_is_a_loss_and_the_module_keeps_running() -> None:
    async with on_line() as (emulator, terminal):
        await terminal.ask(b"AT+CMEE=2")
        emulator.hang_up()
        assert isinstance(await terminal.lost, PortLost)
        with pytest.raises(PortNotFound):
            await emulator.connect(Terminal())

        await emulator.plug_in()
        second = Terminal()
        await emulator.connect(second)
        assert await second.ask(b"AT+CMEE?") == b"\r\n+CMEE: 2\r\n\r\nOK\r\n"
        second.transport.abort()


async def test_a_closed_emulator_hangs_up() -> None:
    terminal = Terminal()
    async with Emulator(line="memory") as emulator:
        await emulator.connect(terminal)

    assert isinstance(await terminal.lost, PortLost)
    with pytest.raises(RuntimeError):
        _ = emulator.url


async def test_a_transport_reports_its_state() -> None:
    async with on_line() as (emulator, terminal):
        assert repr(terminal.transport) == f"<MemoryTransport {emulator.url} open write=0 read=0>"
        terminal.transport.abort()
        assert " closed " in repr(terminal.transport)


async def test_any_cut_of_the_input_has_the_same_result() -> None:
    dice = random.Random(5)
    script = b'ATE0\rAT+QICFG="dataformat",1,1\rAT+QICFG="dataformat"\rAT+CEREG?\rAT+FOO\r' * 5

    async with on_line() as (_, terminal):
        terminal.transport.write(script)
        whole = await terminal.read()

    async with on_line() as (_, terminal):
        position = 0
        while position < len(script):
            size = dice.randint(1, 9)
            terminal.transport.write(script[position : position + size])
            position += size
            await asyncio.sleep(0.001)

        assert await terminal.read() == whole
