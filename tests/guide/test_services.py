"""Names, ping and time (guide 2.2.6 to 2.2.9, 4.4 to 4.7), and the error codes (chapter 3)."""

import asyncio
import errno
import itertools
import socket
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bc260y_aio import (
    CommandFailed,
    ConnectTimeout,
    DnsServers,
    ErrorCode,
    NotRegistered,
    PingLost,
    PingResult,
    ResolutionError,
    SocketError,
)
from bc260y_aio.at.completions import PingReply
from bc260y_aio.emulator import EchoPeer
from bc260y_aio.errors import socket_error
from tests.guide.bench import NOW, Hosts, datagrams, now, on_air, quiet, stream

# Names


async def test_a_name_is_resolved_to_the_first_address() -> None:
    async with on_air() as bench:
        address = bench.network.add_host("baidu.com")
        bench.wire.clear()
        assert await bench.modem.resolve("baidu.com") == [address]
        assert bench.wire.commands == [b'AT+QIDNSGIP=0,"baidu.com"']
        answer = b"\r\n+QIDNSGIP: 0,1,0\r\n\r\n+QIDNSGIP: %b\r\n" % address.encode()
        assert bench.wire.said == b"\r\nOK\r\n" + answer


async def test_a_name_may_be_spelled_as_the_guide_misprints_the_command() -> None:
    async with on_air() as bench:
        lines = await bench.modem.execute('AT+QDNSGIP=0,"echo.example"')
        assert lines == ["+QIDNSGIP: 0,1,0", f"+QIDNSGIP: {bench.network.resolve('echo.example')}"]


async def test_a_name_is_remembered_for_five_minutes_and_until_the_servers_change() -> None:
    async with on_air() as bench:
        for _ in range(3):
            await bench.modem.resolve("echo.example")

        assert bench.count("+QIDNSGIP") == 1
        await quiet(299)
        await bench.modem.resolve("echo.example")
        assert bench.count("+QIDNSGIP") == 1
        await quiet(2)
        await bench.modem.resolve("echo.example")
        assert bench.count("+QIDNSGIP") == 2
        await bench.modem.set_dns_servers("192.0.2.53")
        await bench.modem.resolve("echo.example")
        assert bench.count("+QIDNSGIP") == 3


async def test_a_name_whose_address_cannot_be_reached_is_resolved_again() -> None:
    async with on_air() as bench:
        bench.network.add_refusing("gone.example")
        await bench.modem.resolve("echo.example")
        (address,) = await bench.modem.resolve("gone.example")
        with pytest.raises(ConnectionRefusedError):
            await bench.modem.open_connection(address, 7)

        bench.network.add_host("gone.example", EchoPeer(), address="198.51.100.200")
        assert await bench.modem.resolve("gone.example") == ["198.51.100.200"]
        await bench.modem.resolve("echo.example")
        assert bench.count("+QIDNSGIP") == 3


async def test_an_address_needs_no_question() -> None:
    async with on_air() as bench:
        assert await bench.modem.resolve("192.0.2.7") == ["192.0.2.7"]
        assert await bench.modem.resolve("2001:db8::7") == ["2001:db8::7"]
        assert bench.count("+QIDNSGIP") == 0


async def test_an_unknown_name_is_a_gaierror() -> None:
    async with on_air() as bench:
        with pytest.raises(ResolutionError) as caught:
            await bench.modem.resolve("nobody.invalid")

        assert isinstance(caught.value, socket.gaierror)
        assert (caught.value.code, caught.value.errno) == (ErrorCode.DNS_PARSE_FAILED, socket.EAI_NONAME)
        bench.network.outage = True
        with pytest.raises(ResolutionError) as caught:
            await bench.modem.resolve("silent.example")

        assert caught.value.errno == socket.EAI_AGAIN


@pytest.mark.parametrize("name", ["", 'a"b', "a\rb", "x" * 151], ids=["empty", "a quote", "a CR", "151 bytes"])
async def test_a_name_that_cannot_be_one_is_refused_before_the_wire(name: str) -> None:
    async with on_air() as bench:
        bench.wire.clear()
        for call in (bench.modem.resolve, bench.modem.ping, bench.modem.ntp_time):
            with pytest.raises(ValueError, match="host"):
                await call(name)

        with pytest.raises(ValueError, match="host"):
            await bench.modem.open_connection(name, 7)

        assert bench.wire.commands == []


