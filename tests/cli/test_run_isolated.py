"""``bc260y-aio run --isolated``: programs of any kind in namespaces, over an emulated module in this process.

The peers are scripted ones in the emulator's network: only a module gets there.
"""

import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

from bc260y_aio.emulator import EchoPeer, Emulator, PeerConnection, SinkPeer
from tests.cli.running import finished, started
from tests.leaks.namespace import reason_not_isolated
from tests.tools import needs

_ISOLATED: Final = ("run", "--isolated", "--port")


@pytest.fixture(autouse=True)
def needs_namespaces() -> None:
    if (reason := reason_not_isolated()) is not None:
        pytest.skip(reason)


def by_python(text: str) -> tuple[str, ...]:
    return "--", sys.executable, "-c", dedent(text)


async def answer(connection: PeerConnection) -> None:
    """Serve one request of HTTP."""
    await connection.receive()
    connection.send(b"HTTP/1.0 200 OK\r\n\r\nwelcome")
    await connection.drain()
    connection.close()


STREAMS = """
    import socket

    with socket.create_connection(("echo.example", 7), timeout=10) as sock:
        print(socket.gethostbyname("echo.example"), sock.getpeername() == (socket.gethostbyname("echo.example"), 7))
        data = bytes(range(256)) * 80
        sock.sendall(data)
        received = b""
        while len(received) < len(data):
            received += sock.recv(65536)

        print(received == data)

    with socket.create_connection(("late.example", 7), timeout=10) as sock:
        sock.sendall(b"hello")
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while data := sock.recv(100):
            answer += data

        print(answer)

    for host in ("203.0.113.1", "nowhere.example", "198.19.255.255"):
        try:
            socket.create_connection((host, 7), timeout=10).recv(1)
        except OSError as exc:
            print(host, exc.errno)

    print([name for _, name in socket.if_nameindex()])
"""


async def test_streams_go_over_the_module(tmp_path: Path) -> None:
    async def late(connection: PeerConnection) -> None:
        await connection.receive_exactly(5)
        connection.send(b"late")
        await connection.drain()
        connection.send(b" answer")
        await connection.drain()
        connection.close()

    async with Emulator(line="tcp", names=False) as emulator:
        emulator.network.add_host("echo.example", EchoPeer())
        emulator.network.add_host("late.example", late)
        status, printed, complained = await finished(*_ISOLATED, emulator.url, *by_python(STREAMS))
        assert emulator.module.sockets == {}

    assert status == 0, complained.decode()
    assert printed.decode().splitlines() == [
        "198.18.1.0 True",
        "True",
        "b'late answer'",
        # A connection that the module cannot open is aborted, or refused where that is early enough.
        "203.0.113.1 103",
        "nowhere.example 103",
        "198.19.255.255 103",
        "['lo', 'tun0']",
    ]
    assert b"bc260y-aio: 203.0.113.1:7: " in complained


DATAGRAMS = """
    import socket

    def exchange(sock, data, address):
        sock.settimeout(10)
        sock.sendto(data, address)
        return sock.recvfrom(2000)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for name in ("echo.example", "other.example"):
            data, sender = exchange(sock, name.encode(), (name, 7))
            print(data, sender == (socket.gethostbyname(name), 7))

    # More than a module has sockets for, one after the other.
    for number in range(8):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            assert exchange(sock, b"%d" % number, ("echo.example", 7))[0] == b"%d" % number

    print("done")
"""


async def test_datagrams_go_over_the_module_and_closed_sockets_free_their_connect_ids() -> None:
    async with Emulator(line="tcp", names=False) as emulator:
        for name in ("echo.example", "other.example"):
            emulator.network.add_host(name, EchoPeer())

        status, printed, complained = await finished(*_ISOLATED, emulator.url, *by_python(DATAGRAMS))
        assert emulator.module.sockets == {}

    assert (status, complained) == (0, b"")
    assert printed.decode().splitlines() == ["b'echo.example' True", "b'other.example' True", "done"]


BURST: Final = """
    import os, socket

    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]
    for sock in socks:
        sock.settimeout(10)
        sock.sendto(b"hello", ("echo.example", 7))
        assert sock.recv(100) == b"hello"

    # The sockets are not closed before the program has ended.
    os._exit(0)
"""


