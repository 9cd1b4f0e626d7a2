"""A peer that follows a script of steps: what it expects, what it says, and when."""

import asyncio
from dataclasses import dataclass
from typing import TypeAlias

from .peers import PeerConnection


@dataclass(frozen=True, slots=True)
class Expect:
    """Wait for bytes, over UDP for a datagram, and check that they are these.

    Attributes:
        data: what has to come.
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
    """Let time pass.

    Attributes:
        seconds: how much.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the connection open until the module closes it, and take what comes. The end of a script closes it."""


Step: TypeAlias = Expect | Send | Wait | Hold


class ScriptPeer:
    """A peer that follows a script, from its beginning on every connection.

    What does not go by the script ends the connection, is told to the loop's exception handler, and is kept::

        login = network.add_script("login.example", Expect(b"user"), Wait(2), Send(b"welcome"), Hold())
        ...
        login.check()

    Args:
        *steps: what it does, one after another.

    Attributes:
        steps: the same.
        failures: what did not go by the script.
        completed: how many connections went through all of it.
    """

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.failures: list[str] = []
        self.completed = 0

    def __repr__(self) -> str:
        return f"<ScriptPeer {len(self.steps)} steps, completed {self.completed} times, {len(self.failures)} failures>"

    def check(self, times: int = 1) -> None:
        """Check that everything went by the script, to its end.

        Args:
            times: on how many connections.

        Raises:
            AssertionError: it did not; the message tells what happened.
        """
        if self.failures or self.completed != times:
            told = "; ".join(self.failures) or "nothing went wrong"
            raise AssertionError(f"the script was completed {self.completed} times, not {times}: {told}")

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
                came = await (connection.receive_exactly(len(data)) if is_stream else connection.receive())
                if came != data:
                    raise AssertionError(f"{came!r} came")
            case Send(data=data):
                connection.send(data)
                await connection.drain()
            case Wait(seconds=seconds):
                await asyncio.sleep(seconds)
            case Hold():
                while await connection.receive():
                    pass
