"""MQTT clients against a real broker, over the modem."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import aiomqtt
import gmqtt
import pytest
import socks
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bc260y_aio.bridge import SocksServer

from .mqtt_broker import Ports, mqtt_broker
from .stage import HOST, on_stage, play_twice

pytestmark = pytest.mark.loops("asyncio", "uvloop")

# Tests may not bind the wildcard address, which is paho's default; and the proxy is on this machine.
LOCAL: Final = "127.0.0.1"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    with mqtt_broker(tmp_path_factory.mktemp("broker")) as ports:
        yield ports


async def test_gmqtt_receives_its_own_messages(broker: Ports) -> None:
    async def client() -> None:
        heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        subscribed = asyncio.Event()
        session = gmqtt.Client("gmqtt-on-a-modem")
        session.on_message = lambda client, topic, payload, *_: heard.put_nowait((topic, payload))
        session.on_subscribe = lambda *_: subscribed.set()
        await session.connect(HOST, broker.v5)
        session.subscribe("meter/+", qos=1)
        await subscribed.wait()
        session.publish("meter/7", b"\x00\xff 21.5", qos=1)
        assert await heard.get() == ("meter/7", b"\x00\xff 21.5")
        await session.disconnect()

    await play_twice(client)


async def test_aiomqtt_receives_its_own_messages(broker: Ports) -> None:
    async def client(front: int) -> None:
        proxy = aiomqtt.ProxySettings(proxy_type=socks.SOCKS5, proxy_addr=LOCAL, proxy_port=front)
        async with aiomqtt.Client(HOST, broker.v4, proxy=proxy, bind_address=LOCAL) as session:
            await session.subscribe("meter/+", qos=1)
            await session.publish("meter/7", b"\x00\xff 21.5", qos=1)
            message = await anext(aiter(session.messages))
            assert (str(message.topic), message.payload) == ("meter/7", b"\x00\xff 21.5")

    async with on_stage() as stage, SocksServer(stage.modem, port=0) as front:
        for _ in range(2):
            async with stage.routed(doors={front.port}):
                await client(front.port)


async def test_paho_receives_its_own_messages_in_its_own_thread(broker: Ports) -> None:
    async def client(front: int) -> None:
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[tuple[str, bytes]] = loop.create_future()

        def on_connect(session: paho.Client, *_: Any) -> None:
            session.subscribe("meter/+", qos=1)

        def on_subscribe(session: paho.Client, *_: Any) -> None:
            session.publish("meter/7", b"\x00\xff 21.5", qos=1)

        def on_message(session: paho.Client, data: Any, message: Any) -> None:
            loop.call_soon_threadsafe(heard.set_result, (message.topic, message.payload))

        session = paho.Client(CallbackAPIVersion.VERSION2, "paho-on-a-modem", protocol=paho.MQTTv5)
        session.proxy_set(proxy_type=socks.SOCKS5, proxy_addr=LOCAL, proxy_port=front)
        session.on_connect, session.on_subscribe, session.on_message = on_connect, on_subscribe, on_message
        await asyncio.to_thread(session.connect, HOST, broker.v5, bind_address=LOCAL)
        session.loop_start()
        assert await heard == ("meter/7", b"\x00\xff 21.5")
        session.disconnect()
        await asyncio.to_thread(session.loop_stop)

    async with on_stage() as stage, SocksServer(stage.modem, port=0) as front:
        for _ in range(2):
            # Its thread is woken up over a pair of sockets on the loopback interface, on any port.
            async with stage.routed(doors=range(1, 65536)):
                await client(front.port)
