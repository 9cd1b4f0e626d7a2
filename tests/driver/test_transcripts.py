"""The examples of the guide's chapter 4: what a modem's methods write is what stands there, and what they return."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import pytest

from bc260y_aio.at.completions import PingReply
from bc260y_aio.at.information import AckStatus, DnsServers, RegistrationStatus, SocketInfo
from bc260y_aio.errors import CommandFailed
from bc260y_aio.modem.modem import Modem
from tests import transcript
from tests.driver.scripted import Module, open_modem, settle

# The guide's own misprint; its chapter 2.2.6 has the name right.
MISPRINTED: Final = {"AT+QDNSGIP": "AT+QIDNSGIP"}

HOST: Final = ("hf.quectel.com", 2020)


class Player(Module):
    """A healthy module, until it plays a transcript.

    Attributes:
        played: the command lines that were heard meanwhile.
    """

    def __init__(self) -> None:
        super().__init__()
        self.played: list[str] = []
        self._exchanges: deque[tuple[str | None, tuple[transcript.Said, ...]]] | None = None

    def play(self, script: transcript.Transcript) -> None:
        """Send the lines of the transcript, for any input."""
        self._exchanges = deque(script.exchanges())
        if self._exchanges[0][0] is None:
            self._say_next()

    def stop(self) -> None:
        """Be a healthy module again."""
        self._exchanges = None

    def receive(self, data: bytes) -> None:
        if self._exchanges is None:
            super().receive(data)
            return

        self.played += data.decode().split("\r")[:-1]
        self._say_next()

    def _say_next(self) -> None:
        if self._exchanges:
            for said in self._exchanges.popleft()[1]:
                asyncio.get_running_loop().call_soon(self.send, said.wire)


class Listener(asyncio.Protocol, asyncio.DatagramProtocol):
    """Keeps what it gets, and the transport open."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        self.received.append(data)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.append(data)

    def eof_received(self) -> bool:
        return True


class Scene:
    """The start of an example: an open modem, and a socket of connectID 0 where it needs one."""

    def __init__(self, modem: Modem, player: Player, script: transcript.Transcript) -> None:
        self.modem = modem
        self.listener = Listener()
        self.transport: Any = None
        self.section = script.section
        self._player = player
        self._script = script

    @property
    def commands(self) -> list[str]:
        """The command lines of the example."""
        return [line for line, _ in self._script.exchanges() if line]

    async def open(self) -> None:
        """Open the socket that the example takes for granted."""
        if self.section.startswith("4.2"):
            self.transport, _ = await self.modem.create_connection(lambda: self.listener, *HOST)
        else:
            self.transport, _ = await self.modem.create_datagram_endpoint(lambda: self.listener, remote_addr=HOST)

    def begin(self) -> None:
        """Begin the example."""
        self._player.play(self._script)

    async def send(self, data: bytes) -> None:
        """Send, and wait until the module has taken it."""
        write = self.transport.write if self.section.startswith("4.2") else self.transport.sendto
        write(data)
        await self.transport.drained()


async def before_business(scene: Scene) -> None:
    scene.begin()
    await scene.modem.wake()
    assert (await scene.modem.registration()).status is RegistrationStatus.HOME
    assert await scene.modem.addresses() == ["10.177.135.245"]


async def open_a_socket(scene: Scene) -> None:
    scene.begin()
    await scene.open()
    service_type = "TCP" if scene.section.startswith("4.2") else "UDP"
    assert await scene.modem.sockets(connect_id=0) == [SocketInfo(0, service_type, *HOST)]


async def set_the_format(scene: Scene) -> None:
    await scene.open()
    scene.begin()
    command, query = scene.commands
    assert await scene.modem.execute(command) == []
    assert await scene.modem.execute(query) == [command.replace("AT", "").replace("=", ": ")]
    await settle()
    assert scene.listener.received == RECEIVED.get(scene.section, [])


async def send_text(scene: Scene) -> None:
    await scene.open()
    scene.begin()
    await scene.send(b"1234567890")
    await scene.send(b'{"a":"b","b":"b"}')


async def send_hex(scene: Scene) -> None:
    await scene.open()
    scene.begin()
    assert await scene.modem.execute('AT+QICFG="dataformat"') == ['+QICFG: "dataformat",1,0']
    await scene.send(b"123")


async def look_at_the_acks(scene: Scene) -> None:
    await scene.open()
    scene.begin()
    assert await scene.transport.ack_status() == AckStatus(94, 94, 0)


async def close_the_socket(scene: Scene) -> None:
    await scene.open()
    scene.begin()
    scene.transport.close()
    await settle(60)
    # Sleep is allowed again when all business is over.
    await scene.modem.close()


async def check_the_session(scene: Scene) -> None:
    await scene.open()
    scene.begin()
    await scene.send(b"ACK")
    for _ in range(2):
        assert await scene.transport.ack_status() == AckStatus(3, 0, 3)

    scene.transport.close()
    await settle(60)