async def test_a_name_of_150_bytes_is_asked_for() -> None:
    async with on_air() as bench:
        name = ("x" * 49 + ".") * 2 + "y" * 50
        assert len(await bench.modem.resolve(name)) == 1
        await stream(bench.modem, "echo.example")


async def test_getaddrinfo_answers_like_the_loops_own() -> None:
    async with on_air() as bench:
        address = bench.network.resolve("echo.example")
        stream_row = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 443))
        datagram_row = (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP, "", (address, 443))
        modem = bench.modem
        assert await modem.getaddrinfo("echo.example", 443, type=socket.SOCK_STREAM) == [stream_row]
        assert (await modem.getaddrinfo("echo.example", "https"))[:2] == [stream_row, datagram_row]
        rows = await modem.getaddrinfo("echo.example", 443, type=socket.SOCK_DGRAM, flags=socket.AI_CANONNAME)
        assert rows == [(*datagram_row[:3], "echo.example", datagram_row[4])]
        with pytest.raises(socket.gaierror):
            await modem.getaddrinfo("echo.example", 443, family=socket.AF_INET6)


async def test_getaddrinfo_returns_the_rows_of_the_family_asked_for() -> None:
    async with on_air() as bench:
        bench.network.add_host("both.example", address="198.51.100.7", ipv6="2001:db8::7")
        for family, address in ((socket.AF_INET, ("198.51.100.7", 443)), (socket.AF_INET6, ("2001:db8::7", 443, 0, 0))):
            rows = await bench.modem.getaddrinfo("both.example", 443, family=family, type=socket.SOCK_STREAM)
            assert rows == [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]


# DNS servers


async def test_the_dns_servers_are_asked_for_and_set() -> None:
    async with on_air() as bench:
        modem = bench.modem
        bench.wire.clear()
        await modem.set_dns_servers("218.2.2.2", "8.8.8.8")
        assert await modem.dns_servers() == DnsServers(0, "218.2.2.2", "8.8.8.8", "240E:5A::6666", "240E:5B::6666")
        assert bench.wire.commands == [b'AT+QIDNSCFG=0,"218.2.2.2","8.8.8.8"', b"AT+QIDNSCFG=0"]
        answer = b'\r\n+QIDNSCFG: 0,"218.2.2.2","8.8.8.8","240E:5A::6666","240E:5B::6666"\r\n\r\nOK\r\n'
        assert bench.wire.said == b"\r\nOK\r\n" + answer


async def test_dns_servers_are_set_family_by_family() -> None:
    async with on_air() as bench:
        before = await bench.modem.dns_servers()
        await bench.modem.set_dns_servers("2001:db8::53")
        after = await bench.modem.dns_servers()
        assert (after.primary_ipv4, after.secondary_ipv4) == (before.primary_ipv4, before.secondary_ipv4)
        assert (after.primary_ipv6, after.secondary_ipv6) == ("2001:db8::53", before.secondary_ipv6)


async def test_dns_servers_are_addresses() -> None:
    async with on_air() as bench:
        for wrong in ("dns.example", "", "1.2.3"):
            with pytest.raises(ValueError, match="does not appear to be"):
                await bench.modem.set_dns_servers(wrong)

        assert bench.count("+QIDNSCFG") == 0


async def test_dns_servers_are_set_once_the_network_has_given_an_address() -> None:
    async with on_air(boot=True, boot_time=2.0, registration_delay=20.0) as bench:
        await bench.modem.set_dns_servers("192.0.2.53")
        said, _, rest = bench.wire.said.partition(b"+IP: 10.46.18.102\r\n")
        assert b"+QIDNSCFG" not in said
        assert rest.endswith(b"OK\r\n")
        heard = bench.wire.pieces.index((">", b'AT+QIDNSCFG=0,"192.0.2.53"\r'))
        assert any(b"+IP: " in data for _, data in bench.wire.pieces[:heard])


async def test_the_servers_that_the_network_gave_are_reported() -> None:
    async with on_air() as bench:
        servers = await bench.modem.dns_servers()
        assert servers == bench.emulator.module.settings.dns
        assert servers.primary_ipv4 == "218.2.2.2"


