"""The uploads of the demo: over TCP and over UDP, each checked by the server's digest."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Final

from ..modem.modem import Modem
from ..transports.base import SocketTransport, Traffic
from ..transports.delivery import modem_transport
from .common import error_text
from .demo_peers import DIGEST_SIZE, digest_of, read_missing, report_on, split_datagrams

# How long to wait for the server's report on what it received, in seconds, and how often to ask.
_VERDICT_TIMEOUT: Final = 20.0
_ROUNDS: Final = 5
_WRITE_SIZE: Final = 4096
# What fits into one AT+QISEND as hex.
_DATAGRAM_SIZE: Final = 512


@dataclass(slots=True)
class Upload:
    """The upload over one socket.

    Attributes:
        number: the number of the socket, 0 to 4.
        service: ``"TCP"`` or ``"UDP"``.
        data: the data to upload.
        transport: the transport, once the socket is open.
        seconds: how long it took, in seconds.
        result: ``"ok"``, or what went wrong.
    """

    number: int
    service: str
    data: bytes
    transport: SocketTransport | None = None
    seconds: float = 0.0
    result: str = "not finished"

    @property
    def name(self) -> str:
        """The name of the socket."""
        return f"{self.number} {self.service}"

    @property
    def is_complete(self) -> bool:
        """Whether the server has every byte."""
        return self.result == "ok"

    @property
    def traffic(self) -> Traffic:
        """The traffic of the socket so far."""
        return Traffic(0, 0, 0, 0) if self.transport is None else self.transport.traffic

    @property
    def progress(self) -> float:
        """The part of the data that the module has accepted, 0 to 1."""
        return min(1.0, self.traffic.sent / len(self.data)) if self.data else float(self.is_complete)


async def upload_all(modem: Modem, uploads: list[Upload], host: str, port: int) -> None:
    """Run the uploads concurrently; the result of each is kept in it."""
    await asyncio.gather(*(_upload(modem, upload, host, port) for upload in uploads))


async def _upload(modem: Modem, upload: Upload, host: str, port: int) -> None:
    started = time.monotonic()
    try:
        work = _upload_stream if upload.service == "TCP" else _upload_datagrams
        is_right = await work(modem, upload, host, port)
        upload.result = "ok" if is_right else "the digests differ"
    except asyncio.IncompleteReadError:
        upload.result = "the server closed without a report"
    except OSError as exc:
        upload.result = error_text(exc)
    finally:
        upload.seconds = time.monotonic() - started


async def _upload_stream(modem: Modem, upload: Upload, host: str, port: int) -> bool:
    """Upload by TCP; return whether the server's digest is right."""
    reader, writer = await modem.open_connection(host, port)
    upload.transport = modem_transport(writer)
    try:
        writer.write(report_on(upload.number, len(upload.data)))
        for start in range(0, len(upload.data), _WRITE_SIZE):
            writer.write(upload.data[start : start + _WRITE_SIZE])
            await writer.drain()

        await upload.transport.drained()
        async with asyncio.timeout(_VERDICT_TIMEOUT):
            digest = await reader.readexactly(DIGEST_SIZE)

        writer.close()
        await writer.wait_closed()
    except BaseException:
        writer.transport.abort()
        raise

    return digest == digest_of(upload.data)


async def _upload_datagrams(modem: Modem, upload: Upload, host: str, port: int) -> bool:
    """Upload by UDP, sending again what did not arrive; return whether the other end's digest is right.

    Raises:
        TimeoutError: it did not print_line, however often it was asked.
    """
    datagrams = split_datagrams(upload.number, upload.data, _DATAGRAM_SIZE)
    endpoint = await modem.open_datagram_endpoint(host, port)
    upload.transport = endpoint.transport
    try:
        missing = list(range(len(datagrams)))
        for _ in range(_ROUNDS):
            for index in missing:
                await endpoint.send(datagrams[index])

            await endpoint.send(report_on(upload.number, len(datagrams)))
            await endpoint.transport.drained()
            answer = b""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_VERDICT_TIMEOUT):
                    answer = await endpoint.receive()

            missing = [index for index in read_missing(answer) if index < len(datagrams)]
            if len(answer) == DIGEST_SIZE:
                endpoint.close()
                await endpoint.wait_closed()
                return answer == digest_of(upload.data)
    except BaseException:
        endpoint.transport.abort()
        raise

    endpoint.close()
    raise TimeoutError(f"{len(missing)} datagrams did not arrive" if missing else "the server did not answer")
