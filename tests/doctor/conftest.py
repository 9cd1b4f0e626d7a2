"""The doctor is tested by a clock that jumps: a session takes a minute, and no time."""

from tests.guide.conftest import loop_factory

__all__ = ["loop_factory"]
