"""The radio of a module: its states, the data that goes through it, and its ledger."""

# How it works:
#
# - Data that the module sends connects the radio, if it is not connected. Data that the network has for the module
#   waits until the radio is connected: an idle radio is paged when it listens next; one in PSM is left alone until it
#   connects by itself.
# - Connected, the radio sends or receives, at the rates of the network (`air_interface`). All sockets share it.
# - After the last traffic the network keeps the connection for a while. Release assistance (RAI) asks it not to: after
#   the data that was sent, or after one reply; the network takes the next data that it passes on for that reply, even
#   an acknowledgement of TCP. Data that comes after such a release needs another connection.
# - With PSM the radio is idle for the active time (T3324) after a release, and then unreachable, until it has data to
#   send or its periodic update (T3412) is due.

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any, Final

from .air_interface import AirInterface, Direction, Transfer
from .causes import Causes
from .conditions import RadioConditions
from .paging import next_occasion
from .usage import Currents, Meter, RadioState, Span, Usage

# The release assistance that a payload can carry (guide 2.2.5).
NO_FURTHER_DATA: Final = 1
ONE_REPLY: Final = 2

# The size of a message to the network itself, such as an attach or a tracking area update, in bytes.
SIGNALLING: Final = 60

# The resolution of the clock, in seconds: a timer may fire so much early.
_EPSILON: Final = 1e-6


