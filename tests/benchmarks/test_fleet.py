"""The benchmark of fleets in a tiny form. Nothing is asserted about speed."""

import socket

import pytest

from benchmarks import fleet, fleet_meters

pytest.importorskip("distributed")


def test_every_report_of_an_hour_arrives_once_over_udp_and_tcp() -> None:
    found = fleet.hour_here(4)

    assert found["reports"] == found["arrived"] == 24
    assert found["failed"] == 0
    assert found["cpu"] > 0


def test_a_report_that_comes_again_is_told_from_a_new_one() -> None:
    collector = fleet_meters.Collector()
    for line in (b"1 0.000\n", b"2 0.000\n", b"1 0.000\n", b"1 600.000\n"):
        collector.take(line)

    assert collector.counted == {"arrived": 3, "again": 1}


def test_the_real_servers_answer_on_one_port_over_udp_and_tcp_and_count() -> None:
    with fleet_meters.servers() as (port, counted):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
            stream.sendall(b"1 0.000\n")
            assert stream.makefile("rb").readline() == b"1 0.000\n"

        with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            datagrams.settimeout(10)
            for _ in range(2):
                datagrams.sendto(b"2 0.000\n", ("127.0.0.1", port))
                assert datagrams.recv(100) == b"2 0.000\n"

    assert counted == {"arrived": 2, "again": 1}


def test_what_a_hundred_machines_carry_is_limited_by_what_runs_out_first() -> None:
    # 10 ms of CPU an hour: two cores of four carry 720,000 devices; at 40 KB, 8 GB are enough for 200,000.
    assert "carry 20 million such devices in real time; the limit is the memory" in fleet.carried(1000, 10.0, 40.0)
    assert "carry 7 million such devices in real time; the limit is the CPU" in fleet.carried(1000, 100.0, 40.0)
