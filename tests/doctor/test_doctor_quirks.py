"""Quirks that the emulator has no option for: the line is filtered, and the module seems to have them."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

import pytest

from bc260y_aio import Modem, Profile
from bc260y_aio.doctor import Report, inspect_module
from bc260y_aio.emulator import Emulator
from tests.doctor.inspecting import EVERYTHING, SERVER, module, seen


def forget(emulator: Emulator, pattern: bytes) -> None:
    """Let a module not know the commands that a pattern matches."""

    def rename(data: bytes) -> bytes:
        return re.sub(rb"(?m)(^|(?<=\r))AT(?=" + pattern + b")", b"AT+X", data)

    emulator.line.receive_filter = rename


def ignore_input(emulator: Emulator, seconds: float, after: bytes = b"OK\r\n") -> None:
    """Let a module ignore its input for a while after a line of output."""
    loop = asyncio.get_running_loop()
    wrote_at = -1.0

    def note_output(data: bytes) -> bytes:
        nonlocal wrote_at
        wrote_at = loop.time() if data.endswith(after) else wrote_at
        return data

    emulator.line.transmit_filter = note_output
    emulator.line.receive_filter = lambda data: b"" if loop.time() < wrote_at + seconds else data


def respell(emulator: Emulator, pattern: bytes, spelled: bytes) -> None:
    """Let a module write matching lines otherwise."""
    emulator.line.transmit_filter = lambda data: re.sub(pattern, spelled, data)


async def inspect(prepare: Callable[..., None], *arguments: Any) -> Report:
    async with module() as emulator:
        prepare(emulator, *arguments)
        return await inspect_module(emulator.url, options=EVERYTHING)


async def test_unknown_commands_are_reported() -> None:
    report = await inspect(forget, rb"\+(QNBIOTEVENT|CEDRXS|CMEE)")

    assert report.differences == {"commands"}
    assert seen(report, "commands") == "it does not know +CEDRXS, +CMEE, +QNBIOTEVENT"
    assert report.profile.unsupported == {"+CEDRXS", "+CMEE", "+QNBIOTEVENT"}


async def test_test_forms_without_an_answer_are_reported() -> None:
    report = await inspect(forget, rb"\+(QICFG|QPING|QNTP)=\?")

    assert report.differences == {"markers"}
    assert report.profile.markers == ("+QIOPEN", "+QICLOSE", "+QISTATE", "+QISEND", "+QIDNSGIP", "+QIDNSCFG")


async def test_unknown_service_commands_are_reported() -> None:
    report = await inspect(forget, rb"\+(QPING|QNTP|QIDNSGIP|QIDNSCFG)")

    assert report.differences == {"commands", "markers"}
    assert report.profile.unsupported == {"+QPING", "+QNTP", "+QIDNSGIP", "+QIDNSCFG"}


async def test_a_module_without_test_forms_is_inspected_too() -> None:
    report = await inspect(forget, rb"\+Q[A-Z]+=\?")

    assert report.differences == {"markers"}
    assert report.profile.markers == ()


@pytest.mark.parametrize(("seconds", "gap"), [(0.01, 0.02), (0.03, 0.05), (0.09, 0.1)])
async def test_the_pause_that_a_module_needs_is_found(seconds: float, gap: float) -> None:
    report = await inspect(ignore_input, seconds)

    assert report.profile.command_gap == gap
    assert "command_gap" in report.differences


async def test_a_module_without_release_assistance_is_reported() -> None:
    report = await inspect(forget, rb'\+QISEND=\d+,\d+,"[0-9A-Z]+",[12]\r')

    assert report.differences == {"rai"}
    assert report.profile == Profile(quoted_data=True, rai=False)


async def test_a_module_with_fixed_payload_formats_is_reported() -> None:
    report = await inspect(forget, rb'\+QICFG="dataformat"')

    assert report.differences == {"data_format"}
    assert report.profile.data_format == "text"


async def test_autobaud_is_reported() -> None:
    report = await inspect(respell, rb"\+IPR: \d+", b"+IPR: 0")

    assert report.differences == {"rate"}


async def test_error_555_for_an_unknown_name_is_reported() -> None:
    report = await inspect(respell, rb"\+QIDNSGIP: 565", b"+QIDNSGIP: 550")

    assert report.differences == {"unknown_name"}


async def test_changed_data_is_reported() -> None:
    report = await inspect(respell, rb'ERROR\\?"', b'ERR0R"')

    assert report.differences == {"payload", "datagram"}


async def test_a_wrong_count_of_acknowledged_bytes_is_reported() -> None:
    report = await inspect(respell, rb"\+QISEND: (\d+),\d+,0", rb"+QISEND: \1,7,0")

    assert report.differences == {"acks"}


LIVED_WITH: Final[list[tuple[bytes, str]]] = [
    (rb"\+(QSCLK|CMEE|CEREG|QNBIOTEVENT|QCFG|QNTP|QPING|CCLK|CGPADDR|QIDNSCFG|QIDNSGIP|CPSMS|CEDRXS)", "hex"),
    (rb"\+Q[A-Z]+=\?", "hex"),
    (rb'\+QICFG="dataformat"', "text"),
]


@pytest.mark.parametrize(("pattern", "data_format"), LIVED_WITH)
async def test_a_modem_works_with_the_derived_profile(pattern: bytes, data_format: Any) -> None:
    async with module() as emulator:
        forget(emulator, pattern)
        report = await inspect_module(emulator.url, options=EVERYTHING)
        profile = Profile.from_toml(report.profile.to_toml())
        emulator.module.commands.clear()
        async with Modem(emulator.url, profile=profile, data_format=data_format) as modem:
            reader, writer = await modem.open_connection(*SERVER)
            writer.write(b"over it")
            assert await reader.readexactly(7) == b"over it"
            writer.close()
            await writer.wait_closed()

        # Nothing was tried in vain.
        assert [name for name in emulator.module.commands if name.startswith("+X") or name == "?"] == []


async def test_a_check_that_agrees_shows_what_was_seen_and_not_the_opposite() -> None:
    report = await inspect(lambda emulator: None)

    expected = {"quoted_clock": "it is", "quoted_pdp_address": "they are", "quoted_imei": "it is not"}
    assert {key: seen(report, key) for key in expected} == expected
