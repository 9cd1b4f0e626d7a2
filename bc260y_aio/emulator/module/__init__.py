"""The emulated module: its commands, sockets, settings and sleep."""

from .module import Module
from .nvram import Nvram
from .power import Power
from .sockets import ModuleSocket
from .tcpip import Sent

__all__ = ["Module", "ModuleSocket", "Nvram", "Power", "Sent"]
