"""After a restart of the module its settings are established until they hold, whatever comes in between."""

import asyncio
from typing import Final

import pytest

from bc260y_aio.at.commands import Command, SendData
from bc260y_aio.errors import CommandFailed, ModemNotResponding, PayloadDamaged
from bc260y_aio.modem.modem import Modem
from tests.driver.scripted import ERROR, OK, SEND_OK, Module, fast_forward, open_modem, settle
from tests.loops import Clock

pytestmark = pytest.mark.loops("asyncio", "eager")

RDY: Final = b"\r\nRDY\r\n"
ASLEEP: Final = b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n'
# The rest of a push that lost the second half of its header.
TORN: Final = b'\r\n+QIU3E2B76F53A01010000064F000000FA00042D"\r\n'


@pytest.mark.parametrize(
    "trouble",
    [ASLEEP, b"\r\n+CME ERROR: 14\r\n", b""],
    ids=["sleeps", "refuses", "says nothing"],
)
@pytest.mark.parametrize("line", ['AT+QICFG="dataformat"', "AT+QISTATE?"])
async def test_re_establishing_is_tried_again_when_the_module(line: str, trouble: bytes, clock: Clock) -> None:
    module = Module()
    async with open_modem(module) as modem:
        troubles = 4

        def override(command: Command) -> bytes | None:
            nonlocal troubles
            if command.write() == line and troubles:
                troubles -= 1
                return trouble

            return None

        module.override = override
        queries = module.count('AT+QICFG="dataformat"')
        module.send(RDY)
        await fast_forward(clock, asyncio.sleep(60.0))
        assert troubles == 0
        assert modem.is_open
        assert module.count('AT+QICFG="dataformat"') > queries

        # A damaged push is noticed, for the format of payload is known.
        reader, writer = await fast_forward(clock, modem.open_connection("192.0.2.1", 7))
        module.send(TORN)
        with pytest.raises(PayloadDamaged):
            await fast_forward(clock, reader.read())

        writer.close()


async def test_a_module_that_refuses_its_settings_after_a_restart_for_ever_is_taken_for_lost(clock: Clock) -> None:
    module = Module()
    async with open_modem(module) as modem:
        module.override = lambda command: ERROR if command.write() == "AT+QISTATE?" else None
        began, queries = clock.time(), module.count("AT+QISTATE?")
        module.send(RDY)
        await settle()
        with pytest.raises(ModemNotResponding, match="in 10 attempts it could not be set up again"):
            await fast_forward(clock, modem.execute("AT+CSQ"))

        # The pauses grow from half a second to five.
        assert module.count("AT+QISTATE?") == queries + 10
        assert 37.5 < clock.time() - began < 47
        assert not modem.is_open


@pytest.mark.parametrize("is_true", [True, False])
async def test_a_send_before_a_report_of_a_restart_may_be_answered_later_if_the_report_was_noise(is_true: bool) -> None:
    module = Module()
    async with open_modem(module) as modem:
        first, _ = await modem.create_connection(asyncio.Protocol, "a.b", 7)
        module.override = lambda command: OK if isinstance(command, SendData) else None
        first.write(b"first")
        await settle(60)
        if is_true:
            module.sockets.clear()

        module.send(b"\r\nRDY\r\n")
        await settle(200)
        second, _ = await modem.create_connection(asyncio.Protocol, "a.b", 7)
        # It answers the first, and takes nothing of the second.
        answers = [SEND_OK]
        module.override = lambda command: answers.pop() if isinstance(command, SendData) and answers else None
        second.write(b"second")
        await settle(200)
        module.send(b"\r\nSEND FAIL\r\n")
        await settle(200)
        opened = module.sockets[second.get_extra_info("connect_id")]
        assert bytes(opened.taken) == (b"" if is_true else b"second")
        second.abort()


async def test_opening_goes_on_when_the_module_falls_asleep_meanwhile(clock: Clock) -> None:
    module = Module()
    answers = [ASLEEP]
    module.override = lambda command: answers.pop() if answers and command.write() == "AT+CMEE?" else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bc260y_aio.modem.lifecycle.open_port", module.open_port)
        modem = Modem("script://module", nvram_gap=0.0)
        await fast_forward(clock, modem.open())
        assert module.count("AT+CMEE?") == 2
        await modem.close()


async def test_the_format_of_payload_is_asked_for_after_a_command_of_the_user_that_may_change_it() -> None:
    module = Module()
    async with open_modem(module) as modem:
        reader, writer = await modem.open_connection("192.0.2.1", 7)
        queries = module.count('AT+QICFG="dataformat"')
        with pytest.raises(CommandFailed):
            await modem.execute('AT+QICFG="viewmode",1')

        assert module.count('AT+QICFG="dataformat"') == queries + 1
        module.send(TORN)
        with pytest.raises(PayloadDamaged):
            await reader.read()

        writer.close()


async def test_damage_is_noticed_while_a_switch_of_the_sent_format_is_not_answered(clock: Clock) -> None:
    module = Module()
    async with open_modem(module, data_format="auto") as modem:
        reader, writer = await modem.open_connection("192.0.2.1", 7)
        module.override = lambda command: b"" if command.write().startswith('AT+QICFG="dataformat",') else None
        writer.write(b"a" * 5000)
        await settle(200)
        assert module.lines[-1].startswith('AT+QICFG="dataformat",0,1')
        module.send(TORN)
        with pytest.raises(PayloadDamaged):
            await reader.read()

        writer.transport.abort()
        module.override = lambda command: None
        await fast_forward(clock, asyncio.sleep(10.0))
