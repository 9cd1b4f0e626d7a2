"""The examples of the guide's chapter 4, played against the emulator alone, byte for byte."""

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from bc260y_aio.emulator import Network, PeerConnection
from tests import transcript
from tests.emulator.terminal import Bench, on_line

# The commands that the guide's module got before each example, where they matter.
BEFORE: dict[str, list[bytes]] = {
    "4.2.5": [b'AT+QICFG="dataformat",1,0'],
    "4.3.5": [b'AT+QICFG="dataformat",1,0'],
    "4.3.9": [b"AT+QNBIOTEVENT=1,1", b'AT+QCFG="dsevent",1'],
}
# What the AT manual has otherwise: the number of the default PDP context (4.5); and "dsevent" needs a restart (9.5).
CONTEXT = (b"+CGPADDR: 5,", b"+CGPADDR: 0,")
# The sections that begin with a socket open, with how much it has sent already.
SENT_BEFORE = {"4.2.6": 94}
OPENED = {
    **dict.fromkeys(["4.2.4", "4.2.5", "4.2.6", "4.2.7", "4.2.8", "4.2.9", "4.2.10"], "TCP"),
    **dict.fromkeys(["4.3.4", "4.3.5", "4.3.6", "4.3.7", "4.3.8"], "UDP"),
}
# The guide's +QIURC: "closed" and its second look at the counters are two ways on from the same place.
TWO_WAYS = "4.2.10"
CLOSED = '+QIURC: "closed",0'


class Server:
    """The guide's server: it sends the data that a test passes."""

    connection: PeerConnection

    async def __call__(self, connection: PeerConnection) -> None:
        self.connection = connection
        while await connection.receive():
            pass


class GuideNetwork(Network):
    """The network on the day when the guide was written."""

    def __init__(self) -> None:
        super().__init__()
        self.server = Server()
        self.add_host("hf.quectel.com", self.server)
        self.add_host("baidu.com", address="39.156.69.79")
        self.add_host("iot.quectel.com", address="47.100.63.174")
        self.round_trips = iter([0.369, 0.479, 0.484, 0.260])
        china = timezone(timedelta(hours=8))
        self.ntp_time = lambda server, port: datetime(2019, 6, 11, 11, 8, 20, tzinfo=china)

    async def ping(self, address: str, timeout: float) -> float | None:
        seconds = next(self.round_trips)
        await asyncio.sleep(seconds)
        return seconds


async def prepare(bench: Bench, section: str) -> None:
    """Bring the module to where the example begins."""
    if section in OPENED:
        await bench.terminal.open(0, "hf.quectel.com", 2020, OPENED[section])

    for line in BEFORE.get(section, []):
        await bench.terminal.ask(line)

    is_at_once = bench.emulator.options.variants.dsevent_at_once
    if b'AT+QCFG="dsevent",1' in BEFORE.get(section, []) and not is_at_once:
        bench.emulator.restart()
        await bench.terminal.until(b"+IP: 10.177.135.245\r\n", 10)
        await bench.terminal.ask(b"ATE0")

    if size := SENT_BEFORE.get(section):
        await bench.terminal.ask(b'AT+QISEND=0,%d,"%b"' % (size, b"x" * size), b"SEND OK\r\n")

    if section == TWO_WAYS:
        bench.emulator.network.outage = True


def provoke(bench: Bench, network: GuideNetwork, line: str) -> None:
    """Cause the event of a URC."""
    match line:
        case '+QIURC: "recv",0,10,"hi,quectel"':
            network.server.connection.send(b"hi,quectel")
        case '+QIURC: "recv",0,10,"31323334353637383930"':
            network.server.connection.send(b"1234567890")
        case '+QNBIOTEVENT: "ENTER DEEPSLEEP"':
            bench.emulator.sleep()
        case '+QNBIOTEVENT: "EXIT DEEPSLEEP"':
            bench.terminal.type(b"AT")
        case '+QIURC: "closed",0':
            bench.emulator.module.tcpip.break_connections()
        case _:
            raise AssertionError(f"no event provokes {line}")


async def play(
    script: transcript.Transcript, firmware: str, *, until: str | None = None, without: str | None = None
) -> None:
    """Write the lines of the guide's DTE, and compare the output with that of its module, to the byte."""
    network = GuideNetwork()
    settings: dict[str, Any] = {
        "firmware": firmware,
        "address": "10.177.135.245",
        "ping_ttl": False,
        "ntp_prefix": "+QNTIP",
        "ntp_colons": True,
    }
    async with on_line(network, **settings) as bench:
        await prepare(bench, script.section)
        answered = False
        for step in script.steps:
            line = step.lines[0]
            if line == without:
                continue

            if step.by_dte:
                bench.terminal.type(step.wire[:-1])
                answered = False
            elif answered and line.startswith(('+QIURC: "', "+QNBIOTEVENT")):
                provoke(bench, network, line)

            if not step.by_dte:
                wire = step.wire if firmware == "guide" else step.wire.replace(*CONTEXT)
                assert await bench.terminal.until(wire, 100) == wire
                answered = True

            if line == until:
                return

        assert await bench.terminal.read(0.1) == b""


def test_every_example_is_played() -> None:
    assert len(transcript.GUIDE) == 24


@pytest.mark.parametrize("firmware", ["guide", "manual"])
@pytest.mark.parametrize("script", transcript.GUIDE, ids=str)
async def test_the_emulator_writes_the_answers_of_the_guide(script: transcript.Transcript, firmware: str) -> None:
    if script.section == TWO_WAYS:
        await play(script, firmware, until=CLOSED)
        await play(script, firmware, without=CLOSED)
    else:
        await play(script, firmware)
