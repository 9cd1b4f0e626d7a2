"""One connectID as an asyncio transport.

The grammar is asyncio's own (``selector_events.py``), word for word where a module allows it:

- ``close()`` stops reading, lets what was written go out, and then calls ``connection_lost``; ``abort()`` does not
  wait.
- ``connection_lost`` is called once, from the event loop, and nothing is called after it.
- ``pause_writing`` comes synchronously inside ``write``; ``resume_writing`` when the buffer has drained.
- Data comes before EOF, and EOF only while reading is not paused.
- Protocol callbacks run in the context of the code that opened the connection.

Where a module is not a kernel:

- Reading cannot be paused on the wire (direct push has no flow control): data waits in memory meanwhile, up to a limit,
  and past it the connection ends with :class:`~bc260y_aio.errors.ReceiveOverflow`.
- There is no half-close: ``write_eof`` raises NotImplementedError. The module does not distinguish FIN and RST.
- ``close()`` waits a bounded time for the peer's acknowledgement (guide 4.2.9), and ``connection_lost`` gets an
  error if it did not come.
"""

from .buffers import Buffer, checked_buffer
from .closing import Closing
from .datagram import ModemDatagramTransport
from .flow import FlowControl
from .stream import ModemTransport
from .unconnected import UnconnectedDatagramTransport

__all__ = [
    "Buffer",
    "Closing",
    "FlowControl",
    "ModemDatagramTransport",
    "ModemTransport",
    "UnconnectedDatagramTransport",
    "checked_buffer",
]
