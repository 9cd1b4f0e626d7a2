"""A module without a network, in each of the ways that the emulator plays: what the modem says, and what helps."""

import asyncio
import re
from typing import Any, Final

import pytest

from bc260y_aio import Modem, NotRegistered
from bc260y_aio.emulator import Emulator, Options
from bc260y_aio.emulator.network.attach import FINAL_CAUSES
from bc260y_aio.testing import virtual_clock
from tests.loops import LoopFactory

PLAYED: Final[list[tuple[dict[str, Any], str]]] = [
    ({"sim": "none"}, "it reports no SIM; check that one is inserted"),
    ({"sim": "pin"}, "its SIM asks for SIM PIN; AT+CPIN=<code> enters it"),
    ({"sim": "puk"}, "its SIM asks for SIM PUK; AT+CPIN=<code> enters it"),
    ({"reject_cause": 11}, "the network denied the registration (cause 11, PLMN not allowed); check the subscription"),
    ({"has_cell": False}, "it is searching for a network; check the antenna"),
    ({"reject_cause": 19}, "it is searching for a network; check the antenna"),
    ({"cell_lost": (0.0, 600.0)}, "it is searching for a network; check the antenna"),
]

played = pytest.mark.parametrize(("options", "expected"), PLAYED, ids=[str(one[0]) for one in PLAYED])


@pytest.fixture
def loop_factory() -> LoopFactory:
    return virtual_clock()


async def reason(url: str, timeout: float = 20.0) -> str:
    """Return why a modem's connection fails."""
    async with Modem(url, registration_timeout=timeout) as modem:
        began = asyncio.get_running_loop().time()
        with pytest.raises(NotRegistered) as failed:
            await modem.open_connection("echo.example", 7)

        assert asyncio.get_running_loop().time() - began <= timeout + 10.0
        return str(failed.value)


@played
async def test_the_error_says_why_there_is_no_network(options: dict[str, Any], expected: str) -> None:
    async with Emulator(line="memory", **options) as emulator:
        assert expected in await reason(emulator.url)


@pytest.mark.parametrize("cause", sorted(FINAL_CAUSES))
async def test_every_cause_for_which_a_network_denies_a_module_is_told_in_words(cause: int) -> None:
    async with Emulator(line="memory", reject_cause=cause) as emulator:
        told = await reason(emulator.url)
        assert re.search(rf"\(cause {cause}, \w[\w -]+\)", told)
        # Nothing more has to be switched on for it.
        assert "AT+CEREG=5" not in told


@played
async def test_a_url_has_the_same_options(options: dict[str, Any], expected: str) -> None:
    assert expected in await reason(Options.of(line="memory", **options).to_url(), timeout=5.0)


async def test_a_pin_that_is_entered_lets_the_module_register() -> None:
    async with Emulator(line="memory", sim="pin") as emulator, Modem(emulator.url) as modem:
        emulator.network.add_echo("echo.example")
        await modem.execute('AT+CPIN="1234"')
        _, writer = await modem.open_connection("echo.example", 7)
        writer.close()
        await writer.wait_closed()


async def test_a_network_that_changes_its_mind_lets_the_module_register() -> None:
    async with Emulator(line="memory", reject_cause=11) as emulator, Modem(emulator.url) as modem:
        emulator.network.add_echo("echo.example")
        asyncio.get_running_loop().call_later(60.0, setattr, emulator.network, "reject_cause", None)
        _, writer = await modem.open_connection("echo.example", 7)
        writer.close()
        await writer.wait_closed()
        assert asyncio.get_running_loop().time() >= 60


async def test_a_cell_that_is_lost_and_found_again_costs_no_data() -> None:
    async with Emulator(line="memory", network="edge", cell_lost=(20.0, 50.0)) as emulator:
        sink = emulator.network.add_sink("upload.example")
        async with Modem(emulator.url) as modem:
            _, writer = await modem.open_connection("upload.example", 7)
            writer.write(bytes(1000))
            writer.close()
            await writer.wait_closed()
            assert asyncio.get_running_loop().time() > 50
            assert sink.data == bytes(1000)
            assert (await modem.registration()).status.is_registered
