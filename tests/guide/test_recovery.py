"""Restarts, sockets that were left open, and ports that come and go."""

import asyncio
import contextlib
import itertools
from typing import Any

import pytest

import bc260y_aio
from bc260y_aio import Modem, ModemNotResponding, ModuleRestarted, PortLost, SocketInfo
from bc260y_aio.at.urcs import Restarted
from bc260y_aio.emulator import Emulator
from tests.guide.bench import Bench, Recorder, datagrams, now, on_air, powered, quiet, stream, unconnected

# A restart


async def test_a_restart_ends_every_transport_once_and_the_modem_is_usable_again_without_help() -> None:
    async with on_air(boot_time=3.0, registration_delay=10.0) as bench:
        modem = bench.modem
        await modem.wait_registered()
        protocols = [
            (await stream(modem, "echo.example"))[1],
            (await datagrams(modem, "echo.example"))[1],
            (await unconnected(modem))[1],
        ]
        protocols[2].transport.sendto(b"hello", ("echo.example", 7))
        await protocols[2].until_datagrams(1)
        endpoint = await modem.open_datagram_endpoint("echo.example", 7)
        reader, writer = await modem.open_connection("echo.example", 7)
        bench.emulator.restart()
        await asyncio.gather(*(protocol.lost.wait() for protocol in protocols))
        await quiet(30)
        assert [[type(loss) for loss in protocol.losses] for protocol in protocols] == [[ModuleRestarted]] * 3
        for failing in (reader.read(), writer.wait_closed(), endpoint.receive(), endpoint.send(b"lost")):
            with pytest.raises(ModuleRestarted):
                await failing

        transport, protocol = await stream(modem, "echo.example")
        transport.write(b"again")
        assert await protocol.until_data(5) == b"again"
        assert [info.connect_id for info in await modem.sockets()] == [transport.get_extra_info("connect_id")]


async def test_a_restart_of_which_nothing_was_received_shows_in_the_echo_and_ends_every_transport() -> None:
    async with on_air(boot_time=1.0) as bench:
        modem = bench.modem
        protocols = [(await stream(modem, "echo.example"))[1], (await datagrams(modem, "echo.example"))[1]]
        endpoint = await modem.open_datagram_endpoint("echo.example", 7)
        bench.emulator.line.transmit_filter = lambda data: data.replace(b"RDY", b"")
        bench.emulator.restart()
        await quiet(5)
        assert [protocol.losses for protocol in protocols] == [[], []]
        assert await modem.execute("AT+CSQ") == ["+CSQ: 23,0"]
        await asyncio.gather(*(protocol.lost.wait() for protocol in protocols))
        assert [[type(loss) for loss in protocol.losses] for protocol in protocols] == [[ModuleRestarted]] * 2
        with pytest.raises(ModuleRestarted):
            await endpoint.receive()

        # It has all its settings again, and is watched for the next time.
        for transport in [(await stream(modem, "echo.example"))[0], (await datagrams(modem, "echo.example"))[0]]:
            assert bench.emulator.module.sleep.mode == 0
            bench.emulator.module.writer.set_echo(on=True)
            await modem.execute("AT+CSQ")
            await quiet(5)
            # This time it has lost none.
            assert not transport.is_closing()
            assert (await modem.execute("ATI"))[-1].startswith("Revision: ")

        assert len(await modem.sockets()) == 2


async def test_a_restart_is_reported_and_all_settings_are_sent_again() -> None:
    async with on_air(boot_time=3.0) as bench:
        told: list[Any] = []
        bench.modem.subscribe(told.append, Restarted)
        bench.wire.clear()
        bench.emulator.restart()
        await quiet(10)
        assert told == [Restarted()]
        assert b"\r\nRDY\r\n" in bench.wire.said
        # A module that kept AT+CMEE in NVRAM is not written to.
        left_out = {b"AT", b"AT+CMEE=1"}
        replayed = [line for line in bench.wire.commands if line not in left_out and not line.endswith(b"=?")]
        assert replayed == [
            b"ATE0",
            b"AT+CMEE?",
            b"AT+QSCLK=0",
            b'AT+QICFG="dataformat"',
            b"AT+CEREG?",
            b"AT+QISTATE?",
        ]
        bench.wire.clear()
        assert await bench.modem.execute("AT+CSQ") == ["+CSQ: 23,0"]
        assert bench.wire.said == b"\r\n+CSQ: 23,0\r\n\r\nOK\r\n"
        assert bench.emulator.module.sleep.mode == 0


