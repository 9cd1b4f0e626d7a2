"""Sleeping through bytes that have to come first: only on a line that has been seen to keep its rate."""

import asyncio
from typing import Any

import pytest

from bc260y_aio.at.commands import QueryAcks, SetDataFormat
from bc260y_aio.at.dte import DTE, NEED_DATA
from bc260y_aio.at.information import AckStatus
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.line.channel import Channel
from bc260y_aio.line.inbox import Inbox
from bc260y_aio.port import Port
from bc260y_aio.port.gate import Gate
from tests.driver.scripted import OK, FarEnd, settle
from tests.loops import Clock

HEADER = b'\r\n+QIURC: "recv",0,512,'
REST = b'"' + b"41" * 512 + b'"\r\n'


# How much is missing


def heard(data: bytes, form: PayloadFormat | None = PayloadFormat.HEX) -> DTE:
    dte = DTE()
    if form is not None:
        dte.send(SetDataFormat(form, form))
        dte.receive_data(OK)

    dte.receive_data(data)
    while dte.next_event() is not NEED_DATA:
        pass

    return dte


@pytest.mark.parametrize(
    ("form", "whole"),
    [(PayloadFormat.HEX, 1024), (PayloadFormat.TEXT, 512), (None, 512)],
    ids=["hex", "text", "unknown"],
)
def test_a_header_shows_how_many_bytes_are_missing(form: PayloadFormat | None, whole: int) -> None:
    assert heard(HEADER, form).missing == whole
    assert heard(HEADER + b'"4141', form).missing == whole - 5


def test_the_missing_bytes_are_known_as_soon_as_a_header_is_complete() -> None:
    for cut in range(1, len(HEADER)):
        dte = heard(HEADER[:cut])
        assert dte.missing == 0
        dte.receive_data(HEADER[cut:])
        assert dte.next_event() is NEED_DATA
        assert dte.missing == 1024


def test_nothing_is_missing_once_the_payload_has_come() -> None:
    assert heard(HEADER + REST[:-3]).missing == 0
    assert heard(HEADER + REST).missing == 0


def test_nothing_is_missing_when_no_payload_is_due() -> None:
    for line in (b"", b"\r\n+CSQ: 2", b"\r\nOK\r\n", b'\r\n+QIURC: "closed",0'):
        assert heard(line).missing == 0


def test_bytes_like_a_header_inside_a_payload_have_no_meaning() -> None:
    inside = b'\r\n+QIURC: "recv",1,1024,'
    dte = heard(b'\r\n+QIURC: "recv",0,40,' + inside, PayloadFormat.TEXT)
    assert dte.missing == 40 - len(inside)


def test_a_header_that_announces_more_than_a_module_pushes_is_not_trusted() -> None:
    assert heard(b'\r\n+QIURC: "recv",0,51200,').missing == 0


# The gate


class Line:
    """A line on which one payload comes after the other, and the gate before it."""

    def __init__(self, clock: Clock, baudrate: int) -> None:
        self.clock = clock
        self.baudrate = baudrate
        self.pauses: list[float] = []
        self.gate = Gate(self.pauses.append)
        self.position = 0

    def wire_time(self, size: int) -> float:
        return size * 10 / self.baudrate

    async def push(self, size: int, seconds: float | None = None) -> list[float]:
        """Let a payload come within some time, by default its time on the wire; return the pauses."""
        self.pauses.clear()
        pause = self.gate.expect(size, self.position, self.baudrate, is_paused=False)
        assert self.pauses == ([pause] if pause else [])
        await self.clock.advance(self.wire_time(size) if seconds is None else seconds)
        self.position += size
        assert self.gate.expect(0, self.position, self.baudrate, is_paused=False) == 0.0
        return self.pauses.copy()


async def test_a_line_is_slept_on_once_it_has_been_seen_to_be_slow(clock: Clock) -> None:
    line = Line(clock, 9600)
    assert [await line.push(1024) for _ in range(4)] == [
        [],
        [],
        [pytest.approx(1024 / 960)],
        [pytest.approx(1024 / 960)],
    ]


