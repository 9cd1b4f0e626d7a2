"""What traffic costs: bytes on the air and on the line, commands, TLS handshakes, and the radio of an emulated module.

:meth:`bc260y_aio.Modem.usage` and ``transport.usage`` return it. Everything is counted where it happens anyway; the
rest is computed when it is asked for.
"""

from .connection import ConnectionUsage, TlsUsage
from .ledger import Ledger
from .modem_usage import ModemUsage
from .tls_records import TlsRecords

__all__ = ["ConnectionUsage", "Ledger", "ModemUsage", "TlsRecords", "TlsUsage"]
