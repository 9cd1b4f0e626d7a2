"""What does a month of a meter's readings cost, by HTTPS, MQTT over TLS and CoAP?

A meter wakes every quarter of an hour and delivers a reading of 50 bytes, each time over a connection of its own, over
an emulated module with a network of average coverage; the clock jumps over the waits. Four hours are measured, after a
first reading, and a month is the forecast of the report. The server's certificate is ECDSA, of a root that the meter
knows. TLS is 1.3, and Python's own context. Each of three savings is on or off:

- coalescing: the client writes its request in one turn of the loop, so that its pieces share a TLS record and an
  AT+QISEND; otherwise it lets the loop turn between them, as clients do that await each write;
- resumption: the modem keeps TLS sessions, as it does by default; otherwise each handshake is a full one;
- RAI: ``Modem(rai_on_close=True)`` has the network release the radio when the connection is closed, which firmware
  R02A01 can be told; by CoAP, the datagram says that one reply follows.

``python -m benchmarks.month --write`` puts table and chart into ``docs/pages/howto/usage.md``; the chart is the page of
the report, drawn by Chromium.
"""

import argparse
import asyncio
import contextlib
import itertools
import re
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

from bc260y_aio import RAI, Modem
from bc260y_aio.emulator import Emulator
from bc260y_aio.report import Forecast, write_comparison
from bc260y_aio.testing import virtual_clock
from bc260y_aio.tls import TlsSessions
from bc260y_aio.usage import ModemUsage

from .common import ROUNDS, Table, replace_section

EVERY: Final = 900.0
READINGS: Final = 16
BATTERY_MAH: Final = 2400.0
COVERAGE: Final = "average"
HOST: Final = "meter.example"
READING: Final = b'{"meter": 471, "kWh": 12345.678, "V": 231, "A": 1}'

_ROOT: Final = Path(__file__).parents[1]
PAGE: Final = _ROOT / "docs/pages/howto/usage.md"
PICTURE: Final = _ROOT / "docs/pages/howto/month.png"

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@dataclass(frozen=True, slots=True)
class Setting:
    """Which savings are on."""

    coalescing: bool = False
    resumption: bool = False
    rai: bool = False

    def __str__(self) -> str:
        on = [name for name in self.__slots__ if getattr(self, name)]
        return ", ".join(name.replace("rai", "RAI") for name in on) or "nothing"


# The servers, and the meter


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer an HTTP request, or MQTT's CONNECT and PUBLISH of QoS 1, as their first byte says."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        first = await reader.readexactly(1)
        if first == b"P":
            head = await reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"Content-Length: (\d+)", head)
            await reader.readexactly(int(size[1]) if size else 0)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
        else:
            await reader.readexactly((await reader.readexactly(1))[0])
            writer.write(b"\x20\x02\x00\x00")
            await writer.drain()
            await reader.readexactly(1)
            await reader.readexactly((await reader.readexactly(1))[0])
            writer.write(b"\x40\x02\x00\x01")
            await writer.drain()

        await reader.read()

    writer.close()


async def _write(writer: asyncio.StreamWriter, setting: Setting, *pieces: bytes) -> None:
    for piece in pieces:
        writer.write(piece)
        if not setting.coalescing:
            await asyncio.sleep(0)


async def https(connect: Connect, setting: Setting) -> None:
    """Post a reading."""
    reader, writer = await connect()
    head = b"POST /readings HTTP/1.1\r\n", b"Host: %b\r\n" % HOST.encode(), b"Content-Length: %d\r\n" % len(READING)
    await _write(writer, setting, *head, b"Content-Type: application/json\r\n", b"\r\n", READING)
    await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()


async def mqtt(connect: Connect, setting: Setting) -> None:
    """Publish a reading with QoS 1: CONNECT, PUBLISH, DISCONNECT (MQTT 3.1.1)."""
    reader, writer = await connect()
    name, topic = b"meter-4711", b"readings"
    variable = b"\x00\x04MQTT\x04\x02\x03\x84" + len(name).to_bytes(2, "big") + name
    await _write(writer, setting, b"\x10" + bytes([len(variable)]), variable)
    await reader.readexactly(4)
    variable = len(topic).to_bytes(2, "big") + topic + b"\x00\x01" + READING
    await _write(writer, setting, b"\x32" + bytes([len(variable)]), variable)
    await reader.readexactly(4)
    writer.write(b"\xe0\x00")
    writer.close()
    await writer.wait_closed()


async def coap(modem: Modem, setting: Setting) -> None:
    """Post a reading in a confirmable message, which is sent again where the answer does not come (RFC 7252)."""
    # POST, confirmable, with a token of two bytes; Uri-Path "readings"; application/json.
    message = b"\x42\x02\x12\x34\xca\xfe" + b"\xb8readings" + b"\x11\x32" + b"\xff" + READING
    async with await modem.open_datagram_endpoint(HOST, 5683) as endpoint:
        for attempt in range(4):
            await endpoint.send(message, rai=RAI.ONE_REPLY if setting.rai else RAI.NONE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10.0 * 2**attempt):
                    await endpoint.receive()
                    return

    raise TimeoutError("there was no answer")


# Measuring


