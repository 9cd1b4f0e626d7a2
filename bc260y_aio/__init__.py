"""asyncio sockets over a Quectel BC260Y-CN NB-IoT module."""

from .modem import Modem
from .rai import RAI, rai

__all__ = ["RAI", "Modem", "rai"]
