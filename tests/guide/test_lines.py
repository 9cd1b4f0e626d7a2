"""Every call of a `Modem` again, on lines that are real, by a real clock: a pseudo-terminal, a TCP port, a URL."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bc260y_aio import Modem
from tests.guide.bench import Bench, Wire, powered
from tests.guide.scenario import BINARY, come_back, use_everything
from tests.loops import FACTORIES, LoopFactory

# Waking up is what takes longest.
QUICK: dict[str, Any] = {"wake_time": 0.01}


@pytest.fixture(autouse=True)
def loop_factory(request: pytest.FixtureRequest) -> LoopFactory:
    """Make event loops of the kind that the test runs on."""
    return FACTORIES[getattr(request, "param", "asyncio")]


@pytest.mark.parametrize("line", ["pty", "tcp"])
async def test_every_call_works_on_a_real_line(line: str) -> None:
    async with powered(line=line, **QUICK) as (emulator, hosts), Modem(emulator.url) as modem:
        await use_everything(Bench(emulator, modem, hosts, Wire(emulator)), BINARY)


@pytest.mark.loops("eager", "uvloop")
async def test_every_call_works_on_other_event_loops() -> None:
    async with powered(line="tcp", **QUICK) as (emulator, hosts), Modem(emulator.url) as modem:
        await use_everything(Bench(emulator, modem, hosts, Wire(emulator)), BINARY)


async def test_every_call_works_on_a_line_whose_rate_has_to_be_found() -> None:
    settings: dict[str, Any] = {"baudrate": 115200, "baudrate_strict": True, "stray_nul": True, "echo_ending": "crlf"}
    async with powered(line="pty", **settings, **QUICK) as (emulator, hosts), Modem(emulator.url) as modem:
        assert modem.baudrate == 115200
        await use_everything(Bench(emulator, modem, hosts, Wire(emulator)), BINARY)


@pytest.mark.parametrize("line", ["pty", "tcp"])
async def test_a_modem_comes_back_on_a_real_line(line: str, tmp_path: Path) -> None:
    link = tmp_path / "modem"
    async with powered(line=line, link=link if line == "pty" else None) as (emulator, _):
        await come_back(emulator, str(link) if line == "pty" else emulator.url)


async def test_a_module_inside_the_process_is_opened_by_its_url() -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Modem("emulator://?chunk=7&stray_nul=1&quoted_data=0") as modem:
        reader, writer = await modem.open_connection("echo.example", port)
        writer.write(BINARY)
        assert await reader.readexactly(len(BINARY)) == BINARY
        writer.close()
        await writer.wait_closed()
        assert (await modem.resolve("echo.example"))[0].startswith("198.51.100.")


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1000):
        writer.write(data)

    writer.close()
    await writer.wait_closed()
