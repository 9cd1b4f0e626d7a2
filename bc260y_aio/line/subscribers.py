"""The subscribers to URCs."""

import asyncio
import contextlib
from collections.abc import Callable

from ..at.responses import Response, Unsolicited


class Subscribers:
    """The callbacks of one channel, called in the order in which they were added."""

    def __init__(self) -> None:
        self._entries: list[tuple[Callable[[Response], None], tuple[type[Response], ...]]] = []

    def add(self, callback: Callable[[Response], None], *kinds: type[Response]) -> Callable[[], None]:
        """Call back for every URC of these kinds; return a function that ends that.

        Args:
            callback: called from the reader task; it must not block.
            kinds: classes of :mod:`bc260y_aio.at.urcs`; all when there are none.
        """
        entry = (callback, kinds or (Unsolicited,))
        self._entries.append(entry)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._entries.remove(entry)

        return unsubscribe

    def publish(self, event: Response) -> None:
        """Call the subscribers to an event. An exception of a callback goes to the loop's exception handler."""
        for callback, kinds in tuple(self._entries):
            if isinstance(event, kinds):
                try:
                    callback(event)
                except Exception as exc:
                    message = f"{callback!r} failed"
                    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": exc})
