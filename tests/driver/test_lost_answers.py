"""Slow commands, lost answers and late ones: no connection is lost to them, and none serves another command."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from bc260y_aio.at.commands import CloseSocket, Command, OpenSocket, QuerySocket, Raw, SendData, read_verbatim
from bc260y_aio.at.commands.base import SLOW_COMMANDS
from bc260y_aio.at.information import SocketInfo, SocketState
from bc260y_aio.at.responses import Text
from bc260y_aio.errors import CommandTimeout, ConnectionLost
from bc260y_aio.sockets.closing import close_connect_id
from tests.driver.scripted import CLOSE_OK, ERROR, OK, FarEnd, Module, fast_forward, open_channel, open_modem, settle
from tests.loops import Clock

pytestmark = pytest.mark.loops("asyncio", "eager")

# Slow commands


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("AT+COPS=?", 305),
        ('AT+COPS=1,2,"46000"', 305),
        ("at+cfun=1", 25),
        ("AT+CFUN=1,0", 25),
        ('AT+CPIN="1234"', 25),
        ("AT+CGATT=1", 70),
        ("AT+CGACT=1,1", 70),
        ("AT+QBAND=1,8", 25),
        ("AT+QENG=0", 15),
        ("AT+CSQ;+COPS=0", 305),
    ],
)
async def test_a_slow_command_has_the_time_that_the_manual_gives_it(line: str, seconds: float, clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = asyncio.ensure_future(channel.execute(Raw(line)))
        await far.expect(line.encode() + b"\r")
        await clock.advance(seconds + 0.5)
        assert not asked.done()
        far.send(OK)
        await asked


@pytest.mark.parametrize("line", ["AT+COPS?", "AT+CFUN?", "AT+CGATT?", "AT+CSQ", "AT+CFUNNY=1", "AT+QCFG=?"])
async def test_another_command_has_five_seconds(line: str, clock: Clock) -> None:
    assert Raw(line).result_timeout == 5.0
    assert max(SLOW_COMMANDS.values()) == 305.0


async def test_a_module_is_not_considered_dead_while_a_slow_command_may_run(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far, recovery_timeout=60.0) as channel:
        asked = asyncio.ensure_future(channel.execute(Raw("AT+COPS=?"), 5.0))
        with pytest.raises(CommandTimeout):
            await fast_forward(clock, asked)

        following = asyncio.ensure_future(channel.execute(Raw("AT+CSQ")))
        await fast_forward(clock, asyncio.sleep(295.0))
        assert channel.error is None
        probes = far.written.count(b"AT\r")
        assert probes < 40
        far.send(b'\r\n+COPS: (2,"CHINA MOBILE","CMCC","46000",9),,(0-4),(0-2)\r\n' + OK + OK * probes)
        await clock.advance(0.5)
        name = bytes(far.written).rpartition(b"AT")[2].removesuffix(b"=?\r")
        far.send(b"\r\n%b: (0-4)\r\n" % name + OK)
        await settle()
        assert bytes(far.written).endswith(b"AT+CSQ\r")
        far.send(b"\r\n+CSQ: 22,0\r\n" + OK)
        assert (await following).information == [Text("+CSQ: 22,0")]


async def test_streams_survive_a_scan_of_minutes(clock: Clock) -> None:
    module = Module()
    async with open_modem(module) as modem:
        reader, writer = await modem.open_connection("a.b", 7)
        module.override = lambda command: b"" if isinstance(command, Raw) else None
        asked = asyncio.ensure_future(modem.execute("AT+COPS=?"))
        await fast_forward(clock, asyncio.sleep(280.0))
        assert not asked.done()
        module.push(0, b"still there")
        await settle()
        module.send(b"\r\n+COPS: 0\r\n", OK)
        assert await fast_forward(clock, asked) == ["+COPS: 0"]
        assert await reader.read(100) == b"still there"
        writer.close()


# A lost SEND OK


async def test_after_a_lost_send_ok_every_socket_goes_on_within_six_seconds(clock: Clock) -> None:
    module = Module()
    lost: list[Command] = []

    def override(command: Command) -> bytes | None:
        if isinstance(command, SendData) and not lost:
            lost.append(command)
            module.healthy(command)
            return OK

        return None

    async with open_modem(module) as modem:
        writers = [(await modem.open_connection("a.b", 7 + index))[1] for index in range(5)]
        module.override = override
        began = clock.time()
        for writer in writers:
            writer.write(b"x" * 600)

        await settle()
        # Four wait behind the one whose answer was lost.
        assert sum(len(socket.taken) for socket in module.sockets.values()) == 512
        await clock.advance(5.1)
        await settle(500)
        assert lost
        assert clock.time() - began < 6.0
        assert [bytes(module.sockets[index].taken) for index in range(5)] == [b"x" * 600] * 5


async def test_a_lost_send_ok_costs_six_seconds_while_another_socket_receives(clock: Clock) -> None:
    module = Module()
    async with open_modem(module) as modem:
        _, first = await modem.open_connection("a.b", 7)
        reader, _ = await modem.open_connection("a.b", 8)
        module.override = lambda command: OK if isinstance(command, SendData) else None
        began = clock.time()
        first.write(b"abc")
        await settle()
        for index in range(12):
            await clock.advance(0.5)
            module.push(1, b"%d" % (index % 10))
            if module.count("AT+QISEND=0,0"):
                break

        assert clock.time() - began < 6.6
        assert await reader.read(100)
        module.override = lambda command: None
        await fast_forward(clock, modem.close())


# A late CLOSE OK


@contextlib.asynccontextmanager
async def closing_after_a_lost_close(clock: Clock) -> AsyncIterator[tuple[FarEnd, asyncio.Task[None]]]:
    """Close two sockets; the CLOSE OK of the first is missing, so that it may be the one that comes."""
    far = FarEnd()
    async with open_channel(far) as channel:
        first = asyncio.ensure_future(channel.execute(CloseSocket(0)))
        await far.answer(b"AT+QICLOSE=0\r", OK)
        await clock.advance(5.1)
        with pytest.raises(CommandTimeout):
            await first

        await far.resynchronise()
        closing = asyncio.create_task(close_connect_id(channel, 1))
        await far.answer(b"AT+QICLOSE=1\r", CLOSE_OK)
        yield far, closing


async def test_a_late_close_ok_does_not_end_the_close_of_another_socket(clock: Clock) -> None:
    async with closing_after_a_lost_close(clock) as (far, closing):
        assert not closing.done()
        # That was for the first: the second is closing still.
        state = SocketInfo(1, "TCP", "a.b", 7, state=SocketState.CLOSING)
        await far.answer(b"AT+QISTATE=1,1\r", channel_line(state), OK)
        await clock.advance(0.3)
        assert not closing.done()
        await far.answer(b"AT+QISTATE=1,1\r", OK)
        await closing


async def test_a_socket_that_was_not_closed_at_all_is_closed_again(clock: Clock) -> None:
    async with closing_after_a_lost_close(clock) as (far, closing):
        await far.answer(b"AT+QISTATE=1,1\r", channel_line(SocketInfo(1, "TCP", "a.b", 7)), OK)
        await far.answer(b"AT+QICLOSE=1\r", CLOSE_OK)
        await far.answer(b"AT+QISTATE=1,1\r", OK)
        await closing


@pytest.mark.parametrize("asleep", [False, True])
async def test_a_socket_of_which_the_module_does_not_say_whether_it_was_closed_is_closed_again(
    asleep: bool, clock: Clock
) -> None:
    async with closing_after_a_lost_close(clock) as (far, closing):
        if asleep:
            await far.answer(b"AT+QISTATE=1,1\r", b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n')
        else:
            await far.expect(b"AT+QISTATE=1,1\r")
            await clock.advance(5.1)

        await far.resynchronise()
        await far.answer(b"AT+QICLOSE=1\r", CLOSE_OK)
        await far.answer(b"AT+QISTATE=1,1\r", OK)
        await closing


async def test_a_socket_that_the_module_does_not_know_any_more_is_closed(clock: Clock) -> None:
    async with closing_after_a_lost_close(clock) as (far, closing):
        await far.answer(b"AT+QISTATE=1,1\r", ERROR)
        await closing
        await far.expect_nothing()


async def test_a_socket_that_never_gets_done_closing_is_closed_again_after_a_minute(clock: Clock) -> None:
    module = Module()
    lost: dict[Command, bytes] = {CloseSocket(0): OK, CloseSocket(1): CLOSE_OK}
    state = channel_line(SocketInfo(1, "TCP", "a.b", 7, state=SocketState.CLOSING)) + OK
    module.override = lambda command: state if isinstance(command, QuerySocket) else lost.get(command)
    async with open_channel(module) as channel:
        with pytest.raises(CommandTimeout):
            await fast_forward(clock, channel.execute(CloseSocket(0)))

        await fast_forward(clock, channel.execute(Raw("AT")))
        began = channel.loop.time()
        await fast_forward(clock, close_connect_id(channel, 1))
        # No other CLOSE OK can come any more, so that the second one ends it.
        assert module.lines[-10:] == ["AT+QICLOSE=1", *["AT+QISTATE=1,1"] * 8, "AT+QICLOSE=1"]
        assert channel.loop.time() - began == pytest.approx(60.7, abs=0.9)


def channel_line(info: SocketInfo) -> bytes:
    """Return the line of a socket in the answer to AT+QISTATE."""
    return Module().dce.send(info)


# Data before its own +QIOPEN


async def test_data_before_the_outcome_of_its_own_open_is_delivered() -> None:
    module = Module()

    def override(command: Command) -> bytes | None:
        if not isinstance(command, OpenSocket):
            return None

        ok, outcome = module.healthy(command).split(b"+QIOPEN")
        early = b'+QIURC: "recv",0,1024,"' + b"61" * 1024 + b'"\r\n\r\n'
        return ok + 8 * early + b"+QIOPEN" + outcome + b'\r\n+QIURC: "recv",0,1,"21"\r\n'

    async with open_modem(module) as modem:
        module.override = override
        reader, writer = await modem.open_connection("a.b", 7)
        assert await reader.readexactly(8193) == b"a" * 8192 + b"!"
        writer.close()


async def test_an_end_or_damage_before_the_outcome_of_its_own_open_ends_the_stream() -> None:
    for line in (b'+QIURC: "recv",0,2,"68"\r\n', b'ec",0,2,"6869"\r\n'):
        module = Module()

        def override(command: Command, module: Module = module, line: bytes = line) -> bytes | None:
            if not isinstance(command, OpenSocket):
                return None

            ok, outcome = module.healthy(command).split(b"+QIOPEN")
            return ok + line + b"\r\n+QIOPEN" + outcome

        async with open_modem(module) as modem:
            module.override = override
            reader, _ = await modem.open_connection("a.b", 7)
            with pytest.raises(ConnectionLost):
                await reader.read(10)


async def test_data_of_an_open_that_failed_is_dropped() -> None:
    module = Module()
    async with open_modem(module) as modem:
        module.override = lambda command: (
            OK + b'\r\n+QIURC: "recv",0,2,"6869"\r\n\r\n+QIOPEN: 0,566\r\n' if isinstance(command, OpenSocket) else None
        )
        with pytest.raises(ConnectionRefusedError):
            await modem.open_connection("a.b", 7)

        module.override = lambda command: None
        reader, writer = await modem.open_connection("a.b", 7)
        module.push(writer.get_extra_info("connect_id"), b"new")
        assert await reader.read(10) == b"new"
        writer.close()


async def test_data_after_an_open_without_a_caller_is_dropped() -> None:
    far = FarEnd()
    push = b'\r\n+QIURC: "recv",0,2,"6869"\r\n'
    async with open_channel(far) as channel:
        asked = asyncio.ensure_future(channel.execute(OpenSocket(0, "TCP", "a.b", 7)))
        await settle()
        far.send(OK, push)
        await settle()
        assert channel.inboxes.strays == 0
        far.send(b"\r\n+QIOPEN: 0,566\r\n")
        await asked
        far.send(push)
        await settle()
        assert channel.inboxes.strays == 1


async def test_an_outcome_before_its_ok_opens_at_once() -> None:
    module = Module()

    def override(command: Command) -> bytes | None:
        if not isinstance(command, OpenSocket):
            return None

        module.healthy(command)
        return b"\r\n+QIOPEN: 0,0\r\n" + OK

    async with open_modem(module) as modem:
        module.override = override
        reader, writer = await modem.open_connection("a.b", 7)
        module.push(0, b"hi")
        assert await reader.read(10) == b"hi"
        writer.close()


# The rest of an outcome of several lines


@pytest.mark.parametrize(
    ("call", "first", "rest", "seconds"),
    [
        ('AT+QIDNSGIP=0,"a.b"', b"\r\n+QIDNSGIP: 0,2,600\r\n", b"\r\n+QIDNSGIP: 198.51.100.1\r\n" * 2, 5.0),
        # Two packets of 4 s each, and a second in between, are due.
        (
            'AT+QPING=0,"a.b",4,3,32',
            b'\r\n+QPING: 0,"198.51.100.1",32,80\r\n',
            b"\r\n+QPING: 0,3,1,2,80,80,80\r\n",
            15.0,
        ),
        (
            'AT+QPING=0,"a.b",4,1,32',
            b'\r\n+QPING: 0,"198.51.100.1",32,80\r\n',
            b"\r\n+QPING: 0,1,1,0,80,80,80\r\n",
            5.0,
        ),
    ],
)
async def test_the_rest_of_an_outcome_has_no_longer_than_it_needs(
    call: str, first: bytes, rest: bytes, seconds: float, clock: Clock
) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        for answer in (rest, b""):
            asked = asyncio.ensure_future(channel.execute(read_verbatim(call)))
            await far.answer(call.encode() + b"\r", OK, first)
            await clock.advance(seconds - 0.5)
            assert not asked.done()
            far.send(answer)
            await clock.advance(0.6)
            if answer:
                await asked
            else:
                with pytest.raises(CommandTimeout, match="outcome"):
                    await asked


async def test_the_rest_of_an_outcome_has_no_longer_than_the_caller_gave_it(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = asyncio.ensure_future(channel.execute(read_verbatim('AT+QIDNSGIP=0,"a.b"'), 6.0))
        await far.answer(b'AT+QIDNSGIP=0,"a.b"\r', OK)
        await clock.advance(4.0)
        far.send(b"\r\n+QIDNSGIP: 0,1,600\r\n")
        await clock.advance(1.9)
        assert not asked.done()
        await clock.advance(0.2)
        with pytest.raises(CommandTimeout):
            await asked


async def test_the_rest_of_a_slow_outcome_has_no_longer_than_it_needs_and_the_next_command_all_its_time(
    clock: Clock,
) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        for answer in (b"\r\n+QIDNSGIP: 198.51.100.1\r\n", b""):
            asked = asyncio.ensure_future(channel.execute(read_verbatim('AT+QIDNSGIP=0,"a.b"')))
            await far.answer(b'AT+QIDNSGIP=0,"a.b"\r', OK)
            await clock.advance(20.0)
            far.send(b"\r\n+QIDNSGIP: 0,1,600\r\n")
            await clock.advance(4.9)
            far.send(answer)
            await settle()
            assert asked.done() is bool(answer)
            if answer:
                # The time of the whole outcome, 60 s, is over while the next command is under way.
                following = asyncio.ensure_future(channel.execute(Raw("AT+COPS=?")))
                await far.expect(b"AT+COPS=?\r")
                await clock.advance(60.0)
                assert not following.done()
                far.send(OK)
                await following

        await clock.advance(0.2)
        with pytest.raises(CommandTimeout, match="outcome within 5 s"):
            await asked


async def test_an_open_may_take_as_long_as_the_guide_gives_it_and_the_line_waits_for_it(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        # Guide 2.2.2, note 2: the outcome takes up to 60 s, and other operations wait for it.
        asked = asyncio.ensure_future(channel.execute(OpenSocket(0, "TCP", "a.b", 7)))
        await far.answer(b'AT+QIOPEN=0,0,"TCP","a.b",7\r', OK)
        following = asyncio.ensure_future(channel.execute(Raw("AT+CSQ")))
        await clock.advance(60.0)
        await far.expect_nothing()
        far.send(b"\r\n+QIOPEN: 0,569\r\n")
        await asked
        await far.answer(b"AT+CSQ\r", OK)
        await following
