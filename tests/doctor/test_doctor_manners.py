"""What the doctor does to a module: nothing without consent, and nothing that stays."""

import asyncio
import re
from dataclasses import replace
from typing import Any, Final

import pytest

from bc260y_aio import ModemNotResponding, PortLost, PortNotFound
from bc260y_aio.at.responses import CmeLevel
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.doctor import Harm, Order, Outcome, Report, examine
from bc260y_aio.emulator import Emulator
from bc260y_aio.emulator.module.settings import DNS_SERVERS
from tests.doctor.practice import EVERYTHING, SERVER, module, unchecked

# What needs consent, as it stands on the line.
HARMFUL: Final = {
    Harm.DATA: rb"AT\+(QIOPEN|QISEND|QIDNSGIP|QPING|QNTP)=[^?]",
    Harm.NVRAM: rb'AT\+QICFG="dataformat",|AT\+QCFG="dsevent",|AT\+IPR=|AT\+CPSMS=|AT\+CEDRXS=|AT&W',
    Harm.RESTART: rb"AT\+QRST|AT\+CFUN=",
}


class Lines:
    """The command lines that a module hears.

    Attributes:
        heard: each, without the CR.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.heard: list[bytes] = []
        emulator.line.receive_filter = self._note

    def _note(self, data: bytes) -> bytes:
        self.heard += [line for line in data.split(b"\r") if line]
        return data

    def matching(self, pattern: bytes) -> list[bytes]:
        return [line for line in self.heard if re.match(pattern, line)]


def settings(emulator: Emulator) -> dict[str, Any]:
    """Return what a module is set to, and what is open in it."""
    one = emulator.module
    return {
        "formats": (one.nvram.send_format, one.nvram.receive_format),
        "echo": one._dce.echo_ending,
        "errors": one.error_level,
        "registration": one.registration_mode,
        "reports": (one.reports_power, one.reports_deep_sleep),
        "sleep": one.sleep.mode,
        "dns": one.dns,
        "sockets": {number: socket.host for number, socket in one.sockets.items()},
        "clock": one.clock_offset,
    }


def change_everything(emulator: Emulator) -> None:
    """Set a module otherwise than it is set by default."""
    one = emulator.module
    one.nvram.send_format = PayloadFormat.HEX
    one.use_formats()
    one.set_echo(on=False)
    one.error_level = CmeLevel.TEXT
    one.registration_mode = 2
    one.reports_power = True
    one.sleep.allow(2)
    one.dns = replace(DNS_SERVERS, primary_ipv4="192.0.2.53", secondary_ipv6="2001:db8::53")


# Consent


@pytest.mark.parametrize("allowed", [[], *([harm] for harm in Harm)], ids=str)
async def test_what_was_not_allowed_is_not_done(allowed: list[Harm]) -> None:
    async with module(sleep_after=10.0) as emulator:
        lines = Lines(emulator)
        emulator.module.reports_power = emulator.module.reports_deep_sleep = Harm.SLEEP in allowed
        heard: list[bytes] = []
        emulator.line.transmit_filter = lambda data: heard.append(data) or data  # type: ignore[func-returns-value]
        order = Order(allowed=frozenset(allowed), server=SERVER, time_server=SERVER)
        report = await examine(emulator.url, order=order)

        assert {harm for harm, pattern in HARMFUL.items() if lines.matching(pattern)} == set(allowed) - {Harm.SLEEP}
        assert (b"DEEPSLEEP" in b"".join(heard)) is (Harm.SLEEP in allowed)
        assert emulator.nvram.writes == (2 if Harm.NVRAM in allowed else 0)

    told = {one.verdict.seen for one in report.of(Outcome.NOT_CHECKED)}
    assert {f"it takes consent: {harm}" for harm in Harm if harm not in allowed} <= told


async def test_data_goes_to_nobody_who_was_not_named() -> None:
    async with module() as emulator:
        lines = Lines(emulator)
        report = await examine(emulator.url, order=Order(allowed=frozenset(Harm)))

        assert {line.split(b'"')[-2] for line in lines.matching(HARMFUL[Harm.DATA])} == {b"bc260y-aio.invalid"}
        assert emulator.module.qisends == 0

    told = {one.verdict.seen for one in report.of(Outcome.NOT_CHECKED)}
    assert told == {"it takes an echo server", "it takes an NTP server"}


async def test_what_is_open_is_left_alone_and_keeps_a_module_from_being_restarted() -> None:
    async with module() as emulator:
        await tell(emulator, b'AT+QIOPEN=0,0,"TCP","echo.example",7\r', b'AT+QIOPEN=0,1,"UDP","echo.example",7\r')
        before = settings(emulator)
        lines = Lines(emulator)
        report = await examine(emulator.url, order=EVERYTHING)

        assert (settings(emulator), before["sockets"]) == (before, {0: "echo.example", 1: "echo.example"})
        assert lines.matching(rb"AT\+QI(CLOSE=|SEND=|OPEN=0,)[01]\b") == []
        assert lines.matching(rb"AT\+QRST") == []

    assert report.differences == set()
    assert {"sleep_after", "boot_time"} <= unchecked(report)
    assert "payload" not in unchecked(report)


async def test_a_module_without_a_free_connect_id_is_not_robbed_of_one() -> None:
    async with module() as emulator:
        await tell(emulator, *(b'AT+QIOPEN=0,%d,"UDP","echo.example",7\r' % number for number in range(5)))
        before = settings(emulator)
        report = await examine(emulator.url, order=EVERYTHING)

        assert settings(emulator) == before

    assert report.differences == set()
    assert {"stray_nul"} & unchecked(report) == set()
    assert {"cme", "close_after_failure", "payload"} <= unchecked(report)


async def tell(emulator: Emulator, *lines: bytes) -> None:
    """Give a module command lines, as another program does that was there before."""

    class Deaf(asyncio.Protocol):
        pass

    transport = await emulator.connect(Deaf())
    for line in lines:
        transport.write(line)
        await asyncio.sleep(1.0)

    transport.close()
    await asyncio.sleep(1.0)


# What stays


@pytest.mark.parametrize("kind", [{}, {"sleep_after": 10.0}, {"firmware": "R01A02", "echo_ending": "crlf"}], ids=str)
async def test_a_module_is_left_as_it_was_found(kind: dict[str, Any]) -> None:
    async with module(**kind) as emulator:
        before = settings(emulator)
        await examine(emulator.url, order=EVERYTHING)
        assert settings(emulator) == before

        change_everything(emulator)
        before = settings(emulator)
        await examine(emulator.url, order=EVERYTHING)
        assert settings(emulator) == before


async def cut(emulator: Emulator, after: int) -> bool:
    """Begin to examine a module, and cancel that when it hears a command; return whether it came to that."""
    count = 0
    task = asyncio.create_task(examine(emulator.url, order=EVERYTHING))

    def count_lines(data: bytes) -> bytes:
        nonlocal count
        count += data.count(b"\r")
        if count >= after and not task.cancelling():
            task.cancel()

        return data

    emulator.line.receive_filter = count_lines
    try:
        await task
    except asyncio.CancelledError:
        return True
    finally:
        emulator.line.receive_filter = None

    return False


@pytest.mark.parametrize("kind", [{}, {"answer_delay": 0.03, "latency": 0.3, "sleep_after": 10.0, "boot_time": 2.0}])
async def test_a_module_is_left_as_it_was_found_wherever_the_doctor_is_interrupted(kind: dict[str, Any]) -> None:
    after = 1
    is_cut = True
    while is_cut:
        async with module(**kind) as emulator:
            change_everything(emulator)
            before = settings(emulator)
            is_cut = await cut(emulator, after)

            assert settings(emulator) == before, f"interrupted at command {after}"

        after += 3

    assert after > 100


async def test_a_port_that_goes_away_is_a_failure() -> None:
    async with module() as emulator:
        asyncio.get_running_loop().call_later(3.0, emulator.hang_up)
        with pytest.raises(PortLost):
            await examine(emulator.url, order=EVERYTHING)


async def test_what_is_not_there_is_a_failure() -> None:
    with pytest.raises(PortNotFound):
        await examine("/dev/there-is-no-such-port")

    async with module(ok_lost=1.0) as emulator:
        with pytest.raises(ModemNotResponding):
            await examine(emulator.url)


async def test_a_line_that_nobody_knows_is_shown() -> None:
    def told(report: Report) -> list[str]:
        return [one.verdict.seen for one in report.of(Outcome.DIFFERS)]

    async with module() as emulator:
        asyncio.get_running_loop().call_later(1.0, emulator.tell, "+QLWURC: \x1b[2J")
        assert told(await examine(emulator.url)) == ["+QLWURC: \\x1b[2J"]
