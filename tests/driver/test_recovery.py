"""A module that answers late, or hardly, is found all the same, and one that says nothing is given up in time."""

import asyncio
import itertools
from collections.abc import Container

import pytest

from bc260y_aio.at.commands import QueryAcks, read_verbatim
from bc260y_aio.at.information import AckStatus
from bc260y_aio.errors import CommandTimeout, ModemNotResponding, RemoteProtocolError
from tests.driver.scripted import MARKER, OK, FarEnd, fast_forward, open_channel, settle
from tests.loops import Clock, Contexts

pytestmark = pytest.mark.loops("asyncio", "eager")


class Late(FarEnd):
    """A module that answers everything it is asked, in order, but late.

    Attributes:
        asked: the command lines that were heard, and when.
    """

    def __init__(self, seconds: float, *, one_by_one: bool) -> None:
        """Make one; with ``one_by_one`` it begins with a command only when it is done with the one before."""
        super().__init__()
        self.asked: list[tuple[float, bytes]] = []
        self._seconds = seconds
        self._one_by_one = one_by_one
        self._busy_until = 0.0

    def receive(self, data: bytes) -> None:
        super().receive(data)
        loop = asyncio.get_running_loop()
        now = loop.time()
        for line in data.split(b"\r")[:-1]:
            self.asked.append((now, line))
            begins = max(now, self._busy_until) if self._one_by_one else now
            self._busy_until = begins + self._seconds
            loop.call_at(self._busy_until, self.send, answer(line))


class Sleepy(FarEnd):
    """A module that falls asleep after ten seconds without input; the command line that wakes it is lost.

    Args:
        losing: of the lines that it receives awake, it forgets these, counted from 0.
    """

    def __init__(self, losing: Container[int]) -> None:
        super().__init__()
        self._losing = losing
        self._lines = itertools.count()
        self._asleep_at = 0.0

    def receive(self, data: bytes) -> None:
        super().receive(data)
        loop = asyncio.get_running_loop()
        is_awake = loop.time() < self._asleep_at
        self._asleep_at = loop.time() + 10.0
        if is_awake and next(self._lines) not in self._losing:
            loop.call_soon(self.send, answer(data.removesuffix(b"\r")))


def answer(line: bytes) -> bytes:
    """Return what a module answers."""
    if line.endswith(b"=?"):
        return b"\r\n%b: (0-4)\r\n" % line[2:-2] + OK

    return b"\r\n+QISEND: %b,0\r\n" % line.partition(b"=")[2] + OK if b"=" in line else OK


@pytest.mark.parametrize(("seconds", "one_by_one"), [(2.0, True), (20.0, True), (30.0, False), (40.0, False)])
async def test_a_module_that_answers_late_is_brought_into_step(clock: Clock, seconds: float, one_by_one: bool) -> None:
    far = Late(seconds, one_by_one=one_by_one)
    async with open_channel(far) as channel:
        with pytest.raises(CommandTimeout):
            await fast_forward(clock, channel.execute(QueryAcks(0), 1.0))

        answer = await fast_forward(clock, channel.execute(QueryAcks(1), 10 * seconds))
        assert answer.information == [AckStatus(1, 0, 0)]
        assert sum(line == b"AT" for _, line in far.asked) <= 12


async def test_a_module_that_is_lost_is_reported_with_the_time_that_it_was_given(clock: Clock) -> None:
    async with open_channel(FarEnd(), recovery_timeout=2.5) as channel:
        channel.recover()
        with pytest.raises(ModemNotResponding, match=r"no answer for 2\.5 s$"):
            await fast_forward(clock, channel.execute(QueryAcks(0)))


async def test_a_module_that_may_only_be_asleep_is_asked_often_at_first_and_then_ever_more_seldom(clock: Clock) -> None:
    far = Late(1000.0, one_by_one=False)
    async with open_channel(far, recovery_timeout=30.0) as channel:
        channel.recover()
        await settle()
        with pytest.raises(ModemNotResponding, match=r"no answer for 30 s$"):
            await fast_forward(clock, channel.execute(QueryAcks(0)))

        times = [time for time, _ in far.asked]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        # The last is for one that was woken by the AT before it, and would be asleep again by the next.
        assert gaps == pytest.approx([0.3, 0.3, 0.3, 0.3, 0.6, 1.2, 2.4, 4.8, 9.6, 1.2], abs=0.1)


async def test_a_module_that_reports_waking_is_probed_at_once_and_that_is_no_answer(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far, recovery_timeout=60.0) as channel:
        began = asyncio.get_running_loop().time()
        channel.recover()
        for _ in range(9):
            await far.expect(b"AT\r")
            await clock.advance(4.8)

        # Had it said nothing, the next one would be seconds away.
        await far.expect_nothing()
        far.send(b'\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n')
        await settle()
        await far.expect(b"AT\r")
        with pytest.raises(ModemNotResponding):
            await fast_forward(clock, channel.execute(QueryAcks(0)))

        assert asyncio.get_running_loop().time() - began == pytest.approx(60.0, abs=0.5)


@pytest.mark.parametrize("losing", [range(4), range(1, 3), range(1, 5)])
async def test_a_module_that_forgets_probes_in_its_sleep_is_found_while_it_is_awake(
    clock: Clock, losing: Container[int]
) -> None:
    far = Sleepy(losing)
    async with open_channel(far, recovery_timeout=300.0) as channel:
        channel.recover()
        assert (await fast_forward(clock, channel.execute(QueryAcks(1)))).information == [AckStatus(1, 0, 0)]


