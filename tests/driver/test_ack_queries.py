"""How often a module is asked for acknowledgements before a close."""

import pytest

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator, SinkPeer
from bc260y_aio.testing import virtual_clock
from tests.loops import LoopFactory


@pytest.fixture
def loop_factory() -> LoopFactory:
    return virtual_clock()


@pytest.mark.parametrize("latency", [0.5, 1.0, 3.0])
async def test_they_are_asked_for_when_they_can_be_there_however_far_the_peer_is(latency: float) -> None:
    sink = SinkPeer()
    async with Emulator(line="memory", latency=latency) as emulator, Modem(emulator.url) as modem:
        emulator.network.add_host("sink.example", sink)
        _, writer = await modem.open_connection("sink.example", 7)
        writer.write(b"data")
        writer.close()
        await writer.wait_closed()
        assert emulator.module.commands["+QISEND"] <= 1 + 2

    assert sink.data == b"data"
