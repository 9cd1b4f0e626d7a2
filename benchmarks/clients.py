"""The cost of the usual operation of a client on the line, and its result on a slow network.

Each client, as its authors made it, does its usual operation once over an emulated module: with a real server, and with
the settings that ``examples/README.md`` advises. Counted are the AT+QISENDs with their payload, and the bytes over the
radio with their headers. Then the same on average and edge coverage, by a clock that jumps over the waits (a real one
where the client has threads), in seconds; an operation that fails has its error in the row. Servers that would hang up
on slow clients by default are given the time; ``examples/README.md`` names their limits.
"""

import asyncio
import contextlib
import email.message
import importlib.metadata
import logging
import os
import socket
import ssl
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiocoap
import aiohttp
import aiomqtt
import aiosmtplib
import anyio
import asyncpg
import asyncssh
import dns.asyncquery
import dns.message
import gmqtt
import httpx
import redis.asyncio
import socks
from gmqtt.storage import PersistentStorage
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from websockets.asyncio import client as websockets_client

from bc260y_aio import Modem
from bc260y_aio.bridge import SocksServer
from bc260y_aio.emulator import EchoPeer, Emulator
from bc260y_aio.testing import virtual_clock
from tests.clients.mqtt_broker import mqtt_broker
from tests.clients.postgres import USER, postgres
from tests.clients.stage import HOST, elsewhere
from tests.clients.test_databases import redis_server
from tests.clients.test_datagrams import coap_server, name_server
from tests.clients.test_sessions import Box, mail_server, ssh_server
from tests.clients.web_servers import http2_server, web_server, websocket_server
from tests.contract.certificates import write_authority

from .common import ROUNDS, Table, script

COVERAGES: Final = ("average", "edge")
BAUDRATE: Final = 115200

# The settings that examples/README.md advises, in seconds.
TIMEOUT: Final = 60.0
HTTP: Final = httpx.Timeout(60.0)
AIOHTTP: Final = aiohttp.ClientTimeout(sock_connect=60)

READING: Final = b"21.5"

# Servers in threads and processes answer within this, in real seconds.
_GRACE: Final = 0.05

# After an operation, what a close still sends is waited for so long, in seconds.
_TAIL: Final = 300.0
_REAL_TAIL: Final = 5.0
_LOCAL: Final = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """Where the servers listen, and what their clients need.

    Attributes:
        front: the SOCKS front; 0 where clients that block need none.
        ssh_key: the SSH server's public key, in OpenSSH's format.
        authority: the file of the certificate that TLS clients trust.
    """

    web: int
    http2: int
    websocket: int
    coap: int
    dns: int
    mail: int
    ssh: int
    redis: int
    postgres: int
    mqtt_4: int
    mqtt_5: int
    front: int
    ssh_key: str
    authority: str


def _trust(ports: Ports) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ports.authority)


Operation = Callable[[Ports], Awaitable[None]]


# HTTP and WebSocket


async def _in_chunks() -> AsyncIterator[bytes]:
    for _ in range(5):
        yield READING


async def httpx_post(ports: Ports) -> None:
    """Post a reading."""
    async with httpx.AsyncClient(timeout=HTTP, trust_env=False) as session:
        assert (await session.post(f"http://{HOST}:{ports.web}/echo", content=READING)).content == READING


async def httpx_chunks(ports: Ports) -> None:
    """Post it in five chunks."""
    async with httpx.AsyncClient(timeout=HTTP, trust_env=False) as session:
        assert (await session.post(f"http://{HOST}:{ports.web}/echo", content=_in_chunks())).content == READING * 5


async def httpx_http2(ports: Ports) -> None:
    """Post it by HTTP/2."""
    async with httpx.AsyncClient(timeout=HTTP, trust_env=False, http1=False, http2=True) as session:
        assert (await session.post(f"http://{HOST}:{ports.http2}/", content=READING)).content == READING


