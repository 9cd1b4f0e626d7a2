"""A peer that follows a script of steps: what it expects, what it sends, and when."""

import asyncio
from dataclasses import dataclass
from typing import TypeAlias

from .peers import PeerConnection


@dataclass(frozen=True, slots=True)
class Expect:
    """Wait for bytes, over UDP for a datagram, and check that they are these.

    Attributes:
        data: what must be received.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class Send:
    """Send bytes, over UDP a datagram.

    Attributes:
        data: what to send.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for some time.

    Attributes:
        seconds: how long.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Read everything until the module closes the connection. The end of a script would close it."""


Step: TypeAlias = Expect | Send | Wait | Hold


class ScriptPeer:
    """A peer that follows a script, from its beginning on every connection.

    A deviation ends the connection, is reported to the loop's exception handler, and is kept in ``failures``::

        login = network.add_script("login.example", Expect(b"user"), Wait(2), Send(b"welcome"), Hold())
        ...
        login.check()

    Args:
        *steps: its steps, one after another.

    Attributes:
        steps: the same.
        failures: the deviations from the script.
        completed: how many connections went through all of it.
    """

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.failures: list[str] = []
        self.completed = 0

    def __repr__(self) -> str:
        return f"<ScriptPeer {len(self.steps)} steps, completed {self.completed} times, {len(self.failures)} failures>"

    def check(self, times: int = 1) -> None:
        """Check that the script was followed to its end.

        Args:
            times: on how many connections.

        Raises:
            AssertionError: it was not; the message says what happened.
        """
        if self.failures or self.completed != times:
            failures = "; ".join(self.failures) or "there were no failures"
            raise AssertionError(f"the script was completed {self.completed} times, not {times}: {failures}")

    async def __call__(self, connection: PeerConnection) -> None:
        """Serve one connection."""
        for number, step in enumerate(self.steps, 1):
            try:
                await self._do(step, connection)
            except (AssertionError, ConnectionError, EOFError) as exc:
                self.failures.append(f"step {number}, {step}: {exc}")
                raise

        self.completed += 1

    async def _do(self, step: Step, connection: PeerConnection) -> None:
        match step:
            case Expect(data=data):
                is_stream = connection.service_type == "TCP"
                data_received = await (connection.receive_exactly(len(data)) if is_stream else connection.receive())
                if data_received != data:
                    raise AssertionError(f"{data_received!r} was received")
            case Send(data=data):
                connection.send(data)
                await connection.drain()
            case Wait(seconds=seconds):
                await asyncio.sleep(seconds)
            case Hold():
                while await connection.receive():
                    pass
