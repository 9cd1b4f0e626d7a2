"""Hex or text for the next payload, and when a switch is worth an NVRAM write."""

import errno
from collections.abc import Iterable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.at.commands import Command, QueryDataFormat, SendData, SetDataFormat
from bc260y_aio.at.information import DataFormat
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.errors import CommandTimeout
from bc260y_aio.line.turns import Answer
from bc260y_aio.sockets.dataformat import PayloadFormats
from bc260y_aio.sockets.outbox import DatagramOutbox, StreamOutbox
from bc260y_aio.sockets.rai import RAI

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX


class Setting:
    """The setting of a module, and what was asked of it: it stands in for a turn on the line."""

    def __init__(self, send: PayloadFormat = HEX, receive: PayloadFormat = HEX) -> None:
        self.found = DataFormat(send, receive)
        self.lines: list[str] = []
        self.loses_an_answer = False
        self.tells = True

    @property
    def writes(self) -> int:
        return sum(line.count(",") == 2 for line in self.lines)

    async def execute(self, command: Command) -> Answer:
        self.lines.append(command.write())
        if isinstance(command, SetDataFormat):
            self.found = DataFormat(command.send, command.receive)
            if self.loses_an_answer:
                self.loses_an_answer = False
                raise CommandTimeout(str(command), awaiting="result", within="5 s")

        return Answer([self.found] if self.tells and isinstance(command, QueryDataFormat) else [], [])


class Sender:
    """Sends payloads as a socket does, and counts the wire bytes."""

    def __init__(self, mode: Literal["hex", "text", "auto"], setting: Setting) -> None:
        self.formats = PayloadFormats(mode)
        self.setting: Any = setting
        self.wire_bytes = 0
        self.sent: list[SendData] = []

    async def send(self, payload: bytes, *, whole: bool = False) -> None:
        outbox = DatagramOutbox() if whole else StreamOutbox()
        outbox.put(payload, RAI.NONE)
        while outbox:
            asked = len(self.setting.lines)
            form, limit = await self.formats.prepare(self.setting, outbox.peek(1024), whole=whole)
            # The payload is written in the format that the module is set to.
            assert form is self.setting.found.send
            data, rai = outbox.next_chunk(limit)
            command = SendData(0, data, rai, form)
            outbox.drop(len(data))
            self.sent.append(command)
            self.wire_bytes += command.wire_size + sum(len(line) + 1 for line in self.setting.lines[asked:])


async def cost(
    mode: Literal["hex", "text", "auto"], payloads: Iterable[bytes], *, whole: bool = False
) -> tuple[int, int]:
    """Return the wire bytes and the NVRAM writes that payloads take, the setting having been found as hex."""
    sender = Sender(mode, Setting())
    await sender.formats.establish(sender.setting)
    for payload in payloads:
        await sender.send(payload, whole=whole)

    return sender.wire_bytes, sender.setting.writes


# The setting


@pytest.mark.parametrize(
    ("mode", "found", "written"),
    [
        ("hex", (HEX, HEX), []),
        ("hex", (TEXT, TEXT), ['AT+QICFG="dataformat",1,1']),
        ("hex", (HEX, TEXT), ['AT+QICFG="dataformat",1,1']),
        ("text", (TEXT, TEXT), []),
        ("text", (HEX, HEX), ['AT+QICFG="dataformat",0,0']),
        ("auto", (TEXT, HEX), []),
        ("auto", (HEX, HEX), []),
        ("auto", (TEXT, TEXT), ['AT+QICFG="dataformat",0,1']),
        ("auto", (HEX, TEXT), ['AT+QICFG="dataformat",1,1']),
    ],
)
async def test_the_setting_is_written_only_when_it_differs(
    mode: Literal["hex", "text", "auto"], found: tuple[PayloadFormat, PayloadFormat], written: list[str]
) -> None:
    setting: Any = Setting(*found)
    formats = PayloadFormats(mode)
    await formats.establish(setting)
    await formats.establish(setting)
    query = 'AT+QICFG="dataformat"'
    assert setting.lines == [query, *written, query]
    assert (formats.found, formats.writes) == (DataFormat(*found), len(written))


