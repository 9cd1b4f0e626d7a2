"""Database clients against real servers, over the modem."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
import redis.asyncio
from fakeredis import TcpFakeServer
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.contract.certificates import client_context

from .postgres import USER, postgres
from .stage import HOST, elsewhere, play_twice, port_of

pytestmark = pytest.mark.loops("asyncio", "uvloop")


@contextlib.contextmanager
def redis_server() -> Iterator[int]:
    server = TcpFakeServer(("127.0.0.1", 0))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_redis_sets_gets_and_receives_its_own_messages() -> None:
    async def client() -> None:
        async with redis.asyncio.Redis(host=HOST, port=port) as session:
            assert await session.set("meter:7", b"\x00\xff 21.5")
            assert await session.get("meter:7") == b"\x00\xff 21.5"
            async with session.pipeline() as pipeline:
                for command in ("INCR", "INCR", "DEL"):
                    pipeline.execute_command(command, "count")

                assert await pipeline.execute() == [1, 2, 1]

            async with session.pubsub() as subscription:
                await subscription.subscribe("meter")
                assert await session.publish("meter", b"22") == 1
                async for message in subscription.listen():
                    if message["type"] == "message":
                        assert message["data"] == b"22"
                        break

    with redis_server() as port:
        await play_twice(client)


@contextlib.asynccontextmanager
async def silent_redis(sent: list[bytes]) -> AsyncIterator[int]:
    """A Redis server that answers all but INCR, and notes what it was sent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int((await reader.readline())[1:])
                words.append((await reader.readexactly(size + 2))[:size])

            sent.append(words[0])
            if not words[0].startswith(b"INCR"):
                writer.write(b"+OK\r\n")

        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield port_of(server)


async def test_redis_sends_a_late_command_once_where_the_table_says_so() -> None:
    sent: list[bytes] = []

    async def client() -> None:
        sent.clear()
        once = Retry(NoBackoff(), 0)
        async with redis.asyncio.Redis(host=HOST, port=port, protocol=2, socket_timeout=1, retry=once) as session:
            with pytest.raises(redis.exceptions.TimeoutError):
                await session.incr("count")

        assert [word for word in sent if word.startswith(b"INCR")] == [b"INCRBY"]

    async with elsewhere(silent_redis(sent)) as port:
        await play_twice(client)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with postgres(tmp_path_factory.mktemp("postgres")) as port:
        yield port


async def test_asyncpg_queries_over_tls(database: int) -> None:
    async def client() -> None:
        connection = await asyncpg.connect(
            host=HOST, port=database, user=USER, database="postgres", ssl=client_context()
        )
        try:
            assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            await connection.execute("CREATE TEMP TABLE reading (meter int, value numeric, raw bytea)")
            async with connection.transaction():
                await connection.executemany(
                    "INSERT INTO reading VALUES ($1, $2, $3)",
                    [(number, number / 2, bytes([number])) for number in range(20)],
                )

            rows = await connection.fetch("SELECT meter, raw FROM reading WHERE value < $1 ORDER BY meter", 2)
            assert [tuple(row) for row in rows] == [(number, bytes([number])) for number in range(4)]
        finally:
            await connection.close()

    await play_twice(client)


async def test_asyncpgs_pool_keeps_within_the_sockets_there_are(database: int) -> None:
    async def client() -> None:
        async with asyncpg.create_pool(
            host=HOST, port=database, user=USER, database="postgres", min_size=1, max_size=3
        ) as pool:
            assert sorted(await asyncio.gather(*(pool.fetchval("SELECT $1::int", number) for number in range(6)))) == [
                *range(6)
            ]

    await play_twice(client)
