"""The module's sleep: when it falls asleep, what that costs, and what wakes it."""

import asyncio
import enum
from collections.abc import Callable
from typing import Final

from ..options import Options


class Power(enum.Enum):
    """How awake a module is."""

    AWAKE = enum.auto()
    LIGHT_SLEEP = enum.auto()
    """The command line that wakes it is lost; a bare CR LF answers."""
    DEEP_SLEEP = enum.auto()
    """It is off but for a timer; TCP connections are lost (guide 2.2.2, note 6)."""
    WAKING = enum.auto()
    """Bytes on the line have woken it, and it is starting; those bytes are lost (guide 4.3.9)."""
    OFF = enum.auto()
    """It is booting, or has been switched off."""


# Looking a member up in its class takes as long as a call.
_AWAKE: Final = Power.AWAKE
_WRITING: Final = (Power.AWAKE, Power.LIGHT_SLEEP)


class Sleep:
    """The sleep of a module: a state, and the timers that change it.

    Args:
        options: how long waking up takes, and what light sleep loses.
        changed: called with the state before, once it has changed.
        answer: called with the bytes by which a module answers that wakes from light sleep.
        is_allowed: returns whether the radio allows deep sleep; :meth:`recheck` is to be called when that changes.

    Attributes:
        state: how awake the module is.
        mode: the value of AT+QSCLK: 0 no sleep, 1 deep sleep, 2 light sleep.
        lock: how long after the last byte the module falls asleep, in seconds; None: never by itself.
        is_woken_by_line: bytes on the line wake the module from deep sleep (AT+QCFG="wakeupRXD").
    """

    def __init__(
        self,
        options: Options,
        changed: Callable[[Power], None],
        answer: Callable[[bytes], None],
        is_allowed: Callable[[], bool] = lambda: True,
    ) -> None:
        self._options = options
        self._is_allowed = is_allowed
        self._changed = changed
        self._answer = answer
        self._timer: asyncio.TimerHandle | None = None
        self._wake_timer: asyncio.TimerHandle | None = None
        self._last = 0.0
        # The answer to the command line that is being lost, once it has ended; None when none is.
        self._lost: bytes | None = None
        # What is written once the module is awake.
        self._owed = b""
        self.state = Power.OFF
        self.mode = 1
        self.lock = options.sleep_after
        self.is_woken_by_line = True

    def __repr__(self) -> str:
        return f"<Sleep {self.state.name} mode={self.mode}>"

    @property
    def can_write(self) -> bool:
        """Whether the module can write to its line."""
        return self.state in _WRITING

    def may_sleep(self) -> bool:
        """Return whether the module is not awake, or may fall asleep by itself."""
        return self.state is not _AWAKE or (self.lock is not None and self.mode != 0)

    def start(self) -> None:
        """Be awake; it was off until now."""
        self.state = Power.AWAKE
        self.restart_timer()

    def stop(self) -> None:
        """Be off, with no timer."""
        self.state = Power.OFF
        self._lost, self._owed = None, b""
        for timer in (self._timer, self._wake_timer):
            if timer is not None:
                timer.cancel()

        self._timer = self._wake_timer = None

    def allow(self, mode: int) -> None:
        """Set what sleep is allowed (AT+QSCLK)."""
        self.mode = mode
        self.restart_timer()

    # Falling asleep

    def restart_timer(self) -> None:
        """Begin the time until sleep anew, since something happens on the line."""
        if self.lock is None or not self.mode or self.state is not _AWAKE:
            return

        loop = asyncio.get_running_loop()
        self._last = loop.time()
        if self._timer is None:
            self._timer = loop.call_at(self._last + self.lock, self._expire)

    def _expire(self) -> None:
        self._timer = None
        if self.lock is None or not self.mode or self.state is not Power.AWAKE:
            return

        # One timer for any number of restarts: when it expires, it may have to be set anew.
        loop = asyncio.get_running_loop()
        due = self._last + self.lock
        if loop.time() + 1e-6 < due:
            self._timer = loop.call_at(due, self._expire)
        elif not (is_deep := self.mode == 1 and not self._options.light_sleep) or self._is_allowed():
            self.fall_asleep(deep=is_deep)

    def recheck(self) -> None:
        """Fall asleep if that is due, since the radio may allow it now."""
        if self._timer is None:
            self._expire()

    def fall_asleep(self, *, deep: bool = True) -> None:
        """Fall asleep now."""
        if self.state is Power.AWAKE:
            self._change(Power.DEEP_SLEEP if deep else Power.LIGHT_SLEEP)

    # Waking

    def receive(self, data: bytes) -> bytes:
        """Return which bytes from the line reach the module; in its sleep they wake it."""
        if self.state is _AWAKE and self._lost is None:
            self.restart_timer()
            return data

        match self.state:
            case Power.OFF:
                return b""
            case Power.DEEP_SLEEP if not self.is_woken_by_line:
                return b""
            case Power.DEEP_SLEEP | Power.WAKING:
                answer = b"\r\n" if self._options.kind.wakes_with_line else b""
                self._lost, self._owed = (None, answer) if data.endswith((b"\r", b"\n")) else (answer, b"")
                self.wake()
                return b""
            case Power.LIGHT_SLEEP:
                self._lost = b"\r\n" if self._options.variants.light_sleep_loses else None
                self._change(Power.AWAKE)

        self.restart_timer()
        return data if self._lost is None else self._without_lost_line(data, self._lost)

    def _without_lost_line(self, data: bytes, answer: bytes) -> bytes:
        _, end, rest = data.partition(b"\r")
        if not end:
            return b""

        self._lost = None
        self._answer(answer)
        return rest

    def wake(self) -> None:
        """Begin to wake up, as bytes on the line or the module's PSM_EINT pin make it."""
        match self.state:
            case Power.DEEP_SLEEP:
                self._change(Power.WAKING)
                loop = asyncio.get_running_loop()
                self._wake_timer = loop.call_later(self._options.wake_time, self._woken)
            case Power.LIGHT_SLEEP:
                self._change(Power.AWAKE)

    def _woken(self) -> None:
        self._change(Power.AWAKE)
        owed, self._owed = self._owed, b""
        self._answer(owed)

    def _change(self, state: Power) -> None:
        before, self.state = self.state, state
        self.restart_timer()
        self._changed(before)