async def test_a_line_faster_than_its_rate_is_never_slept_on(clock: Clock) -> None:
    line = Line(clock, 9600)
    assert [await line.push(1024, seconds=0.001) for _ in range(100)] == [[]] * 100


async def test_a_line_that_has_become_fast_is_found_out(clock: Clock) -> None:
    line = Line(clock, 9600)
    for _ in range(10):
        await line.push(1024)

    slept = [bool(await line.push(1024, seconds=0.001)) for _ in range(300)]
    assert not any(slept[260:])


@pytest.mark.parametrize(("baudrate", "early"), [(9600, 0.0), (115200, 0.00098), (921600, 0.00143)])
async def test_it_wakes_a_little_early_where_an_answer_could_come_right_behind(
    clock: Clock, baudrate: int, early: float
) -> None:
    line = Line(clock, baudrate)
    for _ in range(2):
        await line.push(1024)

    assert await line.push(1024) == [pytest.approx(line.wire_time(1024) - early, abs=1e-5)]


async def test_a_payload_that_is_not_over_is_slept_through_to_its_end(clock: Clock) -> None:
    line = Line(clock, 9600)
    for _ in range(2):
        await line.push(1024)

    line.gate.expect(1024, line.position, 9600, is_paused=False)
    await clock.advance(0.5)
    # Half of it has come.
    assert line.gate.expect(512, line.position + 512, 9600, is_paused=True) == pytest.approx(512 / 960)


async def test_for_the_last_bytes_a_port_that_is_paused_is_not_watched_again(clock: Clock) -> None:
    line = Line(clock, 115200)
    for _ in range(2):
        await line.push(1024)

    line.gate.expect(1024, line.position, 115200, is_paused=False)
    await clock.advance(line.wire_time(1020))
    assert line.gate.expect(4, line.position + 1020, 115200, is_paused=True) == 0.001
    assert line.gate.expect(4, line.position + 1020, 115200, is_paused=False) == 0.0


async def test_data_without_wire_time_causes_no_pause(clock: Clock) -> None:
    line = Line(clock, 115200)
    for _ in range(10):
        await line.push(1024)

    assert await line.push(20) == []


# On the line


class GatedEnd(FarEnd):
    """A far end that says nothing to a port that does not listen."""

    def __init__(self) -> None:
        super().__init__()
        self.is_paused = False
        self.kept: list[bytes] = []

    async def connect(self, protocol: asyncio.Protocol, /) -> asyncio.Transport:
        transport: Any = await super().connect(protocol)
        transport.pause_reading = lambda: setattr(self, "is_paused", True)
        transport.resume_reading = self._resume
        return transport  # type: ignore[no-any-return]

    def _resume(self) -> None:
        self.is_paused = False
        kept, self.kept = self.kept, []
        if kept:
            super().send(*kept)

    def send(self, *data: bytes) -> None:
        if self.is_paused:
            self.kept += data
        else:
            super().send(*data)

    async def open_channel(self, baudrate: int | None) -> Channel:
        port = await Port("script://module", self, baudrate=baudrate)._open()
        channel = Channel(port, name="script", recovery_timeout=60.0)
        channel.start()
        setting = asyncio.ensure_future(channel.execute(SetDataFormat(PayloadFormat.HEX, PayloadFormat.HEX)))
        await self.answer(b'AT+QICFG="dataformat",1,1\r', OK)
        await setting
        return channel

    async def push(self, clock: Clock, count: int = 1) -> None:
        """Push payloads at 9600 baud."""
        for _ in range(count):
            self.send(HEADER)
            await clock.advance(len(REST) / 960)
            self.send(REST)
            await settle()


