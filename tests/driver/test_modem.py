"""The modem: the event loop's methods, and what happens to a connectID on every way out of them."""

import asyncio
import contextlib
import errno
import itertools
import socket
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from bc260y_aio.at.commands import CloseSocket, Command, OpenSocket
from bc260y_aio.at.information import RegistrationStatus, SocketInfo
from bc260y_aio.errors import (
    CommandFailed,
    ConnectRefused,
    ConnectTimeout,
    LocalPortBusy,
    ModemClosed,
    ModemNotResponding,
    ModuleRestarted,
    NoFreeConnectID,
    NotRegistered,
    PayloadDamaged,
    PortLost,
    ResolutionError,
    SocketError,
)
from bc260y_aio.modem.modem import Modem
from bc260y_aio.port import Port
from bc260y_aio.transports import ModemTransport
from tests.driver.scripted import CLOSE_OK, ERROR, OK, FarEnd, Module, Socket, fast_forward, open_modem, settle
from tests.loops import Clock, Contexts

pytestmark = pytest.mark.loops("asyncio", "eager")

OPEN: Final = b'AT+QIOPEN=0,0,"TCP","a.b",7\r'


class Scripted(Module):
    """A healthy module until it is asked to leave the answers to the test."""

    def leave_it_to_the_test(self) -> None:
        """Answer nothing from now on, and expect from here."""
        self.override = lambda command: b""
        self._expected = len(self.written)


@contextlib.asynccontextmanager
async def scripted_modem(**options: Any) -> AsyncIterator[tuple[Modem, Scripted]]:
    """Open a modem on a module that is healthy until then, and again for the close."""
    far = Scripted()
    async with open_modem(far, **options) as modem:
        far.leave_it_to_the_test()
        yield modem, far
        far.override = lambda command: None
        await settle()


def connect(modem: Modem, host: str = "a.b", **options: Any) -> asyncio.Task[tuple[asyncio.Transport, Any]]:
    return asyncio.ensure_future(modem.create_connection(asyncio.Protocol, host, 7, **options))


# Opening


async def test_a_connection_is_one_command_and_its_close_another() -> None:
    async with scripted_modem() as (modem, far):
        opening = connect(modem)
        await far.expect(OPEN)
        far.send(OK)
        await far.expect_nothing()
        far.send(b"\r\n+QIOPEN: 0,0\r\n")
        transport, _ = await opening
        transport.close()
        await far.answer(b"AT+QICLOSE=0\r", CLOSE_OK)
        await far.expect_nothing()


async def test_streams_read_and_write() -> None:
    module = Module()
    async with open_modem(module) as modem:
        reader, writer = await modem.open_connection("a.b", 7, limit=1024)
        writer.write(b"ping")
        await writer.drain()
        module.push(0, b"po")
        module.push(0, b"ng\n")
        assert await reader.readline() == b"pong\n"
        module.end(0)
        assert await reader.read() == b""
        assert bytes(module.sockets[0].taken) == b"ping"
        writer.close()
        await writer.wait_closed()
        assert module.sockets == {}


@pytest.mark.parametrize(
    ("code", "error", "number"),
    [
        (566, ConnectRefused, errno.ECONNREFUSED),
        (569, ConnectTimeout, errno.ETIMEDOUT),
        (565, ResolutionError, socket.EAI_NONAME),
        (564, ResolutionError, socket.EAI_AGAIN),
        (556, LocalPortBusy, errno.EADDRINUSE),
        (561, SocketError, errno.ENETUNREACH),
        (599, SocketError, errno.EIO),
    ],
)
async def test_a_failed_open_is_reported_as_asyncio_would_and_its_connect_id_is_closed_and_free_again(
    code: int, error: type[OSError], number: int
) -> None:
    async with scripted_modem() as (modem, far):
        opening = connect(modem)
        await far.answer(OPEN, OK, b"\r\n+QIOPEN: 0,%d\r\n" % code)
        with pytest.raises(error) as caught:
            await opening

        assert caught.value.errno == number
        # Whoever comes next takes another connectID, until this one is closed.
        await far.answer(b"AT+QICLOSE=0\r", CLOSE_OK)
        await settle()
        assert modem._ids.taken == frozenset()


