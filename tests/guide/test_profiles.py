"""The effect of each entry of a profile on a modem."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from bc260y_aio import RAI, CommandFailed, Modem, ModemNotResponding, NoFreeConnectID, PayloadDamaged, Profile
from tests.guide.bench import now, on_air, powered, quiet, stream


async def test_there_are_as_many_sockets_as_in_the_profile() -> None:
    async with on_air({"profile": Profile(sockets=2), "connect_id_timeout": 1.0}, sockets=2) as bench:
        for _ in range(2):
            await stream(bench.modem, "echo.example")

        with pytest.raises(NoFreeConnectID, match="all 2 connectIDs"):
            await bench.modem.open_connection("echo.example", 7)

        assert bench.count("+QIOPEN") == 2


async def test_a_ping_that_is_too_large_is_not_sent() -> None:
    async with on_air({"profile": Profile(largest_ping=200)}, firmware="R01A02") as bench:
        with pytest.raises(ValueError, match="200 bytes at the most, not 201"):
            await bench.modem.ping("echo.example", size=201)

        with pytest.raises(ValueError, match="200 bytes at the most, not 201"):
            bench.modem.ping_replies("echo.example", size=201)

        assert bench.count("+QPING") == 0
        assert await bench.modem.ping("echo.example", size=200)


NEEDED: Final[dict[str, Callable[[Modem], Awaitable[Any]]]] = {
    "+QIDNSGIP": lambda modem: modem.resolve("echo.example"),
    "+QIDNSCFG": lambda modem: modem.dns_servers(),
    "+QPING": lambda modem: modem.ping("echo.example"),
    "+QNTP": lambda modem: modem.ntp_time("ntp.example"),
    "+CCLK": lambda modem: modem.clock(),
    "+CGPADDR": lambda modem: modem.addresses(),
    "+QSCLK": lambda modem: modem.sleep(),
    "+CPSMS": lambda modem: modem.psm(),
    "+CEDRXS": lambda modem: modem.edrx(),
}
BESIDES: Final[list[tuple[str, Callable[[Modem], Awaitable[Any]]]]] = [
    ("+QIDNSCFG", lambda modem: modem.set_dns_servers("192.0.2.53")),
    ("+QSCLK", lambda modem: modem.wake()),
    ("+CPSMS", lambda modem: modem.set_psm()),
    ("+CPSMS", lambda modem: modem.set_psm(active_time=timedelta(seconds=10))),
    ("+CEDRXS", lambda modem: modem.set_edrx(None)),
]


@pytest.mark.parametrize(("name", "call"), [*NEEDED.items(), *BESIDES])
async def test_a_call_that_needs_a_command_that_is_not_known_fails_at_once(
    name: str, call: Callable[[Modem], Awaitable[Any]]
) -> None:
    async with on_air({"profile": Profile(unsupported=frozenset({name}))}) as bench:
        before = bench.count(name)
        with pytest.raises(CommandFailed, match="does not know this command"):
            await call(bench.modem)

        assert bench.count(name) == before


async def test_a_start_leaves_out_what_is_not_known() -> None:
    names = frozenset({"+CMEE", "+QSCLK", "+CEREG", "+QNBIOTEVENT", "+QCFG"})
    async with on_air({"profile": Profile(unsupported=names)}) as bench:
        _, protocol = await stream(bench.modem, "goodbye.example")
        assert await protocol.until_data(7) == b"goodbye"
        bench.emulator.restart()
        await quiet()
        await bench.modem.execute("AT")

    assert {name for name in names if bench.count(name)} == set()


async def test_sleep_is_allowed_without_the_reports_that_are_not_known() -> None:
    async with on_air({"profile": Profile(unsupported=frozenset({"+QNBIOTEVENT", "+QCFG"}))}) as bench:
        await bench.modem.sleep()

        assert bench.emulator.module.sleep.mode == 1
        assert (bench.count("+QNBIOTEVENT"), bench.count("+QCFG")) == (0, 0)


@pytest.mark.parametrize("markers", [(), ("+QPING",), ("+QNTP", "+QISTATE")])
async def test_the_line_is_brought_into_step_by_the_markers_there_are(markers: tuple[str, ...]) -> None:
    async with on_air({"profile": Profile(markers=markers), "open_timeout": 5.0}) as bench:
        bench.emulator.faults.ok_lost = 1.0
        with pytest.raises(TimeoutError):
            await bench.modem.execute("AT+CSQ", timeout=1.0)

        bench.emulator.faults.ok_lost = 0.0
        bench.wire.clear()
        assert await bench.modem.execute("AT+CSQ") == ["+CSQ: 23,0"]

    tried = {line.removeprefix(b"AT").removesuffix(b"=?").decode() for line in bench.wire.commands if b"=?" in line}
    assert tried <= set(markers)
    assert bool(tried) is bool(markers)


@pytest.mark.parametrize(("knows", "flags"), [(True, [1, 2]), (False, [0, 0])])
async def test_a_module_that_takes_no_release_assistance_gets_none(knows: bool, flags: list[int]) -> None:
    async with on_air({"profile": Profile(rai=knows)}) as bench:
        transport, _ = await stream(bench.modem, "sink.example")
        for rai in (RAI.NO_FURTHER_DATA, RAI.ONE_REPLY):
            transport.write(b"x", rai=rai)
            await quiet()

        assert [sent.rai for sent in bench.emulator.module.rai_log] == flags


# The module's output, the profile, and the result for a payload that begins with a quote.
QUOTES: Final = [
    (True, None, True),
    (True, True, True),
    (True, False, False),
    (False, None, False),
    (False, True, False),
    (False, False, True),
]


@pytest.mark.parametrize(("writes", "says", "arrives"), QUOTES)
async def test_text_is_believed_in_the_spelling_that_is_known(writes: bool, says: bool | None, arrives: bool) -> None:
    options = {"profile": Profile(quoted_data=says), "data_format": "text", "recovery_timeout": 10.0}
    async with on_air(options, quoted_data=writes) as bench:
        _, protocol = await stream(bench.modem, "echo.example")
        protocol.transport.write(b'"quoted"')
        if arrives:
            assert await protocol.until_data(8) == b'"quoted"'
        else:
            await protocol.lost.wait()
            assert isinstance(protocol.losses[0], PayloadDamaged)


@pytest.mark.parametrize(("writes", "says"), [(True, False), (False, True)])
async def test_hex_in_another_spelling_than_is_known_is_damaged(writes: bool, says: bool) -> None:
    async with on_air({"profile": Profile(quoted_data=says)}, quoted_data=writes) as bench:
        _, protocol = await stream(bench.modem, "echo.example")
        protocol.transport.write(b"hex")
        await protocol.lost.wait()
        assert isinstance(protocol.losses[0], PayloadDamaged)


async def test_a_payload_format_that_cannot_be_changed_is_neither_asked_for_nor_set() -> None:
    profile = Profile(data_format="text")
    async with on_air({"profile": profile, "data_format": "text"}) as bench:
        _, protocol = await stream(bench.modem, "echo.example")
        protocol.transport.write(b"plain text")
        assert await protocol.until_data(10) == b"plain text"
        await bench.modem.execute('AT+QICFG="dataformat",0,0')
        protocol.transport.write(b", again")
        assert await protocol.until_data(17) == b"plain text, again"

    asked = [line for line in bench.wire.commands if line.startswith(b'AT+QICFG="')]
    assert asked == [b'AT+QICFG="dataformat",0,0']
    for data_format in ("hex", "auto"):
        with pytest.raises(ValueError, match="the module knows data_format='text' only"):
            Modem("/dev/null", profile=profile, data_format=data_format)


async def test_commands_are_as_far_apart_as_in_the_profile() -> None:
    profile = Profile(command_gap=0.5, nvram_gap=3.0)
    async with on_air({"profile": profile}) as bench:
        for line, gap in (("AT", 0.5), ('AT+QICFG="dataformat",1,1', 0.5)):
            await bench.modem.execute(line)
            started = now()
            await bench.modem.execute("AT")
            assert now() - started == pytest.approx(gap, abs=0.01)

    async with powered() as (emulator, _):
        async with Modem(emulator.url, profile=profile):
            opened = now()

        # The start has set the payload formats, and waited after that.
        assert opened >= 3.0


@pytest.mark.parametrize(("awake_for", "probes"), [(5.0, 0), (1.0, 1)])
async def test_a_module_is_woken_that_sleeps_sooner_than_others(awake_for: float, probes: int) -> None:
    async with on_air({"profile": Profile(awake_for=awake_for)}) as bench:
        await bench.modem.sleep()
        await quiet(3.0)
        before = bench.count("AT")
        await bench.modem.execute("AT+CSQ")

        assert bench.count("AT") - before == probes


async def test_a_module_is_given_the_time_that_it_takes_to_start() -> None:
    async with powered(boot=True, boot_time=40.0) as (emulator, _):
        with pytest.raises(ModemNotResponding):
            await Modem(emulator.url).open()

    async with on_air({"profile": Profile(boot_time=40.0)}, boot=True, boot_time=40.0) as bench:
        assert await bench.modem.execute("AT+CSQ") == ["+CSQ: 23,0"]


async def test_a_module_that_is_deaf_for_a_while_after_each_answer_can_be_used() -> None:
    async with powered() as (emulator, _):
        said_at = 0.0

        def say(data: bytes) -> bytes:
            nonlocal said_at
            said_at = asyncio.get_running_loop().time()
            return data

        emulator.line.transmit_filter = say
        emulator.line.receive_filter = lambda data: b"" if now() < said_at + 0.04 else data
        async with Modem(emulator.url, profile=Profile(command_gap=0.05)) as modem:
            started = now()
            for _ in range(20):
                await modem.execute("AT+CSQ")

            assert now() - started < 2.0
