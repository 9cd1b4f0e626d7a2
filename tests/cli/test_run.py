"""``bc260y-aio run``: real scripts, as child processes, over an emulated module in this one.

The peers are scripted ones in the emulator's network: only a module gets there.
"""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import TypeAlias

import pytest

from bc260y_aio.emulator import EchoPeer, Emulator, PeerConnection, SinkPeer
from tests.cli.running import finished, heeding, started
from tests.contract.certificates import NAMES, server_context

Write: TypeAlias = Callable[[str], str]
Outcome: TypeAlias = tuple[int | None, bytes, bytes]

NOT_THERE = "/dev/no-such-port"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a script, and return its path."""

    def write(text: str) -> str:
        path = tmp_path / "script.py"
        path.write_text(dedent(text))
        return str(path)

    return write


async def by_python(*arguments: str) -> Outcome:
    """Run a script by Python itself."""
    with heeding(signal.SIGINT):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )

    printed, complained = await process.communicate()
    return process.returncode, printed, complained


# Whatever loop it makes

LOOPS = """
    import asyncio, threading, anyio, uvloop

    async def ask(name):
        reader, writer = await asyncio.open_connection("echo.example", 7)
        writer.write(name.encode())
        assert await reader.readexactly(len(name)) == name.encode()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        writer.close()
        await writer.wait_closed()
        print(name, type(asyncio.get_running_loop()).__module__)

    asyncio.run(ask("run"))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask("runner"))

    loop = asyncio.new_event_loop()
    # A coroutine of the loop's that is made before the loop runs.
    transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, "echo.example", 7))
    assert transport.get_extra_info("peername") == ("echo.example", 7)
    transport.close()
    loop.run_until_complete(ask("twice"))
    loop.close()

    threads = [threading.Thread(target=run, args=(ask("thread"),)) for run in (asyncio.run, uvloop.run)]
    for thread in threads:
        thread.start()
        thread.join()

    anyio.run(ask, "anyio", backend_options={"use_uvloop": True})
"""


async def test_a_script_may_make_loops_as_it_likes(write: Write) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("echo.example", EchoPeer())
        status, printed, complained = await finished("run", "--port", emulator.url, write(LOOPS))

    assert (status, complained) == (0, b"")
    assert printed.decode().split("\n") == [
        "run asyncio.unix_events",
        "runner uvloop",
        "twice asyncio.unix_events",
        "thread asyncio.unix_events",
        "thread uvloop",
        "anyio uvloop",
        "",
    ]


CLIENTS = """
    import asyncio, socket, ssl, sys, uvloop

    class Print(asyncio.DatagramProtocol):
        def __init__(self):
            self.received = asyncio.get_running_loop().create_future()

        def datagram_received(self, data, addr):
            self.received.set_result((data, addr))

    async def datagrams():
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Print, remote_addr=("echo.example", 7))
        transport.sendto(b"connected")
        print(*await protocol.received)
        transport.close()

        rows = await loop.getaddrinfo("echo.example", 7, type=socket.SOCK_DGRAM)
        transport, protocol = await loop.create_datagram_endpoint(Print, family=socket.AF_INET)
        transport.sendto(b"unconnected", rows[0][4])
        data, addr = await protocol.received
        print(data, addr == rows[0][4])
        # Nobody closes this one; the loop that ends does.

    async def own_socket():
        loop = asyncio.get_running_loop()
        rows = await loop.getaddrinfo("echo.example", 7, type=socket.SOCK_STREAM)
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, rows[0][4])
            await loop.sock_sendall(sock, b"raw")
            print(await loop.sock_recv(sock, 100))
            reader, writer = await asyncio.open_connection(sock=sock)
            writer.write(b"adopted")
            print(await reader.read(100))
            writer.close()
            await writer.wait_closed()

    async def tls(name, port):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(name, port, ssl=context)
        print(await reader.read(100), writer.get_extra_info("cipher") is not None)
        writer.close()
        await writer.wait_closed()

    async def main():
        await datagrams()
        await own_socket()
        await tls(sys.argv[1], int(sys.argv[2]))

    asyncio.run(main())
    uvloop.run(main())