async def aiohttp_post(ports: Ports, data: Any = READING, expected: bytes = READING) -> None:
    """Post a reading."""
    connector = aiohttp.TCPConnector(limit=4, resolver=aiohttp.ThreadedResolver())
    async with (
        aiohttp.ClientSession(timeout=AIOHTTP, connector=connector) as session,
        session.post(f"http://{HOST}:{ports.web}/echo", data=data) as response,
    ):
        assert await response.read() == expected


async def aiohttp_chunks(ports: Ports) -> None:
    """Post it in five chunks."""
    await aiohttp_post(ports, _in_chunks(), READING * 5)


async def websocket_message(ports: Ports) -> None:
    """Send a message, and receive it."""
    url = f"ws://{HOST}:{ports.websocket}"
    options: dict[str, Any] = {"open_timeout": TIMEOUT, "close_timeout": 30, "ping_interval": None, "proxy": None}
    async with websockets_client.connect(url, **options) as connection:
        await connection.send(READING)
        assert await connection.recv() == READING


# MQTT


async def gmqtt_publish(ports: Ports) -> None:
    """Publish a reading."""
    unacknowledged = PersistentStorage()
    session = gmqtt.Client("meter-7", persistent_storage=unacknowledged)
    await session.connect(HOST, ports.mqtt_5, keepalive=1200)
    session.publish("meter/7", READING, qos=1)
    await unacknowledged.wait_empty()
    await session.disconnect()


async def aiomqtt_publish(ports: Ports) -> None:
    """Publish a reading."""
    options: dict[str, Any] = {"timeout": TIMEOUT, "keepalive": 1200}
    if ports.front:
        proxy = aiomqtt.ProxySettings(proxy_type=socks.SOCKS5, proxy_addr=_LOCAL, proxy_port=ports.front)
        options |= {"proxy": proxy, "bind_address": _LOCAL}

    session = aiomqtt.Client(HOST, ports.mqtt_4, **options)
    session._client.connect_timeout = TIMEOUT
    async with session:
        await session.publish("meter/7", READING, qos=1)


async def paho_publish(ports: Ports) -> None:
    """Publish a reading, from a thread."""

    def publish() -> None:
        session = paho.Client(CallbackAPIVersion.VERSION2, "meter-8", protocol=paho.MQTTv311)
        if ports.front:
            session.proxy_set(proxy_type=socks.SOCKS5, proxy_addr=_LOCAL, proxy_port=ports.front)

        session.connect_timeout = TIMEOUT
        session.connect(HOST, ports.mqtt_4, keepalive=1200, bind_address=_LOCAL if ports.front else "")
        session.loop_start()
        session.publish("meter/7", READING, qos=1).wait_for_publish(TIMEOUT)
        session.disconnect()
        session.loop_stop()

    await asyncio.to_thread(publish)


# Datagrams


async def coap_put(ports: Ports) -> None:
    """Put a reading."""

    class Patient(aiocoap.numbers.constants.TransportTuning):  # type: ignore[misc]
        ACK_TIMEOUT = 10.0

    context = await aiocoap.Context.create_client_context(transports=["simple6"])
    try:
        uri = f"coap://{HOST}:{ports.coap}/meter"
        request = aiocoap.Message(code=aiocoap.PUT, payload=READING, uri=uri, transport_tuning=Patient())
        assert (await context.request(request).response).code.is_successful()
    finally:
        await context.shutdown()


async def dns_query(ports: Ports) -> None:
    """Query an address, up to three times."""
    query = dns.message.make_query("meter.example.com", "A")
    for _ in range(3):
        with contextlib.suppress(dns.exception.Timeout):
            response = await dns.asyncquery.udp(query, "198.51.100.1", port=ports.dns, timeout=30)
            assert response.answer[0][0].to_text() == "192.0.2.7"
            return

    raise TimeoutError("no answer to three queries")


# Databases, mail, SSH


async def redis_set(ports: Ports, **options: Any) -> None:
    """Set a value."""
    patience: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "max_connections": 4}
    async with redis.asyncio.Redis(host=HOST, port=ports.redis, **patience, **options) as session:
        assert await session.set("meter:7", READING)


