"""Get a page by HTTPS with httpx: the same code as on any network, but for the ``with`` line.

Usage: ``python examples/https_get.py [PORT URL]``. Without a serial port, or BC260Y_PORT, a module is emulated, and a
server is started on this machine.
"""

import httpx
from servers import run, web

import bc260y_aio


async def main(port: str, url: str) -> None:
    """Get the page, and print it."""
    async with bc260y_aio.Modem(port) as modem:
        with modem.route():
            # A handshake at the edge of coverage takes a minute and more.
            async with httpx.AsyncClient(timeout=180) as client:
                response = await client.get(url)
                print(response.status_code, response.text)


if __name__ == "__main__":
    run(main, web, "PORT URL")
