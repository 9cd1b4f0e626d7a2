"""Nothing waits on purpose, unless asked: a cork holds back what does not fill a chunk."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bc260y_aio.errors import ConnectionLost
from bc260y_aio.sockets.rai import RAI
from bc260y_aio.transports import ModemTransport
from tests.driver.scripted import Module, open_modem, settle
from tests.loops import Clock

pytestmark = pytest.mark.loops("asyncio", "eager")


@contextlib.asynccontextmanager
async def connected(
    module: Module, protocol: asyncio.Protocol | None = None, **options: Any
) -> AsyncIterator[ModemTransport]:
    async with open_modem(module, **options) as modem:
        transport, _ = await modem.create_connection(lambda: protocol or asyncio.Protocol(), "a.b", 7)
        assert isinstance(transport, ModemTransport)
        yield transport


def sent(module: Module) -> list[bytes]:
    """Return the chunks that the module has got on connectID 0."""
    sockets = [*module.closed, *module.sockets.values()]
    return sockets[0].datagrams


async def test_without_a_cork_what_is_written_goes_at_once() -> None:
    module = Module()
    async with connected(module) as transport:
        for letter in (b"a", b"b", b"c"):
            transport.write(letter)
            await settle()

        assert sent(module) == [b"a", b"b", b"c"]


async def test_small_writes_go_out_together_when_the_block_ends() -> None:
    module = Module()
    async with connected(module) as transport:
        with transport.cork():
            for letter in (b"a", b"b", b"c"):
                transport.write(letter)
                await settle()

            assert sent(module) == []
            assert transport.get_write_buffer_size() == 3

        await settle()
        assert sent(module) == [b"abc"]


async def test_full_chunks_do_not_wait() -> None:
    module = Module()
    async with connected(module) as transport:
        with transport.cork():
            transport.write(bytes(1100))
            await settle()
            assert sent(module) == [bytes(512), bytes(512)]

        await settle()
        assert sent(module)[2:] == [bytes(76)]


async def test_a_stated_delay_is_the_longest_that_anything_waits(clock: Clock) -> None:
    module = Module()
    async with connected(module) as transport:
        with transport.cork(0.2):
            transport.write(b"a")
            await clock.advance(0.15)
            transport.write(b"b")
            await settle()
            assert sent(module) == []
            await clock.advance(0.1)
            await settle()
            assert sent(module) == [b"ab"]

            # It runs from the first write that waits.
            transport.write(b"c")
            await clock.advance(0.15)
            assert sent(module) == [b"ab"]
            await clock.advance(0.1)
            await settle()
            assert sent(module) == [b"ab", b"c"]


async def test_after_the_delay_everything_goes_however_many_chunks_it_takes(clock: Clock) -> None:
    module = Module()
    async with connected(module, data_format="auto") as transport:
        with transport.cork(0.2):
            # Less than a chunk of text, and more than one of hex.
            transport.write(bytes(800))
            await clock.advance(0.15)
            assert sent(module) == []
            await clock.advance(0.1)
            await settle(60)
            assert sent(module) == [bytes(512), bytes(288)]


async def test_a_cork_on_which_nothing_waits_sets_no_timer(clock: Clock) -> None:
    module = Module()
    async with connected(module) as transport:
        with transport.cork(0.2):
            transport.write(bytes(512))
            await settle()
            await clock.advance(0.1)
            transport.write(b"a")
            await clock.advance(0.15)
            await settle()
            assert sent(module) == [bytes(512)]


async def test_corks_may_be_nested_and_the_outermost_lets_go() -> None:
    module = Module()
    async with connected(module) as transport:
        with transport.cork():
            with transport.cork():
                transport.write(b"a")

            await settle()
            assert sent(module) == []

        await settle()
        assert sent(module) == [b"a"]


async def test_a_write_with_a_rai_ends_what_is_held_back() -> None:
    module = Module()
    async with connected(module) as transport:
        with transport.cork():
            transport.write(b"a")
            transport.write(b"b", rai=RAI.NO_FURTHER_DATA)
            transport.write(b"c")
            await settle()
            assert sent(module) == [b"ab"]
            assert module.sockets[0].rais == [1]


async def test_closing_sends_what_is_held_back() -> None:
    module = Module()
    async with connected(module) as transport:
        with transport.cork():
            transport.write(b"a")
            transport.close()
            # The close asks for what was acknowledged as often as this line, and this machine, are fast.
            while not module.closed:
                await settle()

            assert module.closed[0].taken == b"a"


async def test_waiting_for_what_was_written_to_be_taken_sends_what_is_held_back() -> None:
    module = Module()
    async with connected(module) as transport:
        with transport.cork():
            transport.write(b"a")
            await transport.wait_acked(1.0)
            assert sent(module) == [b"a"]
            transport.write(b"b")
            await transport.drained()
            assert sent(module) == [b"a", b"b"]


async def test_waiting_for_acknowledgement_amid_a_chunk_sends_what_is_held_back_behind_it() -> None:
    module = Module()
    async with connected(module) as transport:
        with transport.cork():
            transport.write(bytes(512))
            await asyncio.sleep(0)
            transport.write(b"a")
            await transport.wait_acked(1.0)
            assert sent(module) == [bytes(512), b"a"]


async def test_a_paused_protocol_is_not_kept_waiting() -> None:
    module = Module()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    async with connected(module, protocol) as transport:
        writer = asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
        transport.set_write_buffer_limits(high=0)
        with transport.cork():
            writer.write(b"a")
            async with asyncio.timeout(5.0):
                await writer.drain()

            assert sent(module) == [b"a"]


async def test_an_abort_throws_away_what_is_held_back_and_its_timer(clock: Clock) -> None:
    module = Module()
    async with connected(module) as transport:
        with transport.cork(0.2):
            transport.write(b"a")
            transport.abort()
            await clock.advance(0.3)

        await settle(100)
        assert module.closed[0].taken == b""


async def test_a_connection_that_ends_takes_what_was_held_back_with_it() -> None:
    module = Module()
    async with connected(module) as transport:
        with transport.cork():
            transport.write(b"a")
            module.end(0)
            await settle(100)
            with pytest.raises(ConnectionLost):
                await transport.wait_acked(1.0)

        assert module.closed[0].taken == b""


@pytest.mark.parametrize("delay", [0.0, -1.0])
async def test_a_delay_is_positive(delay: float) -> None:
    module = Module()
    async with connected(module) as transport:
        with pytest.raises(ValueError, match=r"^a delay must be positive, not"), transport.cork(delay):
            pass
