"""Record a session with a module, and play it again.

A :class:`Recorder` stands between a program and a port, and writes a :class:`Transcript` of what passes. A
:class:`Replay` is the module of a transcript, for a program that does the same again, or for one that is to be tested.
"""

from .recorder import Recorder
from .replay import Match, Replay
from .transcript import Step, Transcript

__all__ = ["Match", "Recorder", "Replay", "Step", "Transcript"]
