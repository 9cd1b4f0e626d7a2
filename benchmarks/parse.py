"""How fast are bytes turned into events, for any size of reads?

A stream of pushes goes through a DTE in feeds of 1 to 4096 bytes, as reads from a port may be, and in a single feed of
16 to 256 KB, in which a push must not cost more than in a small one. A push of 512 bytes as hex has a line of 1 KB.

The limit is decoding the payload and nothing else. The plain peer appends to a bytearray, finds line ends and splits at
commas: it can do neither text nor anything but pushes. What is counted is CPU time: nothing here waits.
"""

import binascii
import functools
import time
from collections.abc import Callable
from typing import Final

from bc260y_aio.at.commands import SetDataFormat
from bc260y_aio.at.dte import DTE, NEED_DATA
from bc260y_aio.at.responses import Success
from bc260y_aio.at.syntax import PayloadFormat, encode_payload
from bc260y_aio.at.urcs import DataReceived

from .common import ROUNDS, Chart, Promise, Table, interleaved, median, script

FEEDS: Final = (4096, 1024, 64, 16, 1)
WHOLE: Final = (16, 64, 256)

# Payloads: printable ones, which both formats can carry.
PAYLOADS: Final = {
    "512 bytes as hex": (512, PayloadFormat.HEX),
    "1024 bytes as hex": (1024, PayloadFormat.HEX),
    "1024 bytes as text": (1024, PayloadFormat.TEXT),
}
_FIRST: Final = next(iter(PAYLOADS))
_PLAIN: Final = "plain peer, 512 as hex"


def payload(size: int) -> bytes:
    """Make a payload."""
    return bytes(0x20 + index % 95 for index in range(size))


def push(size: int, form: PayloadFormat) -> bytes:
    """Make the bytes of a push."""
    return b'\r\n+QIURC: "recv",0,%d,"%b"\r\n' % (size, encode_payload(payload(size), form))


def cut(stream: bytes, feed: int) -> list[bytes]:
    """Cut a stream into feeds."""
    return [stream[start : start + feed] for start in range(0, len(stream), feed)]


# The timed functions


def dte_for(form: PayloadFormat) -> DTE:
    """Make a DTE that knows the payload format, as that of a driver does."""
    dte = DTE()
    dte.send(SetDataFormat(form, form))
    dte.receive_data(b"\r\nOK\r\n")
    assert dte.next_event() == Success()
    return dte


def parse(pieces: list[bytes], form: PayloadFormat) -> int:
    """Feed a DTE, take its events, and return how many."""
    dte = dte_for(form)
    count = 0
    for piece in pieces:
        if dte.receive_data(piece):
            while dte.next_event() is not NEED_DATA:
                count += 1

    return count


def split(pieces: list[bytes]) -> int:
    """Do the same for pushes of hex, by splitting lines only."""
    buffer = bytearray()
    searched = count = 0
    for piece in pieces:
        buffer += piece
        while (end := buffer.find(b"\n", searched)) >= 0:
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            searched = 0
            if line.startswith(b"+QIURC"):
                _, connect_id, size, digits = line.split(b",", 3)
                count += (int(connect_id), int(size), len(binascii.unhexlify(digits.strip(b'"\r')))) == (0, 512, 512)

        searched = len(buffer)

    return count


def decode(wire: bytes, form: PayloadFormat, count: int) -> int:
    """Decode the payload of a push so many times, and do nothing else."""
    start = wire.index(b',"') + 2
    for _ in range(count):
        binascii.unhexlify(wire[start:-3]) if form is PayloadFormat.HEX else bytes(wire[start:-3])

    return count


def seconds(work: Callable[[], int], count: int) -> float:
    """Return how long a piece of work takes for each of the pushes that it has to find, in seconds of CPU time."""
    began = time.process_time()
    found = work()
    taken = time.process_time() - began
    assert found == count
    return taken / count


def _check() -> None:
    """Check once that the results are right."""
    for size, form in PAYLOADS.values():
        dte = dte_for(form)
        dte.receive_data(push(size, form))
        assert dte.next_event() == DataReceived(0, payload(size), form)


def _contenders(feed: int, pushes: int, times: int = 1) -> dict[str, Callable[[], float]]:
    def timed(work: Callable[[], int]) -> Callable[[], float]:
        return lambda: seconds(lambda: sum(work() for _ in range(times)), times * pushes)

    able: dict[str, Callable[[], float]] = {}
    for name, (size, form) in PAYLOADS.items():
        pieces = cut(push(size, form) * pushes, feed)
        able[name] = timed(functools.partial(parse, pieces, form))

    able[_PLAIN] = timed(functools.partial(split, cut(push(512, PayloadFormat.HEX) * pushes, feed)))
    return able


def _limits(pushes: int) -> dict[str, Callable[[], float]]:
    able: dict[str, Callable[[], float]] = {}
    for name, (size, form) in PAYLOADS.items():
        wire = push(size, form)
        able[name] = lambda wire=wire, form=form: seconds(lambda: decode(wire, form, pushes), pushes)  # type: ignore[misc]

    return able


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Measure; see :class:`benchmarks.common.Measure`."""
    _check()
    pushes = 300 if brief else 1000
    columns = [*PAYLOADS, _PLAIN]
    line = len(push(*PAYLOADS[_FIRST]))
    rows: list[list[str]] = []
    points: dict[str, list[tuple[float, float]]] = {name: [] for name in columns}

    def add(title: str, contenders: dict[str, Callable[[], float]]) -> dict[str, float]:
        found = {name: median(times) for name, times in interleaved(contenders, rounds).items()}
        cells = [f"{found[name] * 1e6:.2f}" if name in found else "-" for name in columns]
        rows.append([title, *cells, f"{line / found[_FIRST] / 1e6:.1f}"])
        return found

    costs: dict[int, float] = {}
    for feed in FEEDS:
        found = add(f"feeds of {feed}", _contenders(feed, pushes if feed > 1 else pushes // 10))
        costs[feed] = found[_FIRST] * 1e6
        for name in columns:
            points[name].append((feed, found[name] * 1e6))

    for size in WHOLE:
        # As many pushes as fill the feed with the shortest of lines, and the same number of the others.
        count = size * 1024 // line
        found = add(f"one feed of {size} KB", _contenders(4 * size * 1024, count, max(1, pushes // count)))
        costs[size * 1024] = found[_FIRST] * 1e6

    add("decoding alone", _limits(pushes))
    return Table(
        "Bytes into events, microseconds a push",
        ["", *columns, "MB/s of the first"],
        rows,
        chart=Chart("bytes a feed", "microseconds a push", points, logarithmic=True),
        promises=[
            Promise("microseconds a push of 1 KB, in feeds of 4096 bytes", costs[4096], 6.0),
            Promise("the same, in feeds of 16 bytes", costs[16], 40.0),
            Promise("microseconds a byte, byte by byte", costs[1] / line, 0.25),
            Promise("a push in 256 KB, of one in 16 KB", costs[WHOLE[-1] * 1024] / costs[WHOLE[0] * 1024], 1.25),
        ],
    )


if __name__ == "__main__":
    script(measure, __doc__)