async def redis_brief_set(ports: Ports) -> None:
    """Set a value, with the fewest commands."""
    await redis_set(ports, protocol=2, driver_info=None)


async def asyncpg_query(ports: Ports) -> None:
    """Query one row."""
    connection = await asyncpg.connect(
        host=HOST, port=ports.postgres, user=USER, database="postgres", ssl=_trust(ports), timeout=180
    )
    try:
        assert await connection.fetchval("SELECT 7") == 7
    finally:
        await connection.close(timeout=TIMEOUT)


async def send_mail(ports: Ports) -> None:
    """Send a mail."""
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "meter@example.com", "desk@example.com", "reading"
    message.set_content("21.5")
    options: dict[str, Any] = {"local_hostname": "meter.example", "start_tls": True, "timeout": TIMEOUT}
    await aiosmtplib.send(message, hostname=HOST, port=ports.mail, tls_context=_trust(ports), **options)


async def ssh_command(ports: Ports) -> None:
    """Run a command."""
    rows = await asyncio.get_running_loop().getaddrinfo(HOST, ports.ssh, type=socket.SOCK_STREAM)
    known = f"{HOST} {ports.ssh_key}".encode()
    options: dict[str, Any] = {"username": "guest", "client_keys": [], "config": None, "login_timeout": 600}
    async with asyncssh.connect(
        rows[0][4][0], ports.ssh, host_key_alias=HOST, known_hosts=known, **options
    ) as connection:
        assert (await connection.run("shout", input="question\n")).stdout == "QUESTION\n"


async def anyio_echo(ports: Ports) -> None:
    """Send a reading, and receive it."""
    async with await anyio.connect_tcp("echo.example", 7) as stream:
        await stream.send(READING)
        assert await stream.receive() == READING


OPERATIONS: Final[dict[str, tuple[str, Operation]]] = {
    "httpx: POST of 4 B": ("httpx", httpx_post),
    "httpx: POST of five chunks": ("httpx", httpx_chunks),
    "httpx: POST by HTTP/2": ("httpx", httpx_http2),
    "aiohttp: POST of 4 B": ("aiohttp", aiohttp_post),
    "aiohttp: POST of five chunks": ("aiohttp", aiohttp_chunks),
    "websockets: connect, one message each way": ("websockets", websocket_message),
    "gmqtt: connect, publish QoS 1": ("gmqtt", gmqtt_publish),
    "aiomqtt: connect, publish QoS 1": ("aiomqtt", aiomqtt_publish),
    "paho-mqtt: connect, publish QoS 1": ("paho-mqtt", paho_publish),
    "aiocoap: PUT of 4 B": ("aiocoap", coap_put),
    "dnspython: query": ("dnspython", dns_query),
    "redis: SET": ("redis", redis_set),
    "redis: SET, protocol=2, driver_info=None": ("redis", redis_brief_set),
    "asyncpg: TLS, SELECT": ("asyncpg", asyncpg_query),
    "aiosmtplib: STARTTLS, a mail": ("aiosmtplib", send_mail),
    "asyncssh: a command": ("asyncssh", ssh_command),
    "anyio: connect, 4 B each way": ("anyio", anyio_echo),
}


# Threads wait by the real clock.
_THREADED: Final = {aiomqtt_publish, paho_publish}


# Running them


@contextlib.asynccontextmanager
async def served(modem: Modem | None, processes: dict[str, int]) -> AsyncIterator[Ports]:
    """Start the servers that run on this loop, outside of the route, or on one in a thread with a real clock.

    Without a modem there is no SOCKS front.
    """
    key = asyncssh.generate_private_key("ssh-ed25519")
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        authority = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "ca.pem"
        write_authority(authority)
        yield Ports(
            web=await enter(web_server()),
            http2=await enter(elsewhere(http2_server())),
            websocket=await enter(elsewhere(websocket_server())),
            coap=await enter(coap_server()),
            dns=await enter(name_server()),
            mail=await enter(mail_server(Box())),
            ssh=await enter(elsewhere(ssh_server(key))),
            front=0 if modem is None else (await enter(SocksServer(modem, port=0))).port,
            ssh_key=key.export_public_key().decode().strip(),
            authority=os.fspath(authority),
            **processes,
        )


