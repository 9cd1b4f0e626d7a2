"""Every command that can be asked and every response that can be given, as hypothesis makes them up."""

import dataclasses
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from bc260y_aio.at import commands as asked
from bc260y_aio.at.commands import Command
from bc260y_aio.at.completions import (
    NetworkTime,
    PingError,
    PingFinished,
    PingReply,
    Resolution,
    ResolvedAddress,
    SendResult,
    SocketClosed,
    SocketOpened,
)
from bc260y_aio.at.information import (
    AckStatus,
    Clock,
    DataFormat,
    DnsServers,
    PdpAddress,
    Registration,
    RegistrationStatus,
    SleepSetting,
    SocketInfo,
    SocketState,
)
from bc260y_aio.at.responses import CmeLevel, Dialect, Failure, Response, Success, Text
from bc260y_aio.at.syntax import LONGEST_ADDRESS, LONGEST_NAME, PayloadFormat
from bc260y_aio.at.urcs import (
    AddressAssigned,
    DataReceived,
    PeerClosed,
    PowerChanged,
    PowerEvent,
    RegistrationChanged,
    Restarted,
    Unrecognised,
)

PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]

connect_ids = st.integers(0, 4)
ports = st.integers(1, 65535)
formats = st.sampled_from(PayloadFormat)
counts = st.integers(0, 0xFFFF_FFFF)
names = st.text([character for character in PRINTABLE if character != '"'], min_size=1, max_size=LONGEST_NAME)
servers = st.text([character for character in PRINTABLE if character != '"'], min_size=1, max_size=LONGEST_ADDRESS)
addresses = st.ip_addresses().map(str)
tracking_areas = st.text("0123456789ABCDEF", min_size=4, max_size=4)
cells = st.text("0123456789ABCDEF", min_size=8, max_size=8)
timer_bits = st.text("01", min_size=8, max_size=8) | st.just("")
areas = st.one_of(
    st.just(()),
    st.tuples(tracking_areas, cells, st.sampled_from(["9", ""])),
    st.tuples(tracking_areas, cells, st.just("9"), st.sampled_from(["0", ""]), st.sampled_from(["11", ""])),
    st.tuples(tracking_areas, cells, st.just("9"), st.just(""), st.just(""), timer_bits, timer_bits),
)

# Payload that looks like a line of the module, by intent or by chance.
SPELLINGS = (
    b"\r\nOK\r\n",
    b"OK\r\n",
    b"\r\nERROR\r\n",
    b"\r\n+CME ERROR: 4242\r\n",
    b"\r\nSEND OK\r\n",
    b"\r\nSEND FAIL\r\n",
    b"\r\nCLOSE OK\r\n",
    b"\r\nRDY\r\n",
    b'\r\n+QIURC: "closed",7\r\n',
    b'\r\n+QIURC: "recv",7,5,"hello"\r\n',
    b'\r\n+QIURC: "recv",7,2,"4142"\r\n',
    b"\r\n+QIOPEN: 7,0\r\n",
    b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n',
    b'"\r\n',
    b'"',
    b"\r",
    b"\n",
    b"\0",
    b"\x1a",
    b"\xff",
    b"414243",
)

payloads = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.lists(st.sampled_from(SPELLINGS), min_size=1, max_size=8).map(b"".join),
    st.binary(min_size=1, max_size=1024),
)

# Commands


def _sends() -> st.SearchStrategy[Command]:
    text = st.text(PRINTABLE, min_size=1, max_size=1024).map(str.encode)
    rai = st.integers(0, 2)
    return st.one_of(
        st.builds(asked.SendData, connect_ids, text, rai, st.just(PayloadFormat.TEXT)),
        st.builds(asked.SendData, connect_ids, st.binary(min_size=1, max_size=512), rai, st.just(PayloadFormat.HEX)),
    )


# Lines of no command of this package.
raw_lines = st.text(PRINTABLE, max_size=60).map(lambda rest: f"AT#{rest}".rstrip(" "))

COMMANDS: dict[type[Command], st.SearchStrategy[Command]] = {
    asked.Attention: st.just(asked.Attention()),
    asked.CloseSocket: st.builds(asked.CloseSocket, connect_ids),
    asked.OpenSocket: st.builds(
        asked.OpenSocket, connect_ids, st.sampled_from(["TCP", "UDP"]), names, ports, st.integers(0, 65535)
    ),
    asked.Ping: st.builds(asked.Ping, names, st.integers(1, 255), st.integers(1, 10), st.integers(32, 1500)),
    asked.QueryAcks: st.builds(asked.QueryAcks, connect_ids),
    asked.QueryAddress: st.just(asked.QueryAddress()),
    asked.QueryClock: st.just(asked.QueryClock()),
    asked.QueryContextSockets: st.builds(asked.QueryContextSockets, st.integers(0, 11)),
    asked.QueryDataFormat: st.just(asked.QueryDataFormat()),
    asked.QueryDnsServers: st.builds(asked.QueryDnsServers, st.integers(0, 11)),
    asked.QueryNetworkTime: st.builds(asked.QueryNetworkTime, names, ports, st.none() | st.booleans()),
    asked.QueryRegistration: st.just(asked.QueryRegistration()),
    asked.QuerySleep: st.just(asked.QuerySleep()),
    asked.QuerySocket: st.builds(asked.QuerySocket, connect_ids),
    asked.QuerySockets: st.just(asked.QuerySockets()),
    asked.Raw: st.builds(asked.Raw, raw_lines),
    asked.Resolve: st.builds(asked.Resolve, names),
    asked.SendData: _sends(),
    asked.SetDataFormat: st.builds(asked.SetDataFormat, formats, formats),
    asked.SetDeepSleepReports: st.builds(asked.SetDeepSleepReports, st.booleans()),
    asked.SetDnsServers: st.builds(asked.SetDnsServers, servers, st.none() | servers),
    asked.SetEcho: st.builds(asked.SetEcho, st.booleans()),
    asked.SetErrorLevel: st.builds(asked.SetErrorLevel, st.sampled_from(CmeLevel)),
    asked.SetPowerReports: st.builds(asked.SetPowerReports, st.booleans()),
    asked.SetRegistrationReports: st.builds(asked.SetRegistrationReports, st.integers(0, 5)),
    asked.SetSleep: st.builds(asked.SetSleep, st.integers(0, 2)),
    asked.Test: st.builds(asked.Test, st.sampled_from(asked.TESTABLE)),
}
commands = st.one_of(*COMMANDS.values())

