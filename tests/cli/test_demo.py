import asyncio
import re
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from bc260y_aio import cli
from bc260y_aio.cli import demo, demo_display, demo_uploads, extras
from bc260y_aio.cli.demo_peers import Archive, DatagramArchive, digest_of, read_missing, report_on, split_datagrams
from bc260y_aio.emulator import Emulator
from tests.cli.running import finished, run, started, until

PORT = "emulator://?latency=0.005"
NAMES = ["0 TCP", "1 TCP", "2 TCP", "3 UDP", "4 UDP", "all"]


def read_table(printed: str) -> dict[str, list[str]]:
    """Return the closing table: the columns of each row, by its first."""
    _, _, table = printed.rpartition("\n\n")
    heading, *rows = table.splitlines()
    assert heading.split() == ["socket", "bytes", "seconds", "QISENDs", "wire", "bytes", "line", "rate", "result"]
    rows = [row.rstrip() for row in rows]
    return {row[:6].strip(): row[6:].split(maxsplit=5) for row in rows}


def column(table: dict[str, list[str]], index: int) -> list[str]:
    return [table[name][index] for name in NAMES]


async def test_without_a_port_the_emulator_is_used_and_named() -> None:
    status, printed, complained = await finished("demo", "--size", "300")

    lines = printed.decode().splitlines()
    assert (status, complained) == (0, b"")
    assert lines[0] == f"no port was named: this is an emulated module ({demo.EMULATED})"
    assert re.fullmatch(r"servers are listening on 127\.0\.0\.1, port \d+, for TCP and UDP", lines[1])
    assert lines[2] == f"the module is on {demo.EMULATED} at 115200 baud"

    table = read_table(printed.decode())
    assert list(table) == NAMES
    assert column(table, 0) == ["300"] * 5 + ["1500"]
    assert column(table, 5) == ["ok"] * 5 + ["5 of 5 ok"]
    assert all(re.fullmatch(r"\d+\.\d%", share) for share in column(table, 4))
    for index in (2, 3):
        *counts, total = map(int, column(table, index))
        assert sum(counts) == total > 0


async def test_progress_is_shown_line_by_line_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_display, "_REPORT_INTERVAL", 0.05)
    assert await run("demo", "--size", "600", "--port", "emulator://?baudrate=115200") == 0

    progress = [line for line in capsys.readouterr().out.splitlines() if " | " in line]
    assert progress
    assert all(re.fullmatch(r"(\d (TCP|UDP) +\d+%(  \|  |$)){5}", line) for line in progress)


async def test_a_line_without_a_rate_has_no_share_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("demo", "--size", "700", "--port", PORT) == 0
    assert column(read_table(capsys.readouterr().out), 4) == ["-"] * 6


async def test_without_rich_the_demo_names_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda module: False)
    assert await run("demo", "--port", PORT) == 1
    assert capsys.readouterr() == ("", "bc260y-aio: the demo needs the package rich: pip install 'bc260y-aio[cli]'\n")


# Uploads


async def test_an_upload_may_be_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("demo", "--size", "0", "--port", PORT) == 0

    table = read_table(capsys.readouterr().out)
    assert column(table, 0) == ["0"] * 6
    assert column(table, 5) == ["ok"] * 5 + ["5 of 5 ok"]


@pytest.mark.parametrize(("size", "shares"), [(1001, [201, 201, 201, 201, 197]), (2, [1, 1, 0, 0, 0]), (0, [0] * 5)])
async def test_a_file_is_shared_out(
    size: int, shares: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(bytes(index % 256 for index in range(size)))

    assert await run("demo", "--file", str(path), "--port", PORT) == 0
    assert column(read_table(capsys.readouterr().out), 0) == [*map(str, shares), str(size)]


@pytest.mark.parametrize("data_format", ["hex", "text", "auto"])
async def test_the_demo_works_with_every_data_format(data_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("demo", "--size", "1500", "--data-format", data_format, "--port", PORT) == 0


async def test_a_file_that_text_cannot_carry_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"\x00")

    assert await run("demo", "--file", str(path), "--data-format", "text", "--port", PORT) == 2
    assert capsys.readouterr() == (
        "",
        f"bc260y-aio: {path} holds bytes outside 0x20 to 0x7E: text cannot carry them\n",
    )


async def test_a_missing_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("demo", "--file", "/no/such/file", "--port", PORT) == 1
    assert capsys.readouterr() == ("", "bc260y-aio: /no/such/file: No such file or directory\n")


def test_the_same_seed_gives_the_same_bytes() -> None:
    def shares(*arguments: str) -> list[bytes]:
        options = cli.build_parser().parse_args(["demo", "--size", "100", *arguments])
        return [upload.data for upload in demo._shares(options)]

    assert shares("--seed", "7") == shares("--seed", "7")
    assert len({*shares("--seed", "7"), *shares("--seed", "8"), *shares()}) == 15


# Errors


async def test_lost_datagrams_are_sent_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_uploads, "_ANSWER_TIMEOUT", 0.1)
    async with Emulator(line="tcp", loss=0.25, seed=3) as emulator:
        assert await run("demo", "--size", "4000", "--port", emulator.url) == 0
        assert emulator.network.datagrams_lost > 0


