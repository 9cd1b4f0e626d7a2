"""Opening and closing a modem: its port, its event loop, cancellation on the way out, and restarts of the module."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import pytest

from bc260y_aio.at.commands import CloseSocket, Command, OpenSocket, QueryAcks, SendData
from bc260y_aio.at.information import RegistrationStatus
from bc260y_aio.at.responses import Response
from bc260y_aio.emulator import EchoPeer, Emulator
from bc260y_aio.errors import ModemClosed, NoFreeConnectID, NotAcknowledged, PortError, SocketError
from bc260y_aio.modem.modem import Modem
from bc260y_aio.transports import ModemTransport
from tests.driver.scripted import ERROR, Module, Socket, fast_forward, open_modem, settle
from tests.loops import Clock

T = TypeVar("T")

RDY: Final = b"\r\nRDY\r\n"


# The port


def test_a_path_is_a_port() -> None:
    assert Modem(Path("/dev/ttyUSB7")).port == "/dev/ttyUSB7"


@pytest.mark.parametrize("port", [None, 7, b"/dev/ttyUSB0"])
def test_an_object_that_is_no_path_is_refused_as_a_port(port: Any) -> None:
    with pytest.raises(TypeError, match="port must be a string or a path"):
        Modem(port)


@pytest.mark.parametrize("port", ["", " "])
def test_an_empty_port_is_refused(port: str) -> None:
    with pytest.raises(ValueError, match="port is empty"):
        Modem(port)


@pytest.mark.parametrize(("port", "reason"), [("/dev/null", "not a serial port"), ("/tmp", "a directory")])
async def test_a_device_that_is_no_serial_port_is_named_so(port: str, reason: str) -> None:
    with pytest.raises(PortError, match=reason):
        await Modem(port).open()


async def test_a_coroutine_function_is_refused_as_a_callback() -> None:
    async def callback(urc: Response) -> None:
        raise AssertionError

    async with open_modem(Module()) as modem:
        with pytest.raises(TypeError, match="plain function"):
            modem.subscribe(callback)  # type: ignore[arg-type]


# Cancellation on the way out


@contextlib.asynccontextmanager
async def sleeping_module() -> AsyncIterator[Module]:
    """Make a module that is allowed to sleep when a modem is opened on it, and check that it is so in the end."""
    module = Module()
    yield module
    assert (module.sleep, module.sockets) == (1, {})


Work = Callable[[asyncio.Event], Awaitable[None]]


async def cancel_by_scope(work: Work) -> None:
    """Run work in a cancel scope that is cancelled once it is ready, and that cancels again at every await."""
    ready = asyncio.Event()
    with anyio.CancelScope() as scope:

        async def cancel() -> None:
            await ready.wait()
            await settle()
            scope.cancel()

        task = asyncio.ensure_future(cancel())
        await work(ready)

    await task
    assert scope.cancelled_caught


async def cancel_often(work: Work) -> None:
    """Cancel a task, once it is ready, again in each of many turns of the loop."""
    ready = asyncio.Event()
    task = asyncio.ensure_future(work(ready))
    await ready.wait()
    await settle()
    for _ in range(30):
        task.cancel()
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        await task


cancellation = pytest.mark.parametrize("cancelled", [cancel_by_scope, cancel_often])


@cancellation
async def test_a_cancelled_session_closes_its_sockets_and_restores_sleep(cancelled: Any) -> None:
    async with sleeping_module() as module:

        async def session(ready: asyncio.Event) -> None:
            async with open_modem(module) as modem:
                _, writer = await modem.open_connection("a.b", 7)
                writer.write(b"data")
                ready.set()
                await asyncio.sleep(60)

        await cancelled(session)
        assert module.is_closed


@cancellation
async def test_a_close_that_is_cancelled_while_a_peer_does_not_acknowledge_is_finished_all_the_same(
    cancelled: Any,
) -> None:
    writers: list[asyncio.StreamWriter] = []
    async with sleeping_module() as module:

        async def session(ready: asyncio.Event) -> None:
            async with open_modem(module) as modem:
                _, writer = await modem.open_connection("a.b", 7)
                writer.write(b"data")
                await writer.drain()
                await settle()
                module.sockets[0].unacked = 4
                writers.append(writer)
                ready.set()

        await cancelled(session)
        assert module.is_closed
        # It is unknown whether the data was sent.
        with pytest.raises(ModemClosed):
            await writers[0].wait_closed()


@cancellation
async def test_a_cancelled_awake_block_allows_sleep_again(cancelled: Any) -> None:
    async with sleeping_module() as module, open_modem(module) as modem:
        await modem.sleep()

        async def stay_awake(ready: asyncio.Event) -> None:
            async with modem.awake():
                assert module.sleep == 0
                ready.set()
                await asyncio.sleep(60)

        await cancelled(stay_awake)
        assert module.sleep == 1


async def test_the_error_of_an_awake_block_is_not_hidden_by_a_modem_that_was_lost() -> None:
    module = Module()
    async with open_modem(module) as modem:

        async def fail_awake() -> None:
            async with modem.awake():
                module.override = lambda command: b"\r\nERROR\r\n" if "QSCLK" in command.write() else None
                raise KeyError

        with pytest.raises(KeyError):
            await fail_awake()

        module.override = lambda command: None


# Event loops


def test_a_modem_is_refused_on_another_event_loop_and_stays_unharmed() -> None:
    async def use_elsewhere(modem: Modem) -> None:
        for call in (modem.open(), modem.close(), modem.resolve("echo.example"), modem.open_connection("a.b", 7)):
            with pytest.raises(RuntimeError, match="another event loop"):
                await call

        for other in (modem.wait_registered(1), modem.sleep(), modem.open_datagram_endpoint("a.b", 7)):
            with pytest.raises(RuntimeError, match="another event loop"):
                await other

        with pytest.raises(RuntimeError, match="another event loop"):
            modem.subscribe(print)

    async def main() -> None:
        async with Modem("emulator://") as modem:
            await asyncio.to_thread(asyncio.run, use_elsewhere(modem))
            assert modem.is_open
            assert await modem.execute("AT+CSQ")

    asyncio.run(main())


def test_a_modem_whose_event_loop_ended_without_a_close_can_be_opened_on_the_next() -> None:
    modem = Modem("emulator://")
    asyncio.run(modem.open())

    async def again() -> None:
        async with modem:
            assert await modem.execute("AT+CSQ")

    asyncio.run(again())
    asyncio.run(again())


def run_and_break_off(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on an event loop that is then closed as it is: it cancels no task, and ends no generator."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


@pytest.mark.filterwarnings("ignore:coroutine 'ModuleSocket._close' was never awaited:RuntimeWarning")
def test_what_was_open_on_an_event_loop_that_ended_is_no_concern_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    modem = Modem("script://module")

    async def leave_open() -> Any:
        monkeypatch.setattr("bc260y_aio.modem.lifecycle.open_port", Module().open_port)
        await modem.open()
        block = modem.awake()
        await block.__aenter__()
        transport, _ = await modem.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("192.0.2.1", 7))
        return block, transport

    async def again() -> None:
        module = Module()
        monkeypatch.setattr("bc260y_aio.modem.lifecycle.open_port", module.open_port)
        async with modem:
            assert repr(modem) == "<Modem script://module open sockets=0/5>"
            async with modem.awake():
                pass

            # No other block is left.
            assert module.sleep == 1

    _block, transport = run_and_break_off(leave_open())
    asyncio.run(again())
    assert not modem.is_open
    with contextlib.suppress(RuntimeError):
        # Its loop is closed.
        transport.abort()


def test_what_was_under_way_on_an_event_loop_that_ended_is_no_concern_of_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modem = Modem("script://module", close_timeout=0.2)
    tasks: list[asyncio.Task[Any]] = []

    async def leave(begin: Callable[[Module], Awaitable[Any]]) -> None:
        module = Module()
        module.registration = RegistrationStatus.SEARCHING
        monkeypatch.setattr("bc260y_aio.modem.lifecycle.open_port", module.open_port)
        await modem.open()
        tasks.append(asyncio.ensure_future(begin(module)))
        await settle(60)
        assert not tasks[-1].done()

    async def close(module: Module) -> None:
        module.override = lambda command: b""
        await modem.close()

    async def set_up_again(module: Module) -> None:
        module.override = lambda command: b""
        module.send(RDY)
        await asyncio.sleep(60.0)

    async def wait(module: Module) -> None:
        await modem.wait_registered()

    async def again() -> None:
        module = Module()
        module.registration = RegistrationStatus.SEARCHING
        monkeypatch.setattr("bc260y_aio.modem.lifecycle.open_port", module.open_port)
        async with modem:
            assert modem.is_open
            waiting = asyncio.ensure_future(modem.wait_registered())
            await settle(60)
            module.registration = RegistrationStatus.HOME
            module.send(b"\r\n+CEREG: 1\r\n")
            await asyncio.wait_for(waiting, 5.0)
            before = module.count("AT+QISTATE?")
            module.send(RDY)
            await settle(200)
            assert module.count("AT+QISTATE?") == before + 1

        assert module.is_closed
        assert module.sleep == 1

    for begin in (wait, set_up_again, close):
        run_and_break_off(leave(begin))
        asyncio.run(again())

    tasks.clear()


def test_a_modem_whose_event_loop_ended_can_be_closed() -> None:
    modem = Modem("emulator://")
    asyncio.run(modem.open())
    asyncio.run(modem.close())
    assert not modem.is_open


async def test_a_serial_port_is_released_when_a_modem_is_opened_on_the_next_event_loop() -> None:
    def use(url: str) -> None:
        modem = Modem(url, baudrate=115200)
        asyncio.run(modem.open())

        async def again() -> None:
            async with modem:
                assert await modem.execute("AT+CSQ")

        asyncio.run(again())

    async with Emulator(line="pty") as emulator:
        await asyncio.to_thread(use, emulator.url)


# Restarts


async def test_a_connect_id_kept_for_adoption_is_free_again_after_a_restart() -> None:
    module = Module()
    module.sockets[3] = Socket(OpenSocket(3, "UDP", "a.b", 7))
    async with open_modem(module, adopt_udp=True) as modem:
        assert modem._ids.taken == {3}
        module.sockets.clear()
        module.send(RDY)
        await settle(200)
        assert modem._ids.taken == frozenset()
        assert modem._left_open == {}


@pytest.mark.parametrize(("asked_for", "is_adopted"), [(None, True), (4000, True), (4001, False)])
async def test_a_socket_is_adopted_where_any_local_port_will_do_or_its_own(
    asked_for: int | None, is_adopted: bool
) -> None:
    module = Module()
    module.sockets[3] = Socket(OpenSocket(3, "UDP", "a.b", 7, 4000))
    async with open_modem(module, adopt_udp=True) as modem:
        local_addr = None if asked_for is None else ("", asked_for)
        endpoint = await modem.open_datagram_endpoint("a.b", 7, local_addr=local_addr)
        assert module.count("AT+QIOPEN=") == (not is_adopted)
        await endpoint.send(b"x")
        await settle(60)
        assert [*module.sockets[3].taken] == [*b"x"] * is_adopted
        endpoint.close()
        await endpoint.wait_closed()


async def test_a_socket_that_cannot_be_adopted_is_closed() -> None:
    module = Module()
    module.sockets[3] = Socket(OpenSocket(3, "UDP", "a.b", 7))
    async with open_modem(module, adopt_udp=True) as modem:
        module.override = lambda command: ERROR if isinstance(command, QueryAcks) else None
        with pytest.raises(SocketError):
            await modem.open_datagram_endpoint("a.b", 7)

        await settle(60)
        assert (module.sockets, modem._ids.taken) == ({}, frozenset())


async def test_a_socket_that_was_kept_for_adoption_is_forgotten_with_its_opening() -> None:
    module = Module()
    module.sockets[3] = Socket(OpenSocket(3, "UDP", "a.b", 7))
    async with open_modem(module, adopt_udp=True, connect_id_timeout=0.0) as modem:
        await modem.close()
        module.sockets.clear()
        await modem.open()
        module.send(RDY)
        await settle(200)
        for port in range(5):
            await modem.create_connection(asyncio.Protocol, "a.b", 7 + port)

        assert sorted(module.sockets) == [0, 1, 2, 3, 4]
        with pytest.raises(NoFreeConnectID):
            await modem.create_connection(asyncio.Protocol, "a.b", 12)


async def test_sockets_that_no_one_uses_after_a_false_rdy_are_closed() -> None:
    module = Module()
    async with open_modem(module) as modem:
        reader, writer = await modem.open_connection("a.b", 7)
        endpoint = await modem.open_datagram_endpoint("a.b", 8)
        module.send(RDY)
        with pytest.raises(ConnectionResetError):
            await reader.read()

        await endpoint.wait_closed()
        await settle(200)
        assert (module.sockets, modem._ids.taken) == ({}, frozenset())
        writer.close()
        with pytest.raises(ConnectionResetError):
            await writer.wait_closed()


async def test_a_connection_that_waits_for_its_open_survives_the_reconciliation() -> None:
    module = Module()
    async with open_modem(module, connect_id_timeout=5.0) as modem:
        await modem.create_connection(asyncio.Protocol, "a.b", 7)
        module.send(RDY)
        opening = asyncio.ensure_future(modem.open_connection("a.b", 9))
        await settle(300)
        _, writer = await opening
        assert [socket.opened.remote_port for socket in module.sockets.values()] == [9]
        writer.close()
        await writer.wait_closed()


async def test_a_thousand_restarts_ask_for_one_establishment_at_a_time() -> None:
    module = Module()
    async with open_modem(module) as modem:
        before = len(module.lines)
        for _ in range(1000):
            module.send(RDY)

        await settle(400)
        assert len(module.lines) - before < 100
        assert await modem.execute("AT+CSQ") == []
        module.override = lambda command: None


async def test_a_restart_amid_the_re_establishment_begins_it_again() -> None:
    module = Module()
    async with open_modem(module) as modem:
        restarts = 2

        def override(command: Command) -> bytes | None:
            nonlocal restarts
            if command.write() == "AT+CMEE?" and restarts:
                restarts -= 1
                return RDY

            return None

        module.override = override
        module.send(RDY)
        await settle(600)
        assert restarts == 0
        assert module.count("AT+CMEE?") == 4
        assert modem.is_open


async def test_a_socket_in_use_is_spared_by_the_reconciliation_after_an_echo() -> None:
    module = Module()
    async with open_modem(module) as modem:
        _, writer = await modem.open_connection("a.b", 7)
        module.sockets[4] = Socket(OpenSocket(4, "UDP", "a.b", 9))
        module.send(b"AT+CSQ\r\r\nOK\r\n")
        modem._on_echo()
        await settle(200)
        assert list(module.sockets) == [0]
        assert [line for line in module.lines if line.startswith("AT+QICLOSE")] == [CloseSocket(4).write()]
        writer.close()
        await writer.wait_closed()


async def test_an_emulated_module_is_left_asleep_and_without_sockets_by_a_cancelled_session() -> None:
    async with Emulator() as emulator:
        emulator.network.add_host("echo.example", EchoPeer())

        async def session() -> None:
            async with Modem(emulator.url) as modem:
                await modem.create_connection(asyncio.Protocol, "echo.example", 7)
                await asyncio.sleep(60)

        with anyio.move_on_after(0.5):
            await session()

        assert emulator.module.sockets == {}
        assert emulator.module.sleep.mode == 1


async def test_a_keepalive_payload_that_cannot_be_sent_is_refused_at_once() -> None:
    module = Module()
    async with open_modem(module, data_format="text") as modem:
        transport, _ = await modem.create_connection(asyncio.Protocol, "a.b", 7)
        assert isinstance(transport, ModemTransport)
        with pytest.raises(ValueError, match="only bytes from 0x20 to 0x7E"):
            transport.set_keepalive(0.3)

        transport.set_keepalive(300.0, b"hb")
        transport.close()


# Closing by progress


async def test_a_peer_that_pushes_amid_a_close_does_not_hide_that_it_acknowledged_nothing(clock: Clock) -> None:
    module = Module()
    async with open_modem(module, receive_limit=2048, close_timeout=5.0) as modem:
        _, writer = await modem.open_connection("a.b", 7)
        writer.write(b"data")
        await settle(60)
        module.sockets[0].unacked = 4
        writer.close()
        # More than may wait for a reader.
        for _ in range(8):
            module.push(0, bytes(1024))
            await settle(20)

        with pytest.raises(NotAcknowledged) as caught:
            await fast_forward(clock, writer.wait_closed())

        assert (caught.value.unacked, caught.value.sent) == (4, 4)


async def test_a_peer_that_pushes_amid_a_close_does_not_keep_it_from_succeeding(clock: Clock) -> None:
    module = Module()
    async with open_modem(module, receive_limit=2048) as modem:
        _, writer = await modem.open_connection("a.b", 7)
        writer.write(b"data")
        await settle(60)
        module.sockets[0].unacked = 4
        writer.close()
        for _ in range(8):
            module.push(0, bytes(1024))
            await settle(20)

        module.sockets[0].unacked = 0
        await fast_forward(clock, writer.wait_closed())
        assert bytes(module.closed[0].taken) == b"data"


async def test_an_open_outlasts_five_closes_whose_peers_acknowledge_nothing(clock: Clock) -> None:
    module = Module()
    async with open_modem(module) as modem:
        writers = [(await modem.open_connection("a.b", 7))[1] for _ in range(5)]
        for writer in writers:
            writer.write(b"data")

        await settle(200)
        for socket in module.sockets.values():
            socket.unacked = 4

        opening = asyncio.ensure_future(modem.open_connection("a.b", 8))
        for writer in writers:
            writer.close()

        _, sixth = await fast_forward(clock, opening)
        for writer in writers:
            with pytest.raises(NotAcknowledged, match="no progress for 60 s"):
                await fast_forward(clock, writer.wait_closed())

        sixth.close()
        await sixth.wait_closed()


async def test_a_modem_closes_only_when_the_module_has_taken_what_it_takes_slowly(clock: Clock) -> None:
    module = Module()
    async with open_modem(module, close_timeout=5.0) as modem:
        _, writer = await modem.open_connection("a.b", 7)
        module.override = lambda command: b"" if isinstance(command, SendData) else None
        writer.write(bytes(4096))
        await settle(20)
        closing = asyncio.ensure_future(modem.close())
        # One chunk each four seconds, which is less than the time without progress.
        for _ in range(8):
            await clock.advance(4.0)
            assert not closing.done()
            module.sockets[0].take(bytes(512))
            module.send(b"\r\nOK\r\n\r\nSEND OK\r\n")
            await settle(20)

        module.override = lambda command: None
        await fast_forward(clock, closing)
        assert len(module.closed[0].taken) == 4096
        await writer.wait_closed()


async def test_a_session_in_a_task_that_asyncio_run_cancels_at_its_end_leaves_the_module_in_order() -> None:
    async def main(url: str) -> None:
        begun = asyncio.Event()

        async def session() -> None:
            async with Modem(url) as modem:
                await modem.create_connection(asyncio.Protocol, "echo.example", 7)
                begun.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(session())
        await begun.wait()
        # asyncio.run cancels all tasks that are left: this one, the reader, and the transport's.
        assert not task.done()

    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("echo.example", EchoPeer())
        await asyncio.to_thread(asyncio.run, main(emulator.url))
        # The last bytes are on their way.
        for _ in range(500):
            if emulator.module.sleep.mode == 1:
                break

            await asyncio.sleep(0.01)

        assert (emulator.module.sleep.mode, emulator.module.sockets) == (1, {})


# Whose acknowledgements


@pytest.mark.parametrize("ending", ["close", "abort"])
async def test_acknowledgements_of_the_next_connection_are_not_those_of_the_last(ending: str, clock: Clock) -> None:
    module = Module()
    async with open_modem(module, sockets=1, close_timeout=5.0) as modem:
        first, _ = await modem.create_connection(asyncio.Protocol, "a.b", 7)
        assert isinstance(first, ModemTransport)
        first.write(b"lost")
        await settle(60)
        module.sockets[0].unacked = 4
        waiting = asyncio.ensure_future(first.wait_acked(60.0))
        await settle(60)
        opening = asyncio.ensure_future(modem.create_connection(asyncio.Protocol, "c.d", 7))
        if ending == "close":
            module.end(0)
            await settle()

        getattr(first, ending)()
        second, _ = await fast_forward(clock, opening)
        assert isinstance(second, ModemTransport)
        second.write(b"four")
        await settle(60)
        with pytest.raises(ConnectionError):
            await fast_forward(clock, waiting)

        with pytest.raises(ConnectionError):
            await first.ack_status()

        assert (await second.ack_status()).acked == 4
        second.close()
        await settle(60)