@pytest.mark.parametrize(
    ("restarts", "lost_after"), [((), 10.0), ((8.0,), 18.0), ((3.0, 8.0, 12.0), 13.0), ((0.2, 9.0), 10.2)]
)
async def test_a_restart_gives_a_module_its_time_once_more_but_the_next_one_does_not(
    clock: Clock, restarts: tuple[float, ...], lost_after: float
) -> None:
    far = FarEnd()
    async with open_channel(far, recovery_timeout=10.0) as channel:
        loop = asyncio.get_running_loop()
        began = loop.time()
        channel.recover()
        for restart in restarts:
            loop.call_at(began + restart, far.send, b"\r\nRDY\r\n")

        said = f"the module restarted and did not answer for {lost_after:.0f} s" if restarts else "no answer for 10 s"
        with pytest.raises(ModemNotResponding, match=f"{said}$"):
            await fast_forward(clock, channel.execute(QueryAcks(0)))

        assert loop.time() - began == pytest.approx(lost_after, abs=0.1)


async def test_after_a_recovery_with_restarts_the_next_one_has_nothing_of_them(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far, recovery_timeout=10.0) as channel:
        loop = asyncio.get_running_loop()
        lost_probes: list[None] = []
        channel.recovery.on_lost_probe = lambda: lost_probes.append(None)
        channel.recover()
        await far.expect(b"AT\r")
        await clock.advance(0.4)
        await far.expect(b"AT\r")
        far.send(b"\r\nRDY\r\n")
        await settle()
        await clock.advance(0.4)
        await far.resynchronise()
        assert len(lost_probes) == 1
        # One without anything lost.
        await clock.advance(100.0)
        channel.recover()
        await settle()
        await far.resynchronise()
        assert len(lost_probes) == 1
        # One with a restart, which gives the time once more.
        began = loop.time()
        channel.recover()
        loop.call_at(began + 8.0, far.send, b"\r\nRDY\r\n")
        with pytest.raises(ModemNotResponding, match=r"restarted and did not answer for 18 s$"):
            await fast_forward(clock, channel.execute(QueryAcks(0)))


async def test_the_line_is_waited_for_while_a_command_that_was_given_up_may_still_be_running(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far, recovery_timeout=10.0) as channel:
        command = read_verbatim("AT+COPS=0")
        began = asyncio.get_running_loop().time()
        with pytest.raises(CommandTimeout):
            await fast_forward(clock, channel.execute(command, 1.0))

        with pytest.raises(ModemNotResponding):
            await fast_forward(clock, channel.execute(QueryAcks(0)))

        assert command.result_timeout > 30.0
        assert asyncio.get_running_loop().time() - began == pytest.approx(command.result_timeout + 10.0, abs=0.5)


async def test_an_answer_to_a_probe_gives_the_module_its_time_once_more(clock: Clock) -> None:
    far = Late(0.0, one_by_one=False)
    async with open_channel(far, recovery_timeout=10.0) as channel:
        loop = asyncio.get_running_loop()
        began, receive = loop.time(), far.receive
        heard: list[bytes] = []

        def hear(data: bytes) -> None:
            """Hear nothing for five seconds; then lose the first marker."""
            if loop.time() >= began + 5.0:
                heard.append(data)
                if len(heard) != 2:
                    receive(data)

        far.receive = hear  # type: ignore[method-assign]
        channel.recover()
        assert (await fast_forward(clock, channel.execute(QueryAcks(1)))).information == [AckStatus(1, 0, 0)]
        assert loop.time() - began > 10.0


# A marker that is answered with OK alone: the rest has a second, but no longer than an answer has.
@pytest.mark.parametrize(("answered_after", "next_after"), [(0.5, 1.5), (3.0, 4.0), (4.5, 5.0), (4.9, 5.0)])
async def test_a_bare_ok_to_a_marker_is_followed_by_the_next_before_long(
    clock: Clock, answered_after: float, next_after: float
) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.recover()
        await far.answer(b"AT\r", OK)
        await far.expect(MARKER)
        await clock.advance(answered_after)
        far.send(OK)
        await settle()
        await clock.advance(next_after - answered_after - 0.05)
        await far.expect_nothing()
        await clock.advance(0.1)
        await far.expect(b"AT+QIOPEN=?\r")


async def test_a_bare_ok_in_the_moment_in_which_its_marker_is_given_up_disturbs_nothing(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.recover()
        await far.answer(b"AT\r", OK)
        await far.expect(MARKER)
        loop = asyncio.get_running_loop()
        assert far._near is not None
        loop.call_at(loop.time() + 5.001, far._near.data_received, OK)
        await clock.advance(5.1)
        await far.expect(b"AT+QIOPEN=?\r")
        assert channel.error is None


async def test_a_probe_that_fails_ends_the_channel_and_is_reported_to_the_loop(loop_errors: Contexts) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.port.write = lambda data: 1 // 0  # type: ignore[method-assign, assignment]
        channel.recover()
        with pytest.raises(RemoteProtocolError, match=r"^recovery failed: ZeroDivisionError") as caught:
            await channel.execute(QueryAcks(1))

        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    assert [(context["message"], context["exception"]) for context in loop_errors] == [
        ("script://module: bringing the line into step failed", caught.value.__cause__)
    ]
