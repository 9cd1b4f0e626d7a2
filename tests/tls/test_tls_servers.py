"""Sessions resume with the servers that people have: nginx, mosquitto, node and OpenSSL's own.

A server that is not installed is skipped: `apt-get install nginx-light mosquitto nodejs openssl`.
"""

import asyncio
import contextlib
import os
import signal
import socket
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator
from bc260y_aio.tls import Resumption
from tests.contract.certificates import NAMES, trusting_context, write_server_files
from tests.tools import find, needs

NAME: Final = NAMES[0]

NGINX: Final = """
daemon off;
master_process off;
pid {folder}/pid;
error_log /dev/null;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{ return 200 "hello"; }}
    }}
}}
"""

MOSQUITTO: Final = """
listener {port} 127.0.0.1
allow_anonymous true
certfile {certificate}
keyfile {key}
"""

NODE: Final = """
const fs = require("fs");
const options = {{ cert: fs.readFileSync("{certificate}"), key: fs.readFileSync("{key}") }};
require("https").createServer(options, (request, response) => response.end("hello")).listen({port}, "127.0.0.1");
"""

HTTP: Final = b"GET / HTTP/1.1\r\nHost: peer.example\r\nConnection: close\r\n\r\n"
MQTT: Final = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x"


def nginx(folder: Path, **names: object) -> list[str]:
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, **names))
    return ["nginx", "-e", "/dev/null", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def mosquitto(folder: Path, **names: object) -> list[str]:
    # It gives up its privileges, and reads the files as another user.
    user = "user root\n" if os.getuid() == 0 else ""
    (folder / "mosquitto.conf").write_text(user + MOSQUITTO.format(**names))
    return ["mosquitto", "-c", str(folder / "mosquitto.conf")]


def node(folder: Path, **names: object) -> list[str]:
    (folder / "server.js").write_text(NODE.format(**names))
    return ["node", str(folder / "server.js")]


def openssl(folder: Path, *, port: int, certificate: Path, key: Path) -> list[str]:
    files = ["-cert", str(certificate), "-cert_chain", str(certificate), "-key", str(key)]
    return ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *files, "-www", "-quiet"]


# By name: how it is started, what is asked of it, how its answer begins, how long a ticket lives, and whether a new one
# comes on a connection that has resumed.
SERVERS: Final[dict[str, tuple[Callable[..., list[str]], bytes, bytes, int, bool]]] = {
    "nginx": (nginx, HTTP, b"HTTP/1.1 200", 300, True),
    "mosquitto": (mosquitto, MQTT, b"\x20\x02\x00\x00", 7200, True),
    "node": (node, HTTP, b"HTTP/1.1 200", 7200, False),
    "openssl": (openssl, HTTP, b"HTTP/1.0 200", 7200, True),
}


@contextlib.asynccontextmanager
async def running(name: str, folder: Path) -> AsyncIterator[int]:
    """Run a server; yield its port."""
    certificate, key = write_server_files(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]

    program, *arguments = SERVERS[name][0](folder, port=port, certificate=certificate, key=key)
    found = find(program)
    assert found is not None, f"{program} was promised, and is not installed"
    process = await asyncio.create_subprocess_exec(found, *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    try:
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(ConnectionRefusedError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break

                assert process.returncode is None
                await asyncio.sleep(0.02)

        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)

        await process.wait()


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in SERVERS])
async def test_a_second_connection_resumes(name: str, tmp_path: Path) -> None:
    _, question, answer, lifetime, renews = SERVERS[name]
    context = trusting_context()
    found = []
    async with running(name, tmp_path) as port, Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        for _ in range(3):
            reader, writer = await modem.open_connection(NAME, port, ssl=context)
            writer.write(question)
            assert await reader.readexactly(len(answer)) == answer
            found.append(writer.get_extra_info("tls_resumption"))
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

        (kept,) = modem.tls_sessions.kept()

    # A ticket is used once. Where no new one comes, every other handshake is a full one.
    third = Resumption.RESUMED if renews else Resumption.NONE_KEPT
    assert found == [Resumption.NONE_KEPT, Resumption.RESUMED, third]
    assert (kept.version, kept.lifetime) == ("TLSv1.3", lifetime)
