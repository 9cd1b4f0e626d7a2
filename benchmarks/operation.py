"""One operation of a client, as a program of its own: with its ports in JSON, and with a modem to route over or none.

python -m benchmarks.operation NAME PORTS [MODEM]
"""

import asyncio
import dataclasses
import json
import sys
import warnings

from bc260y_aio import Modem
from bc260y_aio.bridge import SocksServer

from .clients import OPERATIONS, Ports


async def operate(name: str, ports: Ports, url: str | None) -> None:
    """Do an operation, inside a route where there is a modem's URL."""
    operation = OPERATIONS[name][1]
    if url is None:
        await operation(ports)
        return

    async with Modem(url) as modem, SocksServer(modem, port=0) as front:
        with modem.route(exclusive=True):
            await operation(dataclasses.replace(ports, front=front.port))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    asyncio.run(operate(sys.argv[1], Ports(**json.loads(sys.argv[2])), sys.argv[3] if sys.argv[3:] else None))
