"""What tests of programs for this package need: a clock that jumps.

With an :class:`~bc260y_aio.emulator.Emulator` on a line in memory, a test of a day of keepalives is over in a moment,
is exact, and comes out the same each time. The program under test is the one that will run on a real module::

    with asyncio.Runner(loop_factory=virtual_clock()) as runner:
        runner.run(test_a_meter_reports_for_a_day())
"""

from .clock import ControlledClockLoop, Forever, virtual_clock

__all__ = ["ControlledClockLoop", "Forever", "virtual_clock"]
