"""Nothing lost, nothing forged, nothing stuck: whatever is done, in whatever order, and whatever goes wrong meanwhile.

A longer look: ``pytest -n 0 tests/properties --hypothesis-profile=long``.
"""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.guide.conftest import QuickLoop
from tests.properties.world import FAULTS, REST, World

T = TypeVar("T")

MODEMS: Final = st.fixed_dictionaries(
    {
        "data_format": st.sampled_from(["hex", "text", "auto"]),
        "receive_limit": st.sampled_from([256 * 1024, 2048]),
        "connect_id_timeout": st.sampled_from([5.0, 60.0]),
        "close_timeout": st.sampled_from([2.0, 10.0]),
        "recovery_timeout": st.just(300.0),
        "wait_for_local_port": st.booleans(),
    }
)
MODULES: Final = st.fixed_dictionaries(
    {
        "baudrate": st.sampled_from([None, 115200]),
        "chunks": st.sampled_from([None, (1, 50)]),
        "answer_delay": st.sampled_from([0.0, 0.02]),
        "completion_delay": st.sampled_from([0.0, 0.05]),
        "boot_time": st.sampled_from([0.5, 3.0]),
        "registration_delay": st.sampled_from([0.0, 4.0]),
        "light_sleep": st.booleans(),
        "answer_late_by": st.sampled_from([1.0, 7.0, 30.0]),
        "stalled_by": st.sampled_from([1.0, 30.0]),
        "urc_late_by": st.sampled_from([1.0, 10.0, 80.0]),
        "send_buffer": st.sampled_from([16384, 1024]),
        "send_timeout": st.sampled_from([10.0, 30.0, 50.0]),
    }
)
SIZES: Final = st.sampled_from([1, 100, 512, 513, 1024, 1500, 3000])
WHICH: Final = st.integers(0, 7)
WORDS: Final = st.lists(st.tuples(WHICH, SIZES), min_size=1, max_size=5)
# More than once stands what is to happen more often.
OF_SENDS: Final = st.lists(
    st.sampled_from(["send_fail_taken", "send_fail_taken", "send_fail_dropped", "send_ok_lost", "ok_lost"]), max_size=3
)
OF_OPENS: Final = st.lists(st.sampled_from(["open_lost", "ok_lost", "answer_late", "urc_late"]), max_size=1)


