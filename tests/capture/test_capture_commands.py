"""``--pcap`` and ``--tls-keys`` of the commands."""

import asyncio
import signal
from pathlib import Path
from textwrap import dedent

import pytest

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator
from tests.cli.running import finished, run, started
from tests.contract.certificates import NAMES, server_context, write_authority

from .judge import complaints, needs_tshark, tshark
from .sessions import serve_http

NAME = NAMES[0]

PROGRAM = """
    import asyncio, ssl, sys

    async def main():
        context = ssl.create_default_context(cafile=sys.argv[1])
        reader, writer = await asyncio.open_connection("peer.example", 443, ssl=context)
        writer.write(b"GET /secret HTTP/1.1\\r\\nHost: peer.example\\r\\n\\r\\n")
        await reader.readuntil(b"\\r\\n\\r\\n")
        writer.close()
        await writer.wait_closed()

    asyncio.run(main())
"""


@needs_tshark
async def test_run_captures_what_a_program_sends_encrypted(tmp_path: Path) -> None:
    write_authority(tmp_path / "authority.pem")
    (tmp_path / "program.py").write_text(dedent(PROGRAM))
    capture = tmp_path / "session.pcapng"
    server = await asyncio.start_server(serve_http, "127.0.0.1", 0, ssl=server_context())
    async with server, Emulator(line="tcp") as emulator:
        emulator.network.add_host(NAME, ports={443: server.sockets[0].getsockname()[1]})
        options = ["--pcap", str(capture), "--tls-keys", str(tmp_path / "keys"), "--port", emulator.url]
        program = [str(tmp_path / "program.py"), str(tmp_path / "authority.pem")]
        assert await finished("run", *options, *program) == (0, b"", b"")

    assert tshark(capture, "http.request", "http.request.uri") == [["/secret"]]
    assert complaints(capture) == []


@needs_tshark
@pytest.mark.parametrize("command", ["emulate", "record"])
async def test_a_command_that_serves_a_line_captures_what_goes_over_it(command: str, tmp_path: Path) -> None:
    capture = tmp_path / "session.pcapng"
    options = {
        "emulate": ["emulator://?line=tcp"],
        "record": ["--port", "emulator://", "--line", "tcp", str(tmp_path / "it.txt")],
    }
    async with started(command, "--pcap", str(capture), *options[command]) as process:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        async with Modem(url, baudrate=9600) as modem:
            with pytest.raises(ConnectionRefusedError):
                await modem.open_connection("198.51.100.1", 9)

        process.send_signal(signal.SIGINT)
        await process.communicate()

    assert tshark(capture, "tcp.flags.syn == 1", "ip.dst", "tcp.dstport") == [["198.51.100.1", "9"]]
    assert complaints(capture) == []


async def test_keys_without_a_capture_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        await run("demo", "--tls-keys", str(tmp_path / "keys"))

    assert "--tls-keys needs --pcap" in capsys.readouterr().err
