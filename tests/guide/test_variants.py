"""Every call of a `Modem`, on every kind of module: what firmware and boards do differently changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator
from tests.guide.bench import Bench, Hosts, Wire, powered
from tests.guide.scenario import BINARY, PRINTABLE, come_back, use_everything


@dataclass(frozen=True)
class Variant:
    """A kind of module, and what is done with it before anything else.

    Attributes:
        settings: those of the emulator.
        before: is called before a modem is opened.
        commands: are executed once it is open.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    before: Callable[[Emulator], None] = lambda emulator: None
    commands: tuple[str, ...] = ()


def of(**settings: Any) -> Variant:
    return Variant(settings)


def lose_first_line(emulator: Emulator) -> None:
    def lose(data: bytes) -> bytes:
        _, end, rest = data.partition(b"AT\r")
        if end:
            emulator.line.receive_filter = None

        return rest

    emulator.line.receive_filter = lose


VARIANTS = {
    "default": of(),
    # How responses are spelled
    "a stray NUL": of(stray_nul=True),
    "unquoted data": of(quoted_data=False),
    "quoted addresses": of(quoted_addresses=True),
    "no TTL": of(ping_ttl=False),
    "no space after the colon": of(space_after_colon=False),
    "blank lines": of(blank_lines=3),
    "single line ends": of(compact=True),
    "four digits of a year": of(four_digit_year=True),
    "+QNTIP": of(ntp_prefix="+QNTIP"),
    "a surplus field in a time": of(ntp_colons=True),
    "all of these": of(
        stray_nul=True,
        quoted_data=False,
        quoted_addresses=True,
        ping_ttl=False,
        space_after_colon=False,
        blank_lines=2,
        compact=True,
        ntp_prefix="+QNTIP",
        ntp_colons=True,
    ),
    # Firmware; otherwise these tests run on that of the guide
    "the AT manual": of(firmware="manual"),
    "a new BC660K-GL": of(firmware="manual", model="BC660K-GL"),
    "R01A02": of(firmware="R01A02"),
    "R01A03": of(firmware="R01A03"),
    "R02A01": of(firmware="R02A01"),
    # Echo and errors
    **{
        f"an echo that ends in {ending}": Variant({"echo_ending": ending}, commands=("ATE1",))
        for ending in ("none", "cr", "lf", "crlf")
    },
    **{f"CMEE {level}": Variant(commands=(f"AT+CMEE={level}",)) for level in range(3)},
    # Start and sleep
    "booting": of(boot=True, boot_time=8.0, registration_delay=20.0),
    "the first AT lost": Variant(before=lose_first_line),
    "found in light sleep": Variant({"light_sleep": True}, before=lambda emulator: emulator.sleep(deep=False)),
    "found in deep sleep": Variant(before=Emulator.sleep),
    "sleeping by itself": of(sleep_after=10.0),
    # Sockets
    "a failed open leaves nothing to close": of(close_after_failure=False),
    "a late +QIOPEN": of(urc_late=1.0, urc_late_by=5.0),
    # The line and the network
    "a byte at a time": of(chunk=1),
    "random pieces": of(chunks=(1, 40), seed=5),
    "9600 baud": of(baudrate=9600, answer_delay=0.03),
    "a slow network": of(latency=0.8, jitter=0.4),
}

any_variant = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)


@any_variant
@pytest.mark.parametrize("data_format", ["hex", "text", "auto"])
async def test_every_call_works_on_every_kind_of_module(variant: Variant, data_format: Any) -> None:
    network = {name: variant.settings[name] for name in ("latency", "jitter") if name in variant.settings}
    async with powered(Hosts(**network), **variant.settings) as (emulator, hosts):
        variant.before(emulator)
        async with Modem(emulator.url, data_format=data_format, registration_timeout=90) as modem:
            for line in variant.commands:
                await modem.execute(line)

            payload = PRINTABLE if data_format == "text" else BINARY
            await use_everything(Bench(emulator, modem, hosts, Wire(emulator)), payload)


@any_variant
async def test_a_modem_comes_back_on_every_kind_of_module(variant: Variant) -> None:
    async with powered(**variant.settings) as (emulator, _):
        variant.before(emulator)
        await come_back(emulator, emulator.url)
