"""The line: one command at a time, for any caller, any URCs in between, and any end."""

import asyncio
from typing import Any

import pytest

from bc260y_aio.at.commands import (
    Attention,
    CloseSocket,
    Command,
    OpenSocket,
    Ping,
    QueryAcks,
    QueryRegistration,
    QuerySockets,
    Raw,
    Resolve,
    SendData,
    SetDataFormat,
    SetSleep,
)
from bc260y_aio.at.completions import PingFinished, PingReply, Resolution, ResolvedAddress, SendResult, SocketOpened
from bc260y_aio.at.information import AckStatus, Registration, RegistrationStatus
from bc260y_aio.at.responses import Response, Text
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import (
    AddressAssigned,
    LateAnswer,
    PeerClosed,
    PowerChanged,
    RegistrationChanged,
    Restarted,
    Resynchronised,
    Unrecognised,
)
from bc260y_aio.errors import (
    CommandFailed,
    CommandTimeout,
    ModemClosed,
    ModemNotResponding,
    ModuleRestarted,
    ModuleSlept,
    PayloadDamaged,
    PortLost,
)
from bc260y_aio.line.channel import Channel
from bc260y_aio.line.inbox import Inbox
from bc260y_aio.line.turns import MOST_LINES
from tests.driver.scripted import ERROR, MARKED, MARKER, OK, SEND_FAIL, SEND_OK, FarEnd, open_channel, settle
from tests.loops import Clock, Contexts

pytestmark = pytest.mark.loops("asyncio", "eager")

OPEN = OpenSocket(0, "TCP", "a.b", 7)


def start(channel: Channel, command: Any, timeout: float | None = None) -> asyncio.Task[Any]:
    return asyncio.ensure_future(channel.execute(command, timeout))


async def execute_urgently(channel: Channel, command: Command) -> None:
    async with channel.turn(urgent=True) as turn:
        await turn.execute(command)


# One command at a time


async def test_a_command_brings_its_information_and_its_completions() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, QueryRegistration())
        await far.answer(b"AT+CEREG?\r", b"\r\n+CEREG: 0,1\r\n\r\nOK\r\n")
        assert (await asked).information == [Registration(0, RegistrationStatus.HOME)]

        asked = start(channel, OPEN)
        await far.answer(b'AT+QIOPEN=0,0,"TCP","a.b",7\r', b"\r\nOK\r\n", b"\r\n+QIOPEN: 0,0\r\n")
        assert (await asked).completions == [SocketOpened(0, 0)]


async def test_no_byte_of_the_next_command_leaves_before_the_last_answer_of_the_one_before() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        first, second = start(channel, Resolve("a.b")), start(channel, Attention())
        await far.expect(b'AT+QIDNSGIP=0,"a.b"\r')
        for data in (b"\r\nOK\r\n", b"\r\n+QIDNSGIP: 0,1,0\r\n", b'\r\n+QIURC: "closed",3\r\n', b"\r\n+QIDNSGIP: 1.2."):
            far.send(data)
            await far.expect_nothing()

        far.send(b"3.4\r\n")
        await far.answer(b"AT\r", OK)
        assert (await first).completions == [Resolution(0, 1, 0), ResolvedAddress("1.2.3.4")]
        await second


async def test_a_ping_holds_the_line_until_its_last_line() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        ping, other = start(channel, Ping("a.b", count=2)), start(channel, Attention())
        await far.answer(b'AT+QPING=0,"a.b",4,2,32\r', OK, b"\r\n+QPING: 0,1.2.3.4,32,369\r\n")
        far.send(b"\r\n+QPING: 569\r\n")
        await far.expect_nothing()
        far.send(b"\r\n+QPING: 0,2,1,1,369,369,369\r\n")
        await far.answer(b"AT\r", OK)
        completions = (await ping).completions
        assert (completions[0], completions[-1]) == (
            PingReply("1.2.3.4", 32, 369),
            PingFinished(0, 2, 1, 1, 369, 369, 369),
        )
        await other


async def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        tasks = [start(channel, QueryAcks(connect_id)) for connect_id in range(5)]
        for connect_id in range(5):
            await far.expect(b"AT+QISEND=%d,0\r" % connect_id)
            await far.expect_nothing()
            far.send(b"\r\n+QISEND: %d,0,0\r\n" % connect_id, OK)

        assert [(await task).information for task in tasks] == [[AckStatus(sent, 0, 0)] for sent in range(5)]


async def test_a_turn_of_several_commands_comes_in_its_order_unless_it_is_urgent() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        order: list[int] = []

        async def take(number: int) -> None:
            async with channel.turn():
                order.append(number)

        async with channel.turn():
            tasks = [asyncio.ensure_future(take(number)) for number in range(3)]
            await settle()

        await asyncio.gather(*tasks)
        assert order == [0, 1, 2]


