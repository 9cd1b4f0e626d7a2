"""The tests of a small device, on an emulated module: copy this folder, and replace the meter by your own code."""

import asyncio

import pytest
from meter import Meter

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator, Network, PeerConnection

pytestmark = pytest.mark.anyio


class Server:
    """The server: it records what is reported, and confirms it unless a test switches that off."""

    def __init__(self) -> None:
        self.readings: dict[int, int] = {}
        self.datagrams = 0
        self.deaf_for = 0

    async def __call__(self, connection: PeerConnection) -> None:
        """Serve one socket of the module."""
        while message := await connection.receive():
            self.datagrams += 1
            if self.datagrams > self.deaf_for:
                self.readings |= {int(number): int(litres) for number, litres in map(bytes.split, message.splitlines())}
                connection.send(b"%d" % max(self.readings))


@pytest.fixture
def server(bc260y_network: Network) -> Server:
    """Add the server to the module's network."""
    server = Server()
    bc260y_network.add_host("meters.example", server)
    return server


@pytest.fixture
def meter(bc260y_modem: Modem, bc260y_network: Network, server: Server) -> Meter:
    """Return a meter that has something to report."""
    meter = Meter(bc260y_modem, bc260y_network.address("meters.example", 5000))
    for litres in (100, 120, 150):
        meter.read(litres)

    return meter


async def test_readings_are_reported_and_confirmed(meter: Meter, server: Server) -> None:
    await meter.report()
    assert server.readings == {1: 100, 2: 120, 3: 150}
    assert not meter.waiting


async def test_a_report_that_nobody_confirms_is_repeated(meter: Meter, server: Server) -> None:
    server.deaf_for = 2
    await meter.report()
    assert server.datagrams == 3
    assert not meter.waiting


async def test_after_a_day_without_a_network_nothing_is_missing(
    meter: Meter, server: Server, bc260y_emulator: Emulator
) -> None:
    bc260y_emulator.network.outage = True
    for hour in range(24):
        meter.read(200 + hour)
        with pytest.raises(TimeoutError):
            await meter.report()

        await asyncio.sleep(3600)

    bc260y_emulator.network.outage = False
    await meter.report()
    assert list(server.readings) == list(range(1, 28))


async def test_a_module_that_restarts_costs_a_report_and_no_reading(
    meter: Meter, server: Server, bc260y_emulator: Emulator
) -> None:
    server.deaf_for = 1
    reporting = asyncio.ensure_future(meter.report())
    await asyncio.sleep(5)
    bc260y_emulator.restart()
    with pytest.raises(OSError, match="restarted"):
        await reporting

    await meter.report()
    assert list(server.readings) == [1, 2, 3]


@pytest.mark.bc260y_emulator(network="average")
async def test_a_report_keeps_the_radio_on_for_less_than_six_seconds(meter: Meter, bc260y_emulator: Emulator) -> None:
    with bc260y_emulator.radio.measure() as span:
        await meter.report()

    assert span.connections == 1
    assert span.connected_seconds < 6.0


@pytest.mark.parametrize("bc260y_emulator_options", [{"send_fail_dropped": 0.5}, {"loss": 0.3}, {"network": "edge"}])
async def test_a_bad_day_loses_nothing(meter: Meter, server: Server) -> None:
    for hour in range(24):
        meter.read(200 + hour)
        try:
            await meter.report()
        except OSError:
            await asyncio.sleep(600)

    while meter.waiting:
        await asyncio.sleep(3600)
        try:
            await meter.report()
        except OSError:
            continue

    assert server.readings.keys() == set(range(1, 28))
