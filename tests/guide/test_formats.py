"""The costs of hex, text and auto: NVRAM writes, wire bytes, and time on a line (guide 2.2.1, 2.2.5)."""

import json
import random

import pytest

from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.emulator import Nvram
from tests.guide.bench import Hosts, datagrams, now, on_air, stream

AUTO = {"data_format": "auto"}


either_beginning = pytest.mark.parametrize("found", list(PayloadFormat), ids=lambda form: f"found set to {form.name}")


@either_beginning
@pytest.mark.parametrize("size", [20, 500])
async def test_sixty_alternating_payloads_cost_four_nvram_writes_at_most(found: PayloadFormat, size: int) -> None:
    async with on_air(AUTO, nvram=Nvram(send_format=found, receive_format=found)) as bench:
        transport, protocol = await datagrams(bench.modem, "echo.example")
        dice = random.Random(12)
        sent = [b"printable " * (size // 10) if number % 2 else dice.randbytes(size) for number in range(60)]
        for number, data in enumerate(sent, 1):
            transport.sendto(data)
            await protocol.until_datagrams(number)

        assert [data for data, _ in protocol.datagrams] == sent
        assert bench.emulator.nvram.writes <= 4


async def test_alternating_runs_cost_fewer_and_fewer_writes() -> None:
    async with on_air(AUTO) as bench:
        transport, protocol = await datagrams(bench.modem, "echo.example")
        count = 0
        for run in range(20):
            for _ in range(8):
                transport.sendto(b"text" * 20 if run % 2 else b"\xff" * 80)
                count += 1
                await protocol.until_datagrams(count)

        assert bench.emulator.nvram.writes <= 6


@either_beginning
async def test_two_hundred_json_records_cost_little_more_than_themselves(found: PayloadFormat) -> None:
    async with on_air(AUTO, nvram=Nvram(send_format=found, receive_format=found)) as bench:
        records = [json.dumps({"meter": 7, "n": number, "v": number * 3.5}).encode() for number in range(200)]
        transport, _ = await datagrams(bench.modem, "report.example")
        bench.wire.clear()
        for record in records:
            transport.sendto(record)

        await transport.drained()
        payload = sum(map(len, records))
        sends = [line for line in bench.wire.commands if line.startswith(b"AT+QISEND=")]
        # The bytes of a command besides its payload: its name, connectID, length, quotes, and the CR.
        overhead = sum(len(b'AT+QISEND=0,%d,""\r' % len(record)) for record in records)
        assert len(sends) == 200
        written = sum(len(data) for towards, data in bench.wire.pieces if towards == ">")
        assert written <= 1.25 * payload + overhead
        assert [bench.hosts.reports.get_nowait() for _ in records] == records
        assert bench.emulator.nvram.writes <= 2


async def upload(mode: str, data: bytes) -> tuple[float, int]:
    """Return how long a stream takes over a line of 115200 baud, in seconds, and how many wire bytes."""
    settings = {"baudrate": 115200, "answer_delay": 0.02}
    async with on_air({"data_format": mode}, hosts=Hosts(latency=0.05), **settings) as bench:
        transport, _ = await stream(bench.modem, "sink.example")
        began, heard = now(), bench.emulator.module.bytes_in
        for start in range(0, len(data), 512):
            transport.write(data[start : start + 512])

        await transport.drained()
        return now() - began, bench.emulator.module.bytes_in - heard


@pytest.mark.parametrize("mode", ["text", "auto"])
async def test_a_printable_stream_goes_nearly_twice_as_fast_as_hex(mode: str) -> None:
    data = b"0123456789abcdef" * 32 * 100
    hex_time, hex_bytes = await upload("hex", data)
    text_time, text_bytes = await upload(mode, data)
    assert hex_time / text_time >= 1.9
    assert hex_bytes / text_bytes >= 1.9


async def test_printable_datagrams_of_512_bytes_go_nearly_twice_as_fast_as_hex() -> None:
    times = {}
    for mode in ("hex", "text"):
        async with on_air({"data_format": mode}, baudrate=9600) as bench:
            transport, _ = await datagrams(bench.modem, "report.example")
            began = now()
            for _ in range(10):
                transport.sendto(b"0123456789abcdef" * 32)

            await transport.drained()
            times[mode] = now() - began

    assert times["hex"] / times["text"] >= 1.9


async def test_binary_payload_costs_auto_what_it_costs_hex() -> None:
    data = random.Random(13).randbytes(512 * 40)
    hex_time, hex_bytes = await upload("hex", data)
    auto_time, auto_bytes = await upload("auto", data)
    assert auto_time == pytest.approx(hex_time, rel=0.05)
    assert auto_bytes == pytest.approx(hex_bytes, rel=0.01)


async def test_a_payload_that_goes_out_as_text_comes_back_whatever_it_is() -> None:
    async with on_air(AUTO) as bench:
        reader, writer = await bench.modem.open_connection("echo.example", 7)
        data = b"".join(
            b"printable only " * 100 if number % 7 else random.Random(number).randbytes(2000) for number in range(28)
        )
        writer.write(data)
        assert await reader.readexactly(len(data)) == data
        writer.close()
        await writer.wait_closed()
