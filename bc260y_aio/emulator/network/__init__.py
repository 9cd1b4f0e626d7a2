"""What the module reaches: names and addresses, the ways to them, and who is there."""

from .conditions import Conditions
from .hosts import Network
from .http import HttpAnswer, HttpPeer, HttpRequest
from .paths import Path
from .peers import EchoPeer, Peer, PeerConnection, RefusingPeer, SilentPeer, SinkPeer, SourcePeer, StalledPeer
from .scripts import Expect, Hold, ScriptPeer, Send, Wait

__all__ = [
    "Conditions",
    "EchoPeer",
    "Expect",
    "Hold",
    "HttpAnswer",
    "HttpPeer",
    "HttpRequest",
    "Network",
    "Path",
    "Peer",
    "PeerConnection",
    "RefusingPeer",
    "ScriptPeer",
    "Send",
    "SilentPeer",
    "SinkPeer",
    "SourcePeer",
    "StalledPeer",
    "Wait",
]
