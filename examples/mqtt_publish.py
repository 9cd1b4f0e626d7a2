"""Publish a reading by MQTT over TLS with gmqtt: the same code as on any network, but for the ``with`` line.

Usage: ``python examples/mqtt_publish.py [PORT HOST]``. Without a serial port, or BC260Y_PORT, a module is emulated, and
a broker is started on this machine.
"""

import gmqtt
from gmqtt.storage import PersistentStorage
from servers import broker, run

import bc260y_aio


async def main(port: str, host: str, tcp_port: int = 8883) -> None:
    """Publish, and wait for the acknowledgement of the broker."""
    async with bc260y_aio.Modem(port) as modem:
        with modem.route():
            unacknowledged = PersistentStorage()
            client = gmqtt.Client("meter-7", persistent_storage=unacknowledged)
            await client.connect(host, tcp_port, ssl=True, keepalive=600)
            client.publish("meter/7", b"21.5", qos=1)
            await unacknowledged.wait_empty()
            await client.disconnect()


if __name__ == "__main__":
    run(main, broker, "PORT HOST")
