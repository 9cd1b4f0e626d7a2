"""Random events in random order: each protocol gets the right callbacks once, and nothing is left behind."""

import asyncio
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bc260y_aio.at.commands import Command, OpenSocket, SendData
from bc260y_aio.modem.modem import Modem
from tests.driver.scripted import ERROR, OK, SEND_FAIL, Module, fast_forward, open_modem, settle
from tests.loops import Clock

# Reactions of a module in place of an answer.
FAULTS: Final = {
    "says nothing": b"",
    "says ERROR": ERROR,
    "says OK alone": OK,
    "says SEND FAIL": SEND_FAIL,
    "restarts": b"\r\nRDY\r\n",
    "falls asleep": b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n',
    "wakes": b'\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n',
}


class Strict(asyncio.Protocol, asyncio.DatagramProtocol):
    """Holds its transport to asyncio's grammar."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.received = b""
        self.is_paused = False
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        assert self.events == []
        self.events.append("made")
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert data
        assert self.events == ["made"]
        assert not self.is_paused
        self.received += data

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.data_received(data)

    def eof_received(self) -> bool:
        assert self.events == ["made"]
        assert not self.is_paused
        self.events.append("eof")
        return len(self.received) % 2 == 0

    def error_received(self, exc: Exception) -> None:
        assert self.events == ["made"]

    def connection_lost(self, exc: BaseException | None) -> None:
        assert "made" in self.events
        assert "lost" not in self.events
        assert self.transport.is_closing()
        self.events.append("lost")


class Storm:
    """A modem, and what is done to it."""

    def __init__(self, modem: Modem, module: Module) -> None:
        self.modem = modem
        self.module = module
        self.protocols: list[Strict] = []
        self.opening: list[asyncio.Task[Any]] = []
        self.faults: list[str] = []
        module.override = self.answer

    def answer(self, command: Command) -> bytes | None:
        if not self.faults or not isinstance(command, OpenSocket | SendData):
            return None

        fault = self.faults.pop()
        if fault == "restarts":
            self.module.sockets.clear()

        return FAULTS[fault]

    def do(self, what: str, index: int) -> None:
        """Do one thing, now."""
        match what:
            case "open":
                made = Strict()
                self.protocols.append(made)
                self.opening.append(asyncio.ensure_future(self.modem.create_connection(lambda: made, "a.b", 7)))
            case "open datagrams":
                made = Strict()
                self.protocols.append(made)
                opening = self.modem.create_datagram_endpoint(lambda: made, remote_addr=("a.b", 7))
                self.opening.append(asyncio.ensure_future(opening))
            case "cancel" if self.opening:
                self.opening[index % len(self.opening)].cancel()
            case "push":
                self.module.push(index % 5, b"x" * (index + 1))
            case "end":
                self.module.end(index % 5)
            case "restart":
                self.module.sockets.clear()
                self.module.send(b"\r\nRDY\r\n")
            case "late":
                self.module.send(b"\r\n+QIOPEN: %d,0\r\n" % (index % 5))
            case _ if what in FAULTS:
                self.faults.append(what)
            case _:
                self.do_to_transport(what, index)

    def do_to_transport(self, what: str, index: int) -> None:
        """Do one thing to one of the transports."""
        met = [protocol for protocol in self.protocols if protocol.transport is not None]
        if not met:
            return

        chosen = met[index % len(met)]
        match what:
            case "write" if hasattr(chosen.transport, "write"):
                chosen.transport.write(b"y" * (index * 100 + 1))
            case "write":
                chosen.transport.sendto(b"y" * (index + 1))
            case "pause":
                chosen.transport.pause_reading()
                chosen.is_paused = not chosen.transport.is_closing()
            case "resume":
                chosen.is_paused = False
                chosen.transport.resume_reading()
            case "close" | "abort":
                getattr(chosen.transport, what)()


OFTEN: Final = ("open", "write", "push", "settle")
SELDOM: Final = ("open datagrams", "cancel", "pause", "resume", "close", "abort", "end", "restart", "late", "wait")
ACTS: Final = st.tuples(st.sampled_from([*OFTEN, *OFTEN, *SELDOM, *FAULTS]), st.integers(0, 20))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, min_size=5, max_size=40))
async def test_nothing_is_left_behind_and_every_protocol_is_notified_once(
    acts: list[tuple[str, int]], clock: Clock
) -> None:
    module = Module()
    async with open_modem(module, close_timeout=2.0, connect_id_timeout=5.0) as modem:
        storm = Storm(modem, module)
        for what, index in acts:
            if what == "settle":
                await settle(5 * index)
            elif what == "wait":
                await fast_forward(clock, asyncio.sleep(index))
            else:
                storm.do(what, index)

        for task in storm.opening:
            task.cancel()

        if storm.opening:
            await asyncio.wait(storm.opening)

        storm.faults.clear()
        await fast_forward(clock, modem.close())
        assert modem._ids.taken == frozenset()

    await settle()
    assert [protocol.events for protocol in storm.protocols if protocol.events and protocol.events[-1] != "lost"] == []
    assert asyncio.all_tasks() == {asyncio.current_task()}
