"""How long is the radio connected, and what do RAI and coalescing save?

A meter reports for an hour, as an ordinary asyncio program, over an emulated module with a network of average coverage.
The clock jumps over the waits. What counts is the emulator's radio ledger: it connects for what is sent, has a rate and
a latency each way, and the network releases the connection some time after the last traffic, or sooner where a release
assistance indication (guide 2.2.5) says so. The energy is the radio's share; the ledger shows which currents it takes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import bc260y_aio
from bc260y_aio import RAI, Modem
from bc260y_aio.emulator import Emulator
from bc260y_aio.emulator.radio import Span
from bc260y_aio.testing import virtual_clock

from .common import ROUNDS, Chart, Table, script

_BAUDRATE: Final = 115200
_COVERAGE: Final = "average"
_HOST: Final = "meter.example"

Program: TypeAlias = Callable[[Modem], Awaitable[None]]


def datagrams(rai: RAI) -> Program:
    """Make a program that sends a datagram every five minutes and waits for the reply."""

    async def program(modem: Modem) -> None:
        loop = asyncio.get_running_loop()
        async with await modem.open_datagram_endpoint(_HOST, 5683) as endpoint:
            began = loop.time()
            for number in range(12):
                await asyncio.sleep(began + number * 300.0 - loop.time())
                await endpoint.send(b"%-50d" % number, rai=rai)
                await endpoint.receive()

    return program


def records(hold: float | None, rai: RAI) -> Program:
    """Make a program that writes a record of 50 bytes every ten seconds to a TCP connection.

    Args:
        hold: let the transport hold back records for up to so long, in seconds; None sends each at once.
        rai: the indication that each write carries.
    """

    async def program(modem: Modem) -> None:
        _, writer = await modem.open_connection(_HOST, 7)
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

        await transport.drained()
        writer.close()

    return program


# The first field says whether each is answered. A program is compared with the first of its kind.
PROGRAMS: Final[dict[str, tuple[bool, Program]]] = {
    "a datagram every 5 min": (True, datagrams(RAI.NONE)),
    "the same, RAI for one reply": (True, datagrams(RAI.ONE_REPLY)),
    "50 bytes every 10 s, at once": (False, records(None, RAI.NONE)),
    "the same, RAI for no more": (False, records(None, RAI.NO_FURTHER_DATA)),
    "the same, held for up to 5 min": (False, records(300.0, RAI.NONE)),
}


async def _hour(program: Program, *, is_answered: bool) -> tuple[Span, int]:
    """Return what the radio did in a program's hour, and how many AT+QISEND it took."""
    async with Emulator(line="memory", baudrate=_BAUDRATE, network=_COVERAGE) as emulator:
        if is_answered:
            emulator.network.add_echo(_HOST)
        else:
            emulator.network.add_sink(_HOST)

        async with Modem(emulator.url) as modem:
            with emulator.radio.measure() as span:
                await program(modem)

        return span, emulator.module.commands["+QISEND"]


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Run every program for an hour. The emulator is exact, so one round is enough; the arguments have no effect."""
    rows, bars = [], []
    first: dict[bool, float] = {}
    for name, (is_answered, program) in PROGRAMS.items():
        with asyncio.Runner(loop_factory=virtual_clock()) as runner:
            span, sends = runner.run(_hour(program, is_answered=is_answered))

        connected = span.connected_seconds
        saved = f"{(1 - connected / first.setdefault(is_answered, connected)) * 100:.0f} %"
        cells = [str(sends), str(span.bytes_sent), str(span.connections), f"{connected:.0f}", f"{span.energy_mwh:.1f}"]
        rows.append([name, *cells, saved])
        bars.append((name, connected))

    return Table(
        f"The radio, in an hour of a meter, with {_COVERAGE} coverage",
        ["", "AT+QISEND", "sent, B", "connections", "connected, s", "energy, mWh", "saved"],
        rows,
        ["The emulator's radio ledger. What is saved is of the seconds connected; AT+QISEND counts questions, too."],
        Chart("", "radio connected, seconds", {"": bars}),
    )


if __name__ == "__main__":
    script(measure, __doc__)
