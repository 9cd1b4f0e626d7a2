"""The uploads of the demo: over TCP and over UDP, each checked by the server's digest."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Final

from ..modem.modem import Modem
from ..transports.base import SocketTransport
from ..transports.delivery import modem_transport
from ..transports.traffic import Traffic
from .common import error_text
from .demo_peers import DIGEST_SIZE, digest_of, read_missing, report_on, split_datagrams

# How long to wait for the server's report on what it received, in seconds. Over TCP it counts from the last byte that
# was acknowledged: at the edge of coverage, a segment of 512 bytes takes 18 s, and five sockets share the radio. Over
# UDP the server has three times as long to answer each question as the one before, until that many in a row are not
# answered.
_REPORT_TIMEOUT: Final = 300.0
_ANSWER_TIMEOUT: Final = 20.0
_UNANSWERED: Final = 5
_QUESTIONS: Final = 50
_WRITE_SIZE: Final = 4096
# The most payload of one AT+QISEND as hex.
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
        digest = await _read_report(reader, upload.transport)
        writer.close()
        await writer.wait_closed()
    except BaseException:
        writer.transport.abort()
        raise

    return digest == digest_of(upload.data)


async def _read_report(reader: asyncio.StreamReader, transport: SocketTransport) -> bytes:
    """Wait for the server's digest for as long as it acknowledges more.

    Raises:
        TimeoutError: there was neither a digest nor progress.
    """
    reading, acked = asyncio.ensure_future(reader.readexactly(DIGEST_SIZE)), -1
    try:
        while True:
            await asyncio.wait({reading}, timeout=_REPORT_TIMEOUT)
            if reading.done():
                return reading.result()

            before, acked = acked, (await transport.ack_status()).acked
            if acked == before:
                raise TimeoutError(f"no report, and no progress for {_REPORT_TIMEOUT:g} s")
    finally:
        reading.cancel()


async def _upload_datagrams(modem: Modem, upload: Upload, host: str, port: int) -> bool:
    """Upload by UDP, sending again what did not arrive; return whether the other end's digest is right.

    Raises:
        TimeoutError: it did not answer, however often it was asked.
    """
    datagrams = split_datagrams(upload.number, upload.data, _DATAGRAM_SIZE)
    endpoint = await modem.open_datagram_endpoint(host, port)
    upload.transport = endpoint.transport
    try:
        missing = unsent = list(range(len(datagrams)))
        unanswered, timeout = 0, _ANSWER_TIMEOUT
        for _ in range(_QUESTIONS):
            if unanswered == _UNANSWERED:
                break

            for index in unsent:
                await endpoint.send(datagrams[index])

            await endpoint.send(report_on(upload.number, len(datagrams)))
            await endpoint.transport.drained()
            answer = b""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    answer = await endpoint.receive()

            # Without an answer the datagrams may still be under way: only the question is sent again.
            unsent = [index for index in read_missing(answer) if index < len(datagrams)]
            missing = unsent or missing
            unanswered, timeout = (0, timeout) if answer else (unanswered + 1, timeout * 3)
            if len(answer) == DIGEST_SIZE:
                endpoint.close()
                await endpoint.wait_closed()
                return answer == digest_of(upload.data)
    except BaseException:
        endpoint.transport.abort()
        raise

    endpoint.close()
    raise TimeoutError("the server did not answer" if len(missing) == len(datagrams) else f"{len(missing)} are missing")
