"""The ends of connections for coroutines, on which the bridge and the anyio streams stand."""

import asyncio
import functools
from typing import Any

import pytest

from bc260y_aio.errors import ConnectionLost, ModemClosed
from bc260y_aio.transports.stream_ends import DatagramEnd, StreamEnd
from tests.driver.scripted import settle

both = pytest.mark.parametrize("kind", [StreamEnd, DatagramEnd])


class Transport:
    """A transport that notes what is done with it, and lets a test call the protocol."""

    def __init__(self, end: Any) -> None:
        self.calls: list[Any] = []
        self.on_send: Any = lambda: None
        self.is_closing: Any = lambda: False
        self.loss: Any = None
        end.connection_made(self)

    def __getattr__(self, name: str) -> Any:
        return functools.partial(self._note, name)

    def _note(self, name: str, *arguments: Any) -> None:
        self.calls.append((name, *arguments) if arguments else name)
        if name in ("write", "sendto"):
            self.on_send()

    def taken(self) -> list[Any]:
        """Return what was done since this was last asked."""
        calls, self.calls = self.calls, []
        return calls


class Unpausable:
    """A transport of datagrams that cannot be paused."""

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int) -> None:
        pass


async def waiting(work: Any) -> asyncio.Task[Any]:
    """Begin to wait for something."""
    task: asyncio.Task[Any] = asyncio.ensure_future(work)
    await settle(2)
    return task


@pytest.mark.parametrize(("end", "high_water"), [(StreamEnd(100), 100), (DatagramEnd(), 0), (DatagramEnd(5), 5)])
def test_an_end_sets_its_limit_and_reads_nothing_before_it_is_asked(end: Any, high_water: int) -> None:
    transport = Transport(end)
    assert transport.calls == [("set_write_buffer_limits", high_water), "pause_reading"]
    assert end.transport is transport
    assert (end.received, end.error, end.is_closing, end.lost.is_set()) == (0, None, False, False)
    end.check()


async def test_a_stream_reads_only_while_a_receiver_waits() -> None:
    end = StreamEnd(0)
    transport = Transport(end)
    transport.taken()
    receiving = await waiting(end.receive())
    assert transport.taken() == ["resume_reading"]
    end.data_received(b"one")
    assert transport.taken() == ["pause_reading"]
    end.data_received(b"two")
    assert await receiving == b"one"
    assert transport.taken() == ["pause_reading"] * 2
    # What is there is returned without a word to the transport.
    assert await end.receive() == b"two"
    assert (transport.taken(), end.received) == ([], 6)
    receiving = await waiting(end.receive())
    receiving.cancel()
    await settle(2)
    assert transport.taken() == ["resume_reading", "pause_reading"]


async def test_a_stream_ends_after_what_came_before() -> None:
    end = StreamEnd(0)
    Transport(end)
    end.data_received(b"last")
    assert end.eof_received() is True
    assert [await end.receive() for _ in range(3)] == [b"last", b"", b""]
    # The peer's end is no end of what may be sent.
    end.check()
    end.connection_lost(None)
    assert end.error is None
    await end.wait_closed()
    with pytest.raises(ConnectionLost, match="the connection was closed"):
        end.check()

    with pytest.raises(ConnectionLost, match="the connection was closed"):
        await end.send(b"more")


async def test_the_peers_end_wakes_a_receiver() -> None:
    end = StreamEnd(0)
    Transport(end)
    receiving = await waiting(end.receive())
    end.eof_received()
    assert await receiving == b""


@both
async def test_a_loss_is_told_to_all_who_wait_and_to_all_who_come_later(kind: Any) -> None:
    end = kind(0)
    Transport(end)
    end.pause_writing()
    waits = [await waiting(work) for work in (end.receive(), end.send(b"data"), end.wait_closed())]
    end.connection_lost(ConnectionLost("by a test"))
    for work in (*waits, end.receive(), end.send(b"data"), end.wait_closed()):
        with pytest.raises(ConnectionLost, match="by a test"):
            await work

    assert end.lost.is_set()
    with pytest.raises(ConnectionLost, match="by a test"):
        end.check()


@both
async def test_an_end_that_neither_side_closed_is_the_modems(kind: Any) -> None:
    end = kind(0)
    Transport(end)
    end.connection_lost(None)
    for work in (end.receive(), end.send(b"data"), end.wait_closed()):
        with pytest.raises(ModemClosed, match="the modem was closed"):
            await work


