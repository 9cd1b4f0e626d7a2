"""Every damage of one kind to the lines around a push of hex, or around a ``closed``: which of it is silent?

``python -m tests.at.sweep`` runs all of it (minutes) and prints a table; the suite runs the parts that are quick, and a
sample of the rest (`test_silent_holes.py`).

A hole is silent when a stream is delivered otherwise than it was sent, and no event reports that. Damage of which the
remains are again lines that a module may write cannot be received from those lines without a checksum: `is_well_formed`
says what such lines are, and the sweep counts them apart.
"""

import itertools
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bc260y_aio.at.commands import Command, QueryAcks, Raw, SendData, SetDataFormat
from bc260y_aio.at.dte import DTE
from bc260y_aio.at.responses import Response
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import DamagedLine, DamagedPayload, DataReceived, PeerClosed, Restarted
from tests.at.helpers import OK, feed, push

HEX: Final = PayloadFormat.HEX
# The sockets that are open here.
OPEN: Final = (0, 1)
SOCKETS: Final = 5
LONGEST_BURST: Final = 64

_PUSH: Final = re.compile(rb'\+QIURC: ?"recv",0?(\d),0*(\d{1,4}),("?)((?:[0-9A-Fa-f]{2})*)\3')
_OTHER: Final = re.compile(
    rb'OK|ERROR|SEND OK|RDY|\+QIURC: ?"closed",0?\d|\+QISEND: ?\d+,\d+,\d+|\+CSQ: ?\d+,\d+|\+CSCON: ?[01](,\d){0,2}|'
    rb'\+CEREG: ?\d(,\d)?(,"[0-9A-F]{4}","[0-9A-F]{4,8}"(,[7-9]?)?)?|\+IP: [\d.]+|\+CME ERROR: ?\d{1,4}'
)


@dataclass(frozen=True)
class Scene:
    """Lines that are damaged.

    Attributes:
        name: for the table.
        lines: what the module writes; the damage is done to `target` of them, bursts to all.
        target: the index of the line.
        command: the command under way, if any.
        quoted: whether payload stands between quotes.
    """

    name: str
    lines: tuple[bytes, ...]
    target: int
    command: Command | None = None
    quoted: bool | None = None

    @property
    def wire(self) -> bytes:
        return b"".join(self.lines)

    @property
    def places(self) -> range:
        """The places of the target, but for the blanks before it."""
        start = sum(map(len, self.lines[: self.target]))
        return range(start + 2, start + len(self.lines[self.target]))

    @property
    def fixed_places(self) -> list[int]:
        """Those of its header and tail."""
        line = self.lines[self.target]
        header = re.match(rb'\r\n\+QIURC: "recv",\d,\d+,"?', line)
        if header is None:
            return list(self.places)

        tail = len(line.rstrip(b'"\r\n'))
        start = self.places.start - 2
        return [start + place for place in range(2, len(line)) if place < header.end() or place >= tail]


CLOSED: Final = b'\r\n+QIURC: "closed",0\r\n'
CEREG: Final = b'\r\n+CEREG: 1,"5A31","0C2F7A12",9\r\n'
SIGNAL: Final = b"\r\n+CSQ: 22,0\r\n"


def _scene(name: str, *lines: bytes, target: int = 1, command: Command | None = None) -> Scene:
    return Scene(name, lines, target, command)


def _push(connect_id: int, data: bytes) -> bytes:
    return push(connect_id, data, HEX)


SCENES: Final = (
    _scene("pushes of one socket", _push(0, b"before"), _push(0, b"lost"), _push(0, b"after it")),
    _scene("pushes of two sockets", _push(1, b"before"), _push(0, b"lost!!"), _push(1, b"after")),
    _scene("an end", _push(0, b"before"), CLOSED, _push(1, b"after")),
    _scene("an end behind a URC", CEREG, CLOSED, b"\r\n+CSCON: 0\r\n"),
    _scene("a push amid a send", OK, _push(0, b"lost!!"), b"\r\nSEND OK\r\n", command=SendData(0, b"abc")),
    _scene("a push before counters", _push(0, b"lost"), b"\r\n+QISEND: 3,3,0\r\n", OK, target=0, command=QueryAcks(0)),
    _scene("a push amid an answer", SIGNAL, _push(0, b"lost"), OK, command=Raw("AT+CSQ")),
    Scene(
        "pushes without quotes",
        tuple(push(0, data, HEX, quoted=False) for data in (b"before", b"lost", b"after it")),
        1,
    ),
)


def streams(events: list[Response]) -> tuple[dict[int, list[object]], bool]:
    """Return the events of each open socket until its stream was ended, and whether one was ended by damage."""
    received: dict[int, list[object]] = {connect_id: [] for connect_id in OPEN}
    ended: set[int] = set()
    is_damaged = False
    for event in events:
        match event:
            case DataReceived(connect_id=connect_id, data=data) if connect_id in received and connect_id not in ended:
                received[connect_id].append(data)
            case DataReceived(connect_id=connect_id) | PeerClosed(connect_id=connect_id) if connect_id >= SOCKETS:
                # The driver takes a line about a socket that the module does not have for a damaged one.
                ended.update(OPEN)
                is_damaged = True
            case PeerClosed(connect_id=connect_id) if connect_id in received:
                received[connect_id].append("end")
                ended.add(connect_id)
            case DamagedPayload(connect_id=connect_id):
                is_damaged = True
                ended.update({connect_id} if connect_id in received else OPEN)
            case DamagedLine() | Restarted():
                is_damaged = True
                ended.update(OPEN)

    return received, is_damaged