async def test_the_initial_formats_can_be_restored() -> None:
    setting: Any = Setting(TEXT, TEXT)
    formats = PayloadFormats("hex")
    await formats.restore(setting)
    assert setting.lines == []
    await formats.establish(setting)
    await formats.restore(setting)
    await formats.restore(setting)
    assert (setting.found, setting.writes) == (DataFormat(TEXT, TEXT), 2)


async def test_a_write_without_an_answer_leaves_the_setting_open_until_it_has_been_asked_for() -> None:
    setting: Any = Setting(TEXT, TEXT)
    formats = PayloadFormats("hex")
    setting.loses_an_answer = True
    with pytest.raises(CommandTimeout):
        await formats.establish(setting)

    assert repr(formats) == "<PayloadFormats hex now=unknown writes=0>"
    assert await formats.prepare(setting, b"a", whole=False) == (HEX, 512)
    assert setting.lines[-1] == 'AT+QICFG="dataformat"'
    assert repr(formats) == "<PayloadFormats hex now=hex writes=0>"


async def test_a_setting_that_another_program_may_have_changed_is_asked_for_before_the_next_send() -> None:
    setting: Any = Setting()
    formats = PayloadFormats("hex")
    await formats.establish(setting)
    setting.found = DataFormat(TEXT, HEX)
    formats.forget()
    assert await formats.prepare(setting, b"a", whole=False) == (HEX, 512)
    query = 'AT+QICFG="dataformat"'
    assert setting.lines == [query, query, 'AT+QICFG="dataformat",1,1']


async def test_a_module_that_knows_one_format_is_neither_asked_for_it_nor_told_it() -> None:
    setting: Any = Setting()
    formats = PayloadFormats("text", only=TEXT)
    await formats.establish(setting)
    formats.forget()
    assert await formats.prepare(setting, b"a", whole=False) == (TEXT, 1024)
    await formats.restore(setting)
    assert setting.lines == []


@pytest.mark.parametrize(("mode", "written"), [("hex", "1,1"), ("text", "0,0"), ("auto", "1,1")])
async def test_a_module_that_does_not_tell_its_setting_is_told_one(
    mode: Literal["hex", "text", "auto"], written: str
) -> None:
    setting: Any = Setting(TEXT, TEXT)
    setting.tells = False
    await PayloadFormats(mode).establish(setting)
    assert setting.lines == ['AT+QICFG="dataformat"', f'AT+QICFG="dataformat",{written}']


def test_there_are_three_modes() -> None:
    mode: Any = "base64"
    with pytest.raises(ValueError, match=r"^data_format must be one of hex, text, auto, not 'base64'$"):
        PayloadFormats(mode)


# Sending


def test_text_refuses_what_is_not_printable_and_the_others_refuse_nothing() -> None:
    for data in (b"", b" ~", bytes(range(0x20, 0x7F)), bytearray(b"abc"), memoryview(b"abc")):
        PayloadFormats("text").check(data)

    for data in (b"\0", b"abc\r", b"\x7f", b"\x80", memoryview(b"\n")):
        with pytest.raises(ValueError, match=r"^with data_format='text' only bytes from 0x20 to 0x7E can be sent$"):
            PayloadFormats("text").check(data)

        PayloadFormats("hex").check(data)
        PayloadFormats("auto").check(data)


@pytest.mark.parametrize(
    ("mode", "filler", "limit"),
    [("hex", b"a", 512), ("hex", b"\0", 512), ("text", b"a", 1024), ("auto", b"a", 1024), ("auto", b"\0", 512)],
)
def test_a_datagram_has_a_limit_that_depends_on_how_it_is_written(
    mode: Literal["hex", "text", "auto"], filler: bytes, limit: int
) -> None:
    formats = PayloadFormats(mode)
    formats.check_datagram(filler * limit)
    with pytest.raises(OSError, match=f"may have {limit} bytes, not {limit + 1}") as caught:
        formats.check_datagram(filler * (limit + 1))

    assert caught.value.errno == errno.EMSGSIZE


def test_a_datagram_of_words_is_measured_by_its_bytes() -> None:
    with pytest.raises(OSError, match=r"not 516"):
        PayloadFormats("hex").check_datagram(memoryview(bytes(516)).cast("I"))