class FetchedEnd(GatedEnd):
    """A far end whose bytes can be fetched while the port does not listen.

    Attributes:
        pauses: how often the port ceased to listen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pauses = 0

    async def connect(self, protocol: asyncio.Protocol, /) -> asyncio.Transport:
        transport: Any = await super().connect(protocol)
        transport.pause_reading = self._pause
        transport.fetch = self._fetch
        return transport  # type: ignore[no-any-return]

    def _pause(self) -> None:
        self.is_paused = True
        self.pauses += 1

    def _fetch(self) -> bool:
        kept, self.kept = self.kept, []
        if kept and self._near is not None:
            self._near.data_received(b"".join(kept))

        return bool(kept)


async def test_the_port_is_left_alone_while_a_payload_is_on_the_wire(clock: Clock) -> None:
    far = GatedEnd()
    channel = await far.open_channel(9600)
    inbox = Inbox(65536, keeps_order=True)
    channel.inboxes.attach(0, inbox)
    await far.push(clock, 2)
    assert not far.is_paused
    far.send(HEADER)
    await settle()
    assert far.is_paused
    far.send(REST)
    await clock.advance(0.5)
    assert inbox.count == 2
    await clock.advance(0.6)
    assert (inbox.count, far.is_paused) == (3, False)
    await channel.close()


async def test_without_a_rate_the_port_is_never_paused(clock: Clock) -> None:
    far = GatedEnd()
    channel = await far.open_channel(None)
    await far.push(clock, 5)
    far.send(HEADER)
    await settle()
    assert not far.is_paused
    await channel.close()


async def test_a_deadline_does_not_run_out_while_the_port_is_paused(clock: Clock) -> None:
    far = GatedEnd()
    channel = await far.open_channel(9600)
    await far.push(clock, 2)
    asking = asyncio.ensure_future(channel.execute(QueryAcks(0), 0.5))
    await far.expect(b"AT+QISEND=0,0\r")
    far.send(HEADER)
    await clock.advance(0.9)
    assert far.is_paused
    assert not asking.done()
    await clock.advance(0.2)
    far.send(REST, b"\r\n+QISEND: 0,0,0\r\n", OK)
    assert (await asking).information == [AckStatus(0, 0, 0)]
    await channel.close()


async def test_an_answer_behind_a_payload_of_which_bytes_were_lost_waits_no_longer_than_they_would_have_taken(
    clock: Clock,
) -> None:
    far = GatedEnd()
    channel = await far.open_channel(9600)
    await far.push(clock, 2)
    asking = asyncio.ensure_future(channel.execute(QueryAcks(0)))
    await far.expect(b"AT+QISEND=0,0\r")
    far.send(HEADER)
    await settle()
    assert far.is_paused
    # Half of the payload never comes, nor does the end of its line.
    far.send(REST[:500], b"\r\n+QISEND: 0,0,0\r\n", OK)
    await clock.advance(len(REST) / 960)
    assert (await asking).information == [AckStatus(0, 0, 0)]
    assert not far.is_paused
    await channel.close()


async def test_garbage_is_no_reason_to_pause(clock: Clock) -> None:
    far = GatedEnd()
    channel = await far.open_channel(9600)
    await far.push(clock, 2)
    for garbage in (b'\r\n+QIURC: "recv",0,99999,', b"\xff\x00+QIURC", b'"recv",0,512,', bytes(600)):
        far.send(garbage)
        await settle()
        assert not far.is_paused

    await channel.close()


async def test_data_of_a_pause_is_fetched_without_the_port_being_watched_again(clock: Clock) -> None:
    far = FetchedEnd()
    channel = await far.open_channel(9600)
    inbox = Inbox(65536, keeps_order=True)
    channel.inboxes.attach(0, inbox)
    await far.push(clock, 2)
    far.send(HEADER)
    await settle()
    for number in range(3, 6):
        # One payload ends and the next begins, all in one pause.
        far.send(REST, HEADER)
        await clock.advance(len(REST) / 960)
        assert (inbox.count, far.is_paused) == (number, True)

    assert far.pauses == 1
    await clock.advance(len(REST) / 960)
    # Nothing has come: there is nothing for it but to watch.
    assert not far.is_paused
    await channel.close()


async def test_a_line_that_is_brought_into_step_is_listened_to(clock: Clock) -> None:
    far = GatedEnd()
    channel = await far.open_channel(9600)
    await far.push(clock, 2)
    far.send(HEADER)
    await settle()
    assert far.is_paused
    channel.recover()
    await settle()
    assert not far.is_paused
    far.send(REST, HEADER)
    await settle()
    assert not far.is_paused
    await channel.close()
