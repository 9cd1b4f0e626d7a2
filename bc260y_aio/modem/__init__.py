"""A modem: its life, its connections, its services and its power settings."""

from .modem import Modem

__all__ = ["Modem"]