async def test_an_open_during_a_restart_waits_for_the_network_to_be_back() -> None:
    async with on_air(boot_time=5.0, registration_delay=20.0) as bench:
        await bench.modem.wait_registered()
        began = now()
        bench.emulator.restart()
        await quiet(6)
        opening = [asyncio.ensure_future(stream(bench.modem, "echo.example")) for _ in range(3)]
        for transport, protocol in await asyncio.gather(*opening):
            transport.write(b"here")
            assert await protocol.until_data(4) == b"here"

        assert 24.9 <= now() - began < 29


@pytest.mark.parametrize("moment", [0.0, 0.3, 0.7, 1.0, 1.3, 2.0, 3.0])
async def test_a_restart_at_any_moment_of_an_upload_ends_it_with_an_error_and_leaves_the_line_in_step(
    moment: float,
) -> None:
    async with on_air(boot_time=1.0, baudrate=9600) as bench:
        transport, protocol = await stream(bench.modem, "sink.example")
        transport.write(bytes(10_000))
        await quiet(moment)
        bench.emulator.restart()
        await protocol.lost.wait()
        assert [type(loss) for loss in protocol.losses] == [ModuleRestarted]
        assert await bench.modem.execute("AT+CSQ") == ["+CSQ: 23,0"]
        _, protocol = await stream(bench.modem, "echo.example")
        protocol.transport.write(b"again")
        assert await protocol.until_data(5) == b"again"


async def test_restart_after_restart_is_borne() -> None:
    async with on_air(boot_time=0.5) as bench:
        for _ in range(10):
            bench.emulator.restart()
            await quiet(0.6)

        await quiet(10)
        transport, protocol = await stream(bench.modem, "echo.example")
        transport.write(b"at last")
        assert await protocol.until_data(7) == b"at last"


@pytest.mark.parametrize("lost", ["ATE0", "AT+QSCLK=0", 'AT+QICFG="dataformat"', "AT+CEREG?", "AT+QISTATE?"])
async def test_an_answer_that_is_lost_after_a_restart_is_asked_for_again(lost: str) -> None:
    async with on_air(boot_time=1.0) as bench:
        mute(bench, lost.encode())
        bench.emulator.restart()
        await quiet(30)
        assert bench.wire.commands.count(lost.encode()) >= 2
        transport, protocol = await stream(bench.modem, "echo.example")
        transport.write(b"all is well")
        assert await protocol.until_data(11) == b"all is well"
        assert bench.emulator.module.sleep.mode == 0


def mute(bench: Bench, line: bytes) -> None:
    """Let the module's first answer to a command line be lost."""
    note, faults = bench.emulator.line.receive_filter, bench.emulator.faults
    assert note is not None

    def damage(data: bytes) -> bytes:
        faults.ok_lost = 1.0 if line in data and not bench.wire.commands.count(line) - before else 0.0
        return note(data)

    before = bench.wire.commands.count(line)
    bench.emulator.line.receive_filter = damage


# Sockets of an earlier program


async def leave_sockets(bench: Bench) -> None:
    """Open sockets behind the modem's back."""
    await bench.modem.execute('AT+QIOPEN=0,0,"TCP","echo.example",7')
    await bench.modem.execute('AT+QIOPEN=0,1,"UDP","echo.example",7')
    await bench.modem.execute('AT+QIOPEN=0,3,"UDP","report.example",5683,40000')
    await bench.modem.close()
    assert sorted(bench.emulator.module.sockets) == [0, 1, 3]
    bench.wire.clear()


async def test_sockets_left_open_are_closed() -> None:
    async with on_air() as bench:
        await leave_sockets(bench)
        await bench.modem.open()
        assert bench.wire.commands[-3:] == [b"AT+QICLOSE=0", b"AT+QICLOSE=1", b"AT+QICLOSE=3"]
        assert await bench.modem.sockets() == []


async def test_a_module_that_restarts_while_sockets_left_open_are_closed_gets_all_settings_again() -> None:
    async with on_air(boot_time=1.0) as bench:
        await leave_sockets(bench)
        emulator, note = bench.emulator, bench.emulator.line.receive_filter
        assert note is not None

        def damage(data: bytes) -> bytes:
            if b"AT+QICLOSE=1" in data:
                emulator.line.receive_filter = note
                emulator.restart()

            return note(data)

        emulator.line.receive_filter = damage
        await bench.modem.open()
        assert await bench.modem.execute("AT+CSQ") == ["+CSQ: 23,0"]
        assert emulator.module.sleep.mode == 0
        assert await bench.modem.sockets() == []


