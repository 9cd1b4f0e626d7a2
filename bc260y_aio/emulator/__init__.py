"""The other end of the line: a BC260Y-CN for tests, demonstrations and benches, without hardware.

An :class:`Emulator` is a module, a serial line to it (in memory, a pty, a TCP port) and a :class:`Network` behind it:
real servers on the loopback interface, or scripted peers. It is public, seeded, and honest about what modules do wrong.
"""

from .emulator import Emulator
from .faults import Faults
from .line import Line
from .module import Module, ModuleSocket, Nvram, Power, Sent
from .network import (
    CoverageProfile,
    EchoPeer,
    Expect,
    Hold,
    HttpAnswer,
    HttpPeer,
    HttpRequest,
    Network,
    Peer,
    PeerConnection,
    RefusingPeer,
    ScriptPeer,
    Send,
    SilentPeer,
    SinkPeer,
    SourcePeer,
    StalledPeer,
    Wait,
)
from .options import Options
from .radio import Currents, Radio, RadioState, Span, Usage

__all__ = [
    "CoverageProfile",
    "Currents",
    "EchoPeer",
    "Emulator",
    "Expect",
    "Faults",
    "Hold",
    "HttpAnswer",
    "HttpPeer",
    "HttpRequest",
    "Line",
    "Module",
    "ModuleSocket",
    "Network",
    "Nvram",
    "Options",
    "Peer",
    "PeerConnection",
    "Power",
    "Radio",
    "RadioState",
    "RefusingPeer",
    "ScriptPeer",
    "Send",
    "Sent",
    "SilentPeer",
    "SinkPeer",
    "SourcePeer",
    "Span",
    "StalledPeer",
    "Usage",
    "Wait",
]
