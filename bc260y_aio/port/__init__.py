"""The serial port: pyserial-asyncio, its URLs, its errors translated."""

# pyserial opens the devices and pyserial-asyncio watches their descriptor; only this package uses either. It corrects
# these things in them, so that no other package needs to know:
#
# - Calls that may block (opening, changing the rate, closing) run on a thread of the port's own, one after another.
#   An open whose caller was cancelled is closed there, too.
# - Bytes go straight to and from the non-blocking descriptor: no select(), which ends at descriptor 1023, and no 1 KiB
#   reads. VMIN is 1, so that an empty read means a hang-up and nothing else.
# - Closing never waits for a line that does not move: bytes in the kernel get their wire time, then they are dropped.
# - `connection_lost` is called once, abort() may be called after it, and an end that was not requested is a loss.
# - The port is exclusive: a second open fails.
#
# A `Port` works with any asyncio.Transport, so the emulator's line in memory looks like a device to its users.

from .port import DEFAULT_BAUDRATE, Port, open_port
from .receiver import RECEIVE_LIMIT
from .transport import READ_SIZE

__all__ = ["DEFAULT_BAUDRATE", "READ_SIZE", "RECEIVE_LIMIT", "Port", "open_port"]
