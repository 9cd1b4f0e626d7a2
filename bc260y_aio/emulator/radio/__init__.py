"""The radio of an emulated module: when it is connected, when it listens, when it sleeps, and what that costs."""

from .radio import Radio
from .usage import Currents, RadioState, Span, Usage

__all__ = ["Currents", "Radio", "RadioState", "Span", "Usage"]
