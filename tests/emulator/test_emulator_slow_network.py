"""A slow network is the normal case: five sockets that upload at once, and their closes."""

import asyncio

import pytest

from bc260y_aio import Modem, NotAcknowledged
from bc260y_aio.emulator import Emulator


def now() -> float:
    return asyncio.get_running_loop().time()


async def upload(modem: Modem, host: str, size: int) -> None:
    _, writer = await modem.open_connection(host, 7)
    writer.write(bytes(size))
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("blackout", [None, (20.0, 50.0)], ids=["steady", "outage"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("coverage", "size"), [("average", 2500), ("edge", 1000)])
async def test_five_sockets_close_after_everything_was_acknowledged(
    coverage: str, size: int, seed: int, blackout: tuple[float, float] | None
) -> None:
    async with Emulator(line="memory", network=coverage, seed=seed, blackout=blackout) as emulator:
        sink = emulator.network.add_sink("sink.example")
        async with Modem(emulator.url) as modem:
            await asyncio.gather(*(upload(modem, "sink.example", size) for _ in range(5)))

        assert [len(received) for received in sink.connections] == [size] * 5


async def test_a_close_waits_for_its_own_peer_only_while_nothing_is_acknowledged_elsewhere() -> None:
    async with Emulator(line="memory") as emulator:
        emulator.network.add_stalled("stalled.example")
        async with Modem(emulator.url, close_timeout=10) as modem:
            began = now()
            with pytest.raises(NotAcknowledged):
                await upload(modem, "stalled.example", 1000)

            assert now() - began == pytest.approx(10, abs=1.5)


async def test_progress_of_other_sockets_prolongs_a_close_up_to_five_times() -> None:
    async with Emulator(line="memory") as emulator:
        emulator.network.add_stalled("stalled.example")
        emulator.network.add_sink("busy.example")
        async with Modem(emulator.url, close_timeout=10) as modem:
            _, busy = await modem.open_connection("busy.example", 7)

            async def keep_busy() -> None:
                while True:
                    busy.write(bytes(100))
                    await asyncio.sleep(2)
                    await busy.transport.ack_status()  # type: ignore[attr-defined]

            task, began = asyncio.create_task(keep_busy()), now()
            with pytest.raises(NotAcknowledged):
                await upload(modem, "stalled.example", 1000)

            assert now() - began == pytest.approx(50, abs=1.5)
            task.cancel()
            busy.close()
            await busy.wait_closed()
