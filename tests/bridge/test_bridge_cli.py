"""``bc260y-aio socks``."""

import argparse
import asyncio
import contextlib
import io
import signal
import socket

import pytest

from bc260y_aio.cli.socks import add_to, address
from bc260y_aio.emulator import Emulator
from tests.cli.running import finished, run, started, until


def get(proxy: tuple[str, int], host: str, port: int) -> bytes:
    """Connect through a proxy, as a program that blocks does, and read to the end."""
    with socket.create_connection(proxy, timeout=10) as sock:
        sock.sendall(b"\x05\x01\x00")
        assert sock.recv(2) == b"\x05\x00"
        sock.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode() + port.to_bytes(2))
        assert sock.recv(10)[:2] == b"\x05\x00"
        return sock.recv(100)


async def test_the_proxy_prints_its_address_and_ends_by_a_signal() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with started("socks", "--port", "emulator://", "--listen", "127.0.0.1:0") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            line = (await process.stdout.readline()).decode()
            assert line.startswith("SOCKS5 on 127.0.0.1:")
            proxy = "127.0.0.1", int(line.rpartition(":")[2])

            assert await asyncio.to_thread(get, proxy, "web.example", port) == b"welcome"
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 128 + signal.SIGTERM
            assert await process.stderr.read() == b""


async def test_a_port_that_is_in_use_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        status, printed, complained = await finished("socks", "--port", "emulator://", "--listen", listen)

    assert (status, printed) == (1, b"")
    assert b"in use" in complained


async def test_the_proxy_ends_when_the_module_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bc260y_aio.cli.socks._CHECK_INTERVAL", 0.01)
    async with Emulator(line="tcp") as emulator:
        proxy = asyncio.create_task(run("socks", "--port", emulator.url, "--listen", "127.0.0.1:0"))
        await until(lambda: "SOCKS5" in capsys.readouterr().out)
        emulator.hang_up()

        assert await proxy == 1

    assert "the module was lost" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("127.0.0.1:1080", ("127.0.0.1", 1080)),
        ("localhost:0", ("127.0.0.1", 0)),
        ("[::1]:1080", ("::1", 1080)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
    ],
)
def test_an_address_to_listen_on_is_read(text: str, wanted: tuple[str, int]) -> None:
    assert address(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "1080", ":1080", "proxy.example:1080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536"]
)
def test_an_invalid_address_is_wrong_usage(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="numeric address"):
        address(text)


def test_the_help_has_a_line_for_ssh_that_ssh_understands() -> None:
    parser = argparse.ArgumentParser()
    add_to(parser.add_subparsers(), "")
    with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()) as printed:
        parser.parse_args(["socks", "--help"])

    assert "ProxyCommand nc -X 5 -x HOST:PORT %h %p\n" in printed.getvalue()
