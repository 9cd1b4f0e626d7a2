"""The module itself: its commands, its sockets, its settings, its sleep."""

from .bc260y import Module
from .nvram import Nvram
from .power import Power
from .sockets import ModuleSocket
from .tcpip import Sent

__all__ = ["Module", "ModuleSocket", "Nvram", "Power", "Sent"]
