"""`ping`, `dns` and `ntp`."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from bc260y_aio.emulator import Emulator
from bc260y_aio.testing import virtual_clock
from tests.cli.running import run
from tests.loops import LoopFactory

PORT = "emulator://?latency=0.005"


@pytest.fixture
def loop_factory() -> LoopFactory:
    """Make loops by whose clock a round trip takes just as long as the network says."""
    return virtual_clock()


# Ping


async def test_a_line_for_each_packet_and_the_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("ping", "echo.example", "--count", "3", "--size", "64", "--port", PORT) == 0

    heading, *lines, statistics = capsys.readouterr().out.splitlines()
    assert heading == "pinging echo.example (198.51.100.1) with 64 bytes"
    assert lines == [f"{number}: 64 bytes from 198.51.100.1 in 10 ms, TTL 52" for number in (1, 2, 3)]
    assert statistics == "echo.example: 3 sent, 3 received, 0% lost; round trip min/avg/max 10/10/10 ms"


async def test_firmware_without_a_ttl_is_supported(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("ping", "echo.example", "--count", "1", "--port", f"{PORT}&firmware=R01A02") == 0
    assert "1: 32 bytes from 198.51.100.1 in 10 ms\n" in capsys.readouterr().out


async def test_nothing_that_comes_back_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("ping", "203.0.113.9", "--count", "1", "--timeout", "1", "--port", PORT) == 1
    assert capsys.readouterr() == (
        "pinging 203.0.113.9 (203.0.113.9) with 32 bytes\n1: lost\n203.0.113.9: 1 sent, 0 received, 100% lost\n",
        "",
    )


async def test_ping_as_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("ping", "echo.example", "--count", "1", "--json", "--port", PORT) == 0

    packet, statistics = map(json.loads, capsys.readouterr().out.splitlines())
    assert packet == {"packet": 1, "address": "198.51.100.1", "size": 32, "rtt_ms": 10, "ttl": 52}
    assert statistics == {"sent": 1, "received": 1, "lost": 0, "min_ms": 10, "avg_ms": 10, "max_ms": 10}


async def test_the_module_stays_awake_for_it_and_may_sleep_again(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        assert await run("ping", "echo.example", "--count", "1", "--port", emulator.url) == 0

        assert emulator.module.commands["+QSCLK"] == 3
        assert emulator.module.sleep.mode == 1
        assert emulator.nvram.writes == 0


@pytest.mark.parametrize(
    "options", [("--count", "0"), ("--timeout", "256"), ("--timeout", "0.5"), ("--size", "31"), ("--size", "1501")]
)
async def test_a_request_beyond_the_module_is_wrong_usage(options: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        await run("ping", "echo.example", *options, "--port", PORT)

    assert ended.value.code == 2


# All three


@pytest.mark.parametrize("command", ["ping", "dns", "ntp"])
async def test_a_name_that_is_unknown_is_one_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(command, "x.invalid", "--port", PORT) == 1

    printed, complained = capsys.readouterr()
    assert printed == ""
    assert complained.startswith("bc260y-aio: ")
    assert "x.invalid" in complained
    assert ": the name could not be resolved (565); check the name" in complained
    assert complained.count("\n") == 1


@pytest.mark.parametrize("command", ["ping", "dns", "ntp"])
async def test_a_name_that_cannot_be_one_is_wrong_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(command, 'a",1,"b', "--port", PORT) == 2
    assert "without quotes" in capsys.readouterr().err


# Names


async def test_each_name_is_resolved(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("dns", "a.example", "b.example", "192.0.2.7", "--port", PORT) == 0
    assert capsys.readouterr().out == "a.example 198.51.100.1\nb.example 198.51.100.2\n192.0.2.7 192.0.2.7\n"


async def test_one_unknown_name_does_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("dns", "a.example", "x.invalid", "b.example", "--json", "--port", PORT) == 1

    printed, complained = capsys.readouterr()
    assert json.loads(printed) == {"a.example": ["198.51.100.1"], "x.invalid": None, "b.example": ["198.51.100.2"]}
    assert complained.startswith(
        "bc260y-aio: resolving x.invalid: the name could not be resolved (565); check the name"
    )


async def test_dns_servers_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("dns", "--servers", "--port", PORT) == 0
    assert capsys.readouterr().out.splitlines() == [
        "primary   IPv4  218.2.2.2",
        "secondary IPv4  8.8.8.8",
        "primary   IPv6  240E:5A::6666",
        "secondary IPv6  240E:5B::6666",
    ]


async def test_dns_servers_are_set_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        assert await run("dns", "--json", "--port", emulator.url, "--set", "192.0.2.1", "2001:db8::2") == 0

    assert json.loads(capsys.readouterr().out) == {
        "primary_ipv4": "192.0.2.1",
        "secondary_ipv4": "8.8.8.8",
        "primary_ipv6": "240E:5A::6666",
        "secondary_ipv6": "2001:db8::2",
    }


async def test_a_dns_server_that_is_no_address_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("dns", "--set", "ns.example", "--port", PORT) == 2
    assert "ns.example" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [(), ("--servers", "a.example"), ("--servers", "--set", "1.1.1.1"), ("--set", "1", "2", "3")]
)
async def test_dns_does_one_thing_at_a_time(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        await run("dns", "--port", PORT, *arguments)

    assert ended.value.code == 2


# The time

MORNING = datetime(2026, 7, 1, 8, 30, tzinfo=UTC)


async def test_the_time_is_printed_and_the_clock_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.ntp_time = lambda server, port: MORNING + timedelta(seconds=port)
        assert await run("ntp", "time.example", "--port", emulator.url) == 0
        assert capsys.readouterr().out == "2026-07-01 08:32:03+00:00\n"
        assert await run("ntp", "time.example", "60", "--port", emulator.url) == 0
        assert capsys.readouterr().out == "2026-07-01 08:31:00+00:00\n"
        assert emulator.nvram.clock_offset == 0


async def test_the_clock_is_set_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.ntp_time = lambda server, port: MORNING
        assert await run("ntp", "time.example", "--set-clock", "--json", "--port", emulator.url) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["time"] == "2026-07-01T08:30:00+00:00"
    assert datetime.fromisoformat(told["clock"]) - MORNING < timedelta(seconds=30)


async def test_a_server_that_is_silent_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.ntp_time = lambda server, port: None
        assert await run("ntp", "time.example", "--port", emulator.url) == 1

    complained = capsys.readouterr().err
    assert complained.startswith(
        "bc260y-aio: asking time.example for the time: the operation timed out (569); the peer"
    )