async def test_a_service_that_needs_the_network_reports_a_missing_one() -> None:
    async with on_air({"registration_timeout": 5.0}, registration_delay=1000.0) as bench:
        modem = bench.modem
        for call in (modem.resolve("a.example"), modem.ntp_time("a.example"), modem.set_dns_servers("192.0.2.53")):
            with pytest.raises(NotRegistered):
                await call

        with pytest.raises(SocketError) as caught:
            await modem.ping("a.example")

        assert caught.value.errno == errno.ENETUNREACH
        assert await modem.addresses() == []


# Ping


async def test_four_packets_of_32_bytes_are_sent_by_default() -> None:
    async with on_air(hosts=Hosts(latency=0.1845)) as bench:
        address = bench.network.resolve("echo.example") or ""
        bench.wire.clear()
        result = await bench.modem.ping("echo.example")
        reply = PingReply(address, 32, 369, 52)
        assert result == PingResult([reply] * 4, 4, 4, 0, 369, 369, 369)
        # With 20 s for each, a command of its own: others have their turn in between.
        assert bench.wire.commands == [b'AT+QPING=0,"echo.example",20,1,32'] * 4
        reply_line = b"\r\n+QPING: 0,%b,32,369,52\r\n" % address.encode()
        assert bench.wire.said == 4 * (b"\r\nOK\r\n" + reply_line + b"\r\n+QPING: 0,1,1,0,369,369,369\r\n")


async def test_the_timeout_the_number_and_the_size_of_packets_can_be_chosen() -> None:
    async with on_air() as bench:
        result = await bench.modem.ping("echo.example", timeout=2, count=10, size=1500)
        assert bench.wire.commands[-1] == b'AT+QPING=0,"echo.example",2,10,1500'
        assert (result.received, {reply.size for reply in result.replies}) == (10, {1500})
        for wrong in ({"timeout": 0}, {"timeout": 256}, {"count": 0}, {"count": 11}, {"size": 31}, {"size": 1501}):
            with pytest.raises(ValueError, match="a ping"):
                await bench.modem.ping("echo.example", **wrong)


async def test_older_firmware_reports_no_ttl_and_takes_smaller_packets() -> None:
    async with on_air(firmware="R01A02") as bench:
        result = await bench.modem.ping("echo.example", size=200)
        assert [reply.ttl for reply in result.replies] == [None] * 4
        with pytest.raises(CommandFailed):
            await bench.modem.ping("echo.example", size=201)

    async with on_air(firmware="R01A03") as bench:
        result = await bench.modem.ping("echo.example", size=1500)
        assert [reply.ttl for reply in result.replies] == [52] * 4


async def test_a_ping_of_which_all_is_lost_raises_nothing_and_is_false() -> None:
    async with on_air() as bench:
        result = await bench.modem.ping(bench.hosts.nowhere)
        assert not result
        assert result == PingResult([], sent=4, received=0, lost=4, min_ms=0, max_ms=0, avg_ms=0)
        assert bench.wire.said.endswith(b"\r\n+QPING: 569\r\n\r\n+QPING: 0,1,0,1,0,0,0\r\n")
        assert bench.wire.said.count(b"+QPING: 569") == 4
        bench.network.outage = True
        assert not await bench.modem.ping("echo.example", count=10)


async def test_some_packets_may_be_lost() -> None:
    async with on_air(hosts=Hosts(loss=0.3, seed=2)) as bench:
        result = await bench.modem.ping("echo.example", count=10, timeout=2)
        assert result
        assert (result.sent, result.received + result.lost) == (10, 10)
        assert 0 < result.lost < 10


async def test_replies_can_be_had_one_by_one() -> None:
    async with on_air(hosts=Hosts(latency=0.2)) as bench:
        times = []
        async for outcome in bench.modem.ping_replies("echo.example", count=3):
            assert isinstance(outcome, PingReply)
            times.append(now())

        assert [later - sooner for sooner, later in itertools.pairwise(times)] == pytest.approx([0.4, 0.4])
        outcomes = [outcome async for outcome in bench.modem.ping_replies(bench.hosts.nowhere, count=2, timeout=1)]
        assert outcomes == [PingLost(569)] * 2


async def test_a_ping_that_cannot_begin_raises() -> None:
    async with on_air() as bench:
        with pytest.raises(ResolutionError):
            await bench.modem.ping("nobody.invalid")

        assert bench.modem.is_open