"""


async def test_datagrams_sockets_of_a_clients_own_and_tls_go_over_the_module(write: Write) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_context())
    async with server, Emulator(line="tcp") as emulator:
        emulator.network.add_host("echo.example", EchoPeer())
        port = str(server.sockets[0].getsockname()[1])
        status, printed, complained = await finished("run", "--port", emulator.url, write(CLIENTS), NAMES[0], port)

    assert (status, complained) == (0, b"")
    assert printed.decode().splitlines() == 2 * [
        "b'connected' ('echo.example', 7)",
        "b'unconnected' True",
        "b'raw'",
        "b'adopted'",
        "b'welcome' True",
    ]


BLOCKING = """
    import errno, os, socket, urllib.request

    print(urllib.request.urlopen("http://web.example/", timeout=10).read())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("echo.example", 7))
        sock.send(b"datagram")
        print(sock.recv(100))

    with socket.socket() as sock:
        print(sock.connect_ex(("203.0.113.1", 7)) == errno.ECONNREFUSED)

    def refused(call, *arguments):
        try:
            call(*arguments)
        except OSError as exc:
            # A forked child ends without flushing.
            print(exc, flush=True)

    address = socket.gethostbyname("echo.example")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.sendto(b"to a peer", (address, 7))
        data, sender = sock.recvfrom(100)
        print(data, sender == (address, 7))
        try:
            sock.sendto(bytes(2000), (address, 7))
        except OSError as exc:
            print(exc.errno == errno.EMSGSIZE)

        try:
            sock.sendto(b"to many", ("224.0.0.1", 7))
        except OSError as exc:
            print(exc)

    with socket.create_connection(("echo.example", 7)) as sock:
        print(sock.getpeername() == (address, 7), sock.getsockname()[0])

    sock = socket.socket()
    sock.setblocking(False)
    refused(sock.connect, ("198.51.100.1", 7))
    if (child := os.fork()) == 0:
        refused(socket.create_connection, ("web.example", 80))
        os._exit(0)

    os.waitpid(child, 0)
"""


async def test_blocking_clients_go_over_the_module_and_what_cannot_is_refused(write: Write) -> None:
    async def answer(connection: PeerConnection) -> None:
        await connection.receive()
        connection.send(b"HTTP/1.0 200 OK\r\n\r\nwelcome")
        await connection.drain()
        connection.close()

    async with Emulator(line="tcp", names=False) as emulator:
        emulator.network.add_host("web.example", answer)
        emulator.network.add_host("echo.example", EchoPeer())
        # An interpreter says that it was forked with threads in it.
        script = "import warnings; warnings.simplefilter('ignore')\n" + dedent(BLOCKING)
        status, printed, complained = await finished("run", "--port", emulator.url, write(script))

    assert (status, complained) == (0, b"")
    assert printed.decode().splitlines() == [
        "b'welcome'",
        "b'datagram'",
        "True",
        "b'to a peer' True",
        "True",
        "[Errno 101] a datagram for many, to 224.0.0.1, does not go over a modem",
        "True 0.0.0.0",
        "[Errno 101] a non-blocking connect outside of an event loop, to 198.51.100.1, does not go over a modem",
        "the modem belongs to the parent process",
    ]


# As by Python

ENDINGS = {
    "normal": "import sys\nprint(__name__, __file__, sys.argv, sys.path[0], __package__, __spec__)\n"
    "print(sys.modules[__name__].__dict__ is globals())",
    "status": "import sys; sys.exit(3)",
    "message": "import sys; sys.exit('good bye')",
    "traceback": "import asyncio\n\nasync def main():\n    return 1 / 0\n\nasyncio.run(main())",
    "chain": "try:\n    1 / 0\nexcept ZeroDivisionError as exc:\n    raise OSError('chained') from exc",
    "syntax": "print('never')\n  1\n",
    "interrupted": "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\nfinally:\n    print('done')",
    "hook": "import sys\nsys.excepthook = lambda *args: print(args[0], args[2].tb_lineno)\n1 / 0",
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_script_begins_and_ends_as_by_python(ending: str, write: Write) -> None:
    script = write(ENDINGS[ending])
    arguments = [script, "-x", "--port", "7", "--", "-m"]

    expected, found = await asyncio.gather(by_python(*arguments), finished("run", "--port", "emulator://", *arguments))

    assert found == expected


async def test_a_module_is_run_as_python_does_it(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "part.py").write_text("name = 'part'")
    (package / "__main__.py").write_text(
        "import sys\nfrom .part import name\nprint(name, __name__, __package__, __spec__.name, sys.argv, sys.path[0])"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = "run", "--port", "emulator://", "-m", "package", "-m", "--help"

    status, printed, complained = await finished(*command, cwd=tmp_path, env=environment)

    assert (status, complained) == (0, b"")
    arguments = [str(package / "__main__.py"), "-m", "--help"]
    assert printed.decode() == f"part __main__ package package.__main__ {arguments} {tmp_path}\n"


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        ((), 2, "name a script, or -m and a module"),
        (("no-such-script.py",), 2, "bc260y-aio: no-such-script.py: No such file or directory"),
        (("-m", "no.such.module"), 1, "bc260y-aio: there is no module no.such.module to run"),
    ],
)
async def test_a_missing_target_is_reported_in_one_line(
    arguments: tuple[str, ...], status: int, complaint: str
) -> None:
    found, printed, complained = await finished("run", "--port", "emulator://", *arguments)

    assert (found, printed) == (status, b"")
    assert complained.decode().splitlines()[-1].endswith(complaint)


async def test_a_port_that_is_not_there_is_one_line_and_the_script_does_not_begin(write: Write) -> None:
    status, printed, complained = await finished("run", "--port", NOT_THERE, write("print('never')"))

    assert (status, printed) == (1, b"")
    assert complained == b"bc260y-aio: cannot open /dev/no-such-port: No such file or directory\n"


# The end

LATE = """
    import asyncio, atexit, socket, threading, time

    async def main():
        _, writer = await asyncio.open_connection("sink.example", 7)
        writer.write(bytes(30000))
        writer.close()

    def late(data):
        with socket.create_connection(("sink.example", 7), timeout=10) as sock:
            sock.sendall(data)

    asyncio.run(main())
    atexit.register(late, b"at exit")
    threading.Thread(target=late, args=(b"in a thread",)).start()
