"""``run --isolated`` at a terminal, with job control as a shell does it; and where the kernel gives no namespaces."""

import asyncio
import contextlib
import ctypes
import errno
import os
import pty
import sys
import types
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

from bc260y_aio.bridge.isolation import namespaces
from bc260y_aio.bridge.isolation.namespaces import NoNamespaces
from bc260y_aio.emulator import EchoPeer, Emulator
from tests.cli.running import ROOT
from tests.leaks.namespace import reason_not_isolated


@pytest.fixture(autouse=True)
def needs_namespaces() -> None:
    if (reason := reason_not_isolated()) is not None:
        pytest.skip(reason)


# Takes the terminal, and runs a command as a job in its foreground; a job that stops goes on at once.
SHELL: Final = """
    import fcntl, os, signal, sys, termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    before = termios.tcgetattr(0)
    job = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, setpgroup=0, setsigdef=[signal.SIGTTOU, signal.SIGINT])
    os.tcsetpgrp(0, job)
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        os.tcsetpgrp(0, os.getpgrp())
        if not os.WIFSTOPPED(status):
            break

        print("stopped by", signal.Signals(os.WSTOPSIG(status)).name, flush=True)
        os.tcsetpgrp(0, job)
        os.killpg(job, signal.SIGCONT)

    print("ended with", os.waitstatus_to_exitcode(status), "as before:", termios.tcgetattr(0) == before, flush=True)
"""


class Terminal:
    """A terminal at which a person types and reads."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._reader = asyncio.StreamReader()
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, 4096)
        except OSError:
            # The last process has closed it.
            data = b""

        if data:
            self._reader.feed_data(data)
        else:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._reader.feed_eof()

    def type(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    async def line(self, start: str) -> str:
        """Return the rest of the next line that starts with a text; the keys that were typed may be before it."""
        while line := (await self._reader.readline()).decode():
            if start in line:
                return line.partition(start)[2].strip()

        raise EOFError(start)


@contextlib.asynccontextmanager
async def job(url: str, program: str) -> AsyncIterator[Terminal]:
    """Run a Python program by `run --isolated` at a terminal."""
    ours, theirs = pty.openpty()
    command = (sys.executable, "-m", "bc260y_aio", "run", "--isolated", "--port", url, "--", sys.executable, "-c")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", dedent(SHELL), *command, dedent(program)),
        **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),  # type: ignore[arg-type]
        cwd=ROOT,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        async with asyncio.timeout(20):
            yield Terminal(ours)
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)


def is_running(pid: str) -> bool:
    return Path("/proc", pid).exists()


WAITING: Final = """
    import os, socket
    sock = socket.create_connection(("echo.example", 7))
    print("ready", os.getpid(), flush=True)
    sock.recv(1)
"""


async def test_ctrl_c_ends_the_program_and_leaves_the_module_in_order() -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("echo.example", EchoPeer())
        async with job(emulator.url, WAITING) as terminal:
            program = await terminal.line("ready")
            assert is_running(program)
            terminal.type(b"\x03")
            # Python ends by the signal after its traceback, and so does what runs it.
            assert await terminal.line("ended with") == "-2 as before: True"
            assert not is_running(program)

        assert emulator.module.sockets == {}


HEEDING: Final = """
    import os, sys, termios, tty
    before = termios.tcgetattr(0)
    try:
        tty.setcbreak(0)
        print("ready", flush=True)
        os.read(0, 1)
    except KeyboardInterrupt:
        sys.exit(5)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
"""


async def test_a_program_that_handles_ctrl_c_ends_with_its_own_status() -> None:
    async with job("emulator://", HEEDING) as terminal:
        await terminal.line("ready")
        terminal.type(b"\x03")
        assert await terminal.line("ended with") == "5 as before: True"


TALKING: Final = """
    print("ready", flush=True)
    print("read", input(), flush=True)
"""


async def test_ctrl_z_stops_the_program_which_then_goes_on_to_read_the_terminal() -> None:
    async with job("emulator://", TALKING) as terminal:
        await terminal.line("ready")
        terminal.type(b"\x1a")
        assert await terminal.line("stopped by") == "SIGTSTP"
        terminal.type(b"hello\n")
        assert await terminal.line("read") == "hello"
        assert await terminal.line("ended with") == "0 as before: True"


# Where there are no namespaces

# Changes the root folder: the kernel then refuses user namespaces with EPERM (unshare(2)).
WITH_ANOTHER_ROOT: Final = """
    import os, subprocess, sys
    from bc260y_aio.bridge.isolation import namespaces

    namespaces.enter()
    subprocess.run(["mount", "--rbind", "/", sys.argv[1]], check=True)
    os.chroot(sys.argv[1])
    os.chdir(sys.argv[2])
    os.execv(sys.executable, [sys.executable, "-m", "bc260y_aio", *sys.argv[3:]])
"""

WITHOUT_TUN: Final = """
    import os, sys
    from bc260y_aio.bridge.isolation import namespaces

    namespaces.enter()
    namespaces.bind_over("/dev/net", sys.argv[1])
    os.execv(sys.executable, [sys.executable, "-m", "bc260y_aio", *sys.argv[3:]])
"""


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        (
            WITH_ANOTHER_ROOT,
            "the kernel gives this process no namespaces (Operation not permitted): unprivileged user namespaces are "
            "switched off (kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or a "
            "container forbids them",
        ),
        (WITHOUT_TUN, "/dev/net/tun: No such file or directory; it makes the program's only network"),
    ],
    ids=["user namespaces", "tun"],
)
async def test_a_host_that_forbids_it_is_reported_in_one_line_and_the_program_does_not_begin(
    setting: str, complaint: str, tmp_path: Path
) -> None:
    command = ("run", "--isolated", "--port", "emulator://", "--", "echo", "never")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", dedent(setting), tmp_path, ROOT, *command), cwd=ROOT, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(20):
        printed, complained = await process.communicate()

    assert (process.returncode, printed) == (1, b"")
    assert complained.decode() == f"bc260y-aio: {complaint}\n"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES])
def test_a_security_module_that_gives_namespaces_without_capabilities_is_named(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As AppArmor does it on Ubuntu since 23.10: unshare() returns 0, and writing the map of users fails.
    def write_text(path: Path, text: str) -> int:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: types.SimpleNamespace(unshare=lambda flags: 0))
    monkeypatch.setattr(Path, "write_text", write_text)
    with pytest.raises(NoNamespaces, match=r"kernel\.apparmor_restrict_unprivileged_userns") as caught:
        namespaces.enter()

    assert caught.value.errno == number
