"""Nothing leaves: each form in a network namespace whose only wire leads nowhere, and is watched."""

import sys
from pathlib import Path
from typing import Final

import pytest

from .namespace import Sniffed, reason_to_skip, sniffed

_RUN: Final = (sys.executable, "-m", "bc260y_aio", "run", "--port", "emulator://", "-m", "tests.leaks.forms")
_PYTHON: Final = (sys.executable, "-m", "tests.leaks.forms")

CARRIED: Final = {
    *("sendto_name echo", "sendto_address echo", "sendmsg_name echo", "c_sendto_name 0"),
    *("connect_datagrams echo", "connect_stream echo", "c_connect_name None"),
    *("gethostbyname True", "gethostbyname_ex 1", "getfqdn_name peer.example"),
}
HERE: Final = {
    "join_a_multicast_group_on_loopback None",
    "bind_own_name 127.0.0.1",
    "getfqdn True",
    "localhost_subdomain 127.0.0.1",
}
NUMERIC: Final = {"getnameinfo ('198.51.100.7', 'http')"}
REFUSED: Final = {
    *("original_sendto_address refused", "broadcast refused", "connect_nonblocking_name refused"),
    *("connect_ex_nonblocking_address Network is unreachable", "bind_name refused", "gethostbyaddr_number refused"),
    *("join_a_multicast_group refused", "datagram_by_an_interface refused", "packet_by_an_interface refused"),
    *("datagram_of_a_child refused", "gethostbyaddr_imported_before refused"),
    *("getaddrinfo_numeric_flag refused", "getaddrinfo_passive refused", "create_server_name refused"),
}
LOOP_CARRIED: Final = {
    *("endpoint_of_own_socket echo", "endpoint_to_a_name echo", "connection_to_a_name echo"),
    *("sock_connect_to_a_name echo", "add_reader_client echo", "loop_getaddrinfo True", "resolve_in_a_thread True"),
}
LOOP_HERE: Final = {"start_server_on_localhost_subdomain listening", "connect_localhost_subdomain echo"}
LOOP_REFUSED: Final = {
    *("endpoint_bound_to_loopback refused", "endpoint_bound_to_a_name refused", "connection_from_a_name refused"),
    "start_server_by_name refused",
}


@pytest.fixture(autouse=True)
def needs_namespaces() -> None:
    if (reason := reason_to_skip()) is not None:
        pytest.skip(reason)


def outcomes(found: Sniffed) -> set[str]:
    assert found.status == 0, found.complained
    return set(found.printed)


@pytest.mark.parametrize(
    ("form", "packet"),
    [
        ("gethostbyname", "UDP 203.0.113.53:53"),
        ("original_sendto_address", "UDP 198.51.100.7:"),
        ("getnameinfo_imported_before", "UDP 203.0.113.53:53"),
        ("join_a_multicast_group", "2 224.0.0.22:"),
        ("datagram_by_an_interface", "UDP 198.51.100.7:"),
    ],
)
async def test_without_the_package_each_form_sends_packets(form: str, packet: str, tmp_path: Path) -> None:
    found = await sniffed(tmp_path, *_PYTHON, "asyncio", form)

    assert found.packets
    assert found.packets[0].startswith(packet)


async def test_under_run_sockets_use_the_modem_or_fail(tmp_path: Path) -> None:
    found = await sniffed(tmp_path, *_RUN, "asyncio", "blocking")

    assert found.packets == []
    # Under `run` there is nothing before.
    numeric = {"getnameinfo_imported_before ('198.51.100.7', 'http')"}
    assert outcomes(found) == CARRIED | HERE | NUMERIC | REFUSED | numeric


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_under_run_event_loops_use_the_modem_or_fail(loop: str, tmp_path: Path) -> None:
    found = await sniffed(tmp_path, *_RUN, loop, "coroutines")

    assert found.packets == []
    assert outcomes(found) == LOOP_CARRIED | LOOP_HERE | LOOP_REFUSED | {
        "loop_getnameinfo ('198.51.100.7', 'http')",
    }


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_an_exclusive_route_without_rules_sends_nothing(loop: str, tmp_path: Path) -> None:
    found = await sniffed(tmp_path, *_PYTHON, loop, "exclusive")

    assert found.packets == []
    refused = {f"{line.split()[0]} refused" for line in CARRIED | LOOP_CARRIED} - {"getfqdn_name refused"}
    assert outcomes(found) == refused | HERE | NUMERIC | REFUSED | LOOP_HERE | LOOP_REFUSED | {
        # getfqdn() returns its argument where that cannot be resolved.
        "getfqdn_name peer.example",
        "loop_getnameinfo refused",
        "getnameinfo_imported_before refused",
    }
