"""Packets and blocks, byte by byte."""

import ipaddress

import pytest

from bc260y_aio.capture import pcapng
from bc260y_aio.capture.packets import End, Flag, tcp, udp

HERE = End(ipaddress.ip_address("192.0.2.1"), 49152)
THERE = End(ipaddress.ip_address("198.51.100.7"), 80)


def ones_complement_sum(data: bytes) -> int:
    total = 0
    for place in range(0, len(data), 2):
        total += int.from_bytes(data[place : place + 2].ljust(2, b"\0"))

    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)

    return total


def test_a_segment_is_written_as_rfc_791_and_rfc_9293_have_it() -> None:
    packet = tcp(HERE, THERE, Flag.PSH | Flag.ACK, 1, 2**32 + 5, b"hello")

    assert packet.hex(" ") == (
        "45 00 00 2d 00 00 40 00 40 06 4e 8f c0 00 02 01 c6 33 64 07"
        " c0 00 00 50 00 00 00 01 00 00 00 05 50 18 ff ff bf 62 00 00 68 65 6c 6c 6f"
    )


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("data", [b"", b"a", b"ab", bytes(100), b"\xff" * 101])
def test_checksums_add_up_to_all_ones(version: int, data: bytes) -> None:
    hosts = ("192.0.2.1", "198.51.100.7") if version == 4 else ("2001:db8::1", "2001:db8::2")
    source, target = (End(ipaddress.ip_address(host), port) for host, port in zip(hosts, (1, 65535), strict=True))
    for protocol, packet in ((6, tcp(source, target, Flag.SYN, 7, 0, data)), (17, udp(source, target, data))):
        size = 20 if version == 4 else 40
        header, payload = packet[:size], packet[size:]
        addresses = source.address.packed + target.address.packed
        pseudo_header = addresses + len(payload).to_bytes(4) + protocol.to_bytes(4)

        assert ones_complement_sum(pseudo_header + payload) == 0xFFFF
        assert version == 6 or ones_complement_sum(header) == 0xFFFF


def test_blocks_are_padded_and_bear_their_size_at_both_ends() -> None:
    blocks = [
        pcapng.section("bc260y-aio"),
        pcapng.interface("BC260Y"),
        pcapng.names([(bytes(4), "a"), (bytes(16), "bcd")]),
        pcapng.secrets(b"CLIENT_RANDOM 00 00\n"),
        pcapng.packet(1_800_000_000.000001, b"12345", ["ä", "x" * 70_000]),
        pcapng.statistics(0.0, ["the end"]),
    ]
    for block in blocks:
        size = int.from_bytes(block[4:8], "little")
        assert len(block) == size
        assert size % 4 == 0
        assert block[-4:] == block[4:8]


def test_a_packet_has_its_time_in_microseconds() -> None:
    block = pcapng.packet(1_800_000_000.000001, b"12345")
    high, low = int.from_bytes(block[12:16], "little"), int.from_bytes(block[16:20], "little")

    assert (high << 32) + low == 1_800_000_000_000_001
