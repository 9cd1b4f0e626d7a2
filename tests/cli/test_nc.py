import asyncio
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO, TypeAlias

import pytest

from bc260y_aio import cli
from bc260y_aio.emulator import EchoPeer, Emulator, PeerConnection, SinkPeer, SourcePeer
from tests.cli.running import echo, finished, run, serving, started, until

PORT = "emulator://?latency=0.005"
BINARY = bytes(range(256)) * 391  # 100 096 bytes

Give: TypeAlias = Callable[[bytes], Path]


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Give]:
    """Pass bytes to standard input, as a file, and return the file of standard output."""
    given, printed = tmp_path / "given", tmp_path / "printed"
    given.touch()

    with given.open("rb") as stdin, printed.open("wb") as stdout:

        def give_to_input(data: bytes) -> Path:
            given.write_bytes(data)
            monkeypatch.setattr(sys, "stdin", stdin)
            monkeypatch.setattr(sys, "stdout", stdout)
            return printed

        yield give_to_input


# Byte for byte


async def test_100_kb_go_through_a_pipe_both_ways_and_are_what_they_were() -> None:
    async def echo_all(reader: StreamReader, writer: StreamWriter) -> None:
        for _ in range(len(BINARY) // 256):
            writer.write(await reader.readexactly(256))

        writer.close()

    async with serving(echo_all) as port:
        status, printed, complained = await finished("nc", "a.example", port, "--port", PORT, given=BINARY)

    assert (status, complained) == (0, b"")
    assert printed == BINARY


async def test_a_file_is_sent_and_acknowledged_before_the_end(give: Give) -> None:
    sink = SinkPeer()
    async with Emulator(line="tcp", latency=0.02) as emulator:
        emulator.network.add_host("a.example", sink)
        give(BINARY)
        assert await run("nc", "-q", "0", "a.example", "7", "--port", emulator.url) == 0

        assert sink.data == BINARY
        assert emulator.module.sockets == {}
        assert emulator.module.sleep.mode == 1


async def test_wait_receives_data_after_the_end_of_input(give: Give) -> None:
    async def answer_late(connection: PeerConnection) -> None:
        await connection.receive()
        await asyncio.sleep(0.1)
        connection.send(b"late")
        await connection.receive()

    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("a.example", answer_late)
        printed = give(b"question")
        assert await run("nc", "--wait", "0.4", "a.example", "7", "--port", emulator.url) == 0

    assert printed.read_bytes() == b"late"


async def test_nc_ends_when_the_peer_closes_while_input_continues(
    give: Give, endless_input: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("a.example", SourcePeer(b"hello\n"))
        printed = give(b"")
        monkeypatch.setattr(sys, "stdin", endless_input)
        assert await run("nc", "a.example", "7", "--port", emulator.url) == 0

    assert printed.read_bytes() == b"hello\n"


async def test_a_slow_reader_loses_nothing(give: Give, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    give(b"")
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb", buffering=0) as stdout:
        async with Emulator(line="tcp") as emulator:
            emulator.network.add_host("a.example", SourcePeer(BINARY))
            monkeypatch.setattr(sys, "stdout", stdout)
            relaying = asyncio.create_task(run("nc", "a.example", "7", "--port", emulator.url))
            await asyncio.sleep(0.3)
            found = b""
            while len(found) < len(BINARY):
                found += await asyncio.to_thread(os.read, reader.fileno(), 4096)

            assert await relaying == 0

    assert found == BINARY


# Datagrams


async def test_each_read_of_input_is_a_datagram(give: Give) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("a.example", EchoPeer())
        printed = give(BINARY[:1300])
        assert await run("nc", "--udp", "-q", "0.3", "a.example", "7", "--port", emulator.url) == 0

        assert [sent.size for sent in emulator.module.rai_log] == [512, 512, 276]
        assert emulator.module.sockets == {}

    assert printed.read_bytes() == BINARY[:1300]


async def test_text_takes_twice_as_much(give: Give) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("a.example", SinkPeer())
        give(b"x" * 1300)
        arguments = ("nc", "-u", "-q", "0", "--data-format", "text", "a.example", "7", "--port", emulator.url)
        assert await run(*arguments) == 0

        assert [sent.size for sent in emulator.module.rai_log] == [1024, 276]


# Release assistance


@pytest.mark.parametrize("service", [(), ("--udp",)])
async def test_only_the_last_piece_of_input_carries_the_rai(service: tuple[str, ...], give: Give) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("a.example", SinkPeer())
        give(BINARY[:1300])
        arguments = ("nc", *service, "-q", "0", "--rai", "one-reply", "a.example", "7", "--port", emulator.url)
        assert await run(*arguments) == 0

        assert [sent.rai for sent in emulator.module.rai_log] == [0, 0, 2]


async def test_there_is_no_rai_by_default(give: Give) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("a.example", SinkPeer())
        give(b"hello")
        assert await run("nc", "-q", "0", "a.example", "7", "--port", emulator.url) == 0

        assert [sent.rai for sent in emulator.module.rai_log] == [0]


# Errors


async def test_a_host_that_cannot_be_reached_is_one_line(give: Give, capsys: pytest.CaptureFixture[str]) -> None:
    give(b"hello")

    assert await run("nc", "192.0.2.1", "9", "--port", PORT) == 1
    assert capsys.readouterr().err == (
        "bc260y-aio: opening tcp 192.0.2.1:9: the connection failed (566); "
        "the peer refused it, or cannot be reached from the module's network\n"
    )


@pytest.mark.parametrize("port", ["no-such-service", "99999", "0", "-1", ""])
def test_a_wrong_port_or_service_is_wrong_usage(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["nc", "--port", PORT, "--", "a.example", port])

    assert ended.value.code == 2
    assert "argument PORT: must be" in capsys.readouterr().err


def test_a_service_has_a_name() -> None:
    assert cli.build_parser().parse_args(["nc", "--port", PORT, "a.example", "http"]).remote_port == 80


async def test_binary_data_with_the_text_format_is_refused(give: Give, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(echo) as port:
        give(b"a line\n")
        assert await run("nc", "--data-format", "text", "a.example", port, "--port", PORT) == 2

    assert "0x20 to 0x7E" in capsys.readouterr().err


async def test_a_peer_that_leaves_before_everything_was_sent_is_a_failure(
    give: Give, capsys: pytest.CaptureFixture[str]
) -> None:
    async def leave_early(connection: PeerConnection) -> None:
        await connection.receive()
        connection.send(b"enough")

    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("a.example", leave_early)
        printed = give(BINARY * 3)
        assert await run("nc", "a.example", "7", "--port", emulator.url) == 1

    assert printed.read_bytes() == b"enough"
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("service", [(), ("-u",)])
async def test_a_port_that_is_unplugged_is_one_line(
    service: tuple[str, ...], give: Give, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("a.example", EchoPeer())
        give(b"hello")
        relaying = asyncio.create_task(run("nc", *service, "a.example", "7", "--port", emulator.url))
        await until(lambda: bool(emulator.module.rai_log))
        emulator.hang_up()
        assert await relaying == 1

    complained = capsys.readouterr().err
    assert "was lost" in complained
    assert complained.count("\n") == 1


async def test_both_directions_go_on_at_once_until_ctrl_c_closes_everything() -> None:
    async with (
        serving(echo) as port,
        Emulator(line="pty") as emulator,
        started("nc", "a.example", port, "--port", emulator.url) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        for line in (b"one\n", b"two\n", b"three\n"):
            process.stdin.write(line)
            assert await process.stdout.readline() == line

        assert (list(emulator.module.sockets), emulator.module.sleep.mode) == ([0], 0)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert (list(emulator.module.sockets), emulator.module.sleep.mode) == ([], 1)
        assert process.stderr is not None
        assert await process.stderr.read() == b""


async def test_a_closed_pipe_prints_no_traceback(
    give: Give, broken_output: TextIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("a.example", EchoPeer())
        give(b"hello")
        monkeypatch.setattr(sys, "stdout", broken_output)
        assert await run("nc", "a.example", "7", "--port", emulator.url) == 1

    assert capsys.readouterr().err == ""