@pytest.mark.parametrize("close", ["close", "abort"])
@pytest.mark.parametrize(("kind", "nothing"), [(StreamEnd, b""), (DatagramEnd, None)])
async def test_a_close_is_the_end_for_a_receiver_and_nothing_is_sent_after_it(
    close: str, kind: Any, nothing: bytes | None
) -> None:
    end = kind(0)
    transport = Transport(end)
    receiving = await waiting(end.receive())
    getattr(end, close)()
    assert end.is_closing
    assert transport.calls[-1] == close
    assert await receiving == nothing
    transport.taken()
    with pytest.raises(ConnectionLost, match="the connection was closed"):
        end.check()

    with pytest.raises(ConnectionLost, match="the connection was closed"):
        await end.send(b"data")

    assert transport.taken() == []
    end.connection_lost(None)
    await end.wait_closed()
    assert (end.error, await end.receive()) == (None, nothing)


@pytest.mark.parametrize(
    ("loss", "said"), [(ConnectionLost("by a test"), "by a test"), (None, "the connection was closed")]
)
@both
async def test_nothing_is_sent_by_a_transport_that_is_lost_or_that_somebody_else_closes(
    kind: Any, loss: Exception | None, said: str
) -> None:
    end = kind(0)
    transport = Transport(end)
    transport.is_closing, transport.loss = lambda: True, loss
    transport.taken()
    with pytest.raises(ConnectionLost, match=said):
        await end.send(b"data")

    assert transport.taken() == []


@both
async def test_an_end_that_was_never_connected_can_be_aborted(kind: Any) -> None:
    end = kind(0)
    end.abort()
    assert end.is_closing
    with pytest.raises(ConnectionLost):
        end.check()


async def test_a_sender_waits_while_writing_is_paused() -> None:
    end = StreamEnd(0)
    transport = Transport(end)
    transport.on_send = end.pause_writing
    transport.taken()
    sending = await waiting(end.send(b"data"))
    assert (transport.taken(), sending.done()) == ([("write", b"data")], False)
    end.resume_writing()
    assert await sending is None
    transport.on_send = lambda: None
    assert (await waiting(end.send(b"more"))).done()


async def test_a_sender_that_has_closed_meanwhile_is_not_told_of_an_error() -> None:
    end = StreamEnd(0)
    transport = Transport(end)
    transport.on_send = end.pause_writing
    sending = await waiting(end.send(b"data"))
    end.close()
    end.resume_writing()
    assert await sending is None


# Datagrams


async def test_datagrams_come_with_their_senders_and_in_order() -> None:
    end = DatagramEnd()
    transport = Transport(end)
    transport.taken()
    receiving = await waiting(end.receive())
    assert transport.taken() == ["resume_reading"]
    end.datagram_received(b"one", ("a.b", 7))
    end.datagram_received(b"two", ("c.d", 8))
    assert transport.taken() == ["pause_reading"] * 2
    assert (await receiving, await end.receive()) == ((b"one", ("a.b", 7)), (b"two", ("c.d", 8)))
    assert end.received == 6


async def test_of_more_than_a_hundred_datagrams_that_cannot_wait_elsewhere_the_oldest_are_dropped() -> None:
    end = DatagramEnd()
    end.connection_made(Unpausable())
    for number in range(102):
        end.datagram_received(bytes([number]), None)

    got = [await end.receive() for _ in range(100)]
    assert [data for data, _ in filter(None, got)] == [bytes([number]) for number in range(2, 102)]
    receiving = await waiting(end.receive())
    assert not receiving.done()
    end.datagram_received(b"", None)
    assert await receiving == (b"", None)


async def test_a_datagram_that_is_refused_is_its_senders_error_and_not_the_next_ones() -> None:
    end = DatagramEnd()
    transport = Transport(end)
    # Of an earlier one, that nobody waits for any more.
    end.error_received(OSError("earlier"))
    await end.send(b"one")
    transport.taken()
    transport.on_send = lambda: end.error_received(OSError("too long"))
    with pytest.raises(OSError, match="too long"):
        await end.send(b"two", ("a.b", 7))

    assert transport.taken() == [("sendto", b"two", ("a.b", 7))]
    transport.on_send = lambda: None
    await end.send(b"three")
    assert transport.taken() == [("sendto", b"three", None)]


async def test_a_datagram_is_sent_when_the_module_has_taken_it() -> None:
    end = DatagramEnd()
    transport = Transport(end)
    transport.on_send = end.pause_writing
    sending = await waiting(end.send(b"one"))
    assert not sending.done()
    end.error_received(OSError("refused"))
    end.resume_writing()
    with pytest.raises(OSError, match="refused"):
        await sending