async def test_an_urgent_turn_goes_before_all_that_wait_but_not_before_the_one_under_way() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        tasks = [start(channel, Attention()), start(channel, QueryAcks(1))]
        await far.expect(b"AT\r")
        tasks.append(asyncio.ensure_future(execute_urgently(channel, QuerySockets())))
        await far.expect_nothing()
        far.send(OK)
        await far.answer(b"AT+QISTATE?\r", OK)
        await far.answer(b"AT+QISEND=1,0\r", b"\r\n+QISEND: 0,0,0\r\n", OK)
        await asyncio.gather(*tasks)


async def test_one_turn_at_a_time_is_granted_in_a_gap_too(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far, command_gap=5.0) as channel:
        first = start(channel, Attention())
        await far.answer(b"AT\r", OK)
        await first
        tasks = [start(channel, QueryAcks(1)), start(channel, QueryAcks(2))]
        await settle()
        tasks.append(asyncio.ensure_future(execute_urgently(channel, QuerySockets())))
        for line in (b"AT+QISEND=1,0\r", b"AT+QISTATE?\r", b"AT+QISEND=2,0\r"):
            await far.expect_nothing()
            await clock.advance(5.1)
            await far.answer(line, OK)

        await asyncio.gather(*tasks)


async def test_a_turn_may_hold_several_commands_and_nothing_comes_between_them() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        async with channel.turn() as turn:
            other = start(channel, Attention())
            first = asyncio.ensure_future(turn.execute(SetSleep(0)))
            await far.answer(b"AT+QSCLK=0\r", OK)
            await first
            await far.expect_nothing()
            second = asyncio.ensure_future(turn.execute(QuerySockets()))
            await far.answer(b"AT+QISTATE?\r", OK)
            await second
            await far.expect_nothing()

        await far.answer(b"AT\r", OK)
        await other


async def test_an_error_ends_a_command_with_its_code() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        for said, code, text in (
            (b"\r\nERROR\r\n", None, "AT+QICLOSE=3: ERROR"),
            (b"\r\n+CME ERROR: 567\r\n", 567, "AT+QICLOSE=3: the socket has been closed"),
            (b"\r\n+CME ERROR: SIM failure\r\n", None, "AT+QICLOSE=3: SIM failure"),
        ):
            asked = start(channel, CloseSocket(3))
            await far.answer(b"AT+QICLOSE=3\r", said)
            with pytest.raises(CommandFailed) as caught:
                await asked

            assert (caught.value.code, str(caught.value)) == (code, text)


async def test_a_gap_is_kept_between_an_answer_and_the_next_command(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far, command_gap=5.0, nvram_gap=50.0) as channel:
        form = SetDataFormat(PayloadFormat.HEX, PayloadFormat.HEX)
        tasks = [start(channel, form), start(channel, Attention()), start(channel, Attention())]
        await far.answer(b'AT+QICFG="dataformat",1,1\r', OK)
        await clock.advance(49.5)
        await far.expect_nothing()
        await clock.advance(1.0)
        await far.answer(b"AT\r", OK)
        await clock.advance(4.5)
        await far.expect_nothing()
        await clock.advance(1.0)
        await far.answer(b"AT\r", OK)
        await asyncio.gather(*tasks)


