"""Mistakes of drivers of such modules, as far as no other test here covers them.

The whole list is in docs/pages/coverage.md, under "Mistakes", each with the test that shows that it is not made here.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from bc260y_aio.at.commands import Attention, Command, QueryRegistration, SendData, SetSleep
from bc260y_aio.at.information import AckStatus, RegistrationStatus
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import RegistrationChanged
from bc260y_aio.errors import PayloadDamaged
from bc260y_aio.line.inbox import Inbox
from bc260y_aio.modem.modem import Modem
from bc260y_aio.transports import ModemTransport
from tests.driver.scripted import OK, SEND_OK, FarEnd, Module, open_channel, open_modem, settle
from tests.loops import Clock

pytestmark = pytest.mark.loops("asyncio", "eager")


def instead_of(kind: type[Command], answer: bytes) -> Callable[[Command], bytes | None]:
    """Say this in answer to the next command of a kind, and be healthy otherwise."""
    answers = [answer]
    return lambda command: answers.pop() if isinstance(command, kind) and answers else None


class Recorder(asyncio.Protocol):
    """Notes what comes."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def data_received(self, data: bytes) -> None:
        self.events.append(data)

    def eof_received(self) -> bool:
        self.events.append("eof")
        return True


async def connect(modem: Modem) -> tuple[ModemTransport, Recorder]:
    transport, recorder = await modem.create_connection(Recorder, "a.b", 7)
    return cast("ModemTransport", transport), recorder


# Receiving


async def test_the_rest_of_a_packet_after_a_short_read_is_read_next() -> None:
    module = Module()
    async with open_modem(module) as modem:
        reader, writer = await modem.open_connection("a.b", 7)
        module.push(0, b"0123456789")
        assert [await reader.read(4), await reader.read(4), await reader.read(4)] == [b"0123", b"4567", b"89"]
        writer.close()


@pytest.mark.parametrize("form", PayloadFormat)
async def test_a_push_of_1024_bytes_is_taken(form: PayloadFormat) -> None:
    module = Module(receive=form)
    async with open_modem(module, data_format="text" if form is PayloadFormat.TEXT else "hex") as modem:
        reader, writer = await modem.open_connection("a.b", 7)
        module.push(0, b"x" * 1024)
        assert await reader.readexactly(1024) == b"x" * 1024
        writer.close()


async def test_closed_in_the_same_read_as_data_does_not_overtake_it() -> None:
    module = Module()
    async with open_modem(module) as modem:
        _, recorder = await connect(modem)
        module.send(
            b'\r\n+QIURC: "recv",0,3,"6F6E65"\r\n\r\n+QIURC: "recv",0,3,"74776F"\r\n\r\n+QIURC: "closed",0\r\n',
        )
        await settle()
        assert recorder.events == [b"onetwo", "eof"]


async def test_a_reader_that_waits_is_woken_when_the_peer_closes() -> None:
    module = Module()
    async with open_modem(module) as modem:
        reader, writer = await modem.open_connection("a.b", 7)
        reading = asyncio.ensure_future(reader.read())
        await settle()
        assert not reading.done()
        module.end(0)
        await settle()
        assert reading.done()
        assert reading.result() == b""
        writer.close()


async def test_the_sixth_packet_for_five_busy_sockets_is_kept_like_the_first_five() -> None:
    module = Module()
    async with open_modem(module) as modem:
        ends = [await connect(modem) for _ in range(5)]
        for transport, _ in ends:
            transport.pause_reading()

        for number in range(20):
            for connect_id in range(5):
                module.push(connect_id, b"%d of %d" % (number, connect_id))

        for transport, _ in ends:
            transport.resume_reading()

        await settle()
        assert [recorder.events for _, recorder in ends] == [
            [b"%d of %d" % (number, connect_id) for number in range(20)] for connect_id in range(5)
        ]


async def test_an_event_of_one_socket_wakes_no_reader_of_another() -> None:
    module = Module()
    async with open_modem(module) as modem:
        (one, first), (other, second) = [await modem.open_connection("a.b", 7) for _ in range(2)]
        reading, waiting = asyncio.ensure_future(one.read()), asyncio.ensure_future(other.read(1))
        module.push(0, b"news")
        module.end(0)
        await settle()
        assert (reading.done(), waiting.done()) == (True, False)
        module.push(1, b"!")
        assert (await reading, await waiting) == (b"news", b"!")
        first.close()
        second.close()


async def test_a_urc_of_an_unused_socket_swallows_no_later_line() -> None:
    module = Module()
    async with open_modem(module) as modem:
        _, recorder = await connect(modem)
        module.override = instead_of(
            Attention,
            b'\r\n+QIURC: "recv",4,3,"414243"\r\n\r\n+QIURC: "closed",3\r\n\r\n+QIURC: "recv",0,2,"6869"\r\n\r\nOK\r\n',
        )
        assert await modem.execute("AT") == []
        await settle()
        assert recorder.events == [b"hi"]


@pytest.mark.parametrize("length", [2, 4])
async def test_a_length_that_is_not_that_of_the_data_ends_the_stream_before_it_is_delivered(length: int) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        inbox = Inbox(1024, keeps_order=True)
        channel.inboxes.attach(0, inbox)
        asked = asyncio.ensure_future(channel.execute(Attention()))
        await far.answer(b"AT\r", b'\r\n+QIURC: "recv",0,%d,"616263"\r\n' % length, OK)
        assert (inbox.count, type(inbox.error)) == (0, PayloadDamaged)
        asked.cancel()


