"""What a modem's sockets send and receive becomes packets, which Wireshark's tshark dissects without a complaint."""

import asyncio
import gc
import os
import re
import ssl
import stat
import weakref
from pathlib import Path
from typing import Any

import pytest

from bc260y_aio import Modem
from bc260y_aio.capture import Capture, LineCapture
from bc260y_aio.emulator import Emulator
from bc260y_aio.tracing import (
    CommandSent,
    DataAcknowledged,
    DataArrived,
    DataTaken,
    SocketEnded,
    TraceEvent,
)

from .judge import complaints, needs_tshark, protocols, tshark
from .sessions import FAULTS, NAME, capture_session, run_session


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture without faults, which all tests read."""
    path = tmp_path_factory.mktemp("capture") / "session.pcapng"
    assert asyncio.run(capture_session(path, 1)) == {"ok": 4}
    return path


@needs_tshark
def test_http_mqtt_coap_and_decrypted_tls_are_dissected(session: Path) -> None:
    requests = tshark(session, "http.request", "tcp.dstport", "http.request.uri")
    assert sorted(requests) == [["443", "/reading"], ["80", "/reading"]]
    assert sorted(tshark(session, "http.response", "http.response.code")) == [["200"], ["200"]]

    assert tshark(session, "mqtt.msgtype == 3", "mqtt.topic", "mqtt.msg") == [["temp", "32312e35"]]
    assert tshark(session, "coap.code == 1", "coap.opt.uri_path") == [["temp"]]
    assert tshark(
        session, "tls.handshake.type == 2 && tls.handshake.extensions.supported_version == 0x0304", "tcp.srcport"
    )


@needs_tshark
def test_tshark_has_no_complaint(session: Path) -> None:
    assert complaints(session) == []


@needs_tshark
@pytest.mark.parametrize("seed", [3, 14])
def test_nor_about_sessions_with_faults(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "session.pcapng"
    run_session(path, seed)

    assert FAULTS[seed % len(FAULTS)]
    assert complaints(path) == []
    assert protocols(path)["CoAP"] > 0


@needs_tshark
def test_a_socket_is_a_conversation_from_its_syn_to_its_fin(session: Path) -> None:
    flags = tshark(session, "tcp.port == 80", "ip.src", "tcp.flags.str")
    shown = [(source.rpartition(".")[0], text.replace("·", "")) for source, text in flags]

    assert shown[:3] == [("192.0.2", "S"), ("198.18.0", "AS"), ("192.0.2", "A")]
    assert ("192.0.2", "AF") in shown


@needs_tshark
def test_at_lines_are_the_comments_of_packets(session: Path) -> None:
    comments = "\n".join(comment for (comment,) in tshark(session, "frame.comment", "frame.comment"))

    assert f'> AT+QIOPEN=0,0,"TCP","{NAME}",80' in comments
    assert re.search(r"> AT\+QISEND=\d,45,\.\.\.", comments)
    assert "SEND OK" in comments
    # What was sent is in the packets, not in their comments.
    assert "474554" not in comments


def test_a_peer_that_was_named_has_an_address_and_that_name(session: Path) -> None:
    assert bytes((198, 18, 0, 1)) + NAME.encode() + b"\0" in session.read_bytes()


def test_a_capture_and_its_keys_are_for_their_owner_only(session: Path) -> None:
    for path in (session, session.with_suffix(".keys")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_nothing_is_captured_after_the_close(tmp_path: Path) -> None:
    path = tmp_path / "session.pcapng"
    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        emulator.network.add_echo("echo.example")
        with modem.capture(path) as capture:
            pass

        # Nor does the modem keep it.
        is_gone = weakref.ref(capture)
        del capture
        gc.collect()
        assert is_gone() is None
        size = path.stat().st_size
        async with await modem.open_datagram_endpoint("echo.example", 7) as endpoint:
            await endpoint.send(b"later")

        assert path.stat().st_size == size


async def test_a_file_that_cannot_be_written_to_the_end_is_an_error_at_the_close(tmp_path: Path) -> None:
    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        emulator.network.add_echo("echo.example")
        capture = modem.capture("/dev/full")
        async with await modem.open_datagram_endpoint("echo.example", 7) as endpoint:
            await endpoint.send(b"anyway")
            assert await endpoint.receive() == (b"anyway")

        with pytest.raises(OSError, match="No space left"):
            capture.close()


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(FileExistsError):
        Capture(tmp_path / "link")


async def test_a_modem_that_captures_has_its_clients_write_their_keys(tmp_path: Path) -> None:
    context = ssl.create_default_context()
    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        with modem.capture(tmp_path / "session.pcapng", tls_keys=tmp_path / "keys"):
            assert modem.tls_sessions.context(context, "peer.example") is context

    assert os.fspath(context.keylog_filename) == str(tmp_path / "keys")


# The bytes of a line

DIALOGUE = (
    (True, b'AT+QICFG="dataformat",1,1\r'),
    (False, b"\r\nOK\r\n"),
    (True, b'AT+QIOPEN=0,0,"TCP","peer.example",80,0,1\r'),
    (False, b"\r\nOK\r\n"),
    (False, b"\r\n+QIOPEN: 0,0\r\n"),
    (True, b"AT+QISEND=0,5,68656C6C6F\r"),
    (False, b"\r\nOK\r\n\r\nSEND OK\r\n"),
    (False, b'\r\n+QIURC: "recv",0,4,0D0A4F4B\r\n'),
    (True, b"AT+QISEND=0,5,776F726C64\r"),
    (False, b"\r\nOK\r\n\r\nSEND FAIL\r\n"),
    (True, b"AT+QISEND=0,0\r"),
    (False, b"\r\n+QISEND: 8,5,3\r\n\r\nOK\r\n"),
    (False, b'\r\n+QIURC: "closed",0\r\n'),
    (True, b"AT+QICLOSE=0\r"),
    (False, b"\r\nOK\r\n\r\nCLOSE OK\r\n"),
)


def shown(events: list[TraceEvent]) -> list[Any]:
    found: list[Any] = []
    for event in events:
        match event:
            case DataTaken(payload=data, total=total):
                found.append(("up", data, total))
            case DataArrived(payload=data):
                found.append(("down", data))
            case DataAcknowledged(total=total):
                found.append(("acked", total))
            case SocketEnded(reason=reason):
                found.append(reason)

    return found


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_a_dialogue_of_others_is_read_whole_and_in_pieces(size: int) -> None:
    events: list[TraceEvent] = []
    line = LineCapture(events.append)
    for by_dte, data in DIALOGUE:
        for begin in range(0, len(data), size):
            line.feed(data[begin : begin + size], by_dte=by_dte)

    # The last five bytes failed, but the counters say that three of them were taken.
    assert shown(events) == [("up", b"hello", 5), ("down", b"\r\nOK"), ("up", b"wor", 8), ("acked", 5), "closed"]
    assert [event.command for event in events if isinstance(event, CommandSent)][-1] == "AT+QICLOSE=0"


async def test_what_cannot_be_read_of_a_dialogue_is_left_out() -> None:
    events: list[TraceEvent] = []
    line = LineCapture(events.append)
    line.feed(b"hello\r\rAT+QIOPEN=\r\xff\xfe\r", by_dte=True)
    line.feed(b'\r\n+QIURC: "recv",0,4,XY\r\n\r\n+QIOPEN: 9,9\r\n\0\0\r\nSEND OK\r\n', by_dte=False)

    assert shown(events) == []