async def sleep_deeply(scene: Scene) -> None:
    scene.begin()
    await scene.modem.wake()
    await scene.open()
    assert await scene.modem.sockets(connect_id=0) == [SocketInfo(0, "UDP", *HOST)]
    await scene.send(b"1234567890")
    await scene.modem.execute("AT+QSCLK=1")
    await settle()
    await scene.modem.wake()
    await scene.send(b"1234567890")


async def resolve(scene: Scene) -> None:
    scene.begin()
    assert await scene.modem.resolve("baidu.com") == ["39.156.69.79"]


async def set_the_dns_servers(scene: Scene) -> None:
    scene.begin()
    await scene.modem.set_dns_servers("218.2.2.2", "8.8.8.8")
    servers = DnsServers(0, "218.2.2.2", "8.8.8.8", "240E:5A::6666", "240E:5B::6666")
    assert await scene.modem.dns_servers() == servers


async def ping(scene: Scene) -> None:
    scene.begin()
    result = await scene.modem.ping("iot.quectel.com", timeout=4)
    assert result.replies == [PingReply("47.100.63.174", 32, rtt_ms) for rtt_ms in (369, 479, 484, 260)]
    assert (result.sent, result.received, result.lost) == (4, 4, 0)
    assert (result.min_ms, result.max_ms, result.avg_ms) == (260, 484, 398)


async def ask_for_the_time(scene: Scene) -> None:
    scene.begin()
    time = await scene.modem.ntp_time("ntp5.aliyun.com", set_clock=None)
    assert time == datetime(2019, 6, 11, 11, 8, 20, tzinfo=timezone(timedelta(hours=8)))


PLAYS: Final[dict[str, Callable[[Scene], Awaitable[None]]]] = {
    "4.1": before_business,
    "4.2.1": open_a_socket,
    "4.2.2": set_the_format,
    "4.2.3": set_the_format,
    "4.2.4": send_text,
    "4.2.5": send_hex,
    "4.2.6": look_at_the_acks,
    "4.2.7": set_the_format,
    "4.2.8": set_the_format,
    "4.2.9": close_the_socket,
    "4.2.10": check_the_session,
    "4.3.1": open_a_socket,
    "4.3.2": set_the_format,
    "4.3.3": set_the_format,
    "4.3.4": send_text,
    "4.3.5": send_hex,
    "4.3.6": set_the_format,
    "4.3.7": set_the_format,
    "4.3.8": close_the_socket,
    "4.3.9": sleep_deeply,
    "4.4": resolve,
    "4.5": set_the_dns_servers,
    "4.6": ping,
    "4.7": ask_for_the_time,
}

# The data of the peer in an example.
RECEIVED: Final = {
    "4.2.7": [b"hi,quectel"],
    "4.2.8": [b"1234567890"],
    "4.3.6": [b"hi,quectel"],
    "4.3.7": [b"1234567890"],
}

# The examples that send text.
TEXT: Final = {"4.2.4", "4.3.4", "4.2.10", "4.3.9"}


def test_every_example_of_the_guide_is_played() -> None:
    assert {script.section for script in transcript.GUIDE} == PLAYS.keys()


@pytest.mark.parametrize("script", transcript.GUIDE, ids=str)
async def test_a_modem_writes_and_understands_what_the_guide_shows(script: transcript.Transcript) -> None:
    player = Player()
    data_format = "text" if script.section in TEXT else "hex"
    async with open_modem(player, data_format=data_format) as modem:
        scene = Scene(modem, player, script)
        try:
            await PLAYS[script.section](scene)
        finally:
            player.stop()

        if scene.transport is not None:
            scene.transport.abort()

    shown = [line for line, _ in script.exchanges() if line]
    for misprint, right in MISPRINTED.items():
        shown = [line.replace(misprint, right) for line in shown]

    assert player.played == shown


async def test_urcs_between_ok_and_the_outcome_reach_their_own() -> None:
    (script,) = (script for script in transcript.ALL if script.name == "variant-urcs-in-between")
    player = Player()
    async with open_modem(player) as modem:
        scene = Scene(modem, player, script)
        player.play(script)
        transport, _ = await modem.create_connection(lambda: scene.listener, *HOST)
        transport.write(b"123")
        await settle(60)
        assert player.played == ['AT+QIOPEN=0,0,"TCP","hf.quectel.com",2020', 'AT+QISEND=0,3,"313233"']
        assert scene.listener.received == [b"1234567890"]
        player.stop()
        transport.abort()


async def test_errors_are_read_at_every_level_of_detail() -> None:
    (script,) = (script for script in transcript.ALL if script.name == "variant-errors")
    player = Player()
    async with open_modem(player) as modem:
        player.play(script)
        for line, code, text in (
            ("AT+QICLOSE=0", None, "AT+QICLOSE=0: ERROR"),
            ("AT+CEREG?", 50, "AT+CEREG?: error 50"),
            ("AT+CGPADDR?", None, "AT+CGPADDR?: SIM not inserted"),
        ):
            with pytest.raises(CommandFailed) as caught:
                await modem.execute(line)

            assert (caught.value.code, str(caught.value)) == (code, text)

        player.stop()