async def test_a_refused_open_is_reported_and_closed_though_the_close_is_refused_too() -> None:
    async with scripted_modem() as (modem, far):
        opening = connect(modem)
        await far.answer(OPEN, ERROR)
        with pytest.raises(SocketError, match="unknown error") as caught:
            await opening

        assert isinstance(caught.value.__cause__, CommandFailed)
        await far.answer(b"AT+QICLOSE=0\r", ERROR)
        await far.answer(b"AT+QISTATE=1,0\r", OK)
        assert modem._ids.taken == frozenset()


async def test_an_open_that_is_refused_with_an_error_of_a_socket_is_reported_as_asyncio_would() -> None:
    async with scripted_modem() as (modem, far):
        opening = connect(modem)
        await far.answer(OPEN, b"\r\n+CME ERROR: 565\r\n")
        with pytest.raises(socket.gaierror):
            await opening

        await far.answer(b"AT+QICLOSE=0\r", CLOSE_OK)


async def test_an_open_that_has_no_outcome_in_time_is_closed_once_the_line_is_in_step(clock: Clock) -> None:
    async with scripted_modem() as (modem, far):
        opening = connect(modem)
        await far.answer(OPEN, OK)
        await clock.advance(65.1)
        with pytest.raises(ConnectTimeout, match=r"^opening tcp a\.b:7: the operation timed out \(569\); the peer"):
            await opening

        await far.resynchronise()
        await far.answer(b"AT+QICLOSE=0\r", CLOSE_OK)
        await settle()
        assert modem._ids.taken == frozenset()


async def test_a_late_outcome_of_an_open_that_was_given_up_is_closed(clock: Clock) -> None:
    async with scripted_modem() as (modem, far):
        opening = connect(modem)
        await far.answer(OPEN, OK)
        await clock.advance(65.1)
        await far.resynchronise()
        # The module is still at it, and knows no such socket yet.
        await far.answer(b"AT+QICLOSE=0\r", ERROR)
        await far.answer(b"AT+QISTATE=1,0\r", OK)
        assert isinstance(opening.exception(), ConnectTimeout)
        far.send(b"\r\n+QIOPEN: 0,0\r\n")
        await far.answer(b"AT+QICLOSE=0\r", CLOSE_OK)
        await far.expect_nothing()


async def test_a_late_outcome_does_not_serve_the_next_open_of_the_same_connect_id(clock: Clock) -> None:
    async with scripted_modem(sockets=1) as (modem, far):
        first = connect(modem)
        await far.answer(OPEN, OK)
        await clock.advance(65.1)
        second = connect(modem, "c.d")
        await far.resynchronise()
        await far.answer(b"AT+QICLOSE=0\r", CLOSE_OK)
        # Lines that come now are about the first.
        await far.answer(b'AT+QIOPEN=0,0,"TCP","c.d",7\r', OK, b"\r\n+QIOPEN: 0,0\r\n")
        await far.answer(b"AT+QISTATE=1,0\r", b'\r\n+QISTATE: 0,"TCP","a.b",7,0,2,0,1\r\n', OK)
        with pytest.raises(ConnectTimeout):
            await second

        await far.answer(b"AT+QICLOSE=0\r", CLOSE_OK)
        assert isinstance(first.exception(), ConnectTimeout)


async def test_an_outcome_that_may_be_late_is_believed_when_the_socket_is_connected(clock: Clock) -> None:
    async with scripted_modem(sockets=1) as (modem, far):
        first = connect(modem)
        await far.answer(OPEN, OK)
        await clock.advance(65.1)
        second = connect(modem, "c.d")
        await far.resynchronise()
        await far.answer(b"AT+QICLOSE=0\r", CLOSE_OK)
        await far.answer(b'AT+QIOPEN=0,0,"TCP","c.d",7\r', OK, b"\r\n+QIOPEN: 0,0\r\n")
        await far.answer(b"AT+QISTATE=1,0\r", b'\r\n+QISTATE: 0,"TCP","c.d",7,0,2,0,1\r\n', OK)
        transport, _ = await second
        transport.abort()
        await far.answer(b"AT+QICLOSE=0\r", CLOSE_OK)
        assert isinstance(first.exception(), ConnectTimeout)


async def test_an_open_cancelled_before_its_outcome_is_closed_after_it() -> None:
    async with scripted_modem() as (modem, far):
        opening = connect(modem)
        await far.answer(OPEN, OK)
        opening.cancel()
        await far.expect_nothing()
        far.send(b'\r\n+QIOPEN: 0,0\r\n\r\n+QIURC: "recv",0,2,"6869"\r\n')
        await far.answer(b"AT+QICLOSE=0\r", CLOSE_OK)
        await settle()
        assert modem._ids.taken == frozenset()


