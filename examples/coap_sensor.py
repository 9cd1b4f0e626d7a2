"""Put a reading by CoAP with aiocoap, and let the network release the radio after the answer (RAI).

Usage: ``python examples/coap_sensor.py [PORT URI]``. Without a serial port, or BC260Y_PORT, a module is emulated, and a
server is started on this machine.
"""

import aiocoap
from servers import collector, run

import bc260y_aio


class Patient(aiocoap.TransportTuning):  # type: ignore[misc]
    """An answer takes longer than the usual 2 s in poor coverage, and each copy of a request costs energy."""

    ACK_TIMEOUT = 10.0


async def main(port: str, uri: str) -> None:
    """Put the reading, and print the answer."""
    async with bc260y_aio.Modem(port) as modem:
        with modem.route(), bc260y_aio.rai(bc260y_aio.RAI.ONE_REPLY):
            context = await aiocoap.Context.create_client_context(transports=["simple6"])
            request = aiocoap.Message(code=aiocoap.PUT, uri=uri, payload=b"21.5", transport_tuning=Patient())
            response = await context.request(request).response
            print(response.code, response.payload.decode())
            await context.shutdown()


if __name__ == "__main__":
    run(main, collector, "PORT URI")
