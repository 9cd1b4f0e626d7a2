"""The serial port: pyserial-asyncio, its URLs, its errors translated."""

# pyserial knows the devices and pyserial-asyncio watches their descriptor; this file alone has heard of either. What it
# mends in them, so that nothing above has to know:
#
# - What may block (opening, changing the rate, closing) happens on a thread of the port's own, one thing after another.
#   An open whose caller has gone is closed there, too.
# - Bytes go straight to and from the non-blocking descriptor: no select(), which ends at descriptor 1023, and no 1 KiB
#   reads. VMIN is 1, so that an empty read means a hang-up and nothing else.
# - Closing never waits for a line that stands still: what the kernel still holds is given its wire time, then dropped.
# - `connection_lost` comes once, abort() may come after it, and an end that was not asked for is a loss.
# - The port is ours alone: a second open fails.
#
# A `Port` stands on any asyncio.Transport, so that the emulator's line in memory looks the same as a device from above.

from .port import DEFAULT_BAUDRATE, Port, open_port
from .receiver import RECEIVE_LIMIT
from .transport import READ_SIZE

__all__ = ["DEFAULT_BAUDRATE", "READ_SIZE", "RECEIVE_LIMIT", "Port", "open_port"]
