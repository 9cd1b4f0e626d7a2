"""Record a session with a module, and replay it.

A :class:`Recorder` relays between a program and a port, and writes a :class:`Transcript` of the bytes. A
:class:`Replay` plays the module of a transcript to a program.
"""

from .recorder import Recorder
from .replay import Match, Replay
from .transcript import Step, Transcript

__all__ = ["Match", "Recorder", "Replay", "Step", "Transcript"]