async def test_an_open_cancelled_at_any_point_leaves_no_socket_and_no_connect_id_behind() -> None:
    module = Module()
    async with open_modem(module) as modem:
        for point in itertools.count():
            opening = connect(modem)
            await settle(point)
            if opening.done():
                opening.result()[0].close()
                break

            opening.cancel()
            await asyncio.wait([opening])
            assert opening.cancelled()
            await settle(60)
            assert (module.sockets, modem._ids.taken) == ({}, frozenset())

        assert point >= 4


async def test_a_datagram_socket_opened_and_cancelled_at_any_point_leaves_nothing_behind() -> None:
    module = Module()
    async with open_modem(module) as modem:
        for point in itertools.count():
            opening = asyncio.ensure_future(modem.open_datagram_endpoint("a.b", 7, local_addr=("", 50000 + point)))
            await settle(point)
            if opening.done():
                opening.result().close()
                break

            opening.cancel()
            await asyncio.wait([opening])
            await settle(60)
            assert (module.sockets, modem._ids.taken) == ({}, frozenset())

        assert point >= 4


async def test_a_restart_amid_an_open_ends_it() -> None:
    async with scripted_modem() as (modem, far):
        opening = connect(modem)
        await far.answer(OPEN, OK)
        far.override = lambda command: None
        far.send(b"\r\nRDY\r\n")
        with pytest.raises(ModuleRestarted):
            await opening

        await settle(100)
        assert modem._ids.taken == frozenset()
        transport, _ = await modem.create_connection(asyncio.Protocol, "a.b", 7)
        transport.abort()


async def test_a_port_lost_amid_an_open_ends_it() -> None:
    async with scripted_modem() as (modem, far):
        opening = connect(modem)
        await far.answer(OPEN, OK)
        far.hang_up()
        with pytest.raises(PortLost):
            await opening

        await settle()
        assert modem._ids.taken == frozenset()


async def test_a_factory_that_fails_leaves_no_socket_behind() -> None:
    module = Module()

    def factory() -> asyncio.Protocol:
        raise ZeroDivisionError

    async with open_modem(module) as modem:
        with pytest.raises(ZeroDivisionError):
            await modem.create_connection(factory, "a.b", 7)

        with pytest.raises(ZeroDivisionError):
            await modem.create_datagram_endpoint(factory, remote_addr=("a.b", 7))

        await settle(60)
        assert (module.sockets, modem._ids.taken) == ({}, frozenset())


# connectIDs and local ports


async def test_a_sixth_connection_gets_the_connect_id_that_is_closed_first() -> None:
    module = Module()
    async with open_modem(module) as modem:
        transports = [(await connect(modem))[0] for _ in range(5)]
        sixth = connect(modem, "c.d")
        await settle(60)
        assert not sixth.done()
        transports[2].close()
        transport, _ = await sixth
        assert transport.get_extra_info("connect_id") == 2
        assert module.lines[-2:] == ["AT+QICLOSE=2", 'AT+QIOPEN=0,2,"TCP","c.d",7']


async def test_a_sixth_connection_waits_for_a_bounded_time_only(clock: Clock) -> None:
    module = Module()
    async with open_modem(module, connect_id_timeout=30.0) as modem:
        transports = [(await connect(modem))[0] for _ in range(5)]
        heard = len(module.written)
        with pytest.raises(NoFreeConnectID) as caught:
            await fast_forward(clock, modem.create_connection(asyncio.Protocol, "a.b", 7, local_addr=("", 50000)))

        assert isinstance(caught.value, TimeoutError)
        assert caught.value.errno == errno.EMFILE
        assert len(module.written) == heard
        transports[0].abort()
        # Its local port was never used.
        await modem.create_connection(asyncio.Protocol, "a.b", 7, local_addr=("", 50000))