@pytest.mark.parametrize("said", [b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n', b"\r\nRDY\r\n"])
async def test_events_during_a_gap_are_handled_before_the_next_command(said: bytes, clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far, nvram_gap=5.0) as channel:
        form = SetDataFormat(PayloadFormat.HEX, PayloadFormat.HEX)
        tasks = [start(channel, form), start(channel, QuerySockets())]
        await far.answer(b'AT+QICFG="dataformat",1,1\r', OK)
        far.send(said)
        await clock.advance(5.1)
        await far.resynchronise()
        await far.answer(b"AT+QISTATE?\r", OK)
        await asyncio.gather(*tasks)


async def test_a_port_lost_during_a_gap_ends_the_command_that_waits(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far, command_gap=5.0) as channel:
        first, second = start(channel, Attention()), start(channel, QuerySockets())
        await far.answer(b"AT\r", OK)
        await first
        far.hang_up()
        await clock.advance(5.1)
        with pytest.raises(PortLost):
            await second


# Cancellation


async def test_a_cancelled_caller_gives_up_its_answer_but_not_its_turn() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        orphan, other = start(channel, SendData(0, b"hi")), start(channel, QueryAcks(1))
        await far.expect(b'AT+QISEND=0,2,"6869"\r')
        orphan.cancel()
        await far.expect_nothing()
        far.send(b"\r\nOK\r\n")
        await far.expect_nothing()
        far.send(b"\r\nSEND OK\r\n")
        await far.answer(b"AT+QISEND=1,0\r", b"\r\n+QISEND: 7,7,0\r\n", OK)
        assert (await other).information == [AckStatus(7, 7, 0)]
        assert orphan.cancelled()


async def test_a_caller_cancelled_before_its_turn_writes_nothing() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        first, second, third = (start(channel, QueryAcks(connect_id)) for connect_id in range(3))
        await far.expect(b"AT+QISEND=0,0\r")
        second.cancel()
        await settle()
        far.send(b"\r\n+QISEND: 0,0,0\r\n", OK)
        await far.answer(b"AT+QISEND=2,0\r", b"\r\n+QISEND: 2,0,0\r\n", OK)
        await asyncio.gather(first, third)
        await far.expect_nothing()


async def test_a_caller_cancelled_in_the_moment_its_turn_comes_passes_the_turn_on() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        async with channel.turn():
            second, third = start(channel, QueryAcks(1)), start(channel, QueryAcks(2))
            await settle()

        # The second's command went out the moment its turn came, before its caller has run again.
        second.cancel()
        await far.answer(b"AT+QISEND=1,0\r", b"\r\n+QISEND: 1,0,0\r\n", OK)
        await far.answer(b"AT+QISEND=2,0\r", b"\r\n+QISEND: 2,0,0\r\n", OK)
        await third
        assert second.cancelled()


async def test_a_caller_cancelled_while_the_line_is_brought_into_step_writes_nothing(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.recover()
        first, second = start(channel, QueryAcks(1)), start(channel, QueryAcks(2))
        await far.expect(b"AT\r")
        first.cancel()
        await settle()
        far.send(OK)
        await far.answer(MARKER, MARKED)
        await far.answer(b"AT+QISEND=2,0\r", b"\r\n+QISEND: 2,0,0\r\n", OK)
        await second


async def test_a_turn_goes_on_after_one_of_its_commands_was_given_up_by_a_timeout_of_the_caller() -> None:
    far = FarEnd()
    async with open_channel(far) as channel, channel.turn() as turn:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await turn.execute(QueryAcks(1))

        second = asyncio.ensure_future(turn.execute(QueryAcks(2)))
        await far.expect(b"AT+QISEND=1,0\r")
        await far.expect_nothing()
        far.send(b"\r\n+QISEND: 1,0,0\r\n", OK)
        await far.answer(b"AT+QISEND=2,0\r", b"\r\n+QISEND: 2,0,0\r\n", OK)
        assert (await second).information == [AckStatus(2, 0, 0)]


# Deadlines


async def test_a_result_is_awaited_for_five_seconds(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, QuerySockets())
        await far.expect(b"AT+QISTATE?\r")
        await clock.advance(4.9)
        assert not asked.done()
        await clock.advance(0.2)
        with pytest.raises(
            CommandTimeout, match=r"^AT\+QISTATE\?: no result within 5 s; the module may still carry it out"
        ):
            await asked


async def test_the_outcome_of_an_open_is_awaited_for_sixty_five_seconds_after_its_result(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, OPEN)
        await far.expect(b'AT+QIOPEN=0,0,"TCP","a.b",7\r')
        await clock.advance(4.0)
        far.send(OK)
        await clock.advance(64.9)
        assert not asked.done()
        await clock.advance(0.2)
        with pytest.raises(CommandTimeout, match=r"no outcome within 65 s; the module may"):
            await asked


# The bytes of 2.2 s at 9600 baud.
LARGE_PUSH = b'\r\n+QIURC: "recv",4,1024,"' + b"41" * 1024 + b'"\r\n'


async def test_a_deadline_does_not_count_the_time_in_which_bytes_come_in(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, QuerySockets())
        for _ in range(3):
            await clock.advance(2.2)
            far.send(LARGE_PUSH)

        await settle()
        await clock.advance(4.8)
        assert not asked.done()
        await clock.advance(0.4)
        with pytest.raises(CommandTimeout):
            await asked


async def test_a_deadline_counts_the_silence_between_pushes(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, QuerySockets())
        for _ in range(4):
            await clock.advance(1.2)
            far.send(b'\r\n+QIURC: "recv",4,2,"6869"\r\n')
            await settle()

        assert not asked.done()
        await clock.advance(0.7)
        with pytest.raises(CommandTimeout):
            await asked


async def test_traffic_does_not_push_a_deadline_back_for_ever(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, QuerySockets())
        for _ in range(26):
            await clock.advance(2.2)
            far.send(LARGE_PUSH)
            await settle()

        assert not asked.done()
        await clock.advance(2.9)
        assert asked.done()
        with pytest.raises(CommandTimeout):
            await asked


async def test_a_caller_may_bring_a_timeout_of_its_own(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, QuerySockets(), timeout=1.0)
        await clock.advance(1.1)
        with pytest.raises(CommandTimeout, match=r"within 1 s"):
            await asked


# Too long an answer


async def test_the_timeout_of_a_caller_holds_for_the_result_and_again_for_the_outcome(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        opening = start(channel, OPEN, 3.0)
        await far.expect(b'AT+QIOPEN=0,0,"TCP","a.b",7\r')
        await clock.advance(2.9)
        far.send(OK)
        await settle()
        await clock.advance(2.9)
        assert not opening.done()
        await clock.advance(0.2)
        with pytest.raises(CommandTimeout, match="no outcome within 3 s"):
            await opening


async def test_a_caller_that_has_left_is_told_nothing_more() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        seen: list[Response] = []
        asked = asyncio.ensure_future(channel.execute(Ping("a.b", count=2), watch=seen.append))
        await far.answer(b'AT+QPING=0,"a.b",4,2,32\r', OK, b"\r\n+QPING: 0,1.2.3.4,32,369\r\n")
        asked.cancel()
        await asyncio.wait([asked])
        await far.answer(b"", b"\r\n+QPING: 0,1.2.3.4,32,370\r\n", b"\r\n+QPING: 0,2,2,0,369,370,369\r\n")
        assert seen == [PingReply("1.2.3.4", 32, 369)]


async def test_an_answer_may_have_as_many_lines_as_any_has() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, Raw("AT+CLAC"))
        await far.answer(b"AT+CLAC\r", b"\r\nAT+CMD\r\n" * MOST_LINES, OK)
        assert (await asked).information == [Text("AT+CMD")] * MOST_LINES


@pytest.mark.parametrize(
    ("command", "accepted", "line", "awaited"),
    [
        (Raw("AT+CLAC"), b"", b"\r\nAT+CMD\r\n", "result"),
        (QueryAcks(0), b"", b"\r\n+QISEND: 1,1,0\r\n", "result"),
        (Ping("a.b"), OK, b"\r\n+QPING: 0,1.2.3.4,32,369\r\n", "outcome"),
    ],
)
async def test_an_answer_without_an_end_is_given_up_and_the_line_brought_into_step(
    command: Command, accepted: bytes, line: bytes, awaited: str
) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        seen: list[Response] = []
        asked = asyncio.ensure_future(channel.execute(command, watch=seen.append))
        await far.expect(command.encode() + b"\r")
        following = start(channel, QueryAcks(1))
        far.send(accepted)
        for _ in range(4):
            far.send(line * MOST_LINES)
            await settle()

        with pytest.raises(CommandTimeout, match=f"no {awaited} within {MOST_LINES} lines$"):
            await asked

        assert len(seen) == MOST_LINES + 1
        far.send(line, OK)
        await settle()
        await far.resynchronise()
        await far.answer(b"AT+QISEND=1,0\r", b"\r\n+QISEND: 7,7,0\r\n", OK)
        assert (await following).information == [AckStatus(7, 7, 0)]


# Into step again


async def test_after_a_timeout_the_line_is_probed_until_it_answers_and_then_marked(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked, other = start(channel, QueryAcks(0)), start(channel, QueryAcks(1))
        await far.expect(b"AT+QISEND=0,0\r")
        await clock.advance(5.1)
        with pytest.raises(CommandTimeout):
            await asked

        for _ in range(4):
            await far.expect(b"AT\r")
            await far.expect_nothing()
            await clock.advance(0.31)

        # The late answer to the first command ends in OK, too.
        await far.answer(b"AT\r", b"\r\n+QISEND: 9,9,0\r\n", OK)
        await far.answer(MARKER, OK, OK, OK, OK)
        await far.expect_nothing()
        far.send(MARKED)
        await far.answer(b"AT+QISEND=1,0\r", b"\r\n+QISEND: 1,1,0\r\n", OK)
        assert (await other).information == [AckStatus(1, 1, 0)]


async def test_a_marker_that_is_lost_is_followed_by_another(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.recover()
        other = start(channel, Attention())
        await far.answer(b"AT\r", OK)
        await far.expect(b"AT+QICFG=?\r")
        await clock.advance(5.1)
        await far.answer(b"AT+QIOPEN=?\r", b"\r\n+QIOPEN: (0),(0-4)\r\n", OK)
        await far.answer(b"AT\r", OK)
        await other


@pytest.mark.usefixtures("clock")
async def test_firmware_that_refuses_markers_is_believed_after_three() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.recover()
        other = start(channel, Attention())
        await far.answer(b"AT\r", OK)
        for name in (b"QICFG", b"QIOPEN", b"QICLOSE"):
            await far.answer(b"AT+%b=?\r" % name, ERROR)

        await far.answer(b"AT\r", OK)
        await other


async def test_an_ok_that_comes_late_between_two_probes_ends_nothing(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far, command_gap=0.5) as channel:
        channel.recover()
        other = start(channel, Attention())
        await clock.advance(0.6)
        await far.answer(b"AT\r", OK)
        await clock.advance(0.6)
        await far.answer(MARKER, ERROR)
        far.send(OK)
        await clock.advance(0.6)
        await far.answer(b"AT+QIOPEN=?\r", b"\r\n+QIOPEN: (0),(0-4)\r\n", OK)
        await clock.advance(0.6)
        await far.answer(b"AT\r", OK)
        await other


@pytest.mark.usefixtures("clock")
async def test_firmware_that_refuses_markers_with_a_number_is_believed_after_three() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.recover()
        other = start(channel, Attention())
        await far.answer(b"AT\r", OK)
        for name in (b"QICFG", b"QIOPEN", b"QICLOSE"):
            await far.answer(b"AT+%b=?\r" % name, b"\r\n+CME ERROR: 58\r\n")

        await far.answer(b"AT\r", OK)
        await other


async def test_a_late_send_ok_is_no_answer(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        heard: list[Response] = []
        channel.subscribe(heard.append, LateAnswer)
        first = start(channel, SendData(0, b"a"))
        await far.answer(b'AT+QISEND=0,1,"61"\r', OK)
        await clock.advance(5.1)
        with pytest.raises(
            CommandTimeout, match=r"^AT\+QISEND=0,1,\.\.\.: no outcome within 5 s; .* timeout= waits longer$"
        ):
            await first

        second = start(channel, SendData(0, b"b"))
        await far.resynchronise()
        await far.expect(b'AT+QISEND=0,1,"62"\r')
        far.send(b"\r\nSEND OK\r\n")
        await settle()
        assert (heard, second.done()) == ([LateAnswer(SendResult(ok=True))], False)
        far.send(SEND_FAIL)
        answer = await second
        assert (answer.completions, answer.is_doubtful) == ([SendResult(ok=False)], False)


async def test_data_for_a_connect_id_whose_opening_has_failed_is_nobodys() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        opening = start(channel, OPEN)
        await far.answer(b'AT+QIOPEN=0,0,"TCP","a.b",7\r', OK)
        far.send(b'\r\n+QIURC: "recv",0,1,"61"\r\n')
        await settle()
        assert channel.inboxes.strays == 0
        far.send(b"\r\n+QIOPEN: 0,566\r\n")
        await asyncio.wait([opening])
        far.send(b'\r\n+QIURC: "recv",0,1,"62"\r\n')
        await settle()
        assert channel.inboxes.strays == 1


@pytest.mark.parametrize(("seconds", "is_doubtful"), [(0.0, True), (59.9, True), (60.1, False)])
async def test_a_send_ok_that_may_be_late_is_marked_as_doubtful_until_a_minute_has_passed(
    seconds: float, is_doubtful: bool, clock: Clock
) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        first = start(channel, SendData(0, b"a"))
        await far.answer(b'AT+QISEND=0,1,"61"\r', OK)
        await clock.advance(5.1)
        with pytest.raises(CommandTimeout):
            await first

        await far.resynchronise()
        await clock.advance(seconds)
        second = start(channel, SendData(0, b"b"))
        await far.answer(b'AT+QISEND=0,1,"62"\r', SEND_OK)
        assert (await second).is_doubtful is is_doubtful


async def test_when_nothing_answers_for_the_recovery_timeout_every_call_fails(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far, recovery_timeout=10.0) as channel:
        inbox = Inbox(1024, keeps_order=True)
        channel.inboxes.attach(0, inbox)
        first, second, third = (start(channel, QueryAcks(connect_id)) for connect_id in range(3))
        await far.expect(b"AT+QISEND=0,0\r")
        await clock.advance(5.1)
        for _ in range(40):
            await clock.advance(0.31)

        with pytest.raises(CommandTimeout):
            await first

        for task in (second, third, start(channel, Attention())):
            with pytest.raises(ModemNotResponding, match=r"^script://module: no answer for 10 s$"):
                await task

        assert isinstance(inbox.error, ModemNotResponding)
        assert isinstance(channel.error, ModemNotResponding)
        assert set(far.unexpected.split(b"\r")) == {b"AT", b""}


# A restart, and sleep


async def test_a_restart_ends_the_command_under_way_and_the_line_is_probed_before_the_next() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        inbox = Inbox(1024, keeps_order=True)
        channel.inboxes.attach(0, inbox)
        first, second = start(channel, OPEN), start(channel, Attention())
        await far.answer(b'AT+QIOPEN=0,0,"TCP","a.b",7\r', OK, b"\r\nRDY\r\n\r\n+CFUN: 1\r\n")
        with pytest.raises(ModuleRestarted):
            await first

        assert isinstance(inbox.error, ModuleRestarted)
        await far.resynchronise()
        await far.answer(b"AT\r", OK)
        await second


async def test_a_restart_while_the_line_is_idle_has_it_probed_for_a_module_that_starts_is_deaf(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        far.send(b"\r\nRDY\r\n")
        await settle()
        asked = start(channel, QueryAcks(0))
        for _ in range(5):
            await far.expect(b"AT\r")
            await far.expect_nothing()
            await clock.advance(0.31)

        await clock.advance(0.31)
        await far.resynchronise()
        await far.answer(b"AT+QISEND=0,0\r", b"\r\n+QISEND: 0,0,0\r\n", OK)
        await asked


async def test_a_restart_while_the_line_is_brought_into_step_begins_the_probing_anew(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.recover()
        await far.answer(b"AT\r", OK)
        await far.answer(MARKER, b"\r\nRDY\r\n")
        await clock.advance(0.31)
        for _ in range(3):
            await far.expect(b"AT\r")
            await far.expect_nothing()
            await clock.advance(0.31)

        await far.answer(b"AT\r", OK)
        await far.answer(b"AT+QIOPEN=?\r", b"\r\n+QIOPEN: (0),(0-4)\r\n", OK)
        asked = start(channel, Attention())
        await far.answer(b"AT\r", OK)
        await asked


async def test_a_module_that_sleeps_is_woken_before_the_next_command(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        far.send(b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n')
        await settle()
        asked = start(channel, QueryAcks(0))
        await far.expect(b"AT\r")  # this one wakes it, and is lost
        await clock.advance(0.31)
        await far.expect(b"AT\r")
        far.send(b'\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n')
        await settle()
        await far.expect(b"AT\r")  # nor is it known whether it heard the second
        await far.expect_nothing()
        far.send(OK)
        await far.answer(MARKER, MARKED)
        await far.answer(b"AT+QISEND=0,0\r", b"\r\n+QISEND: 0,0,0\r\n", OK)
        await asked


async def test_a_module_that_may_sleep_is_woken_after_five_seconds_without_a_byte(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, SetSleep(1))
        await far.answer(b"AT+QSCLK=1\r", OK)
        await asked
        channel.may_sleep = True
        await clock.advance(4.5)
        asked = start(channel, QuerySockets())
        await far.answer(b"AT+QISTATE?\r", OK)
        await asked
        await clock.advance(5.5)
        asked = start(channel, QuerySockets())
        await far.resynchronise()
        await far.answer(b"AT+QISTATE?\r", OK)
        await asked


async def test_a_module_that_falls_asleep_over_a_command_ends_it() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, OPEN)
        await far.answer(b'AT+QIOPEN=0,0,"TCP","a.b",7\r', b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n')
        with pytest.raises(ModuleSlept):
            await asked


# The end of the line


async def test_a_lost_port_ends_the_command_under_way_those_that_wait_and_every_inbox() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        inboxes = {connect_id: Inbox(1024, keeps_order=bool(connect_id)) for connect_id in range(3)}
        for connect_id, inbox in inboxes.items():
            channel.inboxes.attach(connect_id, inbox)

        tasks = [start(channel, OPEN), start(channel, Attention())]
        await far.expect(b'AT+QIOPEN=0,0,"TCP","a.b",7\r')
        far.hang_up(OSError(5, "Input/output error"))
        await settle()
        tasks.append(start(channel, Attention()))
        for task in tasks:
            with pytest.raises(PortLost, match=r"^script://module was lost: Input/output error$"):
                await task

        assert all(isinstance(inbox.error, PortLost) for inbox in inboxes.values())


async def test_a_port_lost_while_a_completion_is_awaited_ends_the_command() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, OPEN)
        await far.answer(b'AT+QIOPEN=0,0,"TCP","a.b",7\r', OK)
        far.hang_up()
        with pytest.raises(PortLost):
            await asked


async def test_a_port_lost_while_the_line_is_probed_ends_those_that_wait(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.recover()
        asked = start(channel, Attention())
        await far.expect(b"AT\r")
        far.hang_up()
        with pytest.raises(PortLost):
            await asked


async def test_a_port_lost_while_the_line_is_probed_ends_the_probing() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.recover()
        await far.expect(b"AT\r")
        far.hang_up()
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_port_lost_during_a_write_is_reported_after_the_bytes_received_before() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        inbox = Inbox(1024, keeps_order=True)
        channel.inboxes.attach(0, inbox)
        # The reader task has noticed neither when the command is written.
        far.send(b'\r\n+QIURC: "recv",0,2,"6869"\r\n')
        far.hang_up()
        with pytest.raises(PortLost):
            await channel.execute(Attention())

        assert (inbox.take(), type(inbox.error)) == (b"hi", PortLost)


async def test_a_port_lost_in_the_moment_of_a_probe_ends_the_channel(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        far.hang_up()
        channel.recover()
        await settle()
        assert isinstance(channel.error, PortLost)


async def test_closing_a_channel_ends_the_calls_that_wait() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        inbox = Inbox(1024, keeps_order=True)
        channel.inboxes.attach(0, inbox)
        tasks = [start(channel, OPEN), start(channel, Attention())]
        await settle()
        await channel.close()
        tasks.append(start(channel, Attention()))
        for task in tasks:
            with pytest.raises(ModemClosed):
                await task

        assert isinstance(inbox.error, ModemClosed)
        assert far.is_closed


async def test_a_channel_that_was_not_started_can_be_closed() -> None:
    far = FarEnd()
    await Channel(await far.open_port(), name="script", recovery_timeout=1.0).close()
    assert far.is_closed


async def test_a_cancelled_close_closes_the_port_all_the_same() -> None:
    for point in range(8):
        far = FarEnd()
        async with open_channel(far) as channel:
            channel.recover()
            closing = asyncio.ensure_future(channel.close())
            await settle(point)
            closing.cancel()
            await asyncio.wait([closing])
            await settle()
            assert far.is_closed or point == 0, point


# URCs and payload


async def test_subscribers_are_called_in_order_for_the_classes_they_named() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        told: list[tuple[str, Response]] = []
        channel.subscribe(lambda event: told.append(("all", event)))
        channel.subscribe(lambda event: told.append(("closed", event)), PeerClosed, Restarted)
        far.send(b'\r\n+QIURC: "closed",3\r\n\r\n+CEREG: 5\r\n', b'\r\n+QIURC: "recv",3,2,"6869"\r\n\r\n+XY: 1\r\n')
        await settle()
        assert told == [
            ("all", PeerClosed(3)),
            ("closed", PeerClosed(3)),
            ("all", RegistrationChanged(RegistrationStatus.ROAMING)),
            ("all", Unrecognised("+XY: 1")),
        ]


async def test_a_subscriber_may_unsubscribe_twice_and_during_its_callback() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        told: list[str] = []

        def once(event: Response) -> None:
            told.append("once")
            leave()

        leave = channel.subscribe(once, PeerClosed)
        channel.subscribe(lambda event: told.append("other"), PeerClosed)
        far.send(b'\r\n+QIURC: "closed",3\r\n' * 2)
        await settle()
        leave()
        assert told == ["once", "other", "other"]


async def test_a_subscriber_that_fails_disturbs_no_other(loop_errors: Contexts) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        told: list[Response] = []
        channel.subscribe(lambda event: [][0], PeerClosed)
        channel.subscribe(told.append, PeerClosed)
        asked = start(channel, Attention())
        await far.answer(b"AT\r", b'\r\n+QIURC: "closed",3\r\n', OK)
        await asked

    assert told == [PeerClosed(3)]
    assert [type(context["exception"]) for context in loop_errors] == [IndexError]


async def test_a_urc_in_the_same_read_as_a_result_is_handled_in_its_order() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        inbox = Inbox(1024, keeps_order=True)
        channel.inboxes.attach(0, inbox)
        asked = start(channel, OPEN)
        opened = b"\r\n+QIOPEN: 0,0\r\n"
        await far.answer(
            b'AT+QIOPEN=0,0,"TCP","a.b",7\r',
            b'\r\n+QIURC: "closed",1\r\n\r\nOK\r\n\r\n+QIURC: "closed",2\r\n',
            opened,
            b'\r\n+QIURC: "recv",0,2,"6869"\r\n\r\n+QIURC: "closed",0\r\n',
        )
        assert (await asked).completions == [SocketOpened(0, 0)]
        assert (inbox.take(), inbox.is_exhausted, inbox.error) == (b"hi", True, None)


async def test_payload_for_an_unused_connect_id_disturbs_no_socket() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, Attention())
        await far.answer(b"AT\r", b'\r\n+QIURC: "recv",4,2,"6869"\r\n', OK)
        await asked
        assert channel.inboxes.strays == 1


async def test_payload_that_spells_an_answer_is_no_answer() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        inbox = Inbox(1024, keeps_order=True)
        channel.inboxes.attach(0, inbox)
        asked = start(channel, SendData(1, b"a"))
        await far.answer(b'AT+QISEND=1,1,"61"\r', b'\r\n+QIURC: "recv",0,13,"\r\nOK\r\nSEND OK"\r\n')
        assert (inbox.take(), asked.done()) == (b"\r\nOK\r\nSEND OK", False)
        far.send(SEND_OK)
        assert (await asked).completions == [SendResult(ok=True)]


async def test_damaged_payload_ends_a_stream_and_is_one_datagram_less() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        stream, datagrams = Inbox(1024, keeps_order=True), Inbox(1024, keeps_order=False)
        channel.inboxes.attach(0, stream)
        channel.inboxes.attach(1, datagrams)
        for connect_id in (0, 1):
            far.send(b'\r\n+QIURC: "recv",%d,4,"616x6364"\r\n' % connect_id)
            far.send(b'\r\n+QIURC: "recv",%d,1,"7A"\r\n' % connect_id)

        await settle()
        assert isinstance(stream.error, PayloadDamaged)
        assert not stream
        assert (datagrams.dropped, datagrams.take()) == (1, b"z")


async def test_a_payload_of_which_the_rest_never_comes_is_given_up_with_the_command_that_waits(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        inbox = Inbox(1024, keeps_order=True)
        channel.inboxes.attach(0, inbox)
        asked = start(channel, Attention())
        await far.answer(b"AT\r", b'\r\n+QIURC: "recv",0,400,"6162')
        await clock.advance(1.1)
        with pytest.raises(CommandTimeout):
            await asked

        assert isinstance(inbox.error, PayloadDamaged)


async def test_a_command_may_follow_once_the_line_is_in_step() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        told: list[Response] = []
        channel.subscribe(told.append, Resynchronised, PowerChanged)
        channel.recover()
        channel.recover()
        await far.resynchronise()
        assert told == [Resynchronised()]
        await far.expect_nothing()


# About it


async def test_the_reader_is_a_task_with_a_name_and_leaves_with_the_channel() -> None:
    far = FarEnd()
    async with open_channel(far):
        assert "bc260y[script].reader" in {task.get_name() for task in asyncio.all_tasks()}

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def cancel_the_reader() -> None:
    """Cancel the task that reads, as asyncio.run does with all that are left at its end."""
    await settle(3)
    (reader,) = (task for task in asyncio.all_tasks() if task.get_name() == "bc260y[script].reader")
    reader.cancel()


@pytest.mark.parametrize("turns", [0, 1, 15])
async def test_a_cancelled_reader_reads_on_if_a_close_of_the_modem_has_begun_or_is_about_to(turns: int) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.is_needed = True if turns == 0 else None
        await cancel_the_reader()
        await settle(turns)
        channel.is_needed = True
        await settle()
        asked = start(channel, Attention())
        await far.answer(b"AT\r", OK)
        assert (await asked).information == []


async def test_a_reader_that_a_close_needs_is_cancelled_in_vain_any_number_of_times() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.is_needed = True
        for _ in range(3):
            await cancel_the_reader()

        asked = start(channel, Attention())
        await far.answer(b"AT\r", OK)
        assert (await asked).information == []


async def test_a_cancelled_reader_that_no_close_needs_ends_the_channel() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = start(channel, Attention())
        await far.expect(b"AT\r")
        await cancel_the_reader()
        await settle(40)
        assert asked.done()
        with pytest.raises(ModemClosed):
            await asked


async def test_the_repr_of_a_channel_shows_its_state_and_written_bytes_are_counted() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        tasks = [start(channel, Attention()) for _ in range(3)]
        await far.expect(b"AT\r")
        assert repr(channel) == "<Channel script AWAITING_RESULT waiting=2>"
        far.send(OK)
        for _ in range(2):
            await far.answer(b"AT\r", OK)

        await asyncio.gather(*tasks)
        assert (repr(channel), channel.wire_bytes, channel.sends) == ("<Channel script IDLE waiting=0>", 9, {"": 3})

    assert repr(channel) == "<Channel script CLOSED waiting=0>"


async def test_a_reader_that_fails_ends_the_channel_and_reports_to_the_loop(loop_errors: Contexts) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        inbox = Inbox(1024, keeps_order=True)

        def fail() -> None:
            inbox.on_arrival = None
            raise ZeroDivisionError

        inbox.on_arrival = fail
        channel.inboxes.attach(0, inbox)
        asked = start(channel, Attention())
        await far.answer(b"AT\r", b'\r\n+QIURC: "recv",0,2,"6869"\r\n')
        with pytest.raises(ConnectionAbortedError, match=r"^the reader failed: ZeroDivisionError\(\)$"):
            await asked

    (context,) = loop_errors
    assert channel.error is not None
    assert isinstance(context["exception"], ZeroDivisionError)
    assert channel.error.__cause__ is context["exception"]
    assert context["message"] == "<Channel script AWAITING_RESULT waiting=0>: the reader failed"


async def test_a_command_is_written_only_when_all_that_was_received_before_it_is_handled() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        begun: list[Any] = []

        def begin_as_an_eager_task(_: Any) -> None:
            begun.append(channel.continue_turn(Attention()))
            begun[0].send(None)

        channel.subscribe(begin_as_an_eager_task, AddressAssigned)
        far.send(b"\r\n+IP: 10.0.0.1\r\n", OK)
        await settle()
        assert far.written == b""
        begun[0].send(None)
        await far.answer(b"AT\r", OK)
        begun[0].close()
