"""Calls on an event loop that watches no descriptors, as Windows' proactor, and imports without POSIX."""

import asyncio
import socket
import subprocess
import sys
import textwrap
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

import pytest

from bc260y_aio import Modem, PortError
from bc260y_aio.emulator import Emulator
from tests.contract.certificates import client_context, server_context
from tests.routing.servers import PEER, greet, routable, serving, serving_datagrams

ROOT: Final = Path(__file__).parents[2]

# Modules and names that Windows and its Python lack.
WITHOUT_POSIX: Final = """
    import os, pkgutil, importlib, signal, socket, subprocess, sys
    import anyio, serial, serial_asyncio

    for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty", "uvloop"):
        sys.modules[name] = None

    for module, names in (
        (os, ("fork", "getuid", "openpty", "setuid", "ttyname")),
        (signal, ("SIGCHLD", "SIGHUP", "SIGKILL", "SIGTSTP", "SIGUSR1", "SIGWINCH")),
        (socket, ("AF_UNIX", "CMSG_LEN", "SCM_RIGHTS")),
    ):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)

    import bc260y_aio
    # The command line is for POSIX, an isolated network for Linux, and the fleet stands on an extra.
    left_out = ("bc260y_aio.cli", "bc260y_aio.bridge.isolation", "bc260y_aio.fleet", "bc260y_aio.__main__")
    for module in pkgutil.walk_packages(bc260y_aio.__path__, "bc260y_aio.", onerror=lambda name: None):
        if not module.name.startswith(left_out):
            importlib.import_module(module.name)
"""


class Proactor(asyncio.SelectorEventLoop):
    """A loop that does what Windows' proactor does with descriptors."""

    def add_reader(self, *args: object) -> None:
        raise NotImplementedError

    def remove_reader(self, fd: object) -> bool:
        raise NotImplementedError

    def add_writer(self, *args: object) -> None:
        raise NotImplementedError

    def remove_writer(self, fd: object) -> bool:
        raise NotImplementedError


def run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=Proactor) as runner:
        runner.run(work)


def test_the_library_is_imported_without_any_module_of_posix() -> None:
    subprocess.run([sys.executable, "-c", textwrap.dedent(WITHOUT_POSIX)], cwd=ROOT, check=True, timeout=50)


def test_an_emulated_module_in_memory_is_used_with_tls_and_datagrams() -> None:
    async def main() -> None:
        async with routable() as modem, serving(greet, context=server_context()) as port, serving_datagrams() as udp:
            with modem.route():
                reader, writer = await asyncio.open_connection(PEER, port, ssl=client_context())
                assert await reader.readline() == b"220 ready\r\n"
                writer.close()
                await writer.wait_closed()

            async with await modem.open_datagram_endpoint(PEER, udp) as endpoint:
                await endpoint.send(b"question")
                assert await endpoint.receive() == b"question"

    run(main())


def test_a_port_is_refused_at_once_in_words() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            modem = Modem(f"socket://127.0.0.1:{server.getsockname()[1]}")
            with pytest.raises(PortError, match="a Proactor cannot watch a port: take asyncio's selector loop"):
                await modem.open()

    run(main())


def test_a_pseudo_terminal_is_refused_where_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        with pytest.raises(NotImplementedError, match="no pseudo-terminals"):
            await Emulator(line="pty").start()

    monkeypatch.setattr("bc260y_aio.emulator.line.pty.HAS_PTYS", False)
    asyncio.run(main())
