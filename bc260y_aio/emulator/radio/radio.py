"""The radio of a module: what it does, when data gets through it, and its ledger."""

# How it works:
#
# What the module sends connects the radio, if it is not connected. What the network has for the module waits until the
# radio is connected: an idle radio is paged when it listens next; one in PSM is left alone until it comes by itself. -
# The radio sends or receives, one thing at a time, at the rates of the network. All sockets share it. - After the last
# traffic the network keeps the connection for a while. Release assistance (RAI) tells it not to: after   what was sent,
# or after one reply, by which the network understands the next thing that it passes on, be that a mere
# acknowledgement of TCP. What comes after such a release needs another connection. With PSM the radio is idle for the
# active time (T3324) after a release, and then gone, until it has something to send or its periodic update (T3412) is
# due.

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ..delayed_calls import DelayedCalls
from .conditions import RadioConditions
from .paging import next_occasion
from .usage import Currents, Meter, RadioState, Span, Usage

# The release assistance that a payload can carry (guide 2.2.5).
NO_FURTHER_DATA: Final = 1
ONE_REPLY: Final = 2

# What a message to the network itself is counted with: an attach, a tracking area update. Bytes.
SIGNALLING: Final = 60

# A timer may come early by as much as the clock cannot tell, in seconds.
_EPSILON: Final = 1e-6


