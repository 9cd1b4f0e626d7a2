"""Run programs that are not Python over the module, unmodified: a shell with curl and tr, on Linux.

Usage: ``python examples/any_program.py [PORT URL]``. Without a serial port, or BC260Y_PORT, a module is emulated, and a
server is started on this machine. It needs curl, and ``pip install 'bc260y-aio[isolated]'``.
"""

import asyncio
import sys

from servers import run, web

ISOLATED = [sys.executable, "-m", "bc260y_aio", "run", "--isolated", "--port"]


async def main(port: str, url: str) -> None:
    """Get the page by curl, in namespaces whose only network is the module, and print it in capitals."""
    # In a shell: bc260y-aio run --isolated --port PORT -- sh -c 'page=$(curl -sS URL) && ...'
    program = ["sh", "-c", 'page=$(curl -sS "$0") && echo "$page" | tr a-z A-Z', url]
    process = await asyncio.create_subprocess_exec(*ISOLATED, port, "--", *program)
    if status := await process.wait():
        sys.exit(f"exit status {status}")


if __name__ == "__main__":
    run(main, web, "PORT URL")
