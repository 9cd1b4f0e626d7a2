import asyncio
import contextlib
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final

import pytest
from serial import serial_for_url

from tests.cli.running import run, started

# Another program, without this package.
STRANGER: Final = """
import serial, sys
with serial.serial_for_url(sys.argv[1], baudrate=9600, timeout=5) as port:
    port.write(b"ATE0\\r")
    port.read_until(b"OK\\r\\n")
    port.write(b"AT\\r")
    print(port.read_until(b"OK\\r\\n"))
"""


async def ask_as_a_stranger(port: str) -> bytes:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", STRANGER, port, stdout=PIPE)
    printed, _ = await process.communicate()
    return printed


async def read_port(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().rstrip("\n")


async def test_another_program_finds_the_module_at_the_link(tmp_path: Path) -> None:
    link = tmp_path / "module"

    async with started("emulate", "--link", str(link)) as process:
        assert await read_port(process) == str(link)
        assert link.is_symlink()
        assert await ask_as_a_stranger(str(link)) == b"b'\\r\\nOK\\r\\n'\n"

        process.send_signal(signal.SIGTERM)
        assert await process.communicate() == (b"", b"")

    assert process.returncode == 0
    assert not link.is_symlink()


async def test_a_tcp_port_is_served_by_its_url() -> None:
    async with started("emulate", "emulator://?line=tcp") as process:
        port = await read_port(process)
        assert port.startswith("socket://127.0.0.1:")
        assert await run("at", "AT", "--port", port) == 0

        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


async def test_without_a_link_the_terminal_itself_is_named() -> None:
    async with started("emulate") as process:
        port = await read_port(process)
        assert port.startswith("/dev/")

        process.send_signal(signal.SIGHUP)
        assert await process.wait() == 0


async def test_a_background_program_outlives_the_terminal() -> None:
    heard_by_us = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        async with started("emulate", "emulator://?line=tcp", heeds=()) as process:
            port = await read_port(process)
            process.send_signal(signal.SIGHUP)
            assert await run("at", "AT", "--port", port) == 0
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        signal.signal(signal.SIGHUP, heard_by_us)


async def test_the_network_and_the_ledger_are_on_the_command_line() -> None:
    async with started("emulate", "--network", "good", "--ledger", "emulator://?loss=0.5") as process:
        port = await read_port(process)
        assert await run("at", "AT", "--port", port) == 0

        process.send_signal(signal.SIGTERM)
        _, told = await process.communicate()
        assert told.startswith(b"bc260y-aio: the radio: 0 connections, 0 bytes up, 0 down; idle ")
        assert told.count(b"\n") == 1


async def test_the_options_of_a_url_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("emulate", "--options") == 0
    printed = capsys.readouterr().out
    assert "\n  rrc_inactivity=20.0\n      how long after the last traffic" in printed
    assert "\n  send_ok_lost=0.0\n" in printed
    assert max(map(len, printed.splitlines())) <= 100


async def test_every_option_of_the_module_can_be_named_and_goes_before_the_url() -> None:
    async with started(
        "emulate", "--answer-lost=1", "--noise-gap", "0", "emulator://?line=tcp&answer_lost=0&imei=490154203237518"
    ) as process:
        port = await read_port(process)
        with serial_for_url(port, timeout=0.2) as line:
            line.write(b"AT\r")
            assert await asyncio.to_thread(line.read, 10) == b"AT"

        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


# Errors


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--latency", "soon"), "argument --latency: cannot be 'soon'"),
        (("--ok-lost", "2"), "ok_lost is a probability, 0 to 1, not 2.0"),
        (("--line", "tcp", "--sockets", "0"), "sockets must be 1 to 256, not 0"),
    ],
)
async def test_an_option_that_cannot_be_is_wrong_usage(
    arguments: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.suppress(SystemExit):
        assert await run("emulate", *arguments) == 2

    assert complaint in capsys.readouterr().err


async def test_a_file_is_not_overwritten_by_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "precious"
    path.write_text("data")

    assert await run("emulate", "--link", str(path)) == 1
    assert path.read_text() == "data"
    assert capsys.readouterr() == ("", f"bc260y-aio: {path}: it exists and is not a symbolic link\n")


@pytest.mark.parametrize("target", ["precious", "gone"])
async def test_a_link_of_somebody_else_is_neither_replaced_nor_removed(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "link"
    (tmp_path / "precious").write_text("data")
    link.symlink_to(tmp_path / target)

    assert await run("emulate", "--link", str(link)) == 1
    assert link.readlink() == tmp_path / target
    assert capsys.readouterr() == (
        "",
        f"bc260y-aio: {link}: there is a link to {tmp_path / target} already, which this program did not make; "
        "remove it first\n",
    )


async def test_a_link_that_somebody_else_has_put_in_its_place_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "module"
    async with started("emulate", "--link", str(link)) as process:
        await read_port(process)
        link.unlink()
        link.symlink_to("/dev/null")
        process.send_signal(signal.SIGTERM)
        assert await process.communicate() == (b"", b"")

    assert link.readlink() == Path("/dev/null")


async def test_a_client_that_writes_all_the_time_and_never_reads_does_not_delay_a_signal() -> None:
    async with started("emulate", "--line", "tcp") as process:
        host, _, port = (await read_port(process)).removeprefix("socket://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        # As much as the systems take, and then some time for the emulator to be busy with it.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while True:
                    writer.write(b"AT+QICFG=?\r" * 10_000)
                    await writer.drain()

        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        # It took half a minute and more while all that the system held was carried out first.
        assert time.monotonic() - began < 5
        writer.transport.abort()


async def test_a_link_in_a_folder_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("emulate", "--link", "/no/such/folder/link") == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--line", "tcp"), ("emulator://?line=tcp",)])
async def test_only_a_pty_has_a_link(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        await run("emulate", "--link", str(tmp_path / "link"), *arguments)

    assert ended.value.code == 2


@pytest.mark.parametrize(
    "url", ["emulator://?nonsense=1", "emulator://?network=moon", "emulator://?latency=soon", "/dev/ttyUSB0"]
)
async def test_a_url_that_cannot_be_is_wrong_usage(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("emulate", url) == 2
    assert capsys.readouterr().err.startswith(f"bc260y-aio: {url}: ")
