import contextlib
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bc260y_aio.emulator import Emulator
from bc260y_aio.port import open_port
from bc260y_aio.recording import Transcript
from tests.cli.running import run, started
from tests.recording.sessions import read_until

SESSION = "# It.\n0.0 > AT\n0.1 < OK\n0.2 > AT+CSQ\n0.3 < +CSQ: 23,0\n0.3 < OK\n"


async def first_line(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().rstrip("\n")


@contextlib.asynccontextmanager
async def recording(*arguments: str) -> AsyncIterator[str]:
    """Record, give the name of the line, and end it as a person does."""
    async with started("record", *arguments) as process:
        yield await first_line(process)
        process.send_signal(signal.SIGINT)
        assert await process.communicate() == (b"", b"")

    assert process.returncode == 0


# Recording


@pytest.mark.parametrize("line", ["pty", "tcp"])
async def test_a_session_of_another_program_is_recorded_and_replayed(line: str, tmp_path: Path) -> None:
    path, link = tmp_path / "it.txt", tmp_path / "module"
    named = ["--link", str(link)] if line == "pty" else ["--line", "tcp"]
    async with Emulator(line="tcp") as emulator, recording("--port", emulator.url, *named, str(path)) as url:
        assert url == str(link) if line == "pty" else url.startswith("socket://127.0.0.1:")
        assert await run("at", "AT+CSQ", "--port", url, "--baudrate", "9600") == 0

    commands = [command for command, _ in Transcript.load(path).exchanges()]
    assert "AT+CSQ" in commands
    assert not link.exists()

    async with started("replay", *named, "--no-wait", str(path)) as process:
        url = await first_line(process)
        assert await run("at", "AT+CSQ", "--port", url, "--baudrate", "9600") == 0
        assert await process.communicate() == (b"", b"")

    assert process.returncode == 0


async def test_a_masked_recording_shows_no_imei(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    async with recording("--port", "emulator://", "--mask", str(path)) as url:
        assert await run("info", "--port", url, "--baudrate", "9600") == 0

    text = path.read_text()
    assert "867997030012345" not in text
    assert "+CGSN: 867900000000345" in text
    assert Transcript.load(path).is_masked


async def test_an_unplugged_port_ends_it(tmp_path: Path) -> None:
    async with (
        Emulator(line="tcp") as emulator,
        started("record", "--port", emulator.url, str(tmp_path / "it.txt")) as process,
    ):
        await first_line(process)
        emulator.hang_up()
        _, complained = await process.communicate()

    assert process.returncode == 1
    assert complained.decode().count("\n") == 1
    assert b"was lost" in complained


@pytest.mark.parametrize("command", ["record", "replay"])
async def test_only_a_pty_has_a_link(command: str, tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    path.write_text(SESSION)
    port = ["--port", "emulator://"] if command == "record" else []
    with pytest.raises(SystemExit) as ended:
        await run(command, *port, "--line", "tcp", "--link", str(tmp_path / "link"), str(path))

    assert ended.value.code == 2
    assert path.read_text() == SESSION


# Replaying


@contextlib.asynccontextmanager
async def playing(text: str, tmp_path: Path, *options: str) -> AsyncIterator[tuple[Process, str]]:
    path = tmp_path / "it.txt"
    path.write_text(text)
    async with started("replay", "--line", "tcp", *options, str(path)) as process:
        yield process, await first_line(process)


async def test_the_first_mismatch_ends_it_with_one_line(tmp_path: Path) -> None:
    async with playing(SESSION, tmp_path, "--no-wait") as (process, url), await open_port(url) as port:
        port.write(b"AT\r")
        assert await read_until(port, b"OK\r\n") == b"\r\nOK\r\n"
        port.write(b"AT+CSX\r")
        _, complained = await process.communicate()

    assert process.returncode == 1
    assert complained.decode() == (
        f"bc260y-aio: {tmp_path / 'it.txt'}, line 4: expected AT+CSQ, but received AT+CSX: byte 6 differs\n"
    )


async def test_an_early_end_is_a_failure(tmp_path: Path) -> None:
    async with playing(SESSION, tmp_path) as (process, _):
        process.send_signal(signal.SIGTERM)
        _, complained = await process.communicate()

    assert process.returncode == 1
    assert b"line 2: expected AT, but the program ended" in complained


async def test_a_lenient_replay_continues_and_lists_unknown_commands(tmp_path: Path) -> None:
    async with playing(SESSION, tmp_path, "--lenient") as (process, url):
        async with await open_port(url) as port:
            port.write(b"AT+CFUN?\rAT+CSQ\rAT+CSQ\r")
            received = await read_until(port, b"+CSQ: 23,0\r\n\r\nOK\r\n\r\n+CSQ: 23,0\r\n\r\nOK\r\n")
            assert received.startswith(b"\r\nERROR\r\n")

        process.send_signal(signal.SIGINT)
        _, complained = await process.communicate()

    assert process.returncode == 0
    assert complained == b"bc260y-aio: the transcript does not contain AT+CFUN?\n"


async def test_a_malformed_transcript_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "it.txt"
    path.write_text("# It.\nAT\n")
    assert await run("replay", str(path)) == 2
    assert capsys.readouterr().err == f"bc260y-aio: {path}, line 2: expected > or < and text, not 'AT'\n"


@pytest.mark.parametrize("options", [("--speed", "0"), ("--speed", "x"), ("--speed", "2", "--no-wait")])
async def test_a_speed_is_a_positive_number(options: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        await run("replay", *options, str(tmp_path / "it.txt"))

    assert ended.value.code == 2


async def test_a_recorded_demo_can_be_replayed_by_socket(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    demo = ["demo", "--size", "900", "--seed", "7", "--baudrate", "9600"]
    async with Emulator(line="tcp", latency=0.005) as emulator, recording("--port", emulator.url, str(path)) as url:
        assert await run(*demo, "--port", url) == 0

    opened = next(command for command, _ in Transcript.load(path).exchanges() if command and "QIOPEN" in command)
    async with started("replay", "--by-socket", "--no-wait", str(path)) as process:
        url = await first_line(process)
        # The servers are there, and read_until nothing: it is the transcript that answers.
        assert await run(*demo, "--port", url, "--server-port", opened.split(",")[-1]) == 1
        assert await process.communicate() == (b"", b"")

    assert process.returncode == 0
