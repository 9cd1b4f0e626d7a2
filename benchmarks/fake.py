"""A fake module that answers at memory speed, and a paced line that costs next to nothing.

It can be opened, and send and receive payload: no state table, no dialects, no faults. The emulator has all of that,
and its cost would be in the figures. Nothing here does I/O: times are arguments.
"""

import binascii
import zlib
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# A byte on the wire: start bit, eight data bits, stop bit.
BITS_PER_BYTE: Final = 10

OK: Final = b"\r\nOK\r\n"
SENT: Final = b"\r\nOK\r\n\r\nSEND OK\r\n"
CLOSED: Final = b"\r\nOK\r\n\r\nCLOSE OK\r\n"


def push(connect_id: int, payload: bytes, *, text: bool = False) -> bytes:
    """Return the URC of received data (guide 2.3.2)."""
    digits = payload if text else binascii.hexlify(payload).upper()
    return b'\r\n+QIURC: "recv",%d,%d,"%b"\r\n' % (connect_id, len(payload), digits)


def send_size(payload: int, *, text: bool = False) -> tuple[int, int]:
    """Return how many bytes cross the wire to send one chunk of payload: the command, and its answer."""
    command = b'AT+QISEND=0,%d,""\r' % payload
    return len(command) + payload * (1 if text else 2), len(SENT)


class Module:
    """A module: bytes in, bytes out.

    Attributes:
        echoes: whether payload that is sent is received again.
        sends_text: how payload is written in AT+QISEND.
        receives_text: how received payload is written.
        taken: by connectID, how many bytes were sent and their CRC-32.
        on_send: is called with the connectID, the payload and the RAI of each AT+QISEND.
    """

    def __init__(self, *, echoes: bool = False) -> None:
        self.echoes = echoes
        self.sends_text = self.receives_text = False
        self.taken: dict[int, tuple[int, int]] = {}
        self.on_send: Callable[[int, bytes, int], None] | None = None
        self._begun = b""

    def feed(self, data: bytes) -> bytes:
        """Handle what the host wrote; return the answers to the lines that are complete."""
        if self._begun:
            data = self._begun + data

        *lines, self._begun = data.split(b"\r")
        return b"".join([self._answer(line) for line in lines if line])

    def _answer(self, line: bytes) -> bytes:
        if line.startswith(b"AT+QISEND="):
            return self._send(line)

        name, _, rest = line.partition(b"=")
        if rest == b"?":
            return b"\r\n%b: (0-4)\r\n" % name[2:] + OK

        match name:
            case b"AT+QIOPEN":
                connect_id = rest.split(b",")[1]
                self.taken[int(connect_id)] = (0, 0)
                return OK + b"\r\n+QIOPEN: %b,0\r\n" % connect_id
            case b"AT+QICLOSE":
                return CLOSED
            case b"AT+QICFG":
                return self._configure(rest)
            case b"AT+CEREG?":
                return b"\r\n+CEREG: 0,1\r\n" + OK
            case b"AT+QSCLK?":
                return b"\r\n+QSCLK: 0\r\n" + OK
            case b"AT+CSQ":
                return b"\r\n+CSQ: 23,0\r\n" + OK
            case _:
                return OK

    def _configure(self, rest: bytes) -> bytes:
        match rest.split(b","):
            case [_, send, receive]:
                self.sends_text, self.receives_text = send == b"0", receive == b"0"
                return OK
            case _:
                told = b'\r\n+QICFG: "dataformat",%d,%d\r\n' % (not self.sends_text, not self.receives_text)
                return told + OK

    def _send(self, line: bytes) -> bytes:
        first, length, rest = line[10:].split(b",", 2) if line[-2:] != b",0" else (line[10:-2], b"", b"")
        connect_id = int(first)
        size, checksum = self.taken.get(connect_id, (0, 0))
        if not length:
            return b"\r\n+QISEND: %d,%d,0\r\n" % (size, size) + OK

        end = rest.rindex(b'"')
        payload = rest[1:end] if self.sends_text else binascii.unhexlify(rest[1:end])
        self.taken[connect_id] = size + len(payload), zlib.crc32(payload, checksum)
        if self.on_send is not None:
            self.on_send(connect_id, payload, int(rest[end + 2 :] or b"0"))

        return SENT + push(connect_id, payload, text=self.receives_text) if self.echoes else SENT


class PacedModule:
    """A module behind a line that is paced in each direction.

    A command is handled when its last byte has arrived. Output arrives byte by byte, and is delivered in chunks, as a
    UART and its driver do.

    Attributes:
        module: the module.
        source: returns the next push; it is called whenever the line would be idle. None for no pushes.
    """

    def __init__(self, module: Module, baudrate: int, *, grain: float = 0.001) -> None:
        """Make a line.

        Args:
            module: the module that answers.
            baudrate: the rate, in baud, of either direction.
            grain: bytes that arrive within this time are delivered together, in seconds.
        """
        self.module = module
        self.source: Callable[[], bytes] | None = None
        self._rate = baudrate / BITS_PER_BYTE
        self._piece = max(1, round(self._rate * grain))
        self._heard_at = 0.0
        self._answers: deque[tuple[float, bytes]] = deque()
        self._saying = memoryview(b"")
        self._began = 0.0

    def hear(self, data: bytes, now: float) -> None:
        """Handle what the host wrote."""
        self._heard_at = max(self._heard_at, now) + len(data) / self._rate
        if answer := self.module.feed(data):
            self._answers.append((self._heard_at, answer))

    def add(self, data: bytes, now: float) -> None:
        """Write something, after the answers that are due already."""
        self._answers.append((max(now, self._answers[-1][0] if self._answers else now), data))

    def begin(self, now: float) -> None:
        """Start to call the source, once all commands have been answered."""
        self._began = max(self._began, self._heard_at, now)

    def when(self) -> float | None:
        """Return when there will be something to deliver, or None."""
        if not self._saying:
            if self.source is not None:
                return self._began + self._piece / self._rate

            if not self._answers:
                return None

            heard_at, answer = self._answers[0]
            return max(self._began, heard_at) + min(self._piece, len(answer)) / self._rate

        return self._began + min(self._piece, len(self._saying)) / self._rate

    def say(self, now: float) -> bytes:
        """Return what has arrived at the host's end."""
        said: list[memoryview] = []
        while self._saying or self._next(now):
            size = int((now - self._began) * self._rate + 1e-6)
            if size <= 0:
                break

            said.append(self._saying[:size])
            self._began += len(said[-1]) / self._rate
            self._saying = self._saying[size:]

        return b"".join(said)

    def _next(self, now: float) -> bool:
        """Start to write the next output, answers before pushes; return whether there is any."""
        if self._answers and (self._answers[0][0] <= self._began or self.source is None):
            began = max(self._began, self._answers[0][0])
            if began > now:
                return False

            self._saying, self._began = memoryview(self._answers.popleft()[1]), began
            return True

        if self.source is None or self._began > now:
            return False

        self._saying = memoryview(self.source())
        return True
