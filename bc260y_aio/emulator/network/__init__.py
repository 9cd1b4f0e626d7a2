"""What the module reaches: names and addresses, the ways to them, and who is there."""

from .hosts import Network
from .paths import Path
from .peers import EchoPeer, Peer, PeerConnection, SinkPeer, SourcePeer

__all__ = ["EchoPeer", "Network", "Path", "Peer", "PeerConnection", "SinkPeer", "SourcePeer"]
