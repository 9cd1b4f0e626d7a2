"""Reactions of the driver to an unreadable line that may have been data of a socket."""

import asyncio

import pytest

from bc260y_aio.at.commands import OpenSocket
from bc260y_aio.errors import PayloadDamaged
from bc260y_aio.line.inbox import Inbox
from tests.driver.scripted import OK, FarEnd, Module, Socket, open_channel, open_modem, settle


async def test_a_damaged_header_ends_every_stream_for_it_may_have_been_anybodys() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        first, second = Inbox(2048, keeps_order=True), Inbox(2048, keeps_order=True)
        datagrams = Inbox(2048, keeps_order=False)
        for connect_id, inbox in enumerate((first, second, datagrams)):
            channel.inboxes.attach(connect_id, inbox)

        far.send(b'\r\n+QIURC: "rec~",0,2,"6869"\r\n')
        await settle()

        assert [type(inbox.error) for inbox in (first, second)] == [PayloadDamaged, PayloadDamaged]
        assert not datagrams.is_ended


async def test_a_line_of_noise_that_looks_like_no_data_ends_nothing() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        inbox = Inbox(2048, keeps_order=True)
        channel.inboxes.attach(0, inbox)
        far.send(b"\r\n~~noise~~\r\n")
        await settle()

        assert not inbox.is_ended


@pytest.mark.parametrize(
    "line",
    [b'+QIURC: "recv",11,2,"6869"', b'+QIURC: "recv",11,2,"686"', b'+QIURC: "closed",11'],
    ids=["data", "damaged data", "end"],
)
async def test_a_line_about_a_socket_that_the_module_does_not_have_ends_the_streams(line: bytes) -> None:
    far = Module()
    async with open_modem(far) as modem:
        reader, writer = await modem.open_connection("a.b", 7)
        far.send(b"\r\n" + line + b"\r\n")
        with pytest.raises(PayloadDamaged):
            await reader.read()

        with pytest.raises(PayloadDamaged):
            await writer.wait_closed()


async def test_a_line_about_an_unused_socket_ends_nothing() -> None:
    far = Module()
    async with open_modem(far) as modem:
        reader, writer = await modem.open_connection("a.b", 7)
        far.send(b'\r\n+QIURC: "recv",4,2,"6869"\r\n\r\n+QIURC: "closed",4\r\n\r\n+QIURC: "recv",0,2,"6869"\r\n')
        assert await reader.read(2) == b"hi"
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "line",
    [b'+QIURC: "recv",0,2,"6869"', b'+QIURC: "recv",0,2,"686"', b'+QIURC: "closed",0'],
    ids=["data", "damaged data", "end"],
)
async def test_data_or_an_end_before_the_ok_of_its_open_ends_the_stream(line: bytes) -> None:
    far = Module()
    async with open_modem(far) as modem:
        far.override = lambda command: b"" if isinstance(command, OpenSocket) else None
        opening = asyncio.ensure_future(modem.open_connection("a.b", 7))
        await settle()
        far.sockets[0] = Socket(OpenSocket(0, "TCP", "a.b", 7))
        far.send(b"\r\n" + line + b"\r\n", OK, b'\r\n+QIOPEN: 0,0\r\n\r\n+QIURC: "recv",0,2,"6F68"\r\n')
        reader, writer = await opening
        with pytest.raises(PayloadDamaged):
            await reader.read()

        with pytest.raises(PayloadDamaged):
            await writer.wait_closed()

        # It is no matter to the next connection of that connectID.
        far.override = lambda command: None
        await settle(60)
        for _ in range(5):
            reader, writer = await modem.open_connection("a.b", 7)
            far.push(writer.get_extra_info("connect_id"), b"hi")
            assert await reader.read(2) == b"hi"
            writer.close()
            await writer.wait_closed()


async def test_after_damaged_text_the_line_is_brought_into_step_before_anybody_asks() -> None:
    far = FarEnd()
    async with open_channel(far):
        far.send(b'\r\n+QIURC: "recv",0,6,"hi\r\nOK\r\n')
        await settle()
        far.send(b'"\r\n')
        await far.expect(b"AT\r")