async def test_datagrams_of_two_peers_in_one_read_keep_their_addresses() -> None:
    module = Module()
    received: list[Any] = []

    class Peers(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            received.append((data, addr))

    async with open_modem(module) as modem:
        transport, _ = await modem.create_datagram_endpoint(Peers)
        for host in ("a.b", "c.d"):
            transport.sendto(b"?", (host, 7))

        await settle(100)
        module.send(
            b'\r\n+QIURC: "recv",1,1,"31"\r\n\r\n+QIURC: "recv",0,1,"30"\r\n\r\n+QIURC: "recv",1,1,"32"\r\n',
        )
        await settle()
        of_peer = {host: [data for data, addr in received if addr == (host, 7)] for host in ("a.b", "c.d")}
        assert of_peer == {"a.b": [b"0"], "c.d": [b"1", b"2"]}
        transport.abort()


# Sending


async def test_a_send_leaves_alone_what_has_been_received() -> None:
    module = Module()
    async with open_modem(module) as modem:
        transport, recorder = await connect(modem)
        transport.pause_reading()
        module.push(0, b"before ")
        module.override = instead_of(
            SendData,
            b'\r\n+QIURC: "recv",0,7,"647572696E6720"\r\n\r\nOK\r\n\r\n+QIURC: "recv",0,5,"6166746572"\r\n'
            b"\r\nSEND OK\r\n",
        )
        transport.write(b"x")
        await transport.drained()
        transport.resume_reading()
        await settle()
        assert b"".join(recorder.events) == b"before during after"
        transport.abort()


@pytest.mark.parametrize(
    ("late", "own", "is_doubtful"),
    [(b"\r\nSEND OK\r\n", SEND_OK, False), (OK, b"\r\nSEND OK\r\n", True)],
    ids=["before the next is answered", "where the next one's could be"],
)
async def test_a_send_ok_that_comes_after_it_was_given_up_does_not_complete_the_next_send(
    late: bytes, own: bytes, is_doubtful: bool, clock: Clock
) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        first = asyncio.ensure_future(channel.execute(SendData(0, b"a"), 5.0))
        await far.answer(b'AT+QISEND=0,1,"61"\r', OK)
        await clock.advance(5.1)
        with pytest.raises(TimeoutError):
            await first

        await far.resynchronise()
        second = asyncio.ensure_future(channel.execute(SendData(0, b"b"), 5.0))
        await far.answer(b'AT+QISEND=0,1,"62"\r', late)
        assert not second.done()
        far.send(own)
        # Where it cannot be known whose it is, the counters are asked for.
        assert (await second).is_doubtful == is_doubtful


# Answers and URCs


async def test_a_registration_is_the_answer_when_it_was_asked_for_and_news_otherwise() -> None:
    module = Module()
    async with open_modem(module) as modem:
        news: list[Any] = []
        modem.subscribe(news.append, RegistrationChanged)
        module.override = instead_of(
            QueryRegistration, b"\r\n+CEREG: 5\r\n\r\n+CEREG: 0,1\r\n\r\nOK\r\n\r\n+CEREG: 2\r\n"
        )
        assert (await modem.registration()).status is RegistrationStatus.HOME
        module.override = instead_of(Attention, b"\r\n+CEREG: 1\r\n\r\nOK\r\n")
        assert await modem.execute("AT") == []
        assert [change.status.name for change in news] == ["ROAMING", "SEARCHING", "HOME"]


async def test_counters_are_the_answer_when_they_were_asked_for_and_late_otherwise() -> None:
    module = Module()
    async with open_modem(module) as modem:
        transport, _ = await connect(modem)
        transport.write(b"abc")
        await transport.drained()
        module.send(b"\r\n+QISEND: 9,9,0\r\n")
        await settle()
        assert await transport.ack_status() == AckStatus(3, 3, 0)
        module.override = instead_of(Attention, b"\r\n+QISEND: 9,9,0\r\n\r\nOK\r\n")
        assert await modem.execute("AT") == []
        module.override = instead_of(SendData, b"\r\n+QISEND: 9,9,0\r\n\r\nOK\r\n\r\nSEND OK\r\n")
        transport.write(b"def")
        await transport.drained()
        assert transport.traffic.sent == 6


async def test_the_bare_crlf_of_a_module_that_wakes_is_no_answer(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = asyncio.ensure_future(channel.execute(SetSleep(2)))
        await far.answer(b"AT+QSCLK=2\r", OK)
        await asked
        channel.may_sleep = True
        await clock.advance(10)
        asked = asyncio.ensure_future(channel.execute(QueryRegistration()))
        await far.answer(b"AT\r", b"\r\n")
        await far.expect_nothing()
        await clock.advance(0.3)
        await far.resynchronise()
        await far.answer(b"AT+CEREG?\r", b"\r\n+CEREG: 0,1\r\n", OK)
        assert (await asked).information != []


# Whoever goes


async def test_a_task_that_is_cancelled_does_not_leave_its_answer_to_the_next() -> None:
    module = Module()
    async with open_modem(module) as modem:
        module.override = lambda command: b""
        first = asyncio.ensure_future(modem.execute("AT+CSQ"))
        await settle()
        second = asyncio.ensure_future(modem.execute("AT+CGSN=1"))
        first.cancel()
        await settle()
        assert module.lines[-1] == "AT+CSQ"
        module.send(b"\r\n+CSQ: 23,0\r\n\r\nOK\r\n")
        await settle()
        assert module.lines[-1] == "AT+CGSN=1"
        module.send(b"\r\n+CGSN: 867997030012345\r\n\r\nOK\r\n")
        assert await second == ["+CGSN: 867997030012345"]
        module.override = lambda command: None
