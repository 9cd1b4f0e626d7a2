import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bc260y_aio.cli.stdio import Input, Output


@contextlib.contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """Make a pipe, and close what is still open of it."""
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            with contextlib.suppress(OSError):
                os.close(end)


async def read_all(source: Input) -> bytes:
    found = b""
    while data := await source.read(1000):
        found += data

    return found


# Input


async def test_a_pipe_is_read_to_its_end() -> None:
    with pipe() as (reading, writing):
        os.write(writing, b"first")
        source = Input(reading)
        assert await source.read(1000) == b"first"

        waiting = asyncio.create_task(source.read(1000))
        await asyncio.sleep(0)
        assert not waiting.done()
        os.write(writing, b"\x00\xff")
        assert await waiting == b"\x00\xff"

        os.close(writing)
        assert await source.read(1000) == b""


async def test_a_regular_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(bytes(range(256)) * 20)

    with path.open("rb") as file:
        assert await read_all(Input(file.fileno())) == bytes(range(256)) * 20


async def test_nothing_is_at_its_end_at_once() -> None:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    try:
        assert await Input(descriptor).read(1000) == b""
    finally:
        os.close(descriptor)


async def test_a_read_that_is_cancelled_takes_nothing() -> None:
    with pipe() as (reading, writing):
        source = Input(reading)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await source.read(1000)

        os.write(writing, b"kept")
        assert await source.read(1000) == b"kept"


def test_a_pause_differs_from_more_data_and_from_the_end() -> None:
    with pipe() as (reading, writing):
        source = Input(reading)
        assert not source.is_ready()
        os.write(writing, b"more")
        assert source.is_ready()
        os.read(reading, 1000)
        os.close(writing)
        assert source.is_ready()


async def test_standard_input_that_was_closed_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    source = Input()

    assert await source.read(1000) == b""
    os.close(source._descriptor)


# Output


async def test_a_slow_reader_holds_up_the_writer_and_not_the_loop() -> None:
    data = os.urandom(300_000)

    with pipe() as (reading, writing):
        sink = asyncio.create_task(Output(writing).write(data))
        for _ in range(50):
            await asyncio.sleep(0)

        assert not sink.done()
        source, found = Input(reading), b""
        while len(found) < len(data):
            found += await source.read(65536)

        await sink

    assert found == data


async def test_descriptors_stay_blocking_for_other_programs() -> None:
    with pipe() as (reading, writing):
        await Output(writing).write(b"data")
        await Input(reading).read(1000)

        assert os.get_blocking(reading)
        assert os.get_blocking(writing)


async def test_a_regular_file_is_written(tmp_path: Path) -> None:
    with (tmp_path / "output").open("wb") as file:
        await Output(file.fileno()).write(bytes(range(256)) * 100)

    assert (tmp_path / "output").read_bytes() == bytes(range(256)) * 100


async def test_a_closed_reader_is_reported() -> None:
    with pipe() as (reading, writing):
        os.close(reading)

        with pytest.raises(BrokenPipeError):
            await Output(writing).write(b"data")
