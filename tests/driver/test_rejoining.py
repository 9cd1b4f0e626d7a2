"""Datagrams that the module split: counted, logged once, and joined if that is asked for."""

import logging

import pytest

from bc260y_aio.sockets.rejoining import DatagramInbox
from tests.driver.scripted import Module, open_modem, settle
from tests.loops import Clock

FULL = bytes(1024)


def inbox(*, rejoin: bool, baudrate: int | None = None) -> DatagramInbox:
    return DatagramInbox(65536, rejoin=rejoin, baudrate=baudrate, peer="a.b:7")


def drain(queue: DatagramInbox) -> list[bytes]:
    return [queue.take() for _ in range(queue.count)]


async def test_parts_are_counted_and_logged_once_and_left_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    queue = inbox(rejoin=False)
    with caplog.at_level(logging.WARNING):
        for payload in (FULL, b"rest", FULL, b"rest"):
            queue.put(payload)

    assert drain(queue) == [FULL, b"rest", FULL, b"rest"]
    assert queue.splits == 2
    (record,) = caplog.records
    assert "datagram_rejoin=True" in record.getMessage()


@pytest.mark.parametrize("parts", [(FULL, b"rest"), (FULL, FULL, FULL, b"x"), (FULL, b"")])
async def test_parts_that_follow_at_once_are_joined(parts: tuple[bytes, ...]) -> None:
    queue = inbox(rejoin=True)
    queue.put(b"before")
    for part in parts:
        queue.put(part)

    queue.put(b"after")
    assert drain(queue) == [b"before", b"".join(parts), b"after"]
    assert queue.splits == len(parts) - 1


@pytest.mark.parametrize(("baudrate", "patience"), [(None, 0.1), (9600, 2.71), (115200, 0.32)])
async def test_a_whole_push_that_nothing_follows_is_a_datagram(
    baudrate: int | None, patience: float, clock: Clock
) -> None:
    queue = inbox(rejoin=True, baudrate=baudrate)
    queue.put(FULL)
    await clock.advance(0.9 * patience)
    assert drain(queue) == []
    await clock.advance(0.2 * patience)
    assert drain(queue) == [FULL]
    queue.put(b"later")
    assert (drain(queue), queue.splits) == ([b"later"], 0)


async def test_kept_data_comes_before_the_end() -> None:
    queue = inbox(rejoin=True)
    queue.put(FULL)
    queue.end()
    assert (drain(queue), queue.is_exhausted) == ([FULL], True)


@pytest.mark.parametrize("rejoin", [False, True])
async def test_a_modem_joins_them_if_that_is_asked_for(rejoin: bool) -> None:
    module = Module()
    async with open_modem(module, datagram_rejoin=rejoin) as modem, await modem.open_datagram_endpoint("a.b", 7) as one:
        module.push(0, FULL)
        module.push(0, b"rest")
        await settle()
        assert await one.receive() == (FULL + b"rest" if rejoin else FULL)
        assert one.transport.split_datagrams == 1
