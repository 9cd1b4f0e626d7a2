"""Commands at the startup of a modem, and at its close."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Final

import pytest

from bc260y_aio.at.commands import Command, OpenSocket, QueryDataFormat, QuerySockets, SetEcho
from bc260y_aio.at.information import RegistrationStatus
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.errors import CommandFailed, CommandTimeout, ModemNotResponding, ModuleRestarted, ModuleSlept, PortLost
from bc260y_aio.modem.modem import Modem
from bc260y_aio.modem.startup import DEFAULT_RATES, find_rate
from bc260y_aio.port import Port
from tests.driver.scripted import ERROR, OK, FarEnd, Module, Socket, fast_forward, open_modem, settle
from tests.loops import Clock, Contexts

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX

# The commands to a module that needs no change, in order.
OPENING: Final = [
    "AT",
    "AT+QICFG=?",
    "AT",
    "AT+CMEE?",
    "AT+QSCLK?",
    "AT+QSCLK=0",
    'AT+QICFG="dataformat"',
    "AT+CEREG?",
    "AT+QISTATE?",
]

# The commands to one that echoes.
OPENING_WITH_ECHO: Final = [*OPENING[:3], "ATE0", *OPENING[3:]]

# The rate


class RatedPort(Port):
    """A port that changes its rate as a device does; the far end listens at one rate only."""

    def __init__(self, far: "RatedFarEnd", baudrate: int = 9600) -> None:
        super().__init__("/dev/ttyX", far, baudrate=baudrate)
        self.far = far
        self.tried = [baudrate]

    async def set_baudrate(self, baudrate: int) -> None:
        await asyncio.sleep(0)
        if baudrate in self.far.unknown:
            raise ValueError(f"cannot set /dev/ttyX to {baudrate} baud")

        self.baudrate = baudrate
        self.tried.append(baudrate)


class RatedFarEnd(FarEnd):
    """A module at a certain rate; what is written at another is garbage to it.

    Attributes:
        rate: its rate in baud; None answers at none.
        deaf_for: so many AT go unheard first.
        unknown: rates that the device does not know.
    """

    def __init__(self, rate: int | None, *, deaf_for: int = 0, unknown: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.rate = rate
        self.deaf_for = deaf_for
        self.unknown = unknown
        self.port: RatedPort | None = None
        self.line = b""

    def receive(self, data: bytes) -> None:
        super().receive(data)
        assert self.port is not None
        self.line += data if self.port.baudrate == self.rate else b"\xf3"
        while b"\r" in self.line:
            command, _, self.line = self.line.partition(b"\r")
            if command == b"AT":
                self.deaf_for -= 1
                if self.deaf_for < 0:
                    asyncio.get_running_loop().call_soon(self.send, b"AT\r\r\nOK\r\n")

    async def open_rated_port(self, url: str = "", baudrate: int | None = 9600) -> RatedPort:
        self.port = RatedPort(self, baudrate or 9600)
        await self.port._open()
        return self.port


@pytest.mark.parametrize("rate", [2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800])
async def test_a_module_is_found_at_any_of_the_usual_rates(rate: int, clock: Clock) -> None:
    far = RatedFarEnd(rate)
    async with await far.open_rated_port() as port:
        await fast_forward(clock, find_rate(port, 15.0))
        assert port.baudrate == rate


@pytest.mark.usefixtures("clock")
async def test_the_search_begins_with_the_rate_that_is_set() -> None:
    far = RatedFarEnd(115200)
    async with await far.open_rated_port(baudrate=115200) as port:
        await find_rate(port, 15.0)
        assert far.written == b"\rAT\r"


async def test_an_answer_to_the_search_may_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    far = RatedFarEnd(9600)

    def send(data: bytes) -> None:
        for byte in data:
            FarEnd.send(far, bytes([byte]))

    monkeypatch.setattr(far, "send", send)
    async with await far.open_rated_port() as port:
        await find_rate(port, 15.0)
        assert far.written == b"\rAT\r"


async def test_at_each_rate_a_cr_comes_first_and_then_two_at(clock: Clock) -> None:
    far = RatedFarEnd(115200)
    async with await far.open_rated_port() as port:
        await fast_forward(clock, find_rate(port, 15.0))
        assert far.written == b"\rAT\rAT\r" * 2 + b"\rAT\r"


async def test_a_module_that_starts_is_found_when_it_has_started(clock: Clock) -> None:
    far = RatedFarEnd(9600, deaf_for=5)
    async with await far.open_rated_port() as port:
        await fast_forward(clock, find_rate(port, 30.0))
        assert port.baudrate == 9600


async def test_a_rate_that_the_device_does_not_know_is_passed_over(clock: Clock) -> None:
    far = RatedFarEnd(57600, unknown=(115200, 921600))
    async with await far.open_rated_port() as port:
        await fast_forward(clock, find_rate(port, 15.0))
        assert port.baudrate == 57600
        # First at 9600 twice, as it was set and as the usual one.
        assert far.written == b"\rAT\rAT\r" * 2 + b"\rAT\r"


async def test_without_an_answer_at_any_rate_the_module_is_not_responding(clock: Clock) -> None:
    far = RatedFarEnd(None)
    async with await far.open_rated_port() as port:
        with pytest.raises(ModemNotResponding, match="at any of the usual rates; nothing was received: "):
            await fast_forward(clock, find_rate(port, 15.0))

        # A module that is starting has more than one chance at each.
        assert all(port.tried.count(rate) >= 2 for rate in DEFAULT_RATES)


async def test_a_port_that_is_lost_amid_the_search_says_so() -> None:
    far = RatedFarEnd(None)
    async with await far.open_rated_port() as port:
        searching = asyncio.ensure_future(find_rate(port, 15.0))
        await settle()
        far.hang_up()
        with pytest.raises(PortLost):
            await searching


async def test_a_modem_probes_the_rate_only_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    far = RatedFarEnd(9600)
    monkeypatch.setattr(far, "open_port", far.open_rated_port)
    opening = asyncio.ensure_future(open_modem(far).__aenter__())
    await far.expect(b"\rAT\r")
    await far.expect(b"AT\r")
    opening.cancel()
    await asyncio.wait([opening])
    # A program that looks for the module elsewhere needs the port.
    assert far.is_closed

    far = RatedFarEnd(9600)
    monkeypatch.setattr(far, "open_port", far.open_rated_port)
    opening = asyncio.ensure_future(open_modem(far, baudrate=9600).__aenter__())
    await far.expect(b"\rAT\r")
    await far.expect(b"AT+QICFG=?\r")
    opening.cancel()
    await asyncio.wait([opening])


# Before business


async def test_a_module_that_needs_no_change_is_sent_no_more_than_needed() -> None:
    module = Module()
    async with open_modem(module):
        assert module.lines == OPENING
        assert module.nvram_writes == 0
        assert bytes(module.written[:4]) == b"\rAT\r"


@pytest.mark.parametrize("ending", [b"", b"\r", b"\n", b"\r\n"])
async def test_the_echo_of_a_module_just_started_is_no_answer_however_it_ends(ending: bytes) -> None:
    module = Module()
    module.dce.echo_ending = ending
    echoed: list[bool] = []

    def note(command: Command) -> bytes | None:
        echoed.append(module.dce.echo_ending is not None)
        return None

    module.override = note
    async with open_modem(module) as modem:
        assert module.lines == OPENING_WITH_ECHO
        # AT, the marker, AT and ATE0 itself are echoed; nothing after that is.
        assert echoed == [True] * 4 + [False] * 6
        assert modem.is_open


@pytest.mark.parametrize("found", [(TEXT, TEXT), (HEX, TEXT), (TEXT, HEX)])
async def test_the_payload_formats_are_written_only_when_they_differ(
    found: tuple[PayloadFormat, PayloadFormat],
) -> None:
    module = Module(*found)
    async with open_modem(module):
        assert module.nvram_writes == 1
        assert 'AT+QICFG="dataformat",1,1' in module.lines

    async with open_modem(module):
        assert module.nvram_writes == 1


async def test_the_payload_formats_are_restored_when_that_is_asked_for() -> None:
    module = Module(TEXT, TEXT)
    async with open_modem(module, restore_data_format=True):
        assert (module.dce.send_format, module.dce.receive_format) == (HEX, HEX)

    assert (module.dce.send_format, module.dce.receive_format) == (TEXT, TEXT)
    assert module.nvram_writes == 2


async def test_sockets_that_an_earlier_program_left_open_are_closed() -> None:
    module = Module()
    module.sockets = {
        3: Socket(OpenSocket(3, "TCP", "a.b", 7)),
        4: Socket(OpenSocket(4, "UDP", "c.d", 8)),
    }
    async with open_modem(module):
        assert module.lines == [*OPENING, "AT+QICLOSE=3", "AT+QICLOSE=4"]
        assert module.sockets == {}


async def test_a_socket_left_open_that_cannot_be_closed_does_not_keep_a_modem_from_being_opened() -> None:
    module = Module()
    module.sockets = {3: Socket(OpenSocket(3, "TCP", "a.b", 7))}
    module.override = lambda command: ERROR if command.name == "+QICLOSE" else None
    async with open_modem(module) as modem:
        assert modem.is_open


async def test_data_that_comes_for_a_socket_left_open_disturbs_no_one() -> None:
    module = Module()
    module.sockets = {3: Socket(OpenSocket(3, "TCP", "a.b", 7))}
    pushed = b'\r\n+QIURC: "recv",3,2,"6869"\r\n'
    module.override = lambda command: pushed + module.healthy(command)
    async with open_modem(module) as modem:
        assert modem.is_open
        assert module.sockets == {}


@pytest.mark.parametrize("refusal", [ERROR, b"\r\n+CME ERROR: 58\r\n", b"\r\n+CME ERROR: unknown\r\n"])
async def test_firmware_that_refuses_what_is_optional_is_tolerated(refusal: bytes) -> None:
    module = Module()
    names = ("+CMEE", "+QSCLK", "+CEREG")
    module.override = lambda command: refusal if command.name in names or "QSCLK" in command.write() else None
    async with open_modem(module) as modem:
        assert module.lines == OPENING
        # A module that does not report its registration is taken for registered.
        transport, _ = await modem.create_connection(asyncio.Protocol, "a.b", 7)
        transport.abort()

    # A setting that could not be read is not restored.
    assert module.count("AT+QSCLK") == 2


@pytest.mark.parametrize("needed", [SetEcho, QueryDataFormat, QuerySockets])
async def test_a_required_setting_that_is_refused_is_reported(needed: type[Command]) -> None:
    module = Module()
    module.dce.echo_ending = b""
    module.override = lambda command: ERROR if isinstance(command, needed) else None
    with pytest.raises(CommandFailed):
        async with open_modem(module):
            pass

    assert not module.is_connected


async def test_a_lost_answer_at_the_start_is_tolerated(clock: Clock) -> None:
    module = Module()
    lost = {"AT+CMEE?", "AT+CMEE=1", "AT+QSCLK?", "AT+QSCLK=0", "AT+CEREG?"}

    def lose(command: Command) -> bytes | None:
        if command.write() in lost:
            lost.remove(command.write())
            return b""

        return None

    module.override = lose
    modem = open_modem(module)
    opened = await fast_forward(clock, modem.__aenter__())
    assert opened.is_open
    await modem.__aexit__(None, None, None)


async def test_a_module_is_told_again_to_stay_awake_when_that_was_lost_on_the_line(clock: Clock) -> None:
    module = Module()
    lost = [b""]
    module.override = lambda command: lost.pop() if lost and command.write() == "AT+QSCLK=0" else None
    manager = open_modem(module)
    await fast_forward(clock, manager.__aenter__())
    assert (module.count("AT+QSCLK=0"), module.sleep) == (2, 0)
    await manager.__aexit__(None, None, None)


async def test_a_module_may_be_slow_to_answer_its_first_command(clock: Clock) -> None:
    module = Module()

    def be_slow(command: Command) -> bytes | None:
        # The probe was the first.
        if module.lines.count("AT") != 2 or command.write() != "AT":
            return None

        asyncio.get_running_loop().call_later(4.0, module.send, OK)
        return b""

    module.override = be_slow
    manager = open_modem(module)
    await fast_forward(clock, manager.__aenter__())
    assert module.lines == OPENING
    await manager.__aexit__(None, None, None)


async def test_a_setting_that_cannot_be_read_is_written() -> None:
    module = Module()
    module.settings["AT+CMEE?"] = '+CMEE: "0""1"'
    async with open_modem(module):
        assert module.count("AT+CMEE=1") == 1


@pytest.mark.parametrize("times", [2, 3])
async def test_a_start_is_made_three_times(times: int, clock: Clock) -> None:
    module = Module()
    lost = [b""] * times
    module.override = lambda command: lost.pop() if lost and isinstance(command, QuerySockets) else None
    manager = open_modem(module)
    if times < 3:
        await fast_forward(clock, manager.__aenter__())
        await manager.__aexit__(None, None, None)
    else:
        with pytest.raises(CommandTimeout):
            await fast_forward(clock, manager.__aenter__())

    assert module.count("AT+QISTATE?") == 3


async def test_a_restart_amid_the_start_fails_it_and_the_modem_can_be_opened_again() -> None:
    module = Module()
    said = [b"\r\nRDY\r\n"]
    module.override = lambda command: said.pop() if said and command.name == "+QSCLK" else None
    with pytest.raises(ModuleRestarted):
        async with open_modem(module):
            pass

    assert not module.is_connected
    async with open_modem(module) as modem:
        assert modem.is_open


async def test_a_module_that_boots_while_the_port_is_opened_is_waited_for(clock: Clock) -> None:
    module = Module()
    boot = [b"", b"", b"\r\nRDY\r\n", b"", b"\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n", b""]
    module.override = lambda command: boot.pop(0) if boot else None
    manager = open_modem(module)
    modem = await fast_forward(clock, manager.__aenter__())
    assert modem.is_open
    assert module.lines[:7] == ["AT"] * 7
    assert module.lines[8:] == OPENING[2:]
    await manager.__aexit__(None, None, None)


async def test_a_module_without_an_answer_is_not_responding(clock: Clock) -> None:
    far = FarEnd()
    with pytest.raises(ModemNotResponding, match=r"^script://module: no answer for 15 s; nothing was received: "):
        await fast_forward(clock, open_modem(far).__aenter__())

    assert far.is_closed


async def test_an_open_that_is_cancelled_at_any_point_leaves_the_port_closed() -> None:
    for point in itertools.count():
        module = Module()
        manager = open_modem(module)
        opening = asyncio.ensure_future(manager.__aenter__())
        await settle(point)
        if opening.done():
            await manager.__aexit__(None, None, None)
            break

        opening.cancel()
        await asyncio.wait([opening])
        assert opening.cancelled()
        assert not module.is_connected

    assert point > 20


# After business


async def test_sleep_is_forbidden_during_business_and_allowed_again_at_the_end() -> None:
    module = Module()
    async with open_modem(module):
        assert module.sleep == 0

    assert module.sleep == 1
    assert module.lines[-1] == "AT+QSCLK=1"


@pytest.mark.parametrize("found", [0, 2])
async def test_the_initial_sleep_mode_is_restored(found: int) -> None:
    module = Module()
    module.sleep = found
    async with open_modem(module):
        assert module.sleep == 0

    assert module.sleep == found
    assert module.count("AT+QSCLK=") == (2 if found else 1)


@pytest.mark.parametrize("command", ["AT+QSCLK?", "AT+QSCLK=1", 'AT+QICFG="dataformat",0,0'])
async def test_the_initial_sleep_mode_is_restored_though_a_command_is_lost_on_the_line(
    command: str, clock: Clock
) -> None:
    module = Module(PayloadFormat.TEXT, PayloadFormat.TEXT)
    lost = [b""]
    module.override = lambda sent: lost.pop() if lost and sent.write() == command else None
    manager = open_modem(module, restore_data_format=True)
    await fast_forward(clock, manager.__aenter__())
    await fast_forward(clock, manager.__aexit__(None, None, None))
    assert (lost, module.sleep, module.dce.send_format) == ([], 1, PayloadFormat.TEXT)


async def test_a_module_that_does_not_answer_any_more_is_left_as_it_is(clock: Clock) -> None:
    module = Module()
    manager = open_modem(module, close_timeout=2.0)
    await manager.__aenter__()
    module.override = lambda command: b""
    await fast_forward(clock, manager.__aexit__(None, None, None))
    assert module.is_closed


async def test_after_a_restart_the_module_gets_all_settings_again() -> None:
    module = Module()
    async with open_modem(module) as modem:
        asked = len(module.lines)
        module.sleep = 1
        module.dce.echo_ending = b"\r\n"
        module.sockets.clear()
        module.send(b"\r\nRDY\r\n\r\n+CFUN: 1\r\n")
        await settle(100)
        told = module.lines[asked:]
        assert told[0] == "AT"
        assert told[2:] == [line for line in OPENING_WITH_ECHO[2:] if line != "AT+QSCLK?"]
        assert (module.sleep, module.dce.echo()) == (0, b"")
        assert (await modem.registration()).status is RegistrationStatus.HOME


async def test_after_a_restart_nothing_else_is_sent_before_the_settings_are_established() -> None:
    module = Module()
    async with open_modem(module) as modem:
        async with modem._channel.turn():
            waiting = asyncio.ensure_future(modem.execute("AT+CSQ"))
            await settle()
            module.send(b"\r\nRDY\r\n")
            await settle()

        await waiting
        assert module.lines[-2:] == ["AT+QISTATE?", "AT+CSQ"]


async def test_an_echo_has_a_module_asked_what_has_become_of_its_sockets_unless_it_echoes_in_any_case() -> None:
    for echoes_always in (False, True):
        module = Module()
        module.dce.echo_ending = b"\r\n"
        if echoes_always:
            module.override = lambda command: OK if isinstance(command, SetEcho) else None

        async with open_modem(module) as modem:
            transport, _ = await modem.create_connection(asyncio.Protocol, "echo.example", 7)
            asked = len(module.lines)
            module.dce.echo_ending = b"\r\n"
            for _ in range(3):
                await modem.execute("AT+CSQ")
                await settle(100)

            told = [] if echoes_always else [line for line in OPENING_WITH_ECHO[2:] if line != "AT+QSCLK?"]
            assert module.lines[asked:] == ["AT+CSQ", *told, "AT+CSQ", "AT+CSQ"]
            assert not transport.is_closing()
            transport.abort()


# Settings that the module keeps in NVRAM


async def test_a_setting_that_differs_is_written_once() -> None:
    module = Module()
    module.settings["AT+CMEE?"] = "+CMEE: 0"
    for _ in range(3):
        async with open_modem(module):
            pass

    assert [line for line in module.lines if line.startswith("AT+CMEE")] == ["AT+CMEE?", "AT+CMEE=1"] + 2 * ["AT+CMEE?"]


async def test_sleep_writes_nothing_that_the_module_has_already() -> None:
    module = Module()
    module.settings |= {"AT+QNBIOTEVENT?": "+QNBIOTEVENT: 1,1", 'AT+QCFG="dsevent"': '+QCFG: "dsevent",1'}
    async with open_modem(module) as modem:
        for _ in range(10):
            await modem.sleep()

    assert (module.setting_writes, module.nvram_writes) == (0, 0)
    # A setting is read once between two restarts.
    assert module.count("AT+QNBIOTEVENT?") == module.count('AT+QCFG="dsevent"') == 1


async def test_sleep_switches_the_reports_on_once() -> None:
    module = Module()
    async with open_modem(module) as modem:
        for _ in range(10):
            await modem.sleep()

        module.send(b"\r\nRDY\r\n")
        await settle(200)

    assert (module.setting_writes, module.nvram_writes) == (2, 0)


@pytest.mark.parametrize(
    ("locked_for", "awake_for"), [("0", 0.3), ("2", 1.0), ("10", 5.0), ("30", 5.0), ("x", 5.0), (None, 5.0)]
)
async def test_a_module_that_sleeps_sooner_is_woken_sooner(locked_for: str | None, awake_for: float) -> None:
    module = Module()
    module.settings['AT+QCFG="slplocktimes"'] = f'+QCFG: "slplocktimes",{locked_for}'
    if locked_for is None:
        # It does not report it.
        del module.settings['AT+QCFG="slplocktimes"']

    async with open_modem(module) as modem:
        await modem.sleep()
        assert modem._channel.profile.awake_for == awake_for


async def test_a_stream_that_was_lost_in_unreported_sleep_ends_with_that(clock: Clock) -> None:
    module = Module()
    async with open_modem(module) as modem:
        _, writer = await modem.open_connection("a.b", 7)
        await modem.sleep()
        await clock.advance(60.0)
        module.sockets.clear()
        writer.write(b"data")
        writer.close()
        with pytest.raises(ModuleSlept):
            await fast_forward(clock, writer.wait_closed())


class SleepyModule(Module):
    """A module that may be asleep; the line that wakes it is lost, and it reports neither."""

    is_asleep = False

    def receive(self, data: bytes) -> None:
        if not self.is_asleep:
            super().receive(data)

        self.is_asleep = False


@contextlib.asynccontextmanager
async def asleep(clock: Clock) -> AsyncIterator[tuple[SleepyModule, Modem, asyncio.Transport]]:
    """Open a modem and a stream on a module that falls asleep after that."""
    module = SleepyModule()
    async with open_modem(module) as modem:
        transport, _ = await modem.create_connection(asyncio.Protocol, "a.b", 7)
        await modem.sleep()
        await clock.advance(60.0)
        module.is_asleep = True
        yield module, modem, transport


async def test_a_stream_that_only_reads_hears_of_unreported_sleep_after_any_command(clock: Clock) -> None:
    module = SleepyModule()
    async with open_modem(module) as modem:
        reader, writer = await modem.open_connection("a.b", 7)
        await modem.sleep()
        await clock.advance(60.0)
        module.sockets.clear()
        module.is_asleep = True
        await fast_forward(clock, modem.execute("AT+CSQ"))
        with pytest.raises(ModuleSlept):
            await fast_forward(clock, reader.read())

        writer.close()
        with pytest.raises(ModuleSlept):
            await fast_forward(clock, writer.wait_closed())


async def test_a_stream_that_survived_light_sleep_goes_on(clock: Clock) -> None:
    async with asleep(clock) as (module, modem, transport):
        queries = module.count("AT+QISTATE?")
        await fast_forward(clock, modem.execute("AT+CSQ"))
        await clock.advance(1.0)
        assert module.count("AT+QISTATE?") == queries + 1
        assert not transport.is_closing()
        transport.abort()


async def test_a_module_that_slept_sooner_than_expected_is_woken_before_it_is_told_to_stay_awake(clock: Clock) -> None:
    module = SleepyModule()
    async with open_modem(module) as modem:
        await modem.sleep()
        module.is_asleep = True
        before = len(module.lines)
        await fast_forward(clock, modem.wake())
        assert [line for line in module.lines[before:] if not line.endswith("=?")] == [
            "AT",
            "AT+QSCLK=0",
            "AT+QISTATE?",
        ]


async def test_a_module_that_was_not_allowed_to_sleep_is_kept_awake_by_one_command() -> None:
    module = Module()
    async with open_modem(module) as modem:
        before = len(module.lines)
        await modem.wake()
        assert module.lines[before:] == ["AT+QSCLK=0"]


async def test_a_module_that_is_kept_awake_needs_no_waking_and_has_no_lost_streams(clock: Clock) -> None:
    module = Module()
    async with open_modem(module) as modem:
        await modem.sleep()
        await clock.advance(60.0)
        before = len(module.lines)
        await fast_forward(clock, modem.wake())
        assert [line for line in module.lines[before:] if not line.endswith("=?")] == [
            "AT",
            "AT+QSCLK=0",
            "AT+QISTATE?",
        ]
        before = len(module.lines)
        await clock.advance(60.0)
        await fast_forward(clock, modem.wake())
        assert module.lines[before:] == ["AT+QSCLK=0"]


async def test_a_stream_that_was_lost_in_unreported_sleep_ends_when_the_module_is_kept_awake(clock: Clock) -> None:
    module = Module()
    async with open_modem(module) as modem:
        reader, writer = await modem.open_connection("a.b", 7)
        await modem.sleep()
        # It has woken by itself meanwhile.
        module.sockets.clear()
        await modem.wake()
        await settle(60)
        assert isinstance(reader.exception(), ModuleSlept)
        writer.close()
        with pytest.raises(ModuleSlept):
            await fast_forward(clock, writer.wait_closed())


async def test_whoever_finds_the_module_asleep_has_the_streams_asked_for_before_the_next_in_line(clock: Clock) -> None:
    async with asleep(clock) as (module, modem, transport):
        before = len(module.lines)
        commands = ("AT+CSQ", "AT+CBC", "AT+CGATT?")
        await fast_forward(clock, asyncio.gather(*map(modem.execute, commands)))
        asked = [line for line in module.lines[before:] if line != "AT" and not line.endswith("=?")]
        assert asked == ["AT+CSQ", "AT+QISTATE?", "AT+CBC", "AT+CGATT?"]
        transport.abort()


async def test_that_nobody_knows_of_the_streams_is_no_error(clock: Clock, loop_errors: Contexts) -> None:
    async with asleep(clock) as (module, modem, transport):
        module.override = lambda command: ERROR if isinstance(command, QuerySockets) else None
        await fast_forward(clock, modem.execute("AT+CSQ"))
        await settle(60)
        assert module.lines[-1] == "AT+QISTATE?"
        assert not transport.is_closing()
        transport.abort()

    assert loop_errors == []


@pytest.mark.parametrize(("may_sleep", "kind"), [(False, "TCP"), (True, "UDP")])
async def test_a_lost_line_is_no_reason_to_ask_for_streams_that_sleep_cannot_end(
    may_sleep: bool, kind: str, clock: Clock
) -> None:
    module = Module()
    async with open_modem(module) as modem:
        if kind == "TCP":
            await modem.create_connection(asyncio.Protocol, "a.b", 7)
        else:
            await modem.open_datagram_endpoint("a.b", 7)

        if may_sleep:
            await modem.sleep()

        await clock.advance(60.0)
        before = module.count("AT+QISTATE?")
        # The command and a probe, or two probes.
        lost = [b"", b""]
        module.override = lambda command: lost.pop() if lost else None
        with contextlib.suppress(CommandTimeout):
            await fast_forward(clock, modem.execute("AT+CSQ"))

        await fast_forward(clock, modem.execute("AT+CSQ"))
        await settle(60)
        assert module.count("AT+QISTATE?") == before


@pytest.mark.parametrize("known", [False, True])
async def test_the_log_says_where_sleep_is_reported_only_after_a_restart(
    known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    module = Module()
    if known:
        module.settings['AT+QCFG="dsevent"'] = '+QCFG: "dsevent",1'

    async with open_modem(module) as modem:
        with caplog.at_level("INFO", "bc260y_aio"):
            await modem.sleep()

    assert ("reports deep sleep only after its next restart" in caplog.text) is not known
