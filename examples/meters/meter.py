"""A meter that reports a reading: over UDP, over HTTP or over MQTT. A fleet calls one of these for each report."""

import asyncio
import ssl

import gmqtt
import httpx
from gmqtt.storage import PersistentStorage

from bc260y_aio import RAI, Modem

COLLECTOR = "collector.example"
UDP_PORT, HTTP_PORT, MQTT_PORT = 9000, 9001, 9002

# Otherwise each client of httpx loads the certificates anew, also for http://, which takes 40 ms of CPU time.
CONTEXT = ssl.create_default_context()


def reading(number: int) -> bytes:
    """Return the reading of a meter."""
    return b"%d 21.5" % number


async def report_udp(modem: Modem, number: int) -> None:
    """Send a datagram until it is acknowledged, three times at most."""
    async with await modem.open_datagram_endpoint(COLLECTOR, UDP_PORT) as endpoint:
        for timeout in (10, 20, 40):
            await endpoint.send(reading(number), rai=RAI.ONE_REPLY)
            try:
                async with asyncio.timeout(timeout):
                    while await endpoint.receive() != reading(number):
                        pass

                    return
            except TimeoutError:
                continue

    raise TimeoutError("the collector did not acknowledge the reading")


async def report_tcp(modem: Modem, number: int) -> None:
    """Send a line over TCP, and wait until the peer has it."""
    _, writer = await modem.open_connection(COLLECTOR, UDP_PORT)
    writer.write(reading(number) + b"\n")
    writer.close()
    await writer.wait_closed()


async def report_http(modem: Modem, number: int) -> None:
    """Post the reading with httpx."""
    with modem.route():
        async with httpx.AsyncClient(timeout=60, verify=CONTEXT) as client:
            answer = await client.post(f"http://{COLLECTOR}:{HTTP_PORT}/readings", content=reading(number))
            answer.raise_for_status()


async def report_mqtt(modem: Modem, number: int) -> None:
    """Publish the reading with gmqtt, and wait for the broker's acknowledgement."""
    unacknowledged = PersistentStorage()
    client = gmqtt.Client(f"meter-{number}", persistent_storage=unacknowledged)
    with modem.route():
        async with asyncio.timeout(60):
            await client.connect(COLLECTOR, MQTT_PORT, keepalive=600)
            client.publish(f"meters/{number}", reading(number), qos=1)
            await unacknowledged.wait_empty()

        await client.disconnect()
