"""The allocation of connectIDs, and the local ports that were closed too recently to be used again."""

import asyncio
import contextlib
import logging
from typing import Final

from ..errors import ErrorCode, LocalPortBusy, NoFreeConnectID

logger = logging.getLogger("bc260y_aio")

# A local port stays busy this long after AT+QICLOSE (guide 2.2.2, note 4), in seconds.
LOCAL_PORT_LINGER: Final = 70.0


class ConnectIDs:
    """The few connectIDs of a module, each in use by one socket at a time."""

    def __init__(self, count: int) -> None:
        """Make a pool of the connectIDs 0 to ``count`` - 1."""
        self._free = list(range(count))
        self._taken: set[int] = set()
        self._waiting: list[asyncio.Future[int]] = []
        self._progress_at = 0.0

    @property
    def taken(self) -> frozenset[int]:
        """The connectIDs in use."""
        return frozenset(self._taken)

    @property
    def has_free(self) -> bool:
        """Whether one is free."""
        return bool(self._free)

    def take(self, connect_id: int) -> None:
        """Take a particular connectID, which is open in the module already.

        Raises:
            ValueError: it is taken, or there is no such connectID.
        """
        self._free.remove(connect_id)
        self._taken.add(connect_id)

    async def acquire(self, timeout: float) -> int:
        """Take a connectID, waiting for one to come free; first come, first served.

        Args:
            timeout: how long to wait, in seconds; counted anew at each :meth:`note_progress`.

        Raises:
            NoFreeConnectID: none came free in time.
        """
        if self._free:
            connect_id = self._free.pop(0)
            self._taken.add(connect_id)
            return connect_id

        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await self._wait(waiter, timeout)
        except BaseException as exc:
            if waiter.done():
                self.release(waiter.result())

            if isinstance(exc, TimeoutError):
                what = (
                    f"all {len(self._taken)} connectIDs stayed in use for {timeout:g} s "
                    "(close connections that are not needed, or raise connect_id_timeout)"
                )
                raise NoFreeConnectID(ErrorCode.IDENTITY_IN_USE, what) from None

            raise
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(waiter)

    async def _wait(self, waiter: asyncio.Future[int], timeout: float) -> int:
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            try:
                async with asyncio.timeout_at(max(started, self._progress_at) + timeout):
                    # The connectID may have come in the moment in which the time ended.
                    return await asyncio.shield(waiter)
            except TimeoutError:
                if waiter.done() or max(started, self._progress_at) + timeout <= loop.time():
                    raise

    def note_progress(self) -> None:
        """Note that a connection that is being closed makes progress, and will give its connectID back."""
        if self._waiting or not self._free:
            self._progress_at = asyncio.get_running_loop().time()

    def release(self, connect_id: int) -> None:
        """Release a connectID, to the caller that has waited longest."""
        if self._waiting:
            self._waiting.pop(0).set_result(connect_id)
            return

        self._taken.discard(connect_id)
        self._free.append(connect_id)


class LocalPorts:
    """The local ports that were asked for by number: in use, or closed too recently."""

    def __init__(self) -> None:
        self._free_from: dict[tuple[str, int], float] = {}

    async def reserve(self, service_type: str, port: int, *, wait: bool) -> None:
        """Take a local port.

        Args:
            service_type: ``"TCP"`` or ``"UDP"``.
            port: the port; 0, the module's choice, is always free.
            wait: wait for a port that was closed less than 70 s ago.

        Raises:
            LocalPortBusy: it is in use; or it was closed lately, and the caller does not wait.
        """
        if not port:
            return

        key = (service_type, port)
        while (free_from := self._free_from.get(key)) is not None:
            left = free_from - asyncio.get_running_loop().time()
            if left <= 0:
                break

            if not wait or left == float("inf"):
                raise LocalPortBusy(ErrorCode.PORT_BUSY, f"local port {port}")

            logger.info("local port %d was closed lately; waiting %.1f s", port, left)
            await asyncio.sleep(left)

        self._free_from[key] = float("inf")

    def release(self, service_type: str, port: int, *, used: bool = True) -> None:
        """Release a local port; if it was used, it is free again after 70 s."""
        if port:
            linger = LOCAL_PORT_LINGER if used else 0.0
            self._free_from[service_type, port] = asyncio.get_running_loop().time() + linger