async def test_other_sockets_send_in_between_while_a_ping_takes_its_forty_minutes() -> None:
    async with on_air() as bench:
        transport, protocol = await datagrams(bench.modem, "echo.example")
        began = now()
        pinging = asyncio.ensure_future(bench.modem.ping(bench.hosts.nowhere, timeout=255, count=10))
        await quiet()
        waited = []
        for number in range(8):
            asked = now()
            transport.sendto(b"%d" % number)
            assert len(await protocol.until_datagrams(number + 1, timeout=300)) == number + 1
            waited.append(now() - asked)
            await quiet()

        result = await pinging
        assert now() - began == pytest.approx(2550, abs=30)
        assert not result
        assert (result.sent, result.lost) == (10, 10)
        assert max(waited) <= 255


# Time


async def test_the_time_is_asked_for() -> None:
    async with on_air() as bench:
        bench.wire.clear()
        assert await bench.modem.ntp_time("ntp5.aliyun.com", set_clock=None) == NOW
        assert await bench.modem.ntp_time("ntp5.aliyun.com") == NOW
        assert await bench.modem.ntp_time("ntp5.aliyun.com", 1123, set_clock=True) == NOW
        assert bench.wire.commands == [
            b'AT+QNTP=0,"ntp5.aliyun.com"',
            b'AT+QNTP=0,"ntp5.aliyun.com",123,0',
            b'AT+QNTP=0,"ntp5.aliyun.com",1123,1',
        ]
        assert b'\r\n+QNTP: 0,"26/03/01,12:30:15+00"\r\n' in bench.wire.said


async def test_a_time_misprinted_as_in_the_guide_is_read() -> None:
    async with on_air(ntp_prefix="+QNTIP", ntp_colons=True) as bench:
        assert await bench.modem.ntp_time("ntp5.aliyun.com") == NOW
        assert bench.wire.said.endswith(b'\r\n+QNTIP: 0,"26/03/01,12:30:15:35+00"\r\n')


async def test_the_clock_can_be_set_by_the_answer_and_is_left_alone_otherwise() -> None:
    async with on_air() as bench:
        time = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)
        bench.network.ntp_time = lambda server, port: time
        assert await bench.modem.ntp_time("ntp.example") == time
        assert await bench.modem.clock() == NOW
        assert await bench.modem.ntp_time("ntp.example", set_clock=True) == time
        assert await bench.modem.clock() == time
        assert bench.wire.commands[-1] == b"AT+CCLK?"


async def test_the_network_sets_the_clock_at_registration() -> None:
    async with on_air(registration_delay=10.0) as bench:
        await bench.modem.execute('AT+CCLK="2000/01/01,00:00:00+00"')
        assert (await bench.modem.clock()).year == 2000
        bench.emulator.restart()
        await quiet(15)
        assert await bench.modem.clock() == NOW


async def test_a_clock_in_another_zone_is_aware_of_it() -> None:
    async with on_air() as bench:
        await bench.modem.execute('AT+CCLK="2026/03/01,20:30:15+32"')
        told = await bench.modem.clock()
        assert told == datetime(2026, 3, 1, 20, 30, 15, tzinfo=timezone(timedelta(hours=8)))


async def test_a_time_server_that_does_not_answer_is_an_error() -> None:
    async with on_air() as bench:
        bench.network.ntp_time = lambda server, port: None
        with pytest.raises(ConnectTimeout):
            await bench.modem.ntp_time("ntp.example")

        with pytest.raises(ResolutionError):
            await bench.modem.ntp_time("nobody.invalid")


# Error codes


@pytest.mark.parametrize("code", [code for code in ErrorCode if code])
async def test_every_error_code_is_an_exception_that_reports_it(code: ErrorCode) -> None:
    async with on_air() as bench:
        await quiet()
        opening = asyncio.ensure_future(bench.modem.open_connection("late.example", 7))
        bench.network.latency = 5.0
        await quiet()
        bench.emulator.send_urc(f"+QIOPEN: 0,{code:d}")
        with pytest.raises(SocketError) as caught:
            await opening

        assert caught.value.code is code
        assert str(caught.value) == str(socket_error(code, "opening tcp late.example:7"))
        assert code.meaning in str(caught.value)
