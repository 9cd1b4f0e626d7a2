"""A whole process over a modem: its loops, its blocking calls, and the modem's thread."""

import asyncio
import contextlib
import errno
import logging
import os
import queue
import socket
import ssl
import sys
import threading
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bc260y_aio.bridge import local
from bc260y_aio.emulator import EchoPeer, Emulator, SinkPeer
from bc260y_aio.errors import ModemClosed
from bc260y_aio.routing.process import ModemThread, names
from bc260y_aio.routing.process.names import SocketNames
from bc260y_aio.routing.process.policy import ProcessPolicy
from bc260y_aio.routing.process.router import attach
from bc260y_aio.routing.process.tls_sockets import RoutedSSLSocket
from bc260y_aio.tls import Resumption, TlsSessions
from tests.contract.certificates import NAMES, server_context, trusting_context
from tests.loops import LoopFactory

from .processes import PATIENCE, OwnModem, routed_process, until

ECHO = {"echo.example": EchoPeer()}

both_loops = pytest.mark.loops("asyncio", "uvloop")


def run(factory: LoopFactory, main: Coroutine[Any, Any, Any]) -> None:
    """Run a program on a loop of its own."""
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have code in a block take itself for a child process."""

    @contextlib.contextmanager
    def child() -> Any:
        with monkeypatch.context() as inside:
            inside.setattr(os, "getpid", lambda: -1)
            yield

    return child


# Streams of loops


@both_loops
def test_a_stream_goes_over_the_module_and_names_its_ends(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        reader, writer = await asyncio.open_connection("echo.example", 7)
        assert writer.get_extra_info("peername") == ("echo.example", 7)
        assert writer.get_extra_info("sockname")[0] == "0.0.0.0"
        assert writer.get_extra_info("socket") is not None
        assert writer.get_extra_info("weather", "none") == "none"
        assert len(await asyncio.to_thread(process.sockets)) == 1
        writer.write(b"question")
        assert await reader.readexactly(8) == b"question"
        writer.close()
        await writer.wait_closed()

    with routed_process(ECHO) as process:
        run(loop_factory, main())
        process.wait_free()


@both_loops
def test_a_transport_of_a_named_socket_does_what_the_loops_does(loop_factory: LoopFactory) -> None:
    class Protocol(asyncio.Protocol):
        def __init__(self) -> None:
            self.data = b""
            self.is_over = asyncio.get_running_loop().create_future()

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.data += data

        def connection_lost(self, exc: Exception | None) -> None:
            self.is_over.set_result(exc)

    async def main() -> None:
        transport, protocol = await asyncio.get_running_loop().create_connection(Protocol, "echo.example", 7)
        assert protocol.transport is transport
        assert transport.get_protocol() is protocol
        assert transport.get_extra_info("peername") == ("echo.example", 7)
        transport.writelines([b"a", b"b"])
        await until(lambda: protocol.data == b"ab")
        transport.pause_reading()
        assert not transport.is_reading()
        transport.resume_reading()
        transport.close()
        assert transport.is_closing()
        assert await protocol.is_over is None

    with routed_process(ECHO) as process:
        run(loop_factory, main())
        process.wait_free()


@both_loops
def test_an_option_of_tls_without_tls_is_refused(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for options in ({"server_hostname": "x"}, {"ssl_handshake_timeout": 1.0}, {"ssl_shutdown_timeout": 1.0}):
            with pytest.raises(ValueError, match="only meaningful with ssl"):
                await loop.create_connection(asyncio.Protocol, "echo.example", 7, **options)

        assert process.sockets() == []
        none: dict[str, Any] = dict.fromkeys(("server_hostname", "ssl_handshake_timeout", "ssl_shutdown_timeout"))
        transport, _ = await loop.create_connection(asyncio.Protocol, "echo.example", 7, ssl=None, **none)
        transport.abort()

    with routed_process(ECHO) as process:
        run(loop_factory, main())
        process.wait_free()


@both_loops
def test_a_loop_does_not_listen_on_the_name_of_another_machine_nor_ask_for_it(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        with pytest.raises(socket.gaierror, match="no name of this machine"):
            await asyncio.get_running_loop().create_server(asyncio.Protocol, "elsewhere.example", 0)

    with routed_process(ECHO):
        run(loop_factory, main())


def failing() -> Any:
    raise ZeroDivisionError


@both_loops
def test_a_protocol_that_cannot_be_made_costs_no_connect_id(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await asyncio.get_running_loop().create_connection(failing, "echo.example", 7)

    with routed_process(ECHO) as process:
        run(loop_factory, main())
        process.wait_free()


@both_loops
def test_a_connection_that_is_given_up_while_it_is_opened_costs_no_connect_id(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for opening in (
            lambda: loop.create_connection(asyncio.Protocol, "echo.example", 7),
            lambda: loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("echo.example", 7)),
        ):
            task = loop.create_task(opening())
            # It has begun, in the modem's thread.
            await asyncio.sleep(0)
            await loop.getaddrinfo("echo.example", 7)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                transport: Any = (await task)[0]
                transport.abort()

    with routed_process(ECHO, latency=0.05) as process:
        run(loop_factory, main())
        process.wait_free()


@both_loops
def test_a_socket_of_a_clients_own_that_the_loop_connects_is_used_raw_and_handed_over(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, (process.addresses["echo.example"], 7))
            assert sock.getpeername() == (process.addresses["echo.example"], 7)
            await loop.sock_sendall(sock, b"raw")
            assert await loop.sock_recv(sock, 100) == b"raw"
            reader, writer = await asyncio.open_connection(sock=sock)
            writer.write(b"adopted")
            assert await reader.readexactly(7) == b"adopted"
            writer.close()
            await writer.wait_closed()

    with routed_process(ECHO) as process:
        run(loop_factory, main())
        process.wait_free()


# Blocking sockets


def test_a_blocking_socket_keeps_its_own_ways_when_it_is_connected() -> None:
    with routed_process(ECHO) as process, socket.socket() as sock:
        sock.settimeout(PATIENCE)
        assert sock.fileno() >= 0
        assert not os.get_inheritable(sock.fileno())
        number = sock.fileno()
        sock.connect(("echo.example", 7))
        assert (sock.fileno(), sock.gettimeout(), os.get_inheritable(number)) == (number, PATIENCE, False)
        assert sock.getpeername() == ("echo.example", 7)
        assert sock.getsockname()[0] == "0.0.0.0"
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        # Linux counts twice what it was told.
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * 64 * 1024
        sock.sendall(b"question")
        assert sock.makefile("rb").read(8) == b"question"
        sock.close()
        process.wait_free()


def test_a_socket_of_a_family_that_the_peer_has_no_address_of_is_not_connected() -> None:
    with routed_process(ECHO) as process:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET6, kind) as sock, pytest.raises(socket.gaierror):
                sock.connect(("echo.example", 7))

        assert process.sockets() == []


def test_a_socket_of_ipv6_is_connected_to_the_ipv6_address_of_a_name() -> None:
    with routed_process({}) as process:
        process.emulator.network.add_host("both.example", EchoPeer(), address="198.51.100.7", ipv6="2001:db8::7")
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET6, kind) as sock:
                sock.settimeout(PATIENCE)
                sock.connect(("both.example", 7))
                sock.sendall(b"question")
                assert sock.recv(100) == b"question"
                assert [one.host for one in process.sockets()] == ["2001:db8::7"]

            process.wait_free()


def test_a_descriptor_that_children_inherit_stays_so() -> None:
    with routed_process(ECHO), socket.socket() as sock:
        sock.set_inheritable(True)
        sock.connect(("echo.example", 7))
        assert sock.get_inheritable()


def test_a_socket_of_this_machines_own_address_cannot_be_connected_to_another() -> None:
    with routed_process(ECHO) as process, socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match=r"127\.0\.0\.1") as refused:
            sock.connect(("echo.example", 7))

        assert refused.value.errno == errno.EADDRNOTAVAIL
        assert process.sockets() == []


def test_a_blocking_connect_that_takes_too_long_ends_in_time_and_frees_the_connect_id() -> None:
    with routed_process(ECHO, latency=0.2) as process:
        with socket.socket() as sock:
            sock.settimeout(0.01)
            with pytest.raises(TimeoutError, match="timed out"):
                sock.connect((process.addresses["echo.example"], 7))

        process.wait_free()


@pytest.mark.parametrize("system", ["Linux", "another"])
def test_a_program_that_has_ended_its_sending_goes_on_reading(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if system == "another":
        # Nothing tells there whether a process has the socket.
        monkeypatch.setattr(local, "is_held", lambda sock: None)
    elif sys.platform != "linux":
        pytest.skip("only Linux tells who has a socket")

    with routed_process(ECHO, latency=0.05) as process:
        sock = socket.create_connection(("echo.example", 7), timeout=PATIENCE)
        if system == "Linux":
            # By another descriptor than the one that was opened.
            first, sock = sock, sock.dup()
            first.close()

        with sock:
            sock.sendall(b"question")
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(100) == b"question"

        process.wait_free()


def test_a_socket_that_was_closed_meanwhile_is_not_connected() -> None:
    with routed_process(ECHO) as process:
        theirs = process.thread.wait_for(process.thread.opening("echo.example", 7, socket.SOCK_STREAM), PATIENCE)
        sock = socket.socket()
        sock.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            attach(sock, theirs)

        assert theirs.fileno() == -1
        process.wait_free()


def test_a_raw_socket_is_refused() -> None:
    with routed_process(ECHO) as process:
        policy = ProcessPolicy(process.thread)
        raw = cast("socket.socket", SimpleNamespace(type=socket.SOCK_RAW, family=socket.AF_INET))
        with pytest.raises(OSError, match=r"a raw socket's connect to 198\.51\.100\.1 does not go over a modem"):
            policy.connect(raw, ("198.51.100.1", 7))

        with pytest.raises(OSError, match=r"SOCK_RAW to 198\.51\.100\.1 does not go over a modem"):
            policy.destination(raw, b"ping", ("198.51.100.1", 0))


def test_sockets_of_this_machine_are_as_they_were(tmp_path: Any) -> None:
    with routed_process(ECHO), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(str(tmp_path / "one"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as two:
            two.bind(str(tmp_path / "two"))
            two.sendto(b"here", one.getsockname())
            assert one.recvfrom(100) == (b"here", str(tmp_path / "two"))
            two.connect(str(tmp_path / "one"))
            assert two.getpeername() == str(tmp_path / "one")

    with (
        routed_process(ECHO),
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as accepted,
    ):
        assert client.getpeername() == server.getsockname()
        assert accepted.getpeername() == client.getsockname()
        client.send(b"here")
        assert accepted.recvfrom(100) == (b"here", None)


def test_the_names_of_the_oldest_of_very_many_sockets_are_forgotten() -> None:
    kept = dict(names._names)
    try:
        for number in range(names._MOST + 1):
            SocketNames(("0.0.0.0", number), ("peer.example", 7)).set_for((-1, number))

        assert len(names._names) == names._MOST
        assert (-1, 0) not in names._names
        assert names._names[-1, names._MOST].sockname == ("0.0.0.0", names._MOST)
    finally:
        names._names.clear()
        names._names.update(kept)


# The modem's thread


def test_a_modem_that_cannot_be_opened_is_told_and_leaves_no_thread() -> None:
    class Unopened(OwnModem):
        async def open(self) -> None:
            raise OSError("there is none")

        async def close(self) -> None:
            pass

    modem_thread = ModemThread(Unopened(Emulator(line="memory")))
    with pytest.raises(OSError, match="there is none"):
        modem_thread.start()

    assert [one.name for one in threading.enumerate() if one.name.startswith("bc260y[own]")] == []


def test_a_stop_while_the_modem_is_opened_leaves_no_thread() -> None:
    events: list[str] = []

    class Slow(OwnModem):
        begun = threading.Event()

        async def open(self) -> None:
            self.begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                events.append("opening ended")

        async def close(self) -> None:
            events.append("closed")

    modem_thread = ModemThread(Slow(Emulator(line="memory")))
    failed: list[BaseException] = []

    def start() -> None:
        try:
            modem_thread.start()
        except BaseException as exc:
            failed.append(exc)

    starting = threading.Thread(target=start, daemon=True)
    starting.start()
    assert Slow.begun.wait(PATIENCE)
    modem_thread.stop()
    starting.join(PATIENCE)
    assert [type(exc) for exc in failed] == [asyncio.CancelledError]
    assert events == ["opening ended", "closed"]


def test_what_is_asked_of_a_modem_that_was_stopped_is_refused() -> None:
    async def work(_: Any) -> None: ...

    with routed_process(ECHO) as process:
        process.thread.stop()
        process.thread.stop()
        with pytest.raises(ModemClosed):
            process.thread.submit(work)

        process.thread.call(print)
        with pytest.raises(ModemClosed):
            socket.create_connection((process.addresses["echo.example"], 7))


def test_a_child_process_cannot_use_the_modem_nor_stop_it(child: Any) -> None:
    with routed_process(ECHO) as process:
        with child():
            with pytest.raises(ModemClosed, match="parent process"):
                socket.create_connection((process.addresses["echo.example"], 7))

            process.thread.stop(0.0)

        with socket.create_connection(("echo.example", 7), timeout=PATIENCE) as sock:
            sock.sendall(b"question")
            assert sock.makefile("rb").read(8) == b"question"


def test_what_a_program_wrote_is_sent_after_its_end_and_the_module_is_left_in_order() -> None:
    sink = SinkPeer()
    with routed_process({"sink.example": sink}, latency=0.01) as process:
        sock = socket.create_connection(("sink.example", 7))
        sock.sendall(bytes(30000))
        # Neither closed, nor ended: the program just ends.
        process.thread.stop()
        sock.close()

    assert len(sink.data) == 30000
    assert process.emulator.module.sockets == {}
    assert process.emulator.module.sleep.mode == 1


def test_the_end_waits_no_longer_than_it_may() -> None:
    ended: list[str] = []

    async def serve_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    with routed_process(ECHO) as process:
        process.thread.call(process.thread.spawn, serve_for_ever)
        process.thread.stop(0.05)
        assert ended == ["cancelled"]


def test_the_end_waits_for_what_serves_the_program() -> None:
    ended: list[str] = []

    async def serve_to_the_end() -> None:
        await until(lambda: process.thread.is_stopping)
        await asyncio.sleep(0.05)
        ended.append("done")

    with routed_process(ECHO) as process:
        process.thread.call(process.thread.spawn, serve_to_the_end)
        process.run(asyncio.sleep(0))

    assert ended == ["done"]


def test_a_result_that_comes_after_its_caller_has_stopped_waiting_is_undone() -> None:
    undone: queue.Queue[str] = queue.Queue()

    async def late(_: Any) -> str:
        # As when the cancellation comes in the moment in which it is done.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

        return "late"

    with routed_process(ECHO) as process:
        with pytest.raises(TimeoutError, match="timed out"):
            process.thread.wait_for(late, 0.01, undone.put)

        assert undone.get(timeout=PATIENCE) == "late"

        async def main() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await process.thread.done(late, undone.put)

        asyncio.run(main())
        assert undone.get(timeout=PATIENCE) == "late"


def test_a_result_that_came_before_its_caller_stopped_waiting_is_undone_once() -> None:
    undone: queue.Queue[str] = queue.Queue()

    async def quick(_: Any) -> str:
        return "quick"

    async def main() -> None:
        task = asyncio.ensure_future(process.thread.done(quick, undone.put))
        await asyncio.sleep(0)
        # It is done by the time that this loop hears of it.
        process.thread.wait_for(quick, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with routed_process(ECHO) as process:
        asyncio.run(main())
        assert undone.get(timeout=PATIENCE) == "quick"
        assert undone.empty()


def test_an_error_is_told_to_who_waits_and_to_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: Any) -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.02)

        raise ZeroDivisionError

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await process.thread.done(fail, undone.append)

    undone: list[str] = []
    with routed_process(ECHO) as process:
        asyncio.run(main())
        with pytest.raises(TimeoutError, match="timed out"):
            process.thread.wait_for(fail, 0.0, undone.append)

    assert undone == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_timeout_of_what_is_done_is_told_as_it_is() -> None:
    async def fail(_: Any) -> str:
        raise TimeoutError("the network does not answer")

    with routed_process(ECHO) as process, pytest.raises(TimeoutError, match="the network does not answer"):
        process.thread.wait_for(fail, PATIENCE)


def test_at_the_end_those_who_asked_are_told_in_the_modems_thread() -> None:
    told: list[str] = []
    with routed_process(ECHO) as process:
        process.thread.on_stop.append(lambda: told.append(threading.current_thread().name))

    assert told == ["bc260y[own].thread"]


def test_a_blocking_tls_socket_over_the_module_is_offered_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def take(sessions: TlsSessions, *peer: Any) -> Any:
        asked.append(peer)
        return None, Resumption.NONE_KEPT

    monkeypatch.setattr(TlsSessions, "prepare", lambda sessions, context: asked.append(context))
    monkeypatch.setattr(TlsSessions, "take", take)
    context = trusting_context()
    options: dict[str, Any] = {"do_handshake_on_connect": False}

    def begin(sock: socket.socket, context: ssl.SSLContext, **kwds: Any) -> Any:
        with context.wrap_socket(sock, **options, **kwds) as tls:
            assert isinstance(tls, RoutedSSLSocket)
            return tls.begin_handshake()

    with routed_process(ECHO) as process:
        assert process.thread.tls_sessions is process.own.modem.tls_sessions
        over_module = socket.create_connection(("echo.example", 7))
        assert begin(over_module, context, server_hostname=NAMES[0]) is not None
        assert asked == [context, (context, NAMES[0], 7)]

        # Neither a server's, nor a connection on this machine.
        asked.clear()
        assert begin(socket.create_connection(("echo.example", 7)), server_context(), server_side=True) is None
        with socket.create_server(("127.0.0.1", 0)) as server:
            here = socket.create_connection(server.getsockname())
            assert begin(here, context, server_hostname=NAMES[0]) is None

        assert asked == []


def test_a_class_of_tls_sockets_of_other_code_is_left_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(ssl.SSLSocket):
        pass

    monkeypatch.setattr(ssl.SSLContext, "sslsocket_class", Own)
    wrap_socket = ssl.SSLContext.wrap_socket
    with routed_process(ECHO):
        assert (ssl.SSLContext.sslsocket_class, ssl.SSLContext.wrap_socket) == (Own, wrap_socket)


def test_the_modems_thread_keeps_no_program_alive() -> None:
    with routed_process(ECHO):
        (thread,) = [one for one in threading.enumerate() if one.name == "bc260y[own].thread"]
        assert thread.daemon


def test_a_lost_modem_is_opened_again_once_for_all_who_ask(caplog: pytest.LogCaptureFixture) -> None:
    with routed_process(ECHO) as process:

        async def lose() -> None:
            await process.lose()
            await process.emulator.plug_in()

        process.run(lose())

        async def ask(modem: Any) -> Any:
            return await modem.getaddrinfo("echo.example", 7)

        futures = [process.thread.submit(ask) for _ in range(3)]
        assert len({str(future.result(PATIENCE)) for future in futures}) == 1
        assert process.own.opened == 2
        assert sum("opening it again" in told for told in caplog.messages) == 1