async def test_udp_sockets_left_open_can_be_adopted() -> None:
    async with on_air({"adopt_udp": True}) as bench:
        await leave_sockets(bench)
        await bench.modem.open()
        assert [info.connect_id for info in await bench.modem.sockets()] == [1, 3]
        opens = bench.count("+QIOPEN")
        transport, protocol = await datagrams(bench.modem, "echo.example")
        assert transport.get_extra_info("connect_id") == 1
        transport.sendto(b"still there?")
        assert await protocol.until_datagrams(1) == [b"still there?"]
        assert bench.count("+QIOPEN") == opens

        others = [(await stream(bench.modem, "echo.example"))[0].get_extra_info("connect_id") for _ in range(3)]
        assert sorted(others) == [0, 2, 4]
        assert (await bench.modem.sockets(connect_id=3)) == [SocketInfo(3, "UDP", "report.example", 5683, 40000)]


async def test_a_udp_socket_whose_open_failed_is_not_adopted() -> None:
    async with on_air({"adopt_udp": True}) as bench:
        await bench.modem.execute('AT+QIOPEN=0,2,"UDP","nobody.invalid",7')
        await bench.modem.close()
        await bench.modem.open()
        assert await bench.modem.sockets() == []


async def test_an_adopted_socket_gets_what_came_before_it_was_asked_for() -> None:
    async with on_air({"adopt_udp": True}) as bench:
        await bench.modem.execute('AT+QIOPEN=0,1,"UDP","echo.example",7')
        await bench.modem.close()
        bench.network.latency = 1.0
        await bench.modem.open()
        await bench.modem.execute('AT+QISEND=1,2,"6869"')
        await quiet(5)
        _, protocol = await datagrams(bench.modem, "echo.example")
        assert await protocol.until_datagrams(1) == [b"hi"]


# A port that comes and goes


async def plug_in(emulator: Emulator, seconds: float) -> None:
    """Bring the port back after a while."""
    await asyncio.sleep(seconds)
    await emulator.plug_in()


async def test_a_port_that_vanishes_ends_everything_once_and_the_modem_can_be_opened_again() -> None:
    async with on_air() as bench:
        modem = bench.modem
        protocols: list[Recorder] = [
            (await stream(modem, "echo.example"))[1],
            (await datagrams(modem, "echo.example"))[1],
            (await unconnected(modem))[1],
        ]
        waiting = asyncio.ensure_future(modem.ping(bench.hosts.nowhere))
        await quiet(0.1)
        bench.emulator.hang_up()
        await asyncio.gather(*(protocol.lost.wait() for protocol in protocols))
        with pytest.raises(PortLost):
            await waiting

        await quiet()
        assert [[type(loss) for loss in protocol.losses] for protocol in protocols] == [[PortLost]] * 3
        assert not modem.is_open
        with pytest.raises(PortLost):
            await modem.execute("AT")

        await bench.emulator.plug_in()
        await modem.open()
        transport, protocol = await stream(modem, "echo.example")
        transport.write(b"again")
        assert await protocol.until_data(5) == b"again"


async def test_a_port_that_vanishes_while_it_is_opened_is_tried_again() -> None:
    async with powered(boot=True, boot_time=5.0) as (emulator, _):
        asyncio.get_running_loop().call_later(2.0, emulator.hang_up)
        with pytest.raises(PortLost):
            await Modem(emulator.url).open()

        await emulator.plug_in()
        asyncio.get_running_loop().call_later(1.0, emulator.hang_up)
        plugging = asyncio.create_task(plug_in(emulator, 9.0))
        emulator.restart()
        async with contextlib.aclosing(Modem.reconnecting(emulator.url)) as modems:
            async for modem in modems:
                assert modem.is_open
                break

        await plugging


async def test_a_module_that_does_not_answer_is_tried_again() -> None:
    async with powered() as (emulator, _):
        emulator.module.stop()
        with pytest.raises(ModemNotResponding):
            await Modem(emulator.url, open_timeout=20.0).open()

        assert now() == pytest.approx(20, abs=1)
        asyncio.get_running_loop().call_later(30.0, emulator.restart)
        async with contextlib.aclosing(Modem.reconnecting(emulator.url, open_timeout=3.0)) as modems:
            async for modem in modems:
                assert await modem.execute("AT+CSQ") == ["+CSQ: 23,0"]
                break

        assert 50 <= now() < 70


async def test_a_body_that_ends_early_is_repeated_after_growing_pauses() -> None:
    async with powered() as (emulator, _):
        began: list[float] = []
        async with contextlib.aclosing(Modem.reconnecting(emulator.url, longest_pause=8.0)) as modems:
            async for _modem in modems:
                began.append(now())
                if len(began) == 7:
                    # As long as the longest pause: the next one is the first again, and is over by now.
                    await asyncio.sleep(8.5)
                elif len(began) == 9:
                    break

        pauses = [later - earlier for earlier, later in itertools.pairwise(began)]
        assert pauses == pytest.approx([1, 2, 4, 8, 8, 8, 8.5, 1], abs=0.4)