"""


async def test_data_of_a_script_is_sent_after_its_end(write: Write) -> None:
    sink = SinkPeer()
    async with Emulator(latency=0.01) as emulator:
        emulator.network.add_host("sink.example", sink)
        status, printed, complained = await finished("run", "--port", emulator.url, write(LATE))

        # Python may complain of the socket that the loop had no time to close.
        assert (status, printed) == (0, b""), complained
        assert len(sink.data) == 30000 + len(b"at exit" + b"in a thread")
        assert emulator.module.sockets == {}
        assert emulator.module.sleep.mode == 1


WAITING = """
    import asyncio, {module}

    async def main():
        reader, writer = await asyncio.open_connection("echo.example", 7)
        print("ready", flush=True)
        try:
            await reader.read()
        finally:
            print("cleaned up", flush=True)
            writer.close()
            await writer.wait_closed()

    {module}.run(main())
"""


@pytest.mark.parametrize("module", ["asyncio", "uvloop"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_does_what_it_does_by_python_and_leaves_the_module_in_order(
    number: signal.Signals, module: str, write: Write
) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("echo.example", EchoPeer())
        async with started("run", "--port", emulator.url, write(WAITING.format(module=module))) as process:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
            process.send_signal(number)
            printed, complained = await process.communicate()

        assert process.returncode == -number
        is_interrupt = number == signal.SIGINT
        assert printed == (b"cleaned up\n" if is_interrupt else b"")
        assert complained.endswith(b"KeyboardInterrupt\n" if is_interrupt else b"")
        assert str(Path(__file__).parents[2] / "bc260y_aio").encode() not in complained
        assert emulator.module.sockets == {}
        assert emulator.module.sleep.mode == 1


REOPENED = """
    import asyncio
    import sys

    async def ask():
        reader, writer = await asyncio.open_connection("echo.example", 7)
        writer.write(b"question")
        print(await reader.read(100), flush=True)
        return reader, writer

    async def main():
        reader, writer = await ask()
        try:
            print(await reader.read(100), flush=True)
        except ConnectionResetError as exc:
            print(exc, flush=True)

        # It goes on once the line is back.
        await asyncio.to_thread(sys.stdin.readline)
        await ask()

    asyncio.run(main())
"""


async def test_a_modem_that_was_lost_is_opened_again_for_the_next_connection(write: Write) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("echo.example", EchoPeer())
        async with started("run", "--port", emulator.url, write(REOPENED)) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert await process.stdout.readline() == b"b'question'\n"
            emulator.hang_up()
            await emulator.plug_in()
            assert await process.stdout.readline() == b"[Errno 104] Connection reset by peer\n"
            process.stdin.write(b"\n")
            assert await process.stdout.readline() == b"b'question'\n"
            _, complained = await process.communicate()

    assert process.returncode == 0
    assert b"opening it again" in complained
