"""For how long each socket kept the radio connected, as the ledger has it."""

import asyncio
from typing import Any, Final

import pytest

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator
from bc260y_aio.emulator.radio.causes import Causes

# Rates, and nothing that is drawn by chance.
RADIO: Final[dict[str, Any]] = {"rrc_setup": 0.5, "rrc_inactivity": 10.0, "rate_up": 8000, "rate_down": 8000}


def test_seconds_are_those_of_the_cause_until_another_has_settled() -> None:
    causes = Causes()
    causes.begin(10.0, "udp a:1")
    causes.settle(12.0)
    causes.current = "udp b:2"
    causes.settle(15.0)
    assert causes.by_cause(None) == {"udp b:2": 3.0, "udp a:1": 2.0}
    assert causes.by_cause(16.0) == {"udp b:2": 4.0, "udp a:1": 2.0}


def test_a_long_list_of_causes_ends_in_the_others() -> None:
    causes = Causes()
    for number in range(100):
        causes.begin(0.0, f"udp {number}:1")
        causes.settle(1.0)

    assert (len(causes.by_cause(None)), causes.by_cause(None)["others"]) == (65, 36.0)


async def test_the_pause_after_a_transfer_is_its_sockets_and_all_seconds_are_somebodys() -> None:
    async with Emulator(line="memory", **RADIO) as emulator, Modem(emulator.url) as modem:
        await asyncio.sleep(60)
        before = emulator.radio.usage
        for name in ("first.example", "second.example"):
            emulator.network.add_sink(name)

        first = await modem.open_datagram_endpoint("first.example", 1)
        second = await modem.open_datagram_endpoint("second.example", 2)
        await emulator.radio.released()
        opened = emulator.radio.usage
        await first.send(bytes(72))
        await asyncio.sleep(4)
        await second.send(bytes(172))
        await emulator.radio.released()

        sent = emulator.radio.usage - opened
        # The set-up, 100 bytes at 1000 bytes a second, and the pause; then 200 bytes and the network's wait.
        assert sent.by_cause == pytest.approx({"udp second.example:2": 10.2, "udp first.example:1": 4.0})
        assert list(sent.by_cause) == ["udp second.example:2", "udp first.example:1"]
        whole = emulator.radio.usage - before
        assert sum(whole.by_cause.values()) == pytest.approx(whole.connected_seconds)
        first.close()
        second.close()


async def test_the_outlook_of_a_radio_that_was_switched_off_is_the_one_that_it_had() -> None:
    async with Emulator(line="memory", **RADIO) as emulator, Modem(emulator.url) as modem:
        emulator.network.add_sink("first.example")
        await asyncio.sleep(60)
        before = emulator.radio.usage
        async with await modem.open_datagram_endpoint("first.example", 1) as endpoint:
            await endpoint.send(bytes(72))
            await endpoint.transport.drained()

        radio = emulator.radio

    after = radio.outlook - before
    assert after.connected_seconds == pytest.approx(10.0, abs=1.5)
    assert after.by_cause["udp first.example:1"] == pytest.approx(after.connected_seconds)
