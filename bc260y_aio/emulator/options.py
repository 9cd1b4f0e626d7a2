"""The options of an emulated module: one frozen dataclass, and the same as the query of a URL."""

import dataclasses
import math
import operator
import os
import typing
import urllib.parse
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

from ..at.responses import Dialect
from .faults import KINDS, Faults
from .firmware import BC260Y, FIRMWARES, MANUAL_DIALECT, MODELS, Model
from .line import LINES
from .network.coverage import CoverageProfile, coverage_figures
from .option_values import CONVERTERS, read_signed, write_value
from .radio import Currents
from .variants import MANUAL, Variants

T = TypeVar("T")

SCHEME: Final = "emulator"

# The states of a SIM, and the kinds of registration.
SIMS: Final = ("ready", "none", "pin", "puk")
REGISTRATIONS: Final = ("home", "roaming")


ECHO_ENDINGS: Final[Mapping[str, bytes]] = {"none": b"", "cr": b"\r", "lf": b"\n", "crlf": b"\r\n"}

# The values of the options that have a few.
_CHOICES: Final[Mapping[str, Collection[str]]] = {
    "line": LINES,
    "model": MODELS,
    "sim": SIMS,
    "registration": REGISTRATIONS,
    "firmware": FIRMWARES,
    "echo_ending": ECHO_ENDINGS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(CoverageProfile):
    """The options of an emulated module and of its network; :class:`CoverageProfile` has those of the network.

    :meth:`of` builds them from plain names, with those of the dialect, the variants, the currents and the faults among
    them.

    Attributes:
        line: the kind of serial line: ``"pty"``, ``"tcp"`` or ``"memory"``.
        port: the TCP port of a TCP line on 127.0.0.1; 0 lets the system choose.
        link: a symbolic link to a pty, made anew whenever the pty is.
        baudrate: the module's rate in baud, 10 bits a byte; both directions are slowed down to it. None: the line is as
            fast as the host.
        baudrate_strict: bytes of a DTE whose pty is set to another rate than the module's are garbage, both ways.
        chunk: the module's bytes arrive in pieces of this size.
        chunks: they arrive in pieces of random sizes between these two.
        seed: the seed of every random sequence.
        network: the coverage whose conditions hold where none is named: ``"good"``, ``"average"`` or ``"edge"``.
        blackout: the network is silent between these two moments, in seconds from the start.
        cell_lost: there is no cell between these two moments, in seconds from the start.
        names: every name resolves, to an address behind which the host's 127.0.0.1 stands. False: only those of hosts
            that were added to the network.
        any_address: literal addresses lead to the host's 127.0.0.1 or ::1 as well, for programs that hard-code one. No
            packet leaves the loopback interface either way.
        nvram: a file in which the module's NVRAM lasts.
        boot: the module boots once a program opens the line, and reports it; otherwise it has been running for a while.
        boot_time: how long a boot takes until ``RDY``, in seconds.
        registration_delay: how long the module then takes to register, in seconds.
        model: ``"BC260Y-CN"`` or its sibling ``"BC660K-GL"``.
        firmware: ``"manual"``, as the AT manual and real modules have it; ``"guide"``, as the TCP/IP guide writes;
            ``"R01A02"``, ``"R01A03"`` or ``"R02A01"``.
        sockets: how many connectIDs there are; a module has five.
        psm_requested: the module asks for PSM as it leaves the factory: AT+CPSMS is 1, the default of the manual (8.2).
            False: it is 0, so that the module sleeps no more than a program lets it.
        imei: the module's IMEI.
        imsi: the subscriber's number, on the SIM.
        iccid: the SIM's own number.
        sim: ``"ready"``, ``"none"`` (the slot is empty), or what the SIM asks for: ``"pin"`` or ``"puk"``.
        pin: the SIM's PIN.
        puk: the SIM's PUK.
        registration: how the module registers: ``"home"`` or ``"roaming"``.
        battery_mv: the supply that AT+CBC shows, in mV.
        adc_mv: the voltage that AT+QADC shows, in mV.
        address: the module's own address.
        open_timeout: how long opening a socket may take (guide 2.2.2, note 2), in seconds.
        close_after_failure: a connectID whose open failed is blocked until AT+QICLOSE (guide 2.2.2, note 3).
        send_buffer: how much sent data the module keeps for a TCP socket until it is acknowledged, in bytes;
            ``SEND OK`` waits for space.
        send_segments: how many payloads of AT+QISEND it keeps so.
        send_timeout: how long it waits for that before it writes ``SEND FAIL``, in seconds.
        push_window: nothing received is pushed while so much waits on the line; answers come after what is. Bytes.
        answer_delay: how long the module takes for each command, in seconds; real ones take 0.02 to 0.04.
        answer_jitter: up to so much is added to that at random, in seconds.
        completion_delay: how long after an ``OK`` a completion comes at the earliest, in seconds: ``SEND OK``,
            ``CLOSE OK``, ``+QIOPEN`` and so on; URCs may come between.
        sleep_after: how long after the last byte the module falls asleep, where AT+QSCLK allows it, in seconds; a real
            one takes 10, and AT+QCFG="slplocktimes" changes it. None: never by itself.
        light_sleep: the sleep is a light one: no socket is lost, and a bare CR LF answers the command that ends it.
        wake_time: how long waking up takes, in seconds.
        echo_ending: what follows an echo: ``"none"``, ``"cr"``, ``"lf"`` or ``"crlf"``.
        dialect: how the responses are spelled.
        variants: what it does otherwise than the manual says.
        currents: the currents of the radio.
        faults: the faults made on purpose.
    """

    line: str = "pty"
    port: int = 0
    link: str | None = None
    baudrate: int | None = None
    baudrate_strict: bool = False
    chunk: int | None = None
    chunks: tuple[int, int] | None = None
    seed: int = 0
    network: str | None = None
    blackout: tuple[float, float] | None = None
    cell_lost: tuple[float, float] | None = None
    names: bool = True
    any_address: bool = False
    nvram: str | None = None
    boot: bool = False
    boot_time: float = 0.0
    registration_delay: float = 0.0
    model: str = BC260Y
    firmware: str = "manual"
    sockets: int = 5
    psm_requested: bool = False
    imei: str = "867997030012345"
    imsi: str = "460001234567890"
    iccid: str = "89860012345678901234"
    sim: str = "ready"
    pin: str = "1234"
    puk: str = "12345678"
    registration: str = "home"
    battery_mv: int = 3368
    adc_mv: int = 796
    address: str = "10.46.18.102"
    open_timeout: float = 60.0
    close_after_failure: bool = True
    send_buffer: int = 8040
    send_segments: int = 12
    send_timeout: float = 10.0
    push_window: int = 2048
    answer_delay: float = 0.0
    answer_jitter: float = 0.0
    completion_delay: float = 0.0
    sleep_after: float | None = None
    light_sleep: bool = False
    wake_time: float = 0.3
    echo_ending: str = "none"
    dialect: Dialect = MANUAL_DIALECT
    variants: Variants = MANUAL
    currents: Currents = field(default_factory=Currents)
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        # The class that `slots` makes is another one than `super()` would look for.
        CoverageProfile.__post_init__(self)
        coverage_figures(self.network)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                self._check(name, False, f"one of {', '.join(choices)}")

        for name in ("pin", "puk", "imsi", "iccid"):
            self._check(name, getattr(self, name).isdigit() and len(getattr(self, name)) >= 4, "four digits or more")

        self._check("imei", self.imei.isdigit() and len(self.imei) == 15, "15 digits")
        self._check("port", 0 <= self.port <= 65535, "0 to 65535")
        self._check("baudrate", self.baudrate is None or self.baudrate > 0, "more than 0")
        self._check("chunk", self.chunk is None or self.chunk > 0, "more than 0")
        self._check("chunks", self.chunks is None or 0 < self.chunks[0] <= self.chunks[1], "two sizes, low and high")
        for name in ("blackout", "cell_lost"):
            span = getattr(self, name)
            is_span = span is None or 0.0 <= span[0] <= span[1] < math.inf
            self._check(name, is_span, "two moments, from and to")

        self._check("sockets", 1 <= self.sockets <= 256, "1 to 256")
        self._check("push_window", self.push_window > 0, "more than 0")
        self._check("send_buffer", self.send_buffer >= 1024, "1024 or more")
        self._check("send_segments", self.send_segments > 0, "more than 0")

    @property
    def kind(self) -> Model:
        """The model."""
        return MODELS[self.model]

    @property
    def revision(self) -> str:
        """The revision of the firmware, as AT+CGMR shows it."""
        return self.kind.revision or FIRMWARES[self.firmware].revision

    @property
    def has_newer_commands(self) -> bool:
        """Whether the module has what the firmware BC260YCNAAR02A01 added."""
        return self.firmware == "R02A01" or self.kind.has_newer_commands

    @property
    def largest_ping(self) -> int:
        """The largest packet that AT+QPING takes, in bytes."""
        return FIRMWARES[self.firmware].largest_ping

    # Plain names

    @classmethod
    def of(cls, **settings: Any) -> Self:
        """Build options from plain names: any field of these, the dialect, the variants, the currents and the faults.

        Raises:
            TypeError: a name is unknown.
            ValueError: a value cannot be.
        """
        return cls().with_settings(**settings)

    def with_settings(self, **settings: Any) -> Self:
        """Return a copy with some options changed, by the same plain names.

        A firmware brings its dialect and its variants along, a network its conditions, and a model the time in which it
        wakes; single options that are named besides go before those.

        Raises:
            TypeError: a name is unknown.
            ValueError: a value cannot be.
        """
        if unknown := settings.keys() - _OWNERS.keys() - _PARTS:
            raise TypeError(f"unknown option: {', '.join(sorted(unknown))}")

        groups: dict[Any, dict[str, Any]] = {kind: {} for kind in _KINDS}
        for name, value in settings.items():
            groups[_OWNERS.get(name, Options)][name] = value

        own = groups[Options]
        own = coverage_figures(own.get("network")) | own
        if (model := MODELS.get(own.get("model", ""))) is not None:
            own = {"wake_time": model.wake_time} | own

        firmware = FIRMWARES.get(own["firmware"]) if "firmware" in own else None
        dialect = own.pop("dialect", firmware.dialect if firmware else self.dialect)
        variants = own.pop("variants", firmware.variants if firmware else self.variants)
        currents = own.pop("currents", self.currents)
        faults = own.pop("faults", self.faults)
        for name in ("link", "nvram"):
            if own.get(name) is not None:
                own[name] = os.fspath(own[name])

        return _changed(
            self,
            own
            | {
                "dialect": _changed(dialect, groups[Dialect]),
                "variants": _changed(variants, groups[Variants]),
                "currents": _changed(currents, groups[Currents]),
                # They may be changed later, and then only those of one module.
                "faults": _changed(faults, groups[Faults]),
            },
        )

    @staticmethod
    def readers() -> "dict[str, Callable[[str], Any]]":
        """Return, for each plain name, what reads its value from text; it raises ValueError where it cannot."""
        return {name: _reader(name) for name in _HINTS}

    # URLs

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read ``emulator://?latency=0.3&baudrate=115200&stray_nul=1``. The line is in memory by default.

        Raises:
            ValueError: it is no such URL, an option is unknown, or a value cannot be; the message names it.
        """
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != SCHEME or parts.netloc or parts.path.strip("/") or parts.fragment:
            raise ValueError(f"{url}: an emulator's URL is {SCHEME}://?<option>=<value>&...")

        settings: dict[str, Any] = {"line": "memory"}
        seen = set()
        for name, text in urllib.parse.parse_qsl(parts.query, keep_blank_values=True):
            if name not in _OWNERS:
                raise ValueError(f"{url}: unknown option {name!r}")

            if name in seen:
                raise ValueError(f"{url}: option {name!r} stands there twice")

            seen.add(name)
            try:
                settings[name] = _reader(name)(text)
            except ValueError as exc:
                raise ValueError(f"{url}: option {name!r} cannot be {text!r}") from exc

        try:
            return cls.of(**settings)
        except ValueError as exc:
            raise ValueError(f"{url}: {exc}") from exc

    def to_url(self) -> str:
        """Return the shortest URL that :meth:`from_url` reads as these options."""
        firmware = FIRMWARES[self.firmware]
        pairs = _differences(self, Options.of(line="memory", network=self.network, model=self.model))
        pairs += [("model", self.model)] if self.model != BC260Y else []
        pairs += [("network", self.network)] if self.network is not None else []
        pairs += _differences(self.dialect, firmware.dialect) + _differences(self.faults, Faults())
        pairs += _differences(self.variants, firmware.variants) + _differences(self.currents, Currents())
        query = urllib.parse.urlencode([(name, write_value(value)) for name, value in pairs])
        return f"{SCHEME}://?{query}" if query else f"{SCHEME}://"


def _changed(value: T, settings: dict[str, Any]) -> T:
    """Return a copy with some fields changed; :func:`dataclasses.replace` takes twice as long to read the others."""
    kind = type(value)
    if kind not in _NAMES:
        # A subclass of a program's own.
        replaced: T = dataclasses.replace(typing.cast("Any", value), **settings)
        return replaced

    fields = dict(zip(_NAMES[kind], _READ_ALL[kind](value), strict=True))
    return kind(**fields | settings)


# The fields of the options that have fields of their own.
_PARTS: Final = frozenset({"dialect", "variants", "currents", "faults"})


def _fields(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    names = [one.name for one in dataclasses.fields(kind) if one.init]
    return {name: hints[name] for name in names if name not in _PARTS}


# The dataclasses that options belong to.
_KINDS: Final = (Options, Dialect, Variants, Currents, Faults)

# The names of their fields, and what reads all fields at once.
_NAMES: Final[Mapping[type, tuple[str, ...]]] = {
    kind: tuple(one.name for one in dataclasses.fields(kind) if one.init) for kind in _KINDS
}
_READ_ALL: Final[Mapping[type, Callable[[Any], tuple[Any, ...]]]] = {
    kind: operator.attrgetter(*names) for kind, names in _NAMES.items()
}

# Which of them an option belongs to, and of which type it is.
_OWNERS: Final = {name: kind for kind in _KINDS for name in _fields(kind)}
_HINTS: Final = {name: hint for kind in _KINDS for name, hint in _fields(kind).items()}


# Whole numbers that may be negative.
_SIGNED: Final = frozenset({"rsrp", "rsrq", "snr"})


def _reader(name: str) -> Callable[[str], Any]:
    return read_signed if name in _SIGNED else CONVERTERS[_HINTS[name]]


def _differences(value: Any, default: Any) -> list[tuple[str, Any]]:
    found = [(name, getattr(value, name)) for name in _fields(type(value))]
    return [(name, one) for name, one in found if one != getattr(default, name)]


assert all(kind in _OWNERS for kind in KINDS)