async def test_a_local_port_goes_out_and_is_kept_for_seventy_seconds_after_its_close(clock: Clock) -> None:
    module = Module()
    async with open_modem(module) as modem:
        transport, _ = await modem.create_connection(asyncio.Protocol, "a.b", 7, local_addr=("", 50000))
        assert module.lines[-1] == 'AT+QIOPEN=0,0,"TCP","a.b",7,50000'
        assert transport.get_extra_info("sockname") == ("0.0.0.0", 50000)
        with pytest.raises(LocalPortBusy):
            await modem.create_connection(asyncio.Protocol, "a.b", 7, local_addr=("", 50000))

        transport.close()
        await settle(60)
        opening = connect(modem, local_addr=("0.0.0.0", 50000))
        await clock.advance(69.0)
        await settle(60)
        assert module.count("AT+QIOPEN") == 1
        await clock.advance(2.0)
        await opening
        assert module.count("AT+QIOPEN") == 2


async def test_a_caller_that_does_not_wait_for_a_local_port_is_refused(clock: Clock) -> None:
    module = Module()
    async with open_modem(module, wait_for_local_port=False) as modem:
        transport, _ = await modem.create_connection(asyncio.Protocol, "a.b", 7, local_addr=("", 50000))
        transport.close()
        await settle(60)
        with pytest.raises(LocalPortBusy) as caught:
            await modem.create_connection(asyncio.Protocol, "a.b", 7, local_addr=("", 50000))

        assert caught.value.errno == errno.EADDRINUSE
        await clock.advance(71.0)
        await modem.create_connection(asyncio.Protocol, "a.b", 7, local_addr=("", 50000))


# Invalid arguments


@pytest.mark.parametrize(
    ("host", "port", "options"),
    [
        ('a"b', 7, {}),
        ("a\r\nAT+QICLOSE=1", 7, {}),
        ("a\0b", 7, {}),
        ("a" * 151, 7, {}),
        (b"a" * 151, 7, {}),
        ("", 7, {}),
        ("a.b", 0, {}),
        ("a.b", 65536, {}),
        ("a.b", 7, {"local_addr": ("", 65536)}),
        ("a.b", 7, {"proto": socket.IPPROTO_UDP}),
        ("a.b", 7, {"family": socket.AF_UNIX}),
        ("a.b", 7, {"server_hostname": "a.b"}),
        ("a.b", 7, {"ssl_handshake_timeout": 1.0}),
        (None, 7, {}),
        ("a.b", None, {}),
    ],
)
async def test_a_connection_that_could_never_work_is_refused_before_the_wire(
    host: Any, port: Any, options: dict[str, Any]
) -> None:
    module = Module()
    async with open_modem(module) as modem:
        heard = len(module.written)
        with pytest.raises(ValueError):  # noqa: PT011
            await modem.create_connection(asyncio.Protocol, host, port, **options)

        await settle(60)
        assert len(module.written) == heard
        assert modem._ids.taken == frozenset()


@pytest.mark.parametrize(
    ("remote", "options"),
    [
        (('a"b', 7), {}),
        (("a" * 151, 7), {}),
        (("a.b", 0), {}),
        (("a.b", 7), {"reuse_port": True}),
        (("a.b", 7), {"allow_broadcast": True}),
        (("a.b", 7), {"proto": socket.IPPROTO_TCP}),
    ],
)
async def test_a_datagram_socket_that_could_never_work_is_refused_before_the_wire(
    remote: Any, options: dict[str, Any]
) -> None:
    module = Module()
    async with open_modem(module) as modem:
        heard = len(module.written)
        with pytest.raises(ValueError):  # noqa: PT011
            await modem.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=remote, **options)

        await settle(60)
        assert len(module.written) == heard


async def test_a_call_that_a_kernel_would_refuse_raises_the_same_error() -> None:
    module = Module()
    async with open_modem(module) as modem:
        heard = len(module.written)
        with pytest.raises(OSError, match=r"Cannot assign requested address") as caught:
            await modem.create_connection(asyncio.Protocol, "a.b", 7, local_addr=("192.0.2.1", 0))

        assert caught.value.errno == errno.EADDRNOTAVAIL
        for options in ({"family": socket.AF_INET6}, {"family": socket.AF_INET6, "proto": 0}):
            with pytest.raises(socket.gaierror):
                await modem.create_connection(asyncio.Protocol, "192.0.2.1", 7, **options)

        with pytest.raises(socket.gaierror):
            await modem.create_connection(asyncio.Protocol, "a.b", "no-such-service")

        assert len(module.written) == heard