async def test_servers_that_cannot_be_reached_still_make_a_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_uploads, "_ANSWER_TIMEOUT", 0.01)
    assert await run("demo", "--host", "192.0.2.1", "--port", PORT) == 1

    results = column(read_table(capsys.readouterr().out), 5)
    assert all(": the connection failed (566)" in result for result in results[:3])
    # Opening a UDP socket sends nothing.
    assert results[3:] == ["the server did not answer"] * 2 + ["0 of 5 ok"]


async def test_one_server_that_is_silent_leaves_the_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_uploads, "_ANSWER_TIMEOUT", 0.01)
    async with Emulator(line="tcp") as emulator:
        emulator.network.loss = 1.0
        assert await run("demo", "--size", "100", "--port", emulator.url) == 1

    results = column(read_table(capsys.readouterr().out), 5)
    assert results == ["ok"] * 3 + ["the server did not answer"] * 2 + ["3 of 5 ok"]


async def test_a_module_that_restarts_still_makes_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp", baudrate=115200) as emulator:
        demonstrating = asyncio.create_task(run("demo", "--size", "100000", "--port", emulator.url))
        await until(lambda: emulator.module.qisends > 5)
        emulator.restart()
        assert await demonstrating == 1

    results = column(read_table(capsys.readouterr().out), 5)
    assert results == ["the module restarted"] * 5 + ["0 of 5 ok"]


async def test_a_port_that_is_unplugged_still_makes_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp", baudrate=115200) as emulator:
        demonstrating = asyncio.create_task(run("demo", "--size", "100000", "--port", emulator.url))
        await until(lambda: emulator.module.qisends > 5)
        emulator.hang_up()
        assert await demonstrating == 1

    results = column(read_table(capsys.readouterr().out), 5)
    assert all("was lost" in result for result in results[:5])


async def test_a_server_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert await run("demo", "--server-port", port, "--port", PORT) == 1

    printed, complained = capsys.readouterr()
    assert printed == ""
    assert complained.count("\n") == 1


async def test_a_real_module_without_a_host_gets_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        assert await run("demo", "--size", "10", "--port", emulator.url) == 0
        assert "see --host" in capsys.readouterr().err
        assert await run("demo", "--size", "10", "--port", emulator.url, "--host", "me.example") == 0
        assert capsys.readouterr().err == ""


async def test_ctrl_c_closes_everything_at_once() -> None:
    async with (
        Emulator(line="pty", baudrate=38400) as emulator,
        started("demo", "--size", "100000", "--port", emulator.url, "--baudrate", "38400") as process,
    ):
        await until(lambda: emulator.module.qisends > 1)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(5):
            printed, _ = await process.communicate()

        assert process.returncode == 130
        assert b"QISENDs" not in printed
        assert (emulator.module.sockets, emulator.module.sleep.mode) == ({}, 1)


# The servers


def test_a_share_is_cut_into_numbered_datagrams() -> None:
    datagrams = split_datagrams(3, b"abcdef", 19 + 4)

    assert datagrams == [b"PIECE 3 0000000000 abcd", b"PIECE 3 0000000001 ef"]
    assert split_datagrams(3, b"", 512) == []


class Line(asyncio.DatagramTransport):
    """A datagram transport that keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def sendto(self, data: Any, addr: Any = None) -> None:
        self.sent.append(bytes(data))


def test_the_datagram_server_names_what_is_missing_until_it_has_all() -> None:
    archive, line = DatagramArchive(), Line()
    archive.connection_made(line)
    datagrams = split_datagrams(4, bytes(range(100)), 19 + 10)
    for datagram in (b"", b"nonsense", *datagrams[:3], *datagrams[5:], datagrams[9], report_on(4, len(datagrams))):
        archive.datagram_received(datagram, ("127.0.0.1", 1))

    assert read_missing(line.sent.pop()) == [3, 4]

    for datagram in (datagrams[4], datagrams[3], report_on(4, len(datagrams))):
        archive.datagram_received(datagram, ("127.0.0.1", 1))

    assert line.sent == [digest_of(bytes(range(100)))]
    assert archive.received == {4: bytes(range(100))}
    assert read_missing(line.sent[0]) == read_missing(b"") == []


async def test_the_stream_server_survives_nonsense() -> None:
    archive = Archive()
    server = await asyncio.start_server(archive.serve, "127.0.0.1", 0)
    async with server:
        for nonsense in (b"", b"GET / HTTP/1.1\r\n\r\n and so on", report_on(1, 10) + b"too short"):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(nonsense)
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    assert archive.received == {}