def is_well_formed(wire: bytes) -> bool:
    """Return whether these are lines that a module may write, so that damage in them cannot be detected."""
    for line in re.split(rb"\n", wire):
        line = line.strip(b"\r\n\0 ")
        if (match := _PUSH.fullmatch(line)) is not None:
            if 2 * int(match[2]) != len(match[4]):
                return False
        elif line and not _OTHER.fullmatch(line):
            return False

    return True


def judge(scene: Scene, wire: bytes) -> str:
    """Return the reaction of the DTE to damaged lines: "reported", "unharmed", "undetectable" or "silent"."""
    dte = DTE(quoted_data=scene.quoted)
    dte.send(SetDataFormat(HEX, HEX))
    feed(dte, OK)
    if scene.command is not None:
        dte.send(scene.command)

    received, is_damaged = streams(feed(dte, wire, b"\r\n"))
    if is_damaged:
        return "reported"

    if received == _truth(scene):
        return "unharmed"

    return "undetectable" if is_well_formed(wire) else "silent"


_TRUTHS: Final[dict[str, dict[int, list[object]]]] = {}


def _truth(scene: Scene) -> dict[int, list[object]]:
    if scene.name not in _TRUTHS:
        dte = DTE(quoted_data=scene.quoted)
        dte.send(SetDataFormat(HEX, HEX))
        feed(dte, OK)
        if scene.command is not None:
            dte.send(scene.command)

        _TRUTHS[scene.name], is_damaged = streams(feed(dte, scene.wire))
        assert not is_damaged

    return _TRUTHS[scene.name]


# The kinds of damage


def lost(scene: Scene, count: int) -> Iterator[bytes]:
    """Every set of so many bytes of header and tail that are lost."""
    for places in itertools.combinations(scene.fixed_places, count):
        yield bytes(byte for index, byte in enumerate(scene.wire) if index not in places)


def doubled(scene: Scene, count: int) -> Iterator[bytes]:
    """Every set of so many bytes of header and tail that come twice."""
    for places in itertools.combinations(scene.fixed_places, count):
        yield b"".join(bytes([byte]) * (2 if index in places else 1) for index, byte in enumerate(scene.wire))


def flipped(scene: Scene, count: int, bits: tuple[int, ...] = tuple(range(1, 256))) -> Iterator[bytes]:
    """Every set of so many bytes of header and tail that are changed, by each of these masks."""
    for places in itertools.combinations(scene.fixed_places, count):
        for masks in itertools.product(bits, repeat=count):
            wire = bytearray(scene.wire)
            for place, mask in zip(places, masks, strict=True):
                wire[place] ^= mask

            yield bytes(wire)


def bursts(scene: Scene, longest: int = LONGEST_BURST) -> Iterator[bytes]:
    """Every run of lost bytes, at every place of all lines."""
    wire = scene.wire
    for start in range(len(wire)):
        for size in range(1, min(longest, len(wire) - start) + 1):
            yield wire[:start] + wire[start + size :]


SINGLE_BITS: Final = tuple(1 << bit for bit in range(8))


def main() -> int:
    """Run everything and print a table; return 1 when there was a silent hole."""
    silent = 0
    print("| damage | lines | trials | reported | unharmed | undetectable | silent |")
    print("|---|---|---|---|---|---|---|")
    for scene in SCENES:
        kinds = {
            "1 byte lost": lost(scene, 1),
            "2 bytes lost": lost(scene, 2),
            "3 bytes lost": lost(scene, 3),
            "1 byte doubled": doubled(scene, 1),
            "2 bytes doubled": doubled(scene, 2),
            "3 bytes doubled": doubled(scene, 3),
            "1 byte changed, to any other": flipped(scene, 1),
            "2 bytes changed, a bit each": flipped(scene, 2, SINGLE_BITS),
            "3 bytes changed, a bit each (1 in 20)": (
                wire for wire in flipped(scene, 3, SINGLE_BITS) if random.random() < 0.05
            ),
            "a burst of 1 to 64 bytes lost": bursts(scene),
        }
        for name, wires in kinds.items():
            counts = Counter(judge(scene, wire) for wire in wires)
            silent += counts["silent"]
            row = (sum(counts.values()), *(counts[key] for key in ("reported", "unharmed", "undetectable", "silent")))
            print(f"| {name} | {scene.name} | {' | '.join(map(str, row))} |", flush=True)

    return int(silent > 0)


if __name__ == "__main__":
    random.seed(1)
    began = time.monotonic()
    status = main()
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit(status)
