"""The state of a transport after its protocol's callbacks fail, and the context in which they run."""

import contextvars
from typing import Any, Final

from tests import loops

from .ends import MUCH, Recorder, each_kind, ends, read

pytestmark = each_kind

tenant: Final = contextvars.ContextVar("tenant", default="nobody")


async def test_callbacks_run_in_the_context_of_the_connecting_caller(kind: str) -> None:
    class Aware(Recorder):
        def note(self, event: Any) -> None:
            super().note(event)
            seen.add((str(event), tenant.get()))

    seen: set[tuple[str, str]] = set()
    async with ends(kind) as both:
        tenant.set("somebody")
        transport, protocol = await both.connect(Aware)
        tenant.set("somebody else")
        _, writer = await both.accept()
        transport.set_write_buffer_limits(0)
        while "pause" not in protocol.events:
            transport.write(MUCH)

        writer.write(b"hello")
        await protocol.has(b"hello")
        writer.transport.abort()
        await protocol.lost

        called = {what for what, _ in seen}
        assert {"made", "b'hello'", "pause"} <= called
        # `pause_writing` is called inside `write`, in the context of the writer.
        assert {who for what, who in seen if what != "pause"} == {"somebody"}


async def test_a_failing_data_received_ends_the_connection(kind: str, loop_errors: loops.Contexts) -> None:
    class Failing(Recorder):
        def data_received(self, data: bytes) -> None:
            raise ArithmeticError(data)

    async with ends(kind) as both:
        transport, protocol = await both.connect(Failing)
        _, writer = await both.accept()
        writer.write(b"x")
        await protocol.lost
        _, error = protocol.events[-1]

        assert isinstance(error, ArithmeticError)
        assert transport.is_closing()
        assert [context["exception"] for context in loop_errors] == [error]
        assert loop_errors[0]["transport"] is transport
        assert loop_errors[0]["protocol"] is protocol


async def test_a_failing_eof_received_ends_the_connection(kind: str, loop_errors: loops.Contexts) -> None:
    class Failing(Recorder):
        def eof_received(self) -> bool:
            raise ArithmeticError

    async with ends(kind) as both:
        _, protocol = await both.connect(Failing)
        _, writer = await both.accept()
        writer.close()
        await protocol.lost
        _, error = protocol.events[-1]

        assert isinstance(error, ArithmeticError)
        assert [context["exception"] for context in loop_errors] == [error]


async def test_a_failing_connection_made_leaves_the_connection_alone(kind: str, loop_errors: loops.Contexts) -> None:
    class Failing(Recorder):
        def connection_made(self, transport: Any) -> None:
            raise ArithmeticError

    async with ends(kind) as both:
        _, protocol = await both.connect(Failing)
        _, writer = await both.accept()
        writer.write(b"hello")
        await protocol.has(b"hello")

        assert [type(context["exception"]) for context in loop_errors] == [ArithmeticError]


async def test_a_failing_connection_lost_is_reported(kind: str, loop_errors: loops.Contexts) -> None:
    class Failing(Recorder):
        def connection_lost(self, exc: BaseException | None) -> None:
            super().connection_lost(exc)
            raise ArithmeticError

    async with ends(kind) as both:
        transport, protocol = await both.connect(Failing)
        await both.accept()
        transport.close()
        await protocol.lost

    assert [type(context["exception"]) for context in loop_errors] == [ArithmeticError]


async def test_a_failing_pause_writing_is_reported_and_changes_nothing(kind: str, loop_errors: loops.Contexts) -> None:
    class Failing(Recorder):
        def pause_writing(self) -> None:
            super().pause_writing()
            raise ArithmeticError

    async with ends(kind) as both:
        transport, protocol = await both.connect(Failing)
        reader, _ = await both.accept()
        transport.set_write_buffer_limits(0)
        written = 0
        while "pause" not in protocol.events:
            transport.write(MUCH)
            written += len(MUCH)

        assert len(await read(reader, written)) == written
        await protocol.has("resume")

    assert [type(context["exception"]) for context in loop_errors] == [ArithmeticError]
