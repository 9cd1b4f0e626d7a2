"""The effects of an inspection: none without consent, and none that remains."""

import asyncio
import re
from dataclasses import replace
from typing import Any, Final

import pytest

from bc260y_aio import ModemNotResponding, PortLost, PortNotFound
from bc260y_aio.at.responses import CmeLevel
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.doctor import Impact, Options, Outcome, Report, inspect_module
from bc260y_aio.emulator import Emulator
from bc260y_aio.emulator.module.parts import DNS_SERVERS
from tests.doctor.inspecting import EVERYTHING, SERVER, module, seen, unchecked

# Commands that need consent, as they stand on the line.
IMPACTS: Final = {
    Impact.DATA: rb"AT\+(QIOPEN|QISEND|QIDNSGIP|QPING|QNTP)=[^?]",
    Impact.NVRAM: rb'AT\+QICFG="dataformat",|AT\+QCFG="[a-zA-Z]+",|AT\+(IPR|CPSMS|CEDRXS|CMEE|CEREG|CSCON|QNBIOTEVENT)='
    rb"[^?]|AT&W",
    Impact.RESTART: rb"AT\+QRST|AT\+CFUN=",
}


class Lines:
    """The command lines that a module receives.

    Attributes:
        received: each, without the CR.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.received: list[bytes] = []
        emulator.line.receive_filter = self._note

    def _note(self, data: bytes) -> bytes:
        self.received += [line for line in data.split(b"\r") if line]
        return data

    def matching(self, pattern: bytes) -> list[bytes]:
        return [line for line in self.received if re.match(pattern, line)]


def settings(emulator: Emulator) -> dict[str, Any]:
    """Return the settings and the open sockets of a module."""
    one = emulator.module
    return {
        "formats": (one.nvram.send_format, one.nvram.receive_format),
        "echo": one.writer.dce.echo_ending,
        "errors": one.nvram.error_level,
        "reports": {name: mode for name, mode in one.nvram.reports.items() if mode},
        "configuration": {name: value for name, value in one.nvram.configuration.items() if value},
        "in force": one.configuration.in_force("dsevent"),
        "sleep": one.sleep.mode,
        "dns": one.settings.dns,
        "sockets": {number: socket.host for number, socket in one.sockets.items()},
        "clock": one.nvram.clock_offset,
    }


def change_everything(emulator: Emulator) -> None:
    """Change every setting of a module from its default."""
    one = emulator.module
    one.nvram.send_format = PayloadFormat.HEX
    one.writer.set_echo(on=False)
    one.nvram.error_level = CmeLevel.TEXT
    one.nvram.reports = {"+CEREG": 2, "+QNBIOTEVENT": 1}
    one.writer.use_settings()
    one.sleep.allow(2)
    one.settings.dns = replace(DNS_SERVERS, primary_ipv4="192.0.2.53", secondary_ipv6="2001:db8::53")


# Consent


@pytest.mark.parametrize("allowed", [[], *([impact] for impact in Impact)], ids=str)
async def test_an_effect_without_consent_does_not_happen(allowed: list[Impact]) -> None:
    async with module(sleep_after=10.0) as emulator:
        lines = Lines(emulator)
        emulator.nvram.configuration = {"dsevent": int(Impact.SLEEP in allowed)}
        emulator.module.configuration.reset()
        received: list[bytes] = []
        emulator.line.transmit_filter = lambda data: received.append(data) or data  # type: ignore[func-returns-value]
        options = Options(allowed=frozenset(allowed), server=SERVER, time_server=SERVER)
        report = await inspect_module(emulator.url, options=options)

        assert {impact for impact, pattern in IMPACTS.items() if lines.matching(pattern)} == set(allowed) - {
            Impact.SLEEP
        }
        assert (b"DEEPSLEEP" in b"".join(received)) is (Impact.SLEEP in allowed)
        # The payload formats and AT+CMEE, there and back.
        assert emulator.nvram.writes == (4 if Impact.NVRAM in allowed else 0)

    reported = {one.verdict.seen for one in report.of(Outcome.NOT_CHECKED)}
    assert {f"it needs consent: {impact}" for impact in Impact if impact not in allowed} <= reported


@pytest.mark.parametrize(("kind", "writes"), [({}, 8), ({"reject_cause": 11}, 8), ({"firmware": "guide"}, 2)], ids=str)
async def test_with_every_consent_few_settings_are_written(kind: dict[str, Any], writes: int) -> None:
    async with module(sleep_after=10.0, **kind) as emulator:
        await inspect_module(emulator.url, options=EVERYTHING)

        assert emulator.nvram.writes == writes


async def test_a_model_that_saves_ate_is_not_sent_one_without_consent() -> None:
    async with module(model="BC660K-GL", echo_ending="cr") as emulator:
        lines = Lines(emulator)
        report = await inspect_module(emulator.url, options=Options(allowed=frozenset({Impact.RESTART})))

        assert lines.matching(rb"ATE") == []
        assert emulator.nvram.writes == 0

    assert report.differences == set()
    assert seen(report, "echo_ending") == "this model saves ATE, which needs consent: nvram"
    assert seen(report, "cme") == "AT+QICLOSE=0 brought ERROR"


@pytest.mark.parametrize("level", [1, 2])
async def test_errors_are_checked_without_a_write_where_they_have_numbers_already(level: int) -> None:
    async with module(parameter_errors=True) as emulator:
        emulator.nvram.error_level = level
        emulator.module.writer.use_settings()
        report = await inspect_module(emulator.url, options=Options())

        assert emulator.nvram.writes == 0

    assert report.differences >= {"parameter_errors"}


async def test_data_goes_only_to_the_named_servers() -> None:
    async with module() as emulator:
        lines = Lines(emulator)
        report = await inspect_module(emulator.url, options=Options(allowed=frozenset(Impact)))

        assert {line.split(b'"')[-2] for line in lines.matching(IMPACTS[Impact.DATA])} == {b"bc260y-aio.invalid"}
        assert emulator.module.qisends == 0

    reported = {one.verdict.seen for one in report.of(Outcome.NOT_CHECKED)}
    reasons = {"it needs an echo server", "it needs an NTP server", "it did not sleep", "no IPv6 address was received"}
    assert reported == reasons


async def test_open_sockets_are_left_alone_and_prevent_a_restart() -> None:
    async with module() as emulator:
        await tell(emulator, b'AT+QIOPEN=0,0,"TCP","echo.example",7\r', b'AT+QIOPEN=0,1,"UDP","echo.example",7\r')
        before = settings(emulator)
        lines = Lines(emulator)
        report = await inspect_module(emulator.url, options=EVERYTHING)

        assert (settings(emulator), before["sockets"]) == (before, {0: "echo.example", 1: "echo.example"})
        assert lines.matching(rb"AT\+QI(CLOSE=|SEND=|OPEN=0,)[01]\b") == []
        assert lines.matching(rb"AT\+QRST") == []

    assert report.differences == set()
    assert {"sleep_after", "boot_time"} <= unchecked(report)
    assert "payload" not in unchecked(report)


async def test_no_socket_is_closed_when_every_connect_id_is_in_use() -> None:
    async with module() as emulator:
        await tell(emulator, *(b'AT+QIOPEN=0,%d,"UDP","echo.example",7\r' % number for number in range(5)))
        before = settings(emulator)
        report = await inspect_module(emulator.url, options=EVERYTHING)

        assert settings(emulator) == before

    assert report.differences == set()
    assert {"stray_nul"} & unchecked(report) == set()
    assert {"cme", "close_after_failure", "payload"} <= unchecked(report)


async def tell(emulator: Emulator, *lines: bytes) -> None:
    """Send command lines to a module, as an earlier program did."""

    class Deaf(asyncio.Protocol):
        pass

    transport = await emulator.connect(Deaf())
    for line in lines:
        transport.write(line)
        await asyncio.sleep(1.0)

    transport.close()
    await asyncio.sleep(1.0)


# Unchanged state


@pytest.mark.parametrize("kind", [{}, {"sleep_after": 10.0}, {"firmware": "R01A02", "echo_ending": "crlf"}], ids=str)
async def test_the_settings_of_a_module_are_restored(kind: dict[str, Any]) -> None:
    async with module(**kind) as emulator:
        before = settings(emulator)
        await inspect_module(emulator.url, options=EVERYTHING)
        assert settings(emulator) == before

        change_everything(emulator)
        before = settings(emulator)
        await inspect_module(emulator.url, options=EVERYTHING)
        assert settings(emulator) == before


async def cut(emulator: Emulator, after: int) -> bool:
    """Inspect a module, and cancel that when it receives a command; return whether that happened."""
    count = 0
    task = asyncio.create_task(inspect_module(emulator.url, options=EVERYTHING))

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
async def test_the_settings_are_restored_at_whatever_command_the_doctor_is_cancelled(kind: dict[str, Any]) -> None:
    after = 1
    is_cut = True
    while is_cut:
        async with module(**kind) as emulator:
            change_everything(emulator)
            before = settings(emulator)
            is_cut = await cut(emulator, after)

            assert settings(emulator) == before, f"interrupted at command {after}"

        after += 5

    assert after > 100


async def test_a_lost_port_raises_port_lost() -> None:
    async with module() as emulator:
        asyncio.get_running_loop().call_later(3.0, emulator.hang_up)
        with pytest.raises(PortLost):
            await inspect_module(emulator.url, options=EVERYTHING)


async def test_a_missing_port_or_module_raises() -> None:
    with pytest.raises(PortNotFound):
        await inspect_module("/dev/there-is-no-such-port")

    async with module(ok_lost=1.0) as emulator:
        with pytest.raises(ModemNotResponding):
            await inspect_module(emulator.url)


async def test_an_unknown_line_is_shown_in_the_report() -> None:
    def reported(report: Report) -> list[str]:
        return [one.verdict.seen for one in report.of(Outcome.DIFFERS)]

    async with module() as emulator:
        asyncio.get_running_loop().call_later(1.0, emulator.send_urc, "+QLWURC: \x1b[2J")
        assert reported(await inspect_module(emulator.url)) == ["+QLWURC: \\x1b[2J"]
