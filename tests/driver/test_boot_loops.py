"""Whatever a module writes instead of answers, opening and recovery end in time, and probes have a bounded rate."""

import asyncio

import pytest

from bc260y_aio.at.commands import QueryAcks, Test
from bc260y_aio.errors import ModemNotResponding
from bc260y_aio.modem.modem import Modem
from tests.driver.scripted import ERROR, OK, FarEnd, Module, fast_forward, open_channel, settle
from tests.loops import Clock

pytestmark = pytest.mark.loops("asyncio", "eager")

RDY = b"\r\nRDY\r\n"


class BootLoop(FarEnd):
    """A module that writes something again and again, and answers nothing."""

    def __init__(self, line: bytes, period: float) -> None:
        super().__init__()
        self._line = line
        self._period = period

    async def connect(self, protocol: asyncio.Protocol, /) -> asyncio.Transport:
        transport = await super().connect(protocol)
        self._again()
        return transport

    def _again(self) -> None:
        if self.is_connected:
            self.send(self._line)
            asyncio.get_running_loop().call_later(self._period, self._again)


class Parrot(FarEnd):
    """A module that answers every probe with the same line."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self.line = line

    def receive(self, data: bytes) -> None:
        super().receive(data)
        self.send(self.line)


ENDLESS = [RDY, b'\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n', b"\r\n+CFUN: 1\r\n", b"\xff\r\n"]


@pytest.mark.parametrize("line", ENDLESS, ids=["RDY", "EXIT DEEPSLEEP", "a URC", "noise"])
@pytest.mark.parametrize("period", [0.5, 3.0])
async def test_opening_a_module_that_never_answers_ends_in_time(clock: Clock, line: bytes, period: float) -> None:
    far = BootLoop(line, period)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bc260y_aio.modem.lifecycle.open_port", far.open_port)
        began = clock.time()
        with pytest.raises(ModemNotResponding):
            await fast_forward(clock, Modem("script://module", open_timeout=5.0).open())

        # A restart gives the module its time once more, and never again.
        assert clock.time() - began <= 10.5


@pytest.mark.parametrize("line", ENDLESS, ids=["RDY", "EXIT DEEPSLEEP", "a URC", "noise"])
async def test_a_command_to_a_module_that_never_answers_ends_in_time(clock: Clock, line: bytes) -> None:
    far = BootLoop(line, 3.0)
    async with open_channel(far, recovery_timeout=5.0) as channel:
        began = clock.time()
        channel.recover()
        with pytest.raises(ModemNotResponding):
            await fast_forward(clock, channel.execute(QueryAcks(0)))

        assert clock.time() - began <= 10.5


@pytest.mark.parametrize("line", [*ENDLESS[:2], ERROR], ids=["RDY", "EXIT DEEPSLEEP", "ERROR"])
async def test_probes_that_are_answered_at_once_have_a_bounded_rate(clock: Clock, line: bytes) -> None:
    far = Parrot(line)
    async with open_channel(far, recovery_timeout=20.0) as channel:
        began = clock.time()
        channel.recover()
        with pytest.raises(ModemNotResponding):
            await fast_forward(clock, channel.execute(QueryAcks(0)))

        assert far.written.count(b"AT") <= 16 + 4 * (clock.time() - began)


async def test_the_late_answers_of_a_module_do_not_keep_it_alive_for_ever(clock: Clock) -> None:
    far = BootLoop(b"\r\nSEND OK\r\n", 2.0)
    async with open_channel(far, recovery_timeout=5.0) as channel:
        began = clock.time()
        channel.recover()
        with pytest.raises(ModemNotResponding):
            await fast_forward(clock, channel.execute(QueryAcks(0)))

        assert 70.0 <= clock.time() - began <= 81.0


async def test_after_a_restart_the_module_gets_a_moment_before_the_next_probe(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.recover()
        await far.expect(b"AT\r")
        far.send(RDY)
        await far.expect_nothing()
        await clock.advance(0.35)
        await far.expect(b"AT\r")


# Modules that answer test commands with OK alone


async def test_a_module_that_answers_test_commands_with_ok_alone_is_opened_in_time(clock: Clock) -> None:
    module = Module()
    module.override = lambda command: OK if isinstance(command, Test) else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bc260y_aio.modem.lifecycle.open_port", module.open_port)
        began = clock.time()
        modem = Modem("script://module")
        await fast_forward(clock, modem.open())
        assert clock.time() - began < 6.0
        assert modem.is_open
        await modem.close()


async def test_late_oks_are_no_answers_to_test_commands(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        channel.recover()
        for _ in range(4):
            await far.expect(b"AT\r")
            await clock.advance(0.35)

        # The first shows that it listens; the others are those of the other ATs, which come with a marker under way.
        far.send(OK)
        await settle()
        far.send(OK * 3)
        await settle()
        await clock.advance(4.0)
        asked = asyncio.ensure_future(channel.execute(QueryAcks(0)))
        await settle()
        assert not asked.done()
        assert far.unexpected.count(b"=?") == 1
        assert b"QISEND=0" not in far.unexpected
        asked.cancel()