class Radio(Meter):
    """The radio of a module, as far as its power goes; and its ledger.

    Args:
        conditions: those of its network.
        psm: tells the active time and the periodic update time that are in force, in seconds; None without PSM.
        edrx: tells the extended DRX cycle that is in force, in seconds; 0: none.
        changed: is called with the state before, once that has changed.
        currents: what it draws.

    Attributes:
        state: what it does.
        currents: what it draws; another set may be put in at any time, and holds for all of the ledger.
    """

    def __init__(
        self,
        conditions: RadioConditions,
        *,
        psm: Callable[[], tuple[float, float] | None] = lambda: None,
        edrx: Callable[[], float] = lambda: 0.0,
        changed: Callable[[RadioState], None] = lambda before: None,
        currents: Currents | None = None,
    ) -> None:
        self._conditions = conditions
        self._psm = psm
        self._edrx = edrx
        self._changed = changed
        self._waiting: deque[tuple[int, Callable[..., object], tuple[Any, ...]]] = deque()
        self._down = DelayedCalls(lambda: 0.0)
        self._timers: dict[str, asyncio.Handle] = {}
        self._waiters: list[asyncio.Future[None]] = []
        # The origin of the paging occasions, and when the state began.
        self._origin = self._since = asyncio.get_running_loop().time()
        self._looks_at = self._origin
        # From when on the connection stands, until when the radio has something to do, and when the network releases
        # it.
        self._ready = self._busy = self._until = self._origin
        self._tail = 0.0
        self._awaits_reply = False
        self._under_way = 0
        self._is_asleep = False
        self._seconds = dict.fromkeys(RadioState, 0.0)
        self._transmitting = 0.0
        self._set_up = self._sent = self._received = 0
        self.state = RadioState.OFF
        self.currents = currents or Currents()

    def __repr__(self) -> str:
        return f"<Radio {self.state.name} {self.usage}>"

    # The ledger

    @property
    def usage(self) -> Usage:
        """All figures at once, up to now."""
        return self._usage(self._now())

    def measure(self) -> Span:
        """Measure what the radio does inside a block.

        A test can then say what an exchange may cost::

            with emulator.radio.measure() as span:
                await endpoint.send(reading, rai=RAI.NO_FURTHER_DATA)
                await endpoint.transport.drained()

            assert span.connected_seconds < 3

        After the block the figures hold for it, and for the connection that it left behind: up to when the network will
        release that, if nothing more comes or goes. What has not been sent when the block ends is not in them, so it
        should wait for that, or for the reply.
        """
        return Span(lambda: self.usage, lambda: self._usage(max(self._now(), self._end)))

    async def released(self) -> None:
        """Wait until the radio is not connected; return at once if it is not."""
        while self.state is RadioState.CONNECTED:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    @property
    def _end(self) -> float:
        return self._until if self.state is RadioState.CONNECTED else self._since

    def _usage(self, time: float) -> Usage:
        seconds = dict(self._seconds)
        seconds[self.state] += time - self._since
        return Usage(seconds, self._transmitting, self._set_up, self._sent, self._received, self.currents)

    # What the module does with it

    @property
    def is_on(self) -> bool:
        """Whether it is on the air."""
        return self.state is not RadioState.OFF

    def switch_on(self) -> None:
        """Be on the air, idle."""
        if not self.is_on:
            self._is_asleep = False
            self._rest()

    def switch_off(self) -> None:
        """Be off the air. What waits for the radio comes out now, and finds it off."""
        for name in tuple(self._timers):
            self._cancel(name)

        self._change(RadioState.OFF)
        self._give_up()

    def close(self) -> None:
        """Be off, and lose what is under way. It may be switched on again."""
        self.switch_off()
        self._down.clear()
        self._under_way = 0

    def follow(self, *, asleep: bool) -> None:
        """Hear that the module has fallen into deep sleep, or has come back. A connection is the network's to end."""
        self._is_asleep = asleep
        if asleep and self.state is RadioState.IDLE:
            if "periodic" in self._timers:
                self._fall_into_psm()
            else:
                self._rest()
        elif not asleep and self.state is RadioState.DEEP_SLEEP:
            self._change(RadioState.IDLE)

    def send(self, size: int, rai: int = 0) -> float:
        """Send something, and return after how many seconds it is off the air.

        Args:
            size: how large it is, in bytes, headers included.
            rai: the release assistance that goes with it: 0 none, 1 no further data, 2 one reply (guide 2.2.5).
        """
        if not self.is_on:
            return 0.0

        now, rate = self._now(), self._conditions.rate_up
        was_connected = self.state is RadioState.CONNECTED
        self._connect()
        airtime = size * 8 / rate if rate else 0.0
        end = self._busy = max(self._ready, self._busy) + airtime
        self._sent += size
        self._transmitting += airtime
        self._awaits_reply = rai == ONE_REPLY
        self._keep(end, self._conditions.rrc_release if rai == NO_FURTHER_DATA else self._conditions.rrc_inactivity)
        if not was_connected:
            self._pass_on()

        return end - now

    def receive(self, size: int, callback: Callable[..., object], *args: Any) -> None:
        """Call back once something that the network has for the module is through.

        Args:
            size: how large it is, in bytes, headers included.
            callback: is called at once where that takes no time, and in the order in which things came.
            *args: its arguments.
        """
        if self.state in (RadioState.OFF, RadioState.DEEP_SLEEP):
            callback(*args)
            return

        self._waiting.append((size, callback, args))
        if self.state is RadioState.CONNECTED:
            self._pass_on()
        elif self.state is RadioState.IDLE and "page" not in self._timers:
            self._page_when_it_listens()

    async def received(self, size: int) -> None:
        """Wait until something that the network has for the module is through."""
        done = asyncio.get_running_loop().create_future()
        self.receive(size, _settle, done)
        await done

    def update(self) -> None:
        """Tell the network where the module is, and what it asks for: a tracking area update. It ends PSM."""
        if self.state not in (RadioState.OFF, RadioState.DEEP_SLEEP):
            self.send(SIGNALLING, 0 if self.state is RadioState.CONNECTED else NO_FURTHER_DATA)

    # Connected

    def _connect(self) -> None:
        if self.state is RadioState.CONNECTED:
            self._busy = max(self._busy, self._now())
            return

        for name in ("page", "active", "periodic"):
            self._cancel(name)

        self._ready = self._busy = self._now() + self._conditions.rrc_setup
        self._set_up += 1
        self._awaits_reply = False
        self._change(RadioState.CONNECTED)
        self._keep(self._ready, self._conditions.rrc_inactivity)

    def _keep(self, time: float, tail: float) -> None:
        """Keep the connection from a time on for as long as the network does."""
        self._tail = tail
        self._until = max(time, self._busy) + tail
        # One timer for any amount of traffic: it looks when the release is due by then.
        if "release" not in self._timers or self._looks_at > self._until:
            self._look_later()

    def _look_later(self) -> None:
        self._looks_at = self._until
        self._start("release", self._until, self._release_if_due)

    def _release_if_due(self) -> None:
        if self._now() + _EPSILON < self._until:
            self._look_later()
            return

        self._cancel("release")
        # What is under way keeps the connection anew when it has arrived.
        if not self._under_way:
            self._rest()

    def _pass_on(self) -> None:
        """Pass on what waits, one after another."""
        rate = self._conditions.rate_down
        while self._waiting:
            size, callback, args = self._waiting.popleft()
            now = self._now()
            self._busy = max(self._busy, self._ready, now) + (size * 8 / rate if rate else 0.0)
            self._under_way += 1
            self._until = max(self._until, self._busy + self._tail)
            self._down.call_after(self._busy - now, self._arrive, size, callback, args)

    def _arrive(self, size: int, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._under_way -= 1
        self._received += size
        if self.state is RadioState.CONNECTED and not self._under_way and not self._waiting:
            is_the_reply, self._awaits_reply = self._awaits_reply, False
            self._keep(self._now(), self._conditions.rrc_release if is_the_reply else self._conditions.rrc_inactivity)

        callback(*args)

    # Not connected

    def _rest(self) -> None:
        """Go where the radio goes after a connection: to be idle, or to sleep."""
        psm = self._psm()
        if psm is not None:
            active, periodic = psm
            self._start("periodic", self._now() + periodic, self._update_periodically)
            if self._is_asleep or not active:
                self._fall_into_psm()
            else:
                self._change(RadioState.IDLE)
                self._start("active", self._now() + active, self._fall_into_psm)
        elif self._is_asleep:
            self._cancel("page")
            self._change(RadioState.DEEP_SLEEP)
            self._give_up()
        else:
            self._change(RadioState.IDLE)

    def _fall_into_psm(self) -> None:
        self._cancel("active")
        self._cancel("page")
        self._change(RadioState.PSM)

    def _update_periodically(self) -> None:
        self._timers.pop("periodic", None)
        self.update()

    def _page_when_it_listens(self) -> None:
        conditions, now = self._conditions, self._now()
        edrx = self._edrx()
        occasion = self._origin + next_occasion(now - self._origin, conditions.drx, edrx, conditions.paging_window)
        if occasion > now + _EPSILON:
            self._start("page", occasion, self._answer_page)
        else:
            self._answer_page()

    def _answer_page(self) -> None:
        self._timers.pop("page", None)
        self._connect()
        self._pass_on()

    def _give_up(self) -> None:
        """Let what waits come out, though the radio does not hear it."""
        while self._waiting:
            _, callback, args = self._waiting.popleft()
            callback(*args)

    # Helpers

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _change(self, state: RadioState) -> None:
        now, before = self._now(), self.state
        self._seconds[before] += now - self._since
        self._since = now
        self.state = state
        if state is not RadioState.CONNECTED:
            self._cancel("release")
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                _settle(waiter)

        if state is not before:
            self._changed(before)

    def _start(self, name: str, when: float, callback: Callable[[], None]) -> None:
        self._cancel(name)
        self._timers[name] = asyncio.get_running_loop().call_at(when, callback)

    def _cancel(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