# Responses


def _times() -> st.SearchStrategy[datetime]:
    zones = st.integers(-95, 95).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
    return st.datetimes(
        datetime(2000, 1, 1),
        datetime(2099, 12, 31),
        timezones=zones | st.just(UTC),
    ).map(lambda time: time.replace(microsecond=0))


errors = st.integers(550, 574)
statuses = st.sampled_from(RegistrationStatus)
unknown_lines = st.sampled_from(
    [
        "+CFUN: 1",
        "+CPIN: READY",
        "+CSCON: 1",
        '+QIURC: "pdpdeact",1',
        "Neul",
        "^SYSSTART",
        "+QIOPEN: x",
        "OKAY",
        ":",
        '""',
    ]
)

RESPONSES: dict[type[Response], st.SearchStrategy[Response]] = {
    Success: st.just(Success()),
    Failure: st.builds(Failure, st.none() | st.integers(0, 999), st.just("") | st.just("SIM not inserted")),
    Text: st.sampled_from(["(0-4)", '"dataformat",(0,1),(0,1)', '(0-11),(0-4),"TCP/UDP",<host>,(1)']).map(Text),
    # Information
    AckStatus: st.builds(AckStatus, counts, counts, counts),
    Clock: st.builds(Clock, _times()),
    DataFormat: st.builds(DataFormat, formats, formats),
    DnsServers: st.builds(DnsServers, st.integers(0, 11), *[st.just("") | addresses] * 4),
    PdpAddress: st.builds(PdpAddress, st.integers(0, 11), st.lists(addresses, max_size=2).map(tuple)),
    Registration: st.builds(Registration, st.integers(0, 5), statuses, areas),
    SleepSetting: st.builds(SleepSetting, st.integers(0, 2)),
    SocketInfo: st.builds(
        SocketInfo,
        connect_ids,
        st.sampled_from(["TCP", "UDP"]),
        names,
        ports,
        st.integers(0, 65535),
        st.sampled_from(SocketState),
    ),
    # Completions
    NetworkTime: st.builds(NetworkTime, errors) | st.builds(NetworkTime, st.just(0), _times()),
    PingError: st.builds(PingError, errors),
    PingFinished: st.builds(PingFinished, st.just(0) | errors, *[st.integers(0, 65535)] * 6),
    PingReply: st.builds(PingReply, addresses, st.integers(32, 1500), st.integers(0, 255000), st.integers(0, 255)),
    Resolution: st.builds(Resolution, errors) | st.builds(Resolution, st.just(0), st.integers(0, 255), counts),
    ResolvedAddress: st.builds(ResolvedAddress, addresses, st.lists(addresses, max_size=2).map(tuple)),
    SendResult: st.builds(SendResult, st.booleans()),
    SocketClosed: st.just(SocketClosed()),
    SocketOpened: st.builds(SocketOpened, connect_ids, st.just(0) | errors),
    # URCs
    AddressAssigned: st.builds(AddressAssigned, addresses),
    DataReceived: st.builds(DataReceived, connect_ids, payloads, formats),
    PeerClosed: st.builds(PeerClosed, connect_ids),
    PowerChanged: st.builds(PowerChanged, st.sampled_from(PowerEvent)),
    RegistrationChanged: st.builds(RegistrationChanged, statuses, areas),
    Restarted: st.just(Restarted()),
    Unrecognised: st.builds(Unrecognised, unknown_lines),
}

dialects = st.builds(
    Dialect,
    space_after_colon=st.booleans(),
    quoted_data=st.booleans(),
    quoted_addresses=st.booleans(),
    ipv6_octets=st.booleans(),
    quoted_clock=st.booleans(),
    ping_ttl=st.booleans(),
    ntp_prefix=st.sampled_from(["+QNTP", "+QNTIP"]),
    four_digit_year=st.booleans(),
    four_digit_ntp=st.booleans(),
    ntp_colons=st.booleans(),
    stray_nul=st.booleans(),
    blank_lines=st.integers(0, 3),
    compact=st.booleans(),
    cme=st.sampled_from(CmeLevel),
)


def as_spelled(response: Response, dialect: Dialect) -> Response:
    """Return a response as it is read back after a dialect has spelled it."""
    match response:
        case PingReply() if not dialect.ping_ttl:
            return dataclasses.replace(response, ttl=None)
        case Failure(code=code, text=text):
            match dialect.cme:
                case CmeLevel.TEXT if text:
                    return Failure(text=text)
                case CmeLevel.TEXT | CmeLevel.NUMBER if code is not None:
                    return Failure(code)
                case _:
                    return Failure()
        case _:
            return response