class Machine(RuleBasedStateMachine):
    """The rules of the world, and its invariants."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts: list[dict[str, Any]] = []
        self.loop = QuickLoop()
        self.loop.set_exception_handler(lambda _, context: self.contexts.append(context))
        self.world: World | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def do(self, act: Callable[..., None], *args: Any, **kwds: Any) -> None:
        async def do() -> None:
            act(*args, **kwds)

        self.run(do())

    @property
    def now(self) -> World:
        assert self.world is not None
        return self.world

    def have_a_stream(self) -> None:
        """Open one when nothing is open, so that something can happen to it."""
        if not self.now.up and self.now.modem.is_open:
            self.do(self.now.open, "tcp", local_port=0, stays_open=True)
            self.run(asyncio.sleep(2.0))

    def has(self, what: str) -> bool:
        return self.world is not None and bool(getattr(self.world, what))

    # Rules

    @initialize(modem=MODEMS, module=MODULES, latency=st.sampled_from([0.0, 0.4]), streams=st.integers(1, 4))
    def begin(self, modem: dict[str, Any], module: dict[str, Any], latency: float, streams: int) -> None:
        self.world = World(modem=modem, module=module, latency=latency)
        self.run(self.world.begin())
        for _ in range(streams):
            self.do(self.world.open, "tcp", local_port=0, stays_open=True)

        self.wait(10.0)

    @rule(
        kind=st.sampled_from(["tcp", "tcp", "udp"]),
        port=st.sampled_from([0, 0, 0, 40000]),
        stays=st.booleans(),
        faults=OF_OPENS,
    )
    def open(self, kind: str, port: int, stays: bool, faults: list[str]) -> None:
        self.break_next(faults)
        self.now.has_trouble |= bool(port) or len(self.now.nears) > 4
        self.do(self.now.open, kind, local_port=port, stays_open=stays)

    @rule(writes=WORDS, closes=st.sampled_from([False, False, True]), faults=OF_SENDS)
    def write(self, writes: list[tuple[int, int]], closes: bool, faults: list[str]) -> None:
        self.have_a_stream()
        up = self.now.up
        self.break_next(faults)
        for which, size in writes if up else ():
            self.do(up[which % len(up)].write, size)

        if closes and up and up[writes[0][0] % len(up)].is_up:
            self.do(up[writes[0][0] % len(up)].end, "close")

    @rule(writes=WORDS, faults=OF_SENDS)
    def write_more(self, writes: list[tuple[int, int]], faults: list[str]) -> None:
        self.write(writes, closes=False, faults=faults)

    @precondition(lambda self: self.has("nears"))
    @rule(says=WORDS, closes=st.sampled_from([False, False, True]))
    def say(self, says: list[tuple[int, int]], closes: bool) -> None:
        self.have_a_stream()
        self.now.has_trouble |= self.now.modem._options.receive_limit < 4096
        for which, size in says:
            near = self.now.nears[-1 - which % len(self.now.nears)]
            self.do(near.far.say, size if near.is_stream else min(size, 1024))

        if closes:
            self.do(self.now.nears[-1 - says[0][0] % len(self.now.nears)].far.close)

    @precondition(lambda self: self.has("up"))
    @rule(which=WHICH, how=st.sampled_from(["pause", "resume", "close", "abort", "acknowledged", "counters"]))
    def use(self, which: int, how: str) -> None:
        near = self.now.up[which % len(self.now.up)]
        match how:
            case "pause" | "resume":
                self.do(getattr(near, how))
            case "close" | "abort":
                self.do(near.end, how)
            case _:
                self.do(self.now.ask_about, near, how)

    @rule(what=st.sampled_from(["signal", "revision", "resolve", "ping", "time", "sockets", "sleep", "wake"]))
    def ask(self, what: str) -> None:
        self.do(self.now.ask, what)

    @precondition(lambda self: self.has("errands"))
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        self.do(self.now.cancel, which)

    @rule(kinds=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3))
    def break_next(self, kinds: list[str]) -> None:
        for kind in kinds:
            self.do(self.now.break_next, kind)

    @rule(seconds=st.sampled_from([1.0, 15.0, 60.0]))
    def nap(self, seconds: float) -> None:
        self.have_a_stream()
        self.ask("sleep")
        self.wait(seconds)

    @rule(what=st.sampled_from(["restart", "restart", "outage", "outage", "off the air", "on the air"]))
    def trouble(self, what: str) -> None:
        self.have_a_stream()
        self.do(self.now.trouble, what)

    @rule(what=st.sampled_from(["hang up", "close", "open", "open"]))
    def port(self, what: str) -> None:
        if what == "open":
            self.run(self.now.plug_in())

        self.do(self.now.trouble, what)

    @rule(turns=st.integers(1, 40))
    def go_on(self, turns: int) -> None:
        async def go_on() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.run(go_on())

    @rule(seconds=st.sampled_from([0.01, 0.1, 0.3, 0.5, 1.0, 2.0, 10.0, 25.0, 80.0, REST]))
    def wait(self, seconds: float) -> None:
        self.run(self.now.rest() if seconds == REST else asyncio.sleep(seconds))

    # Invariants

    @invariant()
    def nothing_is_lost_or_forged(self) -> None:
        if self.world is not None:
            self.world.look()
            assert self.world.complaints == []
            assert self.contexts == []

    def teardown(self) -> None:
        try:
            if self.world is not None:
                self.run(self.world.rest())
                self.run(self.world.end())
                self.world.look()
                gc.collect(1)
                assert self.world.complaints == []
                assert self.contexts == []
        finally:
            if self.world is not None:
                self.world.leave()

            self.loop.close()


# A failure is first made as short as possible, which takes minutes.
@pytest.mark.timeout(1200)
def test_nothing_is_lost_forged_or_stuck() -> None:
    profile = hypothesis.settings()
    # The same acts each time, everywhere: looking for others is what the long profile is for.
    is_long = hypothesis.settings.get_current_profile_name() == "long"
    settings = hypothesis.settings(
        max_examples=2 * profile.max_examples, stateful_step_count=60, derandomize=not is_long
    )
    run_state_machine_as_test(Machine, settings=settings)
