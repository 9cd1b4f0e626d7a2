"""A modem: its lifecycle, connections, services and power settings."""

from .modem import Modem

__all__ = ["Modem"]
