"""The other end of the line: a BC260Y-CN for tests, demonstrations and benches, without hardware.

An :class:`Emulator` is a module, a serial line to it (in memory, a pty, a TCP port) and a :class:`Network` behind it:
real servers on the loopback interface, or scripted peers. It is public, seeded, and honest about what modules do wrong.
"""

from .emulator import Emulator
from .faults import Faults
from .line import Line
from .module import Module, ModuleSocket, Nvram, Power, Sent
from .network import EchoPeer, Network, Peer, PeerConnection, SinkPeer, SourcePeer
from .options import Options

__all__ = [
    "EchoPeer",
    "Emulator",
    "Faults",
    "Line",
    "Module",
    "ModuleSocket",
    "Network",
    "Nvram",
    "Options",
    "Peer",
    "PeerConnection",
    "Power",
    "Sent",
    "SinkPeer",
    "SourcePeer",
]