# The automatic choice


async def test_a_short_run_of_printable_payload_stays_hex_and_a_long_one_becomes_text() -> None:
    sender = Sender("auto", Setting())
    for _ in range(10):
        await sender.send(b"x" * 64)

    assert [command.form for command in sender.sent] == [HEX] * 4 + [TEXT] * 6
    assert sender.setting.writes == 1


async def test_a_binary_payload_brings_hex_back_and_makes_the_next_switch_four_times_as_dear() -> None:
    sender = Sender("auto", Setting())
    for _ in range(5):
        await sender.send(b"x" * 64)

    await sender.send(b"\0")
    for _ in range(17):
        await sender.send(b"x" * 64)

    assert [command.form for command in sender.sent] == [HEX] * 4 + [TEXT, HEX] + [HEX] * 16 + [TEXT]


async def test_a_stream_sends_the_printable_beginning_of_a_mixture_as_text_while_it_is_set_to_that() -> None:
    sender = Sender("auto", Setting(TEXT, HEX))
    await sender.send(b"x" * 600 + b"\0" + b"x" * 20)
    assert [(command.form, len(command.data)) for command in sender.sent] == [(TEXT, 512), (HEX, 109)]


async def test_no_binary_byte_is_ever_sent_as_text_and_no_chunk_is_too_long() -> None:
    sender = Sender("auto", Setting(TEXT, TEXT))
    for payload in (b"x" * 2000, b"x" * 511 + b"\0", b"x" * 1024, b"\0" * 1024, b"x" * 1023 + b"\x80"):
        await sender.send(payload)

    assert sum(len(command.data) for command in sender.sent) == 2000 + 512 + 3 * 1024


async def test_sixty_payloads_by_turns_printable_and_binary_cost_at_most_four_nvram_writes() -> None:
    payloads = [b"x" * 512 if number % 2 else bytes(512) for number in range(60)]
    assert (await cost("auto", payloads))[1] <= 4
    assert (await cost("auto", payloads, whole=True))[1] <= 4
    small = [b"x" * 60 if number % 2 else bytes(60) for number in range(60)]
    assert (await cost("auto", small))[1] <= 4


async def test_a_long_printable_datagram_goes_out_as_text_for_only_text_can_carry_it_whole() -> None:
    sender = Sender("auto", Setting())
    for payload in (b"x" * 513, bytes(512), b"x" * 1024):
        await sender.send(payload, whole=True)

    assert [(command.form, len(command.data)) for command in sender.sent] == [(TEXT, 513), (HEX, 512), (TEXT, 1024)]


async def test_a_run_of_printable_payload_approaches_half_the_wire_bytes() -> None:
    payloads = [b"x" * 512] * 50
    hexed, _ = await cost("hex", payloads)
    automatic, writes = await cost("auto", payloads)
    assert (automatic / hexed < 0.54, writes) == (True, 1)


async def test_short_json_records_cost_at_most_a_quarter_more_than_they_hold() -> None:
    records = [b'{"id":%d,"t":21.5,"rh":%d,"ok":true}' % (number, number % 100) for number in range(200)]
    commands = sum(SendData(0, record).wire_size - 2 * len(record) for record in records)
    automatic, _ = await cost("auto", records)
    assert automatic <= 1.25 * sum(map(len, records)) + commands


@given(
    st.lists(
        st.one_of(
            st.integers(1, 1024).map(lambda size: b"x" * size),
            st.integers(1, 1024).map(bytes),
            st.tuples(st.integers(0, 700), st.integers(1, 300)).map(lambda sizes: b"x" * sizes[0] + bytes(sizes[1])),
        ),
        max_size=60,
    ),
    st.booleans(),
)
async def test_whatever_the_mixture_it_is_never_much_dearer_than_hex(payloads: list[bytes], whole: bool) -> None:
    payloads = [payload[:512] for payload in payloads] if whole else payloads
    hexed, _ = await cost("hex", payloads, whole=whole)
    automatic, writes = await cost("auto", payloads, whole=whole)
    # Each switch costs a command of 26 bytes, and is earned by at least 256.
    assert automatic <= 1.05 * hexed + 60
    assert writes <= 12
