"""When bytes were received, and for how long the line was busy with them."""

from typing import Final

from ..port import DEFAULT_BAUDRATE

# A start bit, eight data bits and a stop bit.
_BITS_PER_BYTE: Final = 10
# A silence of this length ends a run of bytes, in seconds: the line has nothing more to deliver.
_LONGEST_GAP: Final = 0.1


class LineTime:
    """The time that the line spends on received bytes.

    An answer may wait in the module behind pushed data, so deadlines do not count the time in which bytes are coming
    in. They do count silence, even if data comes before and after it: whatever was ready before it would have come.

    Attributes:
        last_byte_at: when the last byte was received, on the loop's clock. While the port is paused because bytes are
            certain to be on the wire, the time when they will have come.
        busy: for how long the line was busy so far, in seconds.
    """

    def __init__(self) -> None:
        self.last_byte_at = 0.0
        self.busy = 0.0

    def note_bytes(self, now: float, data: bytes, baudrate: int | None) -> None:
        """Count received bytes.

        Args:
            now: the time, on the loop's clock.
            data: the bytes.
            baudrate: the rate of the line; None where it is not known, and may be as slow as a module's default.
        """
        elapsed = now - self.last_byte_at
        self.last_byte_at = now
        if elapsed > _LONGEST_GAP:
            wire_time = len(data) * _BITS_PER_BYTE / (baudrate or DEFAULT_BAUDRATE)
            self.busy += min(elapsed, max(_LONGEST_GAP, wire_time))
        elif elapsed > 0.0:
            self.busy += elapsed

    def note_pause(self, seconds: float) -> None:
        """Count a pause in which bytes are certain to come."""
        self.busy += seconds
        self.last_byte_at += seconds
