"""Tools for tests of programs that use this package: an event loop with a virtual clock.

With an :class:`~bc260y_aio.emulator.Emulator` on a line in memory, a test of a day of keepalives is over in a moment,
is exact, and comes out the same each time. The program under test is the one that will run on a real module::

    with asyncio.Runner(loop_factory=virtual_clock()) as runner:
        runner.run(test_a_meter_reports_for_a_day())
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from .clock import ControlledClockLoop, WaitsForever, virtual_clock

__all__ = ["ControlledClockLoop", "WaitsForever", "virtual_clock"]

if not typing.TYPE_CHECKING:

    def __getattr__(name: str) -> typing.Any:
        # pytest imports this package in every run, for its plugin; the clock is imported when it is used (PEP 562).
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

        return getattr(importlib.import_module(".clock", __name__), name)