@contextlib.contextmanager
def processes() -> Any:
    """Run the servers that have threads or processes of their own, and give their ports."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "broker").mkdir()
        (folder / "postgres").mkdir()
        folder.chmod(0o755)
        broker = stack.enter_context(mqtt_broker(folder / "broker"))
        ports = {"redis": stack.enter_context(redis_server()), "mqtt_4": broker.v4, "mqtt_5": broker.v5}
        ports["postgres"] = stack.enter_context(postgres(folder / "postgres"))
        yield ports


@dataclass
class Cost:
    """The cost of an operation.

    Attributes:
        sends: the AT+QISENDs with payload.
        sent: their bytes.
        up: bytes that the radio sent, with headers and acknowledgements.
        down: bytes that it received, likewise.
        seconds: how long it took.
        error: why it failed; empty if it did not.
    """

    sends: int = 0
    sent: int = 0
    up: int = 0
    down: int = 0
    seconds: float = 0.0
    error: str = ""


async def _operate(operation: Operation, coverage: str | None, seed: int, processes: dict[str, int]) -> Cost:
    cost = Cost()
    async with Emulator(line="memory", baudrate=BAUDRATE, network=coverage, seed=seed) as emulator:
        emulator.network.add_host("ns.example", address="198.51.100.1")
        emulator.network.add_host("echo.example", EchoPeer())
        async with Modem(emulator.url) as modem, served(modem, processes) as ports:
            began = asyncio.get_running_loop().time()
            before = emulator.radio.usage
            sends = len(emulator.module.rai_log)
            try:
                with modem.route():
                    await operation(ports)
            except Exception as exc:
                cost.error = f"{type(exc).__name__}: {exc}"

            cost.seconds = asyncio.get_running_loop().time() - began
            # Bytes that the close sends belong to the operation.
            await asyncio.sleep(_REAL_TAIL if operation in _THREADED else _TAIL)
            log = list(emulator.module.rai_log)[sends:]
            cost.sends, cost.sent = len(log), sum(one.size for one in log)
            spent = emulator.radio.usage - before
            cost.up, cost.down = spent.sent, spent.received

    return cost


def operate(name: str, coverage: str | None, ports: dict[str, int], seed: int = 0) -> Cost:
    """Do an operation once, on an emulated module of its own."""
    operation = OPERATIONS[name][1]
    loop_factory = None if operation in _THREADED else virtual_clock(grace=_GRACE)
    with warnings.catch_warnings(), asyncio.Runner(loop_factory=loop_factory) as runner:
        warnings.simplefilter("ignore")
        return runner.run(_operate(operation, coverage, seed, ports))


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Do each operation once without a delay, and on each coverage. Brief: the first one only."""
    names = list(OPERATIONS)[:1] if brief else list(OPERATIONS)
    rows = []
    logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
    with processes() as ports:
        for name in names:
            cost = operate(name, None, ports)
            slow = [operate(name, coverage, ports) for coverage in COVERAGES]
            cells = [str(cost.sends), str(cost.sent), str(cost.up), str(cost.down)]
            rows.append([name, *cells, *(one.error or f"{one.seconds:.0f}" for one in slow)])

    versions = {package: importlib.metadata.version(package) for package, _ in OPERATIONS.values()}
    notes = ["Versions: " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + "."]
    columns = ["", "AT+QISEND", "payload, B", "radio up, B", "radio down, B", *(f"{one}, s" for one in COVERAGES)]
    return Table("The usual operation of a client", columns, rows, notes)


if __name__ == "__main__":
    script(measure, __doc__)