@contextlib.asynccontextmanager
async def _served() -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """Serve HTTPS and MQTT over TLS; yield the port, and a client's context."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    context, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert(HOST, key_type=trustme.KeyType.ECDSA).configure_cert(context)
    authority.configure_trust(trusting)
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], trusting


def _emulator() -> Emulator:
    # This firmware can be told of the end of the last connection: AT+QNBIOTRAI.
    return Emulator(line="memory", baudrate=115200, network=COVERAGE, firmware="R02A01")


async def _measure(protocol: str, setting: Setting, readings: int) -> ModemUsage:
    """Return what so many readings cost, after a first one."""
    loop = asyncio.get_running_loop()
    async with _served() as (port, context), _emulator() as emulator:
        if protocol == "CoAP":
            emulator.network.add_echo(HOST)

        sessions = TlsSessions() if setting.resumption else TlsSessions(0)
        async with Modem(emulator.url, tls_sessions=sessions, rai_on_close=setting.rai) as modem:

            def connect() -> Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
                return modem.open_connection(HOST, port, ssl=context)

            began, before = loop.time(), modem.usage()
            for number in range(readings + 1):
                await asyncio.sleep(began + number * EVERY - loop.time())
                if number == 1:
                    before = modem.usage()

                if protocol == "CoAP":
                    await coap(modem, setting)
                else:
                    await (https if protocol == "HTTPS" else mqtt)(connect, setting)

            await asyncio.sleep(began + (readings + 1) * EVERY - loop.time())
            return modem.usage() - before


def settings(protocol: str) -> list[Setting]:
    """Return what there is to switch on: datagrams without TLS have neither records nor sessions."""
    if protocol == "CoAP":
        return [Setting(), Setting(rai=True)]

    return [Setting(*one) for one in itertools.product((False, True), repeat=3)]


def measure_all(readings: int) -> dict[tuple[str, Setting], ModemUsage]:
    """Measure every protocol with every setting."""
    found = {}
    for protocol in ("HTTPS", "MQTT over TLS", "CoAP"):
        for setting in settings(protocol):
            with asyncio.Runner(loop_factory=virtual_clock()) as runner:
                found[protocol, setting] = runner.run(_measure(protocol, setting, readings))

    return found


def forecasts(found: Mapping[tuple[str, Setting], ModemUsage], readings: int) -> dict[str, Forecast]:
    """Return the month of each."""
    return {
        f"{protocol}: {setting}": Forecast.of(usage, every=EVERY * readings, battery_mah=BATTERY_MAH)
        for (protocol, setting), usage in found.items()
    }


def table(found: Mapping[tuple[str, Setting], ModemUsage], readings: int) -> Table:
    """Return the table."""
    rows = []
    months = forecasts(found, readings)
    for (protocol, setting), usage in found.items():
        month = months[f"{protocol}: {setting}"]
        assert month.energy_mwh is not None
        assert month.battery_share is not None
        each = [usage.air_sent, usage.air_received, usage.sends, usage.queries]
        cells = [f"{number / readings:.0f}" if number > 100 else f"{number / readings:.1f}" for number in each]
        seconds = f"{usage.radio_seconds / readings:.1f}"
        share = f"{month.battery_share:.0%}"
        rows.append(
            [f"{protocol}: {setting}", *cells, seconds, f"{month.megabytes:.2f}", f"{month.energy_mwh:.0f}", share]
        )

    heads = ["bytes up", "bytes down", "AT+QISEND", "queries", "connected, s", "month, MB", "month, mWh"]
    return Table(
        f"A reading every {EVERY / 60:g} min, {COVERAGE} coverage",
        ["what is on", *heads, f"of {BATTERY_MAH:g} mAh"],
        rows,
        ["Bytes, commands and seconds are those of one reading; a month has 30 days, and the radio is idle between."],
    )


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Measure; the emulator is exact, so that one round is enough.

    Args:
        rounds: no effect.
        brief: two readings.
    """
    readings = 2 if brief else READINGS
    return table(measure_all(readings), readings)


# Writing


def draw(months: Mapping[str, Forecast], picture: Path) -> None:
    """Have Chromium draw the report's chart.

    Raises:
        FileNotFoundError: there is no Chromium.
        subprocess.CalledProcessError: it failed.
    """
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise FileNotFoundError("no Chromium is installed to draw the chart")

    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "month.html"
        height = write_comparison("A month of readings, every 15 minutes", months, str(page))
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--user-data-dir={folder}/data", "--virtual-time-budget=5000", f"--window-size=980,{height}"]
        subprocess.run(
            [*command, f"--screenshot={picture}", page.as_uri()], check=True, timeout=60, capture_output=True
        )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brief", action="store_true", help="two readings instead of four hours")
    parser.add_argument("--write", action="store_true", help="write table and chart into the guide")
    arguments = parser.parse_args()
    readings = 2 if arguments.brief else READINGS
    found = measure_all(readings)
    shown = table(found, readings)
    print(shown)
    if not arguments.write:
        return

    picture = f"![the energy of a month, by protocol and savings]({PICTURE.name})"
    replace_section(PAGE, "month", f"{shown}\n\n{picture}\n")
    draw(forecasts(found, readings), PICTURE)


if __name__ == "__main__":
    main()