async def test_a_program_that_ends_with_open_datagram_sockets_leaves_none_of_ours_and_of_the_modules() -> None:
    async with Emulator(line="tcp", names=False) as emulator:
        emulator.network.add_host("echo.example", EchoPeer())
        assert await finished(*_ISOLATED, emulator.url, *by_python(BURST)) == (0, b"", b"")
        assert emulator.module.sockets == {}


@needs("curl")
async def test_a_program_in_c_its_children_and_a_pipeline() -> None:
    async with Emulator(line="tcp", names=False) as emulator:
        emulator.network.add_host("web.example", answer)
        pipeline = "curl -sS --http1.0 http://web.example/ | tr a-z A-Z | cat; exit 3"
        status, printed, complained = await finished(*_ISOLATED, emulator.url, "--", "sh", "-c", pipeline)

    assert (status, printed, complained) == (3, b"WELCOME", b"")


async def test_standard_input_and_output_are_the_programs(tmp_path: Path) -> None:
    async with started(*_ISOLATED, "emulator://", "--", "cat") as process:
        printed, complained = await process.communicate(b"as it is")

    assert (process.returncode, printed, complained) == (0, b"as it is", b"")


LATE = """
    import os, socket

    sock = socket.create_connection(("sink.example", 7), timeout=10)
    sock.sendall(bytes(20000))
    os._exit(0)
"""


async def test_data_of_a_program_is_sent_after_its_end() -> None:
    sink = SinkPeer()
    async with Emulator(latency=0.01, line="tcp") as emulator:
        emulator.network.add_host("sink.example", sink)
        status, printed, complained = await finished(*_ISOLATED, emulator.url, *by_python(LATE))

        assert (status, printed, complained) == (0, b"", b"")
        assert len(sink.data) == 20000
        assert emulator.module.sockets == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_the_program_and_leaves_the_module_in_order(number: signal.Signals) -> None:
    waiting = by_python("""
        import socket
        sock = socket.create_connection(("echo.example", 7))
        print("ready", flush=True)
        sock.recv(1)
    """)
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("echo.example", EchoPeer())
        async with started(*_ISOLATED, emulator.url, *waiting, stdin=PIPE) as process:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
            process.send_signal(number)
            await process.communicate()

        assert process.returncode == -number
        assert emulator.module.sockets == {}


async def test_a_program_that_is_killed_is_reported_as_killed() -> None:
    status, printed, complained = await finished(*_ISOLATED, "emulator://", "--", "sh", "-c", "kill -KILL $$")

    assert (status, printed, complained) == (-signal.SIGKILL, b"", b"")


async def test_a_lost_connection_is_no_end_of_input() -> None:
    waiting = by_python("""
        import socket
        sock = socket.create_connection(("echo.example", 7))
        sock.sendall(b"x")
        print(sock.recv(1), flush=True)
        try:
            print(sock.recv(1))
        except ConnectionError as exc:
            print(type(exc).__name__)
    """)
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("echo.example", EchoPeer())
        async with started(*_ISOLATED, emulator.url, *waiting) as process:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"b'x'\n"
            emulator.restart()
            printed, _ = await process.communicate()

    assert printed == b"ConnectionAbortedError\n"


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        ((), 2, "name a command after --isolated --"),
        (("--", "no-such-program"), 127, "bc260y-aio: no-such-program: no such command"),
        (("--", "/etc/passwd"), 126, "bc260y-aio: /etc/passwd: Permission denied"),
    ],
)
async def test_a_command_that_cannot_be_run_is_reported_in_one_line(
    arguments: tuple[str, ...], status: int, complaint: str
) -> None:
    found, printed, complained = await finished(*_ISOLATED, "emulator://", *arguments)

    assert (found, printed) == (status, b"")
    assert complained.decode().splitlines()[-1].endswith(complaint)


async def test_a_port_that_is_not_there_is_one_line_and_the_program_does_not_begin() -> None:
    status, printed, complained = await finished(*_ISOLATED, "/dev/no-such-port", "--", "echo", "never")

    assert (status, printed) == (1, b"")
    assert complained == b"bc260y-aio: cannot open /dev/no-such-port: No such file or directory\n"
