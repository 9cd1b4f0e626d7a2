"""The real servers that `benchmarks.programs` runs on the loopback interface for the programs that it tries."""

import contextlib
import functools
import getpass
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.clients.postgres import postgres
from tests.clients.stage import elsewhere
from tests.clients.test_datagrams import name_server
from tests.clients.web_servers import h2_server_context, http2_server, web_server
from tests.contract.certificates import server_context, write_authority

_LOCAL: Final = "127.0.0.1"
_PATIENCE: Final = 10.0
# The name of the SSH server in `known_hosts`.
HOST_KEY_ALIAS: Final = "meter"

_GIT_DAEMON: Final = ("git", "daemon", "--export-all", f"--listen={_LOCAL}")

_WHEEL: Final = {
    "meter.py": "READING = 21.5\n",
    "meter-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: meter\nVersion: 1.0\n",
    "meter-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "meter-1.0.dist-info/RECORD": "",
}


@dataclass(frozen=True)
class Servers:
    """Where the servers listen, and the files that their clients need.

    Attributes:
        folder: the files: `ca.pem`, `user_key`, `known_hosts`, `repository.git`.
        user: who may log in by ssh.
    """

    folder: Path
    user: str
    web: int
    https: int
    http2: int
    dns: int
    coap: int
    mqtt: int
    ssh: int
    git: int
    index: int
    postgres: int
    grpc: int


@contextlib.asynccontextmanager
async def servers(folder: Path) -> AsyncIterator[Servers]:
    """Run all of them, each in a thread or a process of its own."""
    _make_files(folder)
    # sshd runs itself again for each connection.
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") or "/usr/sbin/sshd"
    async with contextlib.AsyncExitStack() as stack:
        enter, run = stack.enter_async_context, stack.enter_context
        yield Servers(
            folder=folder,
            user=getpass.getuser(),
            web=await enter(elsewhere(web_server())),
            https=await enter(elsewhere(web_server(server_context()))),
            http2=await enter(elsewhere(http2_server(h2_server_context()))),
            dns=await enter(elsewhere(name_server())),
            coap=run(_process("coap-server-openssl", "-A", _LOCAL, "-p", "{port}", kind=socket.SOCK_DGRAM)),
            mqtt=run(_process("mosquitto", "-p", "{port}")),
            ssh=run(_process(sshd, "-D", "-e", "-p", "{port}", "-f", os.fspath(folder / "sshd_config"))),
            git=run(
                _process(
                    "git", "daemon", f"--base-path={folder}", "--export-all", f"--listen={_LOCAL}", "--port={port}"
                )
            ),
            index=run(_package_index(folder)),
            postgres=run(postgres(folder / "postgres")),
            grpc=run(_grpc_server()),
        )


def _make_files(folder: Path) -> None:
    for name in ("postgres", "simple"):
        (folder / name).mkdir()

    folder.chmod(0o755)
    write_authority(folder / "ca.pem")
    _make_repository(folder / "repository.git")
    _make_keys(folder)


@contextlib.contextmanager
def _process(*command: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[int]:
    """Run a server, whose command has `{port}` in it, and give its port."""
    port = _free_port(kind)
    command = tuple(part.replace("{port}", str(port)) for part in command)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait(process, port, kind)
            yield port
        finally:
            process.terminate()


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((_LOCAL, 0))
        port: int = sock.getsockname()[1]
        return port


def _wait(process: "subprocess.Popen[str]", port: int, kind: socket.SocketKind) -> None:
    """Wait until a server listens."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with socket.socket(socket.AF_INET, kind) as sock, contextlib.suppress(OSError):
            if kind == socket.SOCK_STREAM:
                sock.connect((_LOCAL, port))
                return

        if kind == socket.SOCK_DGRAM and not _can_be_bound(port):
            return

        time.sleep(0.05)

    process.kill()
    raise RuntimeError(f"{process.args!r} does not listen: {process.communicate()[1]}")


def _can_be_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((_LOCAL, port))
        except OSError:
            return False

    return True


def _make_keys(folder: Path) -> None:
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)

    key = " ".join((folder / "host_key.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"{HOST_KEY_ALIAS} {key}\n")
    options = {
        "HostKey": folder / "host_key",
        "AuthorizedKeysFile": folder / "user_key.pub",
        "ListenAddress": _LOCAL,
        "PidFile": "none",
        "UsePAM": "no",
        "StrictModes": "no",
    }
    (folder / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)


def _make_repository(folder: Path) -> None:
    """Make a bare repository with one commit."""
    identity = ("-c", "user.name=meter", "-c", "user.email=meter@example.com")
    work = folder.with_name("work")
    run = functools.partial(subprocess.run, check=True, stdout=subprocess.DEVNULL)
    run(["git", "init", "-q", "-b", "main", work])
    (work / "reading.txt").write_text("21.5\n")
    run(["git", "-C", work, "add", "reading.txt"])
    run(["git", "-C", work, *identity, "commit", "-q", "-m", "Read the meter."])
    run(["git", "clone", "-q", "--bare", work, folder])


@contextlib.contextmanager
def _package_index(folder: Path) -> Iterator[int]:
    """Serve an index of one package, by the standard library's HTTP server."""
    (folder / "simple" / "meter").mkdir()
    with zipfile.ZipFile(folder / "simple" / "meter" / "meter-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in _WHEEL.items():
            wheel.writestr(name, text)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    handler = functools.partial(Handler, directory=os.fspath(folder))
    with http.server.ThreadingHTTPServer((_LOCAL, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


_GRPC: Final = """
import concurrent.futures, sys
import grpc

class Handler(grpc.GenericRpcHandler):
    def service(self, call):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request.upper())

server = grpc.server(concurrent.futures.ThreadPoolExecutor(), handlers=[Handler()])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
server.stop(0)
"""


@contextlib.contextmanager
def _grpc_server() -> Iterator[int]:
    command = [sys.executable, "-c", _GRPC]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()
