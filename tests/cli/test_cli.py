import argparse
import asyncio
import logging
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from typing import TextIO

import pytest

from bc260y_aio import cli
from bc260y_aio.at.privacy import printable
from bc260y_aio.cli import common, extras
from tests.cli.running import run, started

COMMANDS = tuple(cli.COMMANDS)

# Those that use a module, with what they need besides the port.
USERS = (
    ("info",),
    ("ping", "a.example"),
    ("dns", "a.example"),
    ("ntp", "a.example"),
    ("nc", "a.example", "7"),
    ("at", "AT"),
)


def test_help_names_every_command_and_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])

    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert [command for command in COMMANDS if f"    {command} " not in text] == []
    statuses = "0 success, 1 failure, 2 wrong usage, 3 differences found by doctor, 130 interrupted"
    assert statuses in " ".join(text.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_help_that_describes_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])

    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert text.startswith(f"usage: bc260y-aio {command} ")
    assert text.count("\n\n") >= 2


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("bc260y-aio 0.")


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("ping",), ("info", "--baudrate", "fast")])
def test_wrong_usage_is_status_2(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == 2


# The port


@pytest.mark.parametrize("arguments", USERS)
def test_a_port_must_be_named(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BC260Y_PORT", raising=False)

    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == 2
    assert "no port was named: use --port, or the variable BC260Y_PORT" in capsys.readouterr().err


def test_the_variable_names_the_port(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BC260Y_PORT", "emulator://")

    assert cli.main(["at", "AT"]) == 0
    assert capsys.readouterr().out == "OK\n"


@pytest.mark.parametrize("arguments", [one for one in USERS if one[0] != "nc"])
async def test_a_missing_port_is_one_line(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(*arguments, "--port", "/dev/no-such-port") == 1
    assert capsys.readouterr().err == "bc260y-aio: cannot open /dev/no-such-port: No such file or directory\n"


@pytest.mark.parametrize("port", ["nonsense://", "emulator://?latency=soon", "socket://nowhere"])
async def test_a_malformed_port_is_wrong_usage(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("info", "--port", port) == 2

    complained = capsys.readouterr().err
    assert complained.startswith("bc260y-aio: ")
    assert complained.count("\n") == 1


async def test_a_command_waits_for_the_registration(capsys: pytest.CaptureFixture[str]) -> None:
    port = "emulator://?registration_delay=2"

    assert await run("dns", "a.example", "--port", port) == 0
    assert capsys.readouterr() == (
        "a.example 198.51.100.1\n",
        "bc260y-aio: the module is not registered with a network; waiting for it\n",
    )


def test_an_empty_port_is_no_port(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["info", "--port", ""])

    assert "no port was named: use --port" in capsys.readouterr().err


def test_a_port_after_the_script_is_explained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BC260Y_PORT", raising=False)
    for arguments in (["run", "script.py", "--port", "X"], ["run", "-m", "http.client", "--port=X"]):
        with pytest.raises(SystemExit, match="2"):
            cli.main(arguments)

        assert "bc260y-aio run --port PORT SCRIPT" in capsys.readouterr().err


async def test_a_file_that_is_no_serial_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("info", "--port", "/dev/null") == 1
    assert capsys.readouterr().err == "bc260y-aio: cannot open /dev/null: it is not a serial port\n"


def test_unknown_arguments_are_refused_with_the_usage_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["ping", "--port", "emulator://", "a.example", "--flood"])

    complained = capsys.readouterr().err
    assert complained.startswith("usage: bc260y-aio ping ")
    assert "unrecognized arguments: --flood" in complained


def test_ping_takes_the_usual_short_options() -> None:
    options = cli.parse(["ping", "--port", "emulator://", "-c", "2", "-W", "5", "-s", "64", "a.example"])
    assert (options.count, options.timeout, options.size, options.host) == (2, 5, 64, "a.example")


def test_the_usage_of_emulate_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["emulate", "--help"])

    usage, _, _ = capsys.readouterr().out.partition("\n\n")
    assert usage.count("\n") < 4


# Loading


def test_help_loads_no_command_and_no_modem() -> None:
    program = (
        "import sys\nfrom bc260y_aio.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(*(one for one in sys.modules if one.startswith('bc260y_aio.cli.')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stderr.split()) == {"bc260y_aio.cli.common", "bc260y_aio.cli.extras"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_completion_script_knows_the_commands_and_their_options(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--print-completion", shell])

    script = capsys.readouterr().out
    assert [name for name in (*COMMANDS, "--data-format") if name not in script] == []


def test_a_completion_script_needs_a_package(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda module: False)
    with pytest.raises(SystemExit, match="1"):
        cli.main(["--print-completion", "bash"])

    assert "needs the package shtab: pip install 'bc260y-aio[cli]'" in capsys.readouterr().err


# How a command ends


@pytest.mark.parametrize(
    "arguments",
    [
        ("info",),
        ("ping", "a.example"),
        ("dns", "a.example"),
        ("at", "AT", "--wait", "20"),
        ("at", "AT+CSQ", "AT+CSQ"),
        ("demo", "--size", "10000000"),
    ],
)
async def test_a_closed_pipe_prints_no_traceback(
    arguments: tuple[str, ...],
    broken_output: TextIO,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdout", broken_output)

    assert await run(*arguments, "--port", "emulator://") == 1
    assert capsys.readouterr().err == ""


async def test_closed_output_prints_no_traceback() -> None:
    # A shell closes it for good; here something else would be opened in its place.
    command = [sys.executable, "-m", "bc260y_aio", "info", "--port", "emulator://"]
    process = await asyncio.create_subprocess_exec("sh", "-c", 'exec "$@" >&-', "sh", *command, stderr=PIPE)
    _, complained = await process.communicate()

    assert (process.returncode, complained) == (0, b"")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_ends_a_command_and_restores_the_module(number: signal.Signals, status: int) -> None:
    async with started("ping", "a.example", "--count", "500", "--port", "emulator://?latency=0.01") as process:
        assert process.stdout is not None
        await process.stdout.readline()
        await process.stdout.readline()
        process.send_signal(number)
        printed, complained = await process.communicate()

    assert process.returncode == status
    assert b" sent, " in printed.splitlines()[-1]
    assert complained == b""


def test_a_log_goes_to_standard_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    level = root.level
    monkeypatch.setattr(root, "handlers", [])
    try:
        assert cli.main(["-v", "at", "AT", "-vv", "--port", "emulator://"]) == 0
    finally:
        root.setLevel(level)

    printed, complained = capsys.readouterr()
    assert printed == "OK\n"
    assert " > AT\n" in complained


# Shared code of the commands


@pytest.mark.parametrize("text", ["", "-1", "3", "11", "4.5", "four", "٤"])
def test_a_number_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="4 to 10"):
        common.whole_number(4, 10)(text)


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "soon"])
def test_a_time_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="seconds"):
        common.seconds(text)


def test_control_characters_are_escaped() -> None:
    assert printable("\x1b[2J\x07ok é\x9b") == "\\x1b[2J\\x07ok é\\x9b"


@pytest.mark.parametrize(
    ("exc", "message"),
    [
        (FileNotFoundError(2, "No such file or directory", "x.bin"), "x.bin: No such file or directory"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (TimeoutError(), "it took too long"),
        (ValueError("two\nlines"), "two lines"),
        (ValueError(), "ValueError"),
    ],
)
def test_an_error_text_is_one_line(exc: Exception, message: str) -> None:
    assert common.error_text(exc) == message


async def test_the_first_coroutine_to_end_cancels_the_others() -> None:
    ended = []

    async def work(name: str, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        finally:
            ended.append(name)

    await common.run_until_first(work("slow", 30.0), work("quick", 0.0))

    assert ended == ["quick", "slow"]


async def test_the_exception_of_the_first_coroutine_is_raised() -> None:
    async def fail() -> None:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await common.run_until_first(asyncio.sleep(30.0), fail())
