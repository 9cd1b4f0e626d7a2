"""Reading the port in a task that outlives the cancellation of all tasks, as long as somebody closes the modem."""

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn

from ..errors import BC260YError, RemoteProtocolError
from ..port import Port

# A task that was cancelled together with the reader begins to close the modem within so many iterations of the loop.
_GRACE_ITERATIONS: Final = 20


async def read_until_end(
    port: Port, take: Callable[[bytes], None], is_needed: Callable[[], bool | None], owner: object
) -> Exception:
    """Call back with everything that arrives until the port ends; return why it ended.

    Args:
        port: the port.
        take: is called with what arrives. What it raises goes to the loop's exception handler.
        is_needed: returns whether a cancellation is to be ignored; None when that is not known yet.
        owner: the reader, for messages.

    Raises:
        CancelledError: the task was cancelled, and is not needed.
    """
    try:
        await deliver_while_needed(port, take, is_needed)
    except BC260YError as exc:
        return exc
    except Exception as exc:
        asyncio.get_running_loop().call_exception_handler(
            {"message": f"{owner!r}: the reader failed", "exception": exc}
        )
        error = RemoteProtocolError(f"the reader failed: {exc!r}")
        error.__cause__ = exc
        return error


async def deliver_while_needed(
    port: Port, take: Callable[[bytes], None], is_needed: Callable[[], bool | None]
) -> NoReturn:
    """Call back with everything that arrives until the port ends; see :meth:`bc260y_aio.port.Port.deliver`.

    ``asyncio.run`` cancels all tasks when its own ends: those that will close the modem, and this one, which they need
    for that.

    Args:
        port: the port.
        take: is called with what arrives.
        is_needed: returns whether a cancellation is to be ignored; None when that is not known yet.

    Raises:
        CancelledError: the task was cancelled, and is not needed.
        Exception: what :meth:`Port.deliver` raises.
    """
    while True:
        try:
            await port.deliver(take)
        except asyncio.CancelledError:
            for _ in range(_GRACE_ITERATIONS):
                if is_needed() is not None:
                    break

                await asyncio.sleep(0)

            if not is_needed():
                raise