async def test_a_body_that_fails_at_once_on_a_slow_network_is_repeated_after_growing_pauses() -> None:
    async with Emulator(line="memory", network="edge") as emulator:
        took: list[float] = []
        pauses: list[float] = []
        ended = 0.0
        async with contextlib.aclosing(Modem.reconnecting(emulator.url)) as modems:
            async for modem in modems:
                pauses.append(now() - ended)
                if len(pauses) == 9:
                    break

                began = now()
                with contextlib.suppress(ConnectionRefusedError):
                    await modem.open_connection("203.0.113.5", 7)

                ended = now()
                took.append(ended - began)

        # To be refused takes seconds there, which are no part of the pause.
        assert min(took) > 5
        assert pauses[1:] == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60], abs=0.4)


async def test_a_silent_module_is_reported_with_what_to_check() -> None:
    async with powered() as (emulator, _):
        emulator.module.stop()
        with pytest.raises(ModemNotResponding, match=r"nothing was received: check the power .* TX and RX"):
            await Modem(emulator.url, open_timeout=5.0).open()


async def test_a_close_takes_a_bounded_time_whatever_is_left_to_send() -> None:
    async with on_air({"close_timeout": 5.0}, send_buffer=1024, send_timeout=1000.0) as bench:
        bench.network.outage = True
        opening = asyncio.ensure_future(bench.modem.open_connection("echo.example", 7))
        await quiet()
        began = now()
        await bench.modem.close()
        assert now() - began <= 30
        with pytest.raises(OSError, match="closed"):
            await opening

        bench.network.outage = False
        await bench.modem.open()
        transport, protocol = await stream(bench.modem, "sink.example")
        bench.network.outage = True
        transport.write(bytes(10_000))
        await quiet()
        began = now()
        await bench.modem.close()
        assert now() - began <= 30
        assert len(protocol.losses) == 1
        assert isinstance(protocol.losses[0], OSError)


async def test_a_module_that_falls_silent_is_given_up() -> None:
    async with on_air({"recovery_timeout": 30.0}) as bench:
        _, protocol = await stream(bench.modem, "echo.example")
        bench.emulator.module.stop()
        began = now()
        with pytest.raises(bc260y_aio.CommandTimeout):
            await bench.modem.execute("AT+CSQ")

        await protocol.lost.wait()
        assert [type(loss) for loss in protocol.losses] == [ModemNotResponding]
        assert now() - began == pytest.approx(35, abs=1)


async def test_a_modem_is_opened_again_and_again_with_longer_and_longer_pauses() -> None:
    async with powered() as (emulator, _):
        opened: list[float] = []
        options: dict[str, Any] = {"first_pause": 1.0, "longest_pause": 30.0}
        plugging = asyncio.create_task(plug_in(emulator, 100.0))
        async with contextlib.aclosing(Modem.reconnecting(emulator.url, **options)) as modems:
            async for modem in modems:
                opened.append(now())
                if len(opened) == 3:
                    break

                _, protocol = await stream(modem, "echo.example")
                emulator.hang_up()
                if len(opened) == 2:
                    await emulator.plug_in()

                await protocol.lost.wait()
                assert [type(loss) for loss in protocol.losses] == [PortLost]

        await plugging
        # The port is away for 100 s: tried after 1 (the body ended), 1, 2, 4, 8, 16, 30, 30 and 30 s.
        assert opened[:2] == pytest.approx([0, 1 + 1 + 2 + 4 + 8 + 16 + 30 + 30 + 30], abs=1)
        # The body that ended at once is repeated after a pause of its own.
        assert opened[2] - opened[1] == pytest.approx(2, abs=1)


async def test_the_pause_is_short_again_after_a_success() -> None:
    async with powered() as (emulator, _):
        tried: list[float] = []

        class Watched(Modem):
            async def open(self) -> None:
                tried.append(round(now()))
                await super().open()

        async with contextlib.aclosing(Watched.reconnecting(emulator.url)) as modems:
            count = 0
            async for _modem in modems:
                count += 1
                if count == 3:
                    break

                emulator.hang_up()
                plugging = asyncio.create_task(plug_in(emulator, 2.5))

            await plugging

        assert tried == [0, 1, 2, 4, 6, 7]


async def test_leaving_the_loop_closes_the_modem() -> None:
    async with powered() as (emulator, _):
        async for modem in Modem.reconnecting(emulator.url):
            _, protocol = await stream(modem, "sink.example")
            protocol.transport.write(b"sent before the end")
            break

        await protocol.lost.wait()
        await quiet()
        assert not modem.is_open
        assert protocol.losses == [None]
        assert emulator.module.sockets == {}