class Radio(Meter):
    """The radio of a module, and the ledger of what it does.

    Args:
        conditions: those of its network.
        psm: returns the active time and the periodic update time that are in force, in seconds; None without PSM.
        edrx: returns the extended DRX cycle that is in force, in seconds; 0: none.
        changed: is called with the previous state once the state has changed.
        currents: what it draws.

    Attributes:
        state: its state.
        currents: what it draws; may be replaced at any time, and then applies to the whole ledger.
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
        self._air = AirInterface(conditions, self._transferred)
        self._timers: dict[str, asyncio.Handle] = {}
        self._waiters: list[asyncio.Future[None]] = []
        # The origin of the paging occasions, and the time at which the state began.
        self._now = asyncio.get_running_loop().time
        self._origin = self._since = self._now()
        # The times at which the connection is set up, is released, and is checked for its release.
        self._ready = self._until = self._checks_at = self._origin
        self._awaits_reply = False
        self._is_asleep = False
        self._seconds = dict.fromkeys(RadioState, 0.0)
        self._set_up = self._sent = self._received = 0
        self._causes = Causes()
        self._at_close: Usage | None = None
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

        A test can then limit the cost of an exchange::

            with emulator.radio.measure() as span:
                await endpoint.send(reading, rai=RAI.NO_FURTHER_DATA)
                await endpoint.transport.drained()

            assert span.connected_seconds < 3

        After the block the figures include the data that the radio still has to transfer and the connection that the
        block leaves behind, up to its release by the network, if nothing more is sent or received. Data that the module
        has not passed to its radio when the block ends is not included, so the block should wait for that, or for the
        reply.
        """
        return Span(lambda: self.usage, lambda: self.outlook)

    async def released(self) -> None:
        """Wait until the radio is not connected; return at once if it is not."""
        while self.state is RadioState.CONNECTED:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _usage(self, time: float) -> Usage:
        seconds = dict(self._seconds)
        seconds[self.state] += time - self._since
        transmitting = self._air.transmitting(self._now())
        causes = self._causes.by_cause(time if self.state is RadioState.CONNECTED else None)
        return Usage(seconds, transmitting, self._set_up, self._sent, self._received, self.currents, causes)

    @property
    def outlook(self) -> Usage:
        """The figures up to the release of the connection, if nothing more is sent or received.

        Once the radio is closed, those that it had then.
        """
        return self._at_close or self._projected(self._now())

    def _projected(self, now: float) -> Usage:
        if self.state is not RadioState.CONNECTED:
            return self._usage(now)

        up, down = self._air.waiting(Direction.UP), self._air.waiting(Direction.DOWN)
        transmitting = self._air.remaining(Direction.UP, now)
        end = self._until
        if up or down:
            end = max(now, self._ready) + transmitting + self._air.remaining(Direction.DOWN, now)
            end += self._tail_after(up[-1].rai) if up else self._tail_after_reply()

        usage = self._usage(max(now, end))
        return dataclasses.replace(
            usage,
            transmitting=usage.transmitting + transmitting,
            sent=usage.sent + sum(one.size for one in up),
            received=usage.received + sum(one.size for one in down),
        )

    # Calls from the module

    @property
    def is_on(self) -> bool:
        """Whether it is on the air."""
        return self.state is not RadioState.OFF

    def switch_on(self) -> None:
        """Be on the air, idle."""
        if not self.is_on:
            self._at_close = None
            self._is_asleep = False
            self._rest()

    def switch_off(self) -> None:
        """Be off the air. The callbacks of all transfers that wait are called now, and find it off."""
        for name in tuple(self._timers):
            self._cancel(name)

        self._change(RadioState.OFF)
        self._drop(Direction.UP)
        self._drop(Direction.DOWN)

    def close(self) -> None:
        """Be off for good, and keep the outlook. It may be switched on again."""
        self._at_close = self.outlook
        self.switch_off()

    def follow(self, *, asleep: bool) -> None:
        """Follow the module into deep sleep, or out of it. Only the network ends a connection."""
        self._is_asleep = asleep
        if asleep and self.state is RadioState.IDLE:
            if "periodic" in self._timers:
                self._fall_into_psm()
            else:
                self._rest()
        elif not asleep and self.state is RadioState.DEEP_SLEEP:
            self._change(RadioState.IDLE)

    def send(
        self,
        size: int,
        rai: int = 0,
        callback: Callable[..., object] = lambda: None,
        *args: Any,
        cause: str = "signalling",
    ) -> None:
        """Send something, and call back once it is off the air.

        Args:
            size: its size in bytes, headers included.
            rai: the release assistance indication: 0 none, 1 no further data, 2 one reply (guide 2.2.5).
            callback: is called at once where that takes no time, or the radio is off; and in the order of the calls.
            *args: its arguments.
            cause: the socket that sends it, such as ``"tcp api.example:443"``, for the ledger.
        """
        if not self.is_on:
            callback(*args)
            return

        self._settle_pause()
        # Queued before the connection begins, for the uplink comes first.
        self._air.add(Direction.UP, Transfer(size, callback, args, rai, cause))
        self._connect(cause)

    def receive(self, size: int, callback: Callable[..., object], *args: Any, cause: str = "signalling") -> None:
        """Receive something that the network has for the module, and call back once it is through.

        Args:
            size: its size in bytes, headers included.
            callback: is called at once where that takes no time, or the radio cannot receive; and in the order of the
                calls.
            *args: its arguments.
            cause: the socket that receives it, for the ledger.
        """
        if self.state in (RadioState.OFF, RadioState.DEEP_SLEEP):
            callback(*args)
            return

        self._settle_pause()
        self._air.add(Direction.DOWN, Transfer(size, callback, args, 0, cause))
        if self.state is RadioState.IDLE and "page" not in self._timers:
            self._page_when_it_listens()

    async def sent(self, size: int) -> None:
        """Send something, and return once it is off the air."""
        done = asyncio.get_running_loop().create_future()
        self.send(size, 0, _settle, done)
        await done

    async def received(self, size: int) -> None:
        """Receive something that the network has for the module, and return once it is through."""
        done = asyncio.get_running_loop().create_future()
        self.receive(size, _settle, done)
        await done

    def update(self) -> None:
        """Send a tracking area update to the network. It ends PSM."""
        if self.state not in (RadioState.OFF, RadioState.DEEP_SLEEP):
            self.send(SIGNALLING, 0 if self.state is RadioState.CONNECTED else NO_FURTHER_DATA)

    # Connected

    def _settle_pause(self) -> None:
        """The time in which nothing was on the air is that of the last transfer."""
        if self.state is RadioState.CONNECTED and self._air.is_idle:
            self._causes.settle(self._now())

    def _connect(self, cause: str) -> None:
        if self.state is RadioState.CONNECTED:
            return

        for name in ("page", "active", "periodic"):
            self._cancel(name)

        now = self._now()
        self._ready = now + self._conditions.rrc_setup
        self._set_up += 1
        self._awaits_reply = False
        self._causes.begin(now, cause)
        self._change(RadioState.CONNECTED)
        self._keep(self._ready, self._conditions.rrc_inactivity)
        if self._ready > now:
            self._start("ready", self._ready, self._air.start)
        else:
            self._air.start()

    def _keep(self, time: float, tail: float) -> None:
        """Keep the connection from a time on for as long as the network does."""
        self._until = time + tail
        # The last of the transfers that are under way will set the timer.
        if not self._air.is_idle:
            return

        # One timer for any amount of traffic: when it fires, it checks whether the release is due by then.
        if "release" not in self._timers or self._checks_at > self._until:
            self._check_later()

    def _tail_after(self, rai: int) -> float:
        """Return how long the network keeps the connection after something was sent, in seconds."""
        return self._conditions.rrc_release if rai == NO_FURTHER_DATA else self._conditions.rrc_inactivity

    def _tail_after_reply(self) -> float:
        """Return how long it keeps the connection after something was received, in seconds."""
        return self._conditions.rrc_release if self._awaits_reply else self._conditions.rrc_inactivity

    def _check_later(self) -> None:
        self._checks_at = self._until
        self._start("release", self._until, self._release_if_due)

    def _release_if_due(self) -> None:
        if self._now() + _EPSILON < self._until:
            self._check_later()
            return

        self._cancel("release")
        # A transfer that is under way keeps the connection when it is through.
        if self._air.is_idle:
            self._rest()

    def _transferred(self, direction: Direction, transfer: Transfer) -> None:
        """Account for a transfer that is through, before its callback."""
        self._causes.current = transfer.cause
        self._causes.settle(self._now())
        if direction is Direction.UP:
            self._sent += transfer.size
            self._awaits_reply = transfer.rai == ONE_REPLY
            self._keep(self._now(), self._tail_after(transfer.rai))
            return

        self._received += transfer.size
        # Several transfers that wait are one reply.
        if not self._air.waiting(Direction.DOWN):
            tail = self._tail_after_reply()
            self._awaits_reply = False
            self._keep(self._now(), tail)

    # Not connected

    def _rest(self) -> None:
        """Be idle, or asleep, after a connection."""
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
            self._drop(Direction.DOWN)
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
        waiting = self._air.waiting(Direction.DOWN)
        self._connect(waiting[0].cause if waiting else "signalling")

    def _drop(self, direction: Direction) -> None:
        """Call back for the transfers that wait, though the radio cannot make them."""
        for transfer in self._air.drop(direction):
            transfer.done(*transfer.args)

    # Helpers

    def _change(self, state: RadioState) -> None:
        now, before = self._now(), self.state
        self._seconds[before] += now - self._since
        if before is RadioState.CONNECTED:
            self._causes.settle(now)

        self._since = now
        self.state = state
        if state is not RadioState.CONNECTED:
            self._cancel("ready")
            self._cancel("release")
            self._air.stop()
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
