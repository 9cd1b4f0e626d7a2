"""A water meter: it keeps its readings, and reports them by UDP until the server has confirmed each of them."""

import asyncio
from collections import deque

import bc260y_aio

# How many readings fit in a datagram, and how often one is repeated without a confirmation.
BATCH = 20
ATTEMPTS = 3


class Meter:
    """The whole software of the device. It does not know whether its modem is a real one.

    Args:
        modem: what it reports through.
        server: the host and UDP port that it reports to.
        patience: how long to wait for a confirmation, in seconds.

    Attributes:
        waiting: the readings that are not confirmed: their numbers, and the litres.
    """

    def __init__(self, modem: bc260y_aio.Modem, server: tuple[str, int], patience: float = 10.0) -> None:
        self.waiting: deque[tuple[int, int]] = deque()
        self._modem = modem
        self._server = server
        self._patience = patience
        self._number = 0

    def read(self, litres: int) -> None:
        """Add a reading."""
        self._number += 1
        self.waiting.append((self._number, litres))

    async def report(self) -> None:
        """Report the readings that wait.

        Raises:
            TimeoutError: the report was not confirmed; it is repeated the next time.
            OSError: the module failed; the report is repeated the next time.
        """
        while self.waiting:
            # A socket for each batch: confirmations that arrive too late are ignored.
            async with await self._modem.open_datagram_endpoint(*self._server) as endpoint:
                confirmed = await self._exchange(endpoint)

            while self.waiting and self.waiting[0][0] <= confirmed:
                self.waiting.popleft()

    async def _exchange(self, endpoint: bc260y_aio.DatagramEndpoint) -> int:
        batch = list(self.waiting)[:BATCH]
        message = b"\n".join(b"%d %d" % reading for reading in batch)
        for _ in range(ATTEMPTS):
            # The network may release the radio as soon as the confirmation has arrived.
            await endpoint.send(message, rai=bc260y_aio.RAI.ONE_REPLY)
            try:
                async with asyncio.timeout(self._patience):
                    return int(await endpoint.receive())
            except TimeoutError:
                continue

        raise TimeoutError(f"the server did not confirm {len(batch)} readings")
