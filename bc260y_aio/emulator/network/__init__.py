"""The network of emulated modules: its hosts, the paths to them, and its delays, losses and outages."""

from .attach import AttachResult, AttachStatus
from .coverage import CoverageProfile
from .http import HttpAnswer, HttpPeer, HttpRequest
from .network import Network
from .path_ends import PathOwner
from .paths import NetworkPath
from .peers import EchoPeer, Peer, PeerConnection, RefusingPeer, SilentPeer, SinkPeer, SourcePeer, StalledPeer
from .scripts import Expect, Hold, ScriptPeer, Send, Wait

__all__ = [
    "AttachResult",
    "AttachStatus",
    "CoverageProfile",
    "EchoPeer",
    "Expect",
    "Hold",
    "HttpAnswer",
    "HttpPeer",
    "HttpRequest",
    "Network",
    "NetworkPath",
    "PathOwner",
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
