"""How long does the radio stay connected, and what do RAI and coalescing save of it?

A meter reports for an hour, as an ordinary asyncio program, over a module in memory whose waits are skipped. What the
module is told to send, when and with which RAI, goes through a simple model of the radio; the energy of an NB-IoT
device goes with the seconds that its radio is connected. The model:

- Sending connects the radio, which takes a while before the first byte leaves, and each piece of payload some airtime.
- The network releases the connection a fixed time after the last traffic of either direction.
- RAI 1, no further data, releases it shortly after the piece; RAI 2, shortly after one reply.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import bc260y_aio
from bc260y_aio import RAI, DatagramEndpoint, Modem

from .common import ROUNDS, Chart, Table, script
from .fake import push
from .memory import MemoryLine, SkippingLoop, open_modem, run

_BAUDRATE: Final = 115200
_HOUR: Final = 3600.0


@dataclass(slots=True)
class Radio:
    """The radio of a module, as far as its connection goes. All times are in seconds.

    Attributes:
        setup: what connecting takes.
        inactivity: how long after the last traffic the network releases the connection.
        release: what a release takes that RAI asked for.
        airtime: how long a byte of payload is on the air, at a medium rate of 16 kbit/s.
        round_trip: how long a reply takes.
        connected: how long the radio has been connected, or will have been when nothing more is sent.
        connections: how often it was connected.
    """

    setup: float = 0.8
    inactivity: float = 20.0
    release: float = 0.5
    airtime: float = 8 / 16000
    round_trip: float = 1.5
    connected: float = 0.0
    connections: int = 0
    _until: float = field(default=float("-inf"))

    def send(self, now: float, size: int, rai: RAI, *, is_answered: bool) -> None:
        """Send a piece of payload, and receive the reply if there will be one."""
        if now > self._until:
            self.connections += 1
            self.connected += self.setup
            began = now
        else:
            began = self._until

        ended = now + size * self.airtime
        replied = ended + self.round_trip if is_answered else ended
        match rai:
            case RAI.NO_FURTHER_DATA:
                until = ended + self.release
            case RAI.ONE_REPLY if is_answered:
                until = replied + self.release
            case _:
                until = replied + self.inactivity

        self.connected += until - began
        self._until = until


Program: TypeAlias = Callable[[Modem], Awaitable[None]]


async def _report(endpoint: DatagramEndpoint, interval: float, count: int, rai: RAI) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(count):
        await asyncio.sleep(began + number * interval - loop.time())
        await endpoint.send(b"%-50d" % number, rai=rai)
        await endpoint.receive()


def datagrams(rai: RAI) -> Program:
    """Make a program that sends a datagram every five minutes and waits for the reply."""

    async def program(modem: Modem) -> None:
        async with await modem.open_datagram_endpoint("meter.example", 5683) as endpoint:
            await _report(endpoint, 300.0, 12, rai)

    return program


def records(hold: float | None, rai: RAI) -> Program:
    """Make a program that writes a record of 50 bytes every ten seconds to a TCP connection.

    Args:
        hold: let the transport hold back records for up to so long, in seconds; None sends each at once.
        rai: what goes with each piece.
    """

    async def program(modem: Modem) -> None:
        _, writer = await modem.open_connection("meter.example", 7)
        transport = writer.transport
        assert isinstance(transport, bc260y_aio.ModemTransport)

        async def write() -> None:
            for number in range(360):
                transport.write(b"%-50d" % number, rai=rai)
                await asyncio.sleep(10.0)

        if hold is None:
            await write()
        else:
            with transport.cork(hold):
                await write()

        writer.close()
        await writer.wait_closed()

    return program


PROGRAMS: Final[dict[str, tuple[bool, Program]]] = {
    "a datagram every 5 min": (True, datagrams(RAI.NONE)),
    "the same, RAI for one reply": (True, datagrams(RAI.ONE_REPLY)),
    "50 bytes every 10 s, at once": (False, records(None, RAI.NONE)),
    "the same, RAI for no more": (False, records(None, RAI.NO_FURTHER_DATA)),
    "the same, held for up to 5 min": (False, records(300.0, RAI.NONE)),
}


async def _hour(program: Program, *, is_answered: bool) -> tuple[Radio, int, int]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SkippingLoop)
    line, radio = MemoryLine(_BAUDRATE), Radio()
    sends = 0

    def on_send(connect_id: int, payload: bytes, rai: int) -> None:
        nonlocal sends
        sends += 1
        radio.send(loop.time(), len(payload), RAI(rai), is_answered=is_answered)
        if is_answered:
            loop.call_later(radio.round_trip, line.say, push(connect_id, payload))

    line.paced.module.on_send = on_send
    async with open_modem(line, _BAUDRATE) as modem:
        await program(modem)

    return radio, sends, line.heard


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Let every program have its hour. The model is exact, so that one round says it; the arguments are for form."""
    rows, bars = [], []
    before: dict[bool, float] = {}
    for name, (is_answered, program) in PROGRAMS.items():
        radio, sends, written = run(_hour(program, is_answered=is_answered))
        first = before.setdefault(is_answered, radio.connected)
        saved = f"{(1 - radio.connected / first) * 100:.0f} %"
        rows.append([name, str(sends), str(written), str(radio.connections), f"{radio.connected:.0f}", saved])
        bars.append((name, radio.connected))

    return Table(
        "The radio, in an hour of a meter",
        ["", "AT+QISEND", "wire, B", "connections", "connected, s", "saved"],
        rows,
        ["The model of the radio is this benchmark's own; its constants are in ``benchmarks/radio.py``."],
        Chart("", "radio connected, seconds", {"": bars}),
    )


if __name__ == "__main__":
    script(measure, __doc__)