@pytest.mark.parametrize(
    "options",
    [
        {"sockets": 0},
        {"sockets": 257},
        {"receive_limit": 1023},
        {"open_timeout": 0},
        {"recovery_timeout": -1.0},
        {"close_timeout": -1.0},
        {"connect_id_timeout": -1.0},
        {"registration_timeout": -1.0},
        {"command_gap": -0.1},
        {"nvram_gap": -0.1},
        {"data_format": "base64"},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Modem("script://module", **options)


def test_a_wait_of_no_time_is_no_wait() -> None:
    Modem("script://module", close_timeout=0, connect_id_timeout=0, registration_timeout=0)


# Registration


async def test_a_connection_waits_for_the_registration(clock: Clock) -> None:
    module = Module()
    module.registration = RegistrationStatus.SEARCHING
    async with open_modem(module) as modem:
        opening = connect(modem)
        for _ in range(5):
            await clock.advance(1.1)
            await settle(60)

        assert module.count("AT+CEREG?") >= 5
        assert module.count("AT+QIOPEN") == 0
        module.registration = RegistrationStatus.ROAMING
        await clock.advance(1.1)
        await opening
        asked = module.count("AT+CEREG?")
        await connect(modem)
        assert module.count("AT+CEREG?") == asked


async def test_a_registration_that_is_reported_is_noticed_at_once(clock: Clock) -> None:
    module = Module()
    module.registration = RegistrationStatus.SEARCHING
    async with open_modem(module) as modem:
        waiting = asyncio.ensure_future(modem.wait_registered())
        await settle(60)
        module.registration = RegistrationStatus.HOME
        module.send(b"\r\n+CEREG: 1\r\n")
        # No later than any turn of the loop: the clock stands.
        await settle(60)
        assert waiting.result().status is RegistrationStatus.HOME


async def test_while_a_registration_is_awaited_it_is_asked_for_every_second(clock: Clock) -> None:
    module = Module()
    module.registration = RegistrationStatus.SEARCHING
    async with open_modem(module) as modem:
        asked = module.count("AT+CEREG?")
        waiting = asyncio.ensure_future(modem.wait_registered())
        for seconds, count in ((0.0, 1), (0.9, 1), (0.2, 2), (0.8, 2), (0.3, 3)):
            await clock.advance(seconds)
            await settle(60)
            assert module.count("AT+CEREG?") == asked + count

        # A report that tells of no network is followed by a question, and by no more than one.
        module.send(b"\r\n+CEREG: 2\r\n")
        await settle(60)
        assert module.count("AT+CEREG?") == asked + 4
        waiting.cancel()


async def test_without_a_registration_in_time_nothing_is_opened(clock: Clock) -> None:
    module = Module()
    module.registration = RegistrationStatus.DENIED
    async with open_modem(module, registration_timeout=10.0) as modem:
        with pytest.raises(NotRegistered, match=r"^the module did not register within 10 s: the network denied"):
            await fast_forward(clock, modem.create_connection(asyncio.Protocol, "a.b", 7))

        assert module.count("AT+QIOPEN") == 0
        assert modem._ids.taken == frozenset()


async def test_a_lost_answer_about_the_registration_is_asked_for_again(clock: Clock) -> None:
    module = Module()
    module.registration = RegistrationStatus.SEARCHING
    async with open_modem(module) as modem:
        module.registration = RegistrationStatus.HOME
        lost = [b"", ERROR]
        module.override = lambda command: lost.pop() if lost and command.name == "+CEREG" else None
        assert (await fast_forward(clock, modem.wait_registered())).status is RegistrationStatus.HOME


async def test_a_module_that_falls_silent_while_one_waits_for_it_is_not_responding(clock: Clock) -> None:
    module = Module()
    module.registration = RegistrationStatus.SEARCHING
    manager = open_modem(module, registration_timeout=600.0, recovery_timeout=10.0)
    modem = await manager.__aenter__()
    module.override = lambda command: b""
    with pytest.raises(ModemNotResponding):
        await fast_forward(clock, modem.wait_registered())

    await manager.__aexit__(None, None, None)


# Life


@pytest.mark.parametrize(
    "call",
    [
        lambda modem: modem.create_connection(asyncio.Protocol, "a.b", 7),
        lambda modem: modem.open_connection("192.0.2.1", 7, local_addr=("", 4000)),
        lambda modem: modem.open_datagram_endpoint("a.b", 7),
        lambda modem: modem.create_datagram_endpoint(asyncio.DatagramProtocol),
        lambda modem: modem.open_socket("a.b", 7),
        lambda modem: modem.resolve("a.b"),
        lambda modem: modem.getaddrinfo("a.b", 7),
        lambda modem: modem.dns_servers(),
        lambda modem: modem.set_dns_servers("192.0.2.1"),
        lambda modem: modem.ping("a.b"),
        lambda modem: modem.ntp_time("a.b"),
        lambda modem: modem.clock(),
        lambda modem: modem.sockets(),
        lambda modem: modem.addresses(),
        lambda modem: modem.execute("AT"),
        lambda modem: modem.execute('AT+QICFG="dataformat",1,1'),
        lambda modem: modem.registration(),
        lambda modem: modem.wait_registered(1.0),
        lambda modem: modem.sleep(),
        lambda modem: modem.wake(),
        lambda modem: modem.awake().__aenter__(),
        lambda modem: modem.psm(),
        lambda modem: modem.set_psm(),
        lambda modem: modem.edrx(),
        lambda modem: modem.set_edrx(None),
        lambda modem: modem.signal(),
        lambda modem: modem.cell(),
        lambda modem: modem.operator(),
        lambda modem: modem.pdp_contexts(),
        lambda modem: modem.battery_mv(),
    ],
)
async def test_a_modem_that_was_never_opened_refuses_every_call(call: Any) -> None:
    modem = Modem("script://module")
    with pytest.raises(ModemClosed, match=r"^the modem is not open$"):
        await call(modem)

    assert repr(modem) == "<Modem script://module closed sockets=0/5>"
    assert not modem.is_open
    assert modem.baudrate is None
    await modem.close()


async def test_a_closed_modem_reports_that_and_can_be_opened_again() -> None:
    module = Module()
    async with open_modem(module) as modem:
        assert repr(modem) == "<Modem script://module open sockets=0/5>"
        with pytest.raises(RuntimeError, match=r"is open already$"):
            await modem.open()

        await modem.close()
        await modem.close()
        assert repr(modem) == "<Modem script://module closed sockets=0/5>"
        for call in (modem.create_connection(asyncio.Protocol, "a.b", 7), modem.sockets(), modem.execute("AT")):
            with pytest.raises(ModemClosed, match=r"^the modem is not open$"):
                await call

        await modem.open()
        transport, _ = await connect(modem)
        transport.abort()


async def test_a_modem_that_is_being_opened_is_not_opened_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    ports: list[Module] = []

    async def open_slowly(url: str, baudrate: int | None = None) -> Port:
        await settle()
        ports.append(Module())
        return await ports[-1].open_port()

    monkeypatch.setattr("bc260y_aio.modem.lifecycle.open_port", open_slowly)
    modem = Modem("script://module", nvram_gap=0.0)
    first, second = await asyncio.gather(modem.open(), modem.open(), return_exceptions=True)
    assert first is None
    assert isinstance(second, RuntimeError)
    assert str(second).endswith("is being opened already")
    await modem.close()
    assert [port.is_closed for port in ports] == [True]


async def test_a_modem_whose_port_was_lost_can_be_opened_again() -> None:
    module = Module()
    async with open_modem(module) as modem:
        transport, _ = await connect(modem)
        module.hang_up(OSError(5, "Input/output error"))
        await settle()
        assert repr(modem).startswith("<Modem script://module lost: script://module was lost: Input/output error ")
        assert transport.is_closing()
        with pytest.raises(PortLost):
            await connect(modem)

        module.sockets.clear()
        await modem.open()
        assert modem.is_open
        transport, _ = await connect(modem)
        transport.abort()


async def test_a_modem_whose_module_fell_silent_closes_its_port_before_it_is_opened_again(clock: Clock) -> None:
    module = Module()
    async with open_modem(module, recovery_timeout=5.0) as modem:
        module.override = lambda command: b""
        with pytest.raises(TimeoutError):
            await fast_forward(clock, modem.execute("AT"))

        with pytest.raises(ModemNotResponding):
            await fast_forward(clock, modem.execute("AT"))

        assert not module.is_closed
        module.override = lambda command: None
        await modem.open()
        assert module.is_closed
        assert modem.is_open


@pytest.mark.parametrize(("sockets", "first_unknown"), [(None, 5), (2, 2)])
async def test_data_for_a_socket_that_the_module_does_not_have_was_for_another_one(
    sockets: int | None, first_unknown: int
) -> None:
    module = Module()
    async with open_modem(module, sockets=sockets) as modem:
        reader, writer = await modem.open_connection("a.b", 7)
        module.push(first_unknown - 1, b"of an earlier program")
        await settle(60)
        assert reader.exception() is None
        module.push(first_unknown, b"damaged")
        with pytest.raises(PayloadDamaged):
            await reader.read()

        writer.close()
        with pytest.raises(PayloadDamaged):
            await writer.wait_closed()


async def test_closing_a_modem_ends_an_open_that_is_under_way(clock: Clock) -> None:
    module = Module()
    async with open_modem(module, close_timeout=0.1) as modem:
        module.override = lambda command: OK if isinstance(command, OpenSocket) else None
        opening = connect(modem)
        await settle(60)
        await fast_forward(clock, modem.close())
        with pytest.raises(ModemClosed):
            await opening

    assert len(asyncio.all_tasks()) == 1


async def test_an_open_that_succeeds_while_the_modem_closes_is_ended_with_it() -> None:
    async with scripted_modem() as (modem, far):
        opening = connect(modem)
        await far.expect(OPEN)
        closing = asyncio.ensure_future(modem.close())
        await settle()
        # The peer has closed already: a half-open connection would not receive the modem's end.
        far.send(OK, b'\r\n+QIOPEN: 0,0\r\n\r\n+QIURC: "closed",0\r\n')
        with pytest.raises(ModemClosed):
            await opening

        far.override = lambda command: None
        far.send(OK)
        await closing
        assert modem._ids.taken == frozenset()


async def test_closing_a_modem_ends_an_open_that_waits_for_a_connect_id() -> None:
    module = Module()
    async with open_modem(module, sockets=1) as modem:
        await connect(modem)
        waiting = connect(modem)
        await settle(60)
        await modem.close()
        with pytest.raises(ModemClosed):
            await waiting

    assert module.sockets == {}
    assert module.count("AT+QIOPEN") == 1


async def test_a_cancelled_close_closes_the_port_all_the_same() -> None:
    for point in itertools.count():
        module = Module()
        async with open_modem(module) as modem:
            await connect(modem)
            closing = asyncio.ensure_future(modem.close())
            await settle(point)
            is_done = closing.done()
            closing.cancel()
            await asyncio.wait([closing])
            await settle(60)
            # A close that had not begun leaves the modem open.
            assert not module.is_connected or modem.is_open

        if is_done:
            break

    assert point >= 4


async def test_nothing_is_opened_before_the_sockets_of_an_earlier_program_are_closed() -> None:
    module = Module()
    left = OpenSocket(0, "TCP", "old.example", 7)
    module.sockets[0] = Socket(left)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bc260y_aio.modem.lifecycle.open_port", module.open_port)
        modem = Modem("script://module", nvram_gap=0.0)
        opening = asyncio.ensure_future(modem.open())
        while not module.count("AT+QISTATE?"):
            await settle(1)

        assert not modem.is_open
        with pytest.raises(ModemClosed, match="being opened"):
            await modem.create_connection(asyncio.Protocol, "a.b", 7)

        await opening
        transport, _ = await modem.create_connection(asyncio.Protocol, "a.b", 7)
        assert [socket.opened.host for socket in module.sockets.values()] == ["a.b"]
        assert modem.is_open
        transport.abort()
        await modem.close()


async def test_an_opening_is_not_served_by_what_an_earlier_one_asked() -> None:
    far = FarEnd()
    markers: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bc260y_aio.modem.lifecycle.open_port", far.open_port)
        modem = Modem("script://module")
        for _ in range(2):
            opening = asyncio.ensure_future(modem.open())
            await far.expect(b"\rAT\r")
            far.send(OK)
            await settle()
            markers.append(far.unexpected)
            await far.expect(markers[-1])
            opening.cancel()
            await asyncio.wait([opening])
            await settle()

    assert all(marker.endswith(b"=?\r") for marker in markers)
    assert len(set(markers)) == 2


async def test_no_task_is_left_when_a_modem_is_closed() -> None:
    module = Module()
    async with open_modem(module) as modem:
        for _ in range(3):
            transport, _ = await connect(modem)
            transport.write(b"abc")

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_tasks_are_named_after_the_modem() -> None:
    module = Module()
    async with open_modem(module) as modem:
        assert modem.name == "module"
        transport, _ = await connect(modem)
        transport.write(b"abc")
        transport.close()
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert {"bc260y[module].reader", "bc260y[module].0.flush"} <= names
        await settle()


async def test_a_subscriber_receives_the_urcs_of_the_module(loop_errors: Contexts) -> None:
    module = Module()
    async with open_modem(module) as modem:
        told: list[Any] = []
        leave = modem.subscribe(told.append)
        module.send(b"\r\n+CEREG: 5\r\n\r\n+XYZ: 1\r\n")
        await settle()
        leave()
        module.send(b"\r\n+CEREG: 1\r\n")
        await settle()
        assert [event.write(module.dce.dialect) for event in told] == ["+CEREG: 5", "+XYZ: 1"]

    assert loop_errors == []


async def test_sockets_left_open_of_another_program_are_shown_as_the_module_reports_them() -> None:
    module = Module()
    async with open_modem(module) as modem:
        module.sockets[4] = Socket(OpenSocket(4, "UDP", "c.d", 8, 50000))
        assert await modem.sockets() == [SocketInfo(4, "UDP", "c.d", 8, 50000)]


async def test_any_command_can_be_sent_and_its_lines_are_returned() -> None:
    async with scripted_modem() as (modem, far):
        asking = asyncio.ensure_future(modem.execute("AT+CSQ"))
        await far.answer(b"AT+CSQ\r", b'\r\n+CSQ: 20,99\r\n\r\n+QIURC: "closed",3\r\n', OK)
        assert await asking == ["+CSQ: 20,99"]
        asking = asyncio.ensure_future(modem.execute("AT+QICLOSE=3"))
        await far.answer(b"AT+QICLOSE=3\r", CLOSE_OK)
        assert await asking == ["CLOSE OK"]
        for line in ("+CSQ", "AT+CSQ\r", "AT+CSQ=ü"):
            with pytest.raises(ValueError):  # noqa: PT011
                await modem.execute(line)

        await far.expect_nothing()


async def test_a_socket_that_the_module_opened_late_twice_is_closed_each_time() -> None:
    async with scripted_modem() as (_, far):
        for connect_id in (3, 4):
            far.send(b"\r\n+QIOPEN: %d,0\r\n" % connect_id)
            await far.answer(b"AT+QICLOSE=%d\r" % connect_id, CLOSE_OK)


@pytest.mark.parametrize("answer", [CLOSE_OK, OK, b"", ERROR])
async def test_a_connect_id_that_the_module_opened_late_goes_to_nobody_before_it_is_closed(
    answer: bytes, clock: Clock
) -> None:
    module = Module()
    answers = [answer]

    def override(command: Command) -> bytes | None:
        if isinstance(command, CloseSocket) and answers:
            if answer:
                module.sockets.pop(0)

            return answers.pop()

        return None

    async with open_modem(module, sockets=1) as modem:
        module.override = override
        module.sockets[0] = Socket(OpenSocket(0, "TCP", "a.b", 7))
        module.send(b"\r\n+QIOPEN: 0,0\r\n")
        # Its first step, also on a loop with eager tasks, comes after the late outcome and before the task that closes.
        opening = asyncio.Task(modem.create_connection(asyncio.Protocol, "a.b", 7))
        transport, _ = await fast_forward(clock, opening)
        commands = [line[:10] for line in module.lines if line.startswith(("AT+QIOPEN=0", "AT+QICLOSE=0"))]
        assert commands == ["AT+QICLOSE"] * (1 if answer in (CLOSE_OK, ERROR) else 2) + ["AT+QIOPEN="]
        assert list(module.sockets) == [0]
        transport.abort()


async def test_a_socket_that_the_module_opened_late_beyond_its_last_is_closed_all_the_same() -> None:
    async with scripted_modem() as (modem, far):
        far.send(b"\r\n+QIOPEN: 5,0\r\n")
        await far.answer(b"AT+QICLOSE=5\r", CLOSE_OK)
        assert modem._ids.taken == frozenset()


async def test_a_late_outcome_of_a_connect_id_in_use_disturbs_no_one() -> None:
    module = Module()
    async with open_modem(module) as modem:
        transport, _ = await connect(modem)
        module.send(b"\r\n+QIOPEN: 0,0\r\n")
        await settle()
        assert isinstance(transport, ModemTransport)
        assert module.count(CloseSocket(0).write()) == 0
