"""Clients with long conversations, mail and SSH, over the modem."""

import asyncio
import contextlib
import email.message
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiosmtplib
import asyncssh
import pytest
from aiosmtpd.smtp import SMTP

from tests.contract.certificates import client_context, server_context

from .stage import HOST, elsewhere, play_twice, port_of

pytestmark = pytest.mark.loops("asyncio", "uvloop")


# Mail


class Box:
    """Takes mail."""

    def __init__(self) -> None:
        self.mail: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        assert session.ssl is not None
        self.mail.append(envelope.content)
        return "250 Ok"


@contextlib.asynccontextmanager
async def mail_server(box: Box) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()

    def serve() -> SMTP:
        return SMTP(box, hostname=HOST, tls_context=server_context(), require_starttls=True)

    async with await loop.create_server(serve, "127.0.0.1", 0) as server:
        yield port_of(server)


async def test_aiosmtplib_starts_tls_and_sends_mail() -> None:
    box = Box()

    async def client() -> None:
        message = email.message.EmailMessage()
        message["From"], message["To"], message["Subject"] = "meter@example.com", "desk@example.com", "reading"
        message.set_content("21.5")
        await aiosmtplib.send(
            message,
            hostname=HOST,
            port=port,
            local_hostname="meter.example",
            start_tls=True,
            tls_context=client_context(),
        )

    async with elsewhere(mail_server(box)) as port:
        await play_twice(client)

    assert [b"21.5" in mail for mail in box.mail] == [True, True]


# SSH


class Guest(asyncssh.SSHServer):
    """Lets everybody in."""

    def begin_auth(self, username: str) -> bool:
        return False


async def shout(process: asyncssh.SSHServerProcess[str]) -> None:
    async for line in process.stdin:
        process.stdout.write(line.upper())

    process.exit(0)


@contextlib.asynccontextmanager
async def ssh_server(key: asyncssh.SSHKey) -> AsyncIterator[int]:
    acceptor = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Guest, server_host_keys=[key], process_factory=shout, gss_host=None
    )
    try:
        yield acceptor.get_port()
    finally:
        acceptor.close()
        await acceptor.wait_closed()


async def test_asyncssh_runs_a_command() -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")

    async def client() -> None:
        # It looks the peer up in its file of known hosts by an address in digits: so the name is resolved beforehand.
        rows = await asyncio.get_running_loop().getaddrinfo(HOST, port, type=socket.SOCK_STREAM)
        known = f"{HOST} {key.export_public_key().decode()}".encode()
        async with asyncssh.connect(
            rows[0][4][0], port, host_key_alias=HOST, known_hosts=known, username="guest", client_keys=[], config=None
        ) as connection:
            done = await connection.run("shout", input="question\n" * 50)
            assert done.stdout == "QUESTION\n" * 50

    async with elsewhere(ssh_server(key)) as port:
        await play_twice(client)
