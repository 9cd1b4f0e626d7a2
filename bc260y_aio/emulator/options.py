"""What can be set about an emulated module: one frozen dataclass, and the same as the query of a URL."""

import dataclasses
import math
import os
import typing
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from ..at.responses import STANDARD, CmeLevel, Dialect
from .faults import KINDS, Faults
from .line import LINES
from .network.coverage import CoverageProfile, coverage_figures
from .radio import Currents

SCHEME: Final = "emulator"


@dataclass(frozen=True, slots=True)
class Firmware:
    """A firmware version of the module, as far as it shows on the line.

    Attributes:
        revision: what AT+CGMR tells.
        dialect: how its responses are spelled.
        largest_ping: the largest packet that AT+QPING takes, in bytes (guide 2.2.8, note).
    """

    revision: str
    dialect: Dialect
    largest_ping: int = 1500


# Without a firmware being named, the module behaves as the guide writes.
FIRMWARES: Final[Mapping[str, Firmware]] = {
    "guide": Firmware("BC260YCNAAR01A03", STANDARD),
    "R01A02": Firmware("BC260YCNAAR01A02", Dialect(stray_nul=True, ping_ttl=False), largest_ping=200),
    "R01A03": Firmware("BC260YCNAAR01A03", Dialect(stray_nul=True)),
    "R02A01": Firmware("BC260YCNAAR02A01", STANDARD),
}

ECHO_ENDINGS: Final[Mapping[str, bytes]] = {"none": b"", "cr": b"\r", "lf": b"\n", "crlf": b"\r\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(CoverageProfile):
    """What can be set about an emulated module, and about its network: see :class:`CoverageProfile` for that.

    :meth:`of` builds them from plain names, with those of the dialect, the currents and the faults among them.

    Attributes:
        line: what the serial line is: ``"pty"``, ``"tcp"`` or ``"memory"``.
        port: the TCP port of a TCP line on 127.0.0.1; 0 lets the system choose.
        link: a symbolic link to a pty, made anew whenever the pty is.
        baudrate: the module's rate in baud, 10 bits a byte; both directions are slowed down to it. None: the line is as
            fast as the host.
        baudrate_strict: bytes of a DTE whose pty is set to another rate than the module's are garbage, both ways.
        chunk: the module's bytes arrive in pieces of this size.
        chunks: they arrive in pieces of random sizes between these two.
        seed: where every random sequence begins.
        network: the coverage whose conditions hold where none is named: ``"good"``, ``"average"`` or ``"edge"``.
        blackout: the network is silent between these two moments, in seconds from the start.
        cell_lost: there is no cell between these two moments, in seconds from the start.
        names: every name resolves, to an address behind which the host's 127.0.0.1 stands. False: only those of hosts
            that were added to the network.
        any_address: literal addresses lead to the host's 127.0.0.1 or ::1 as well, for programs that hard-code one. No
            packet leaves the loopback interface either way.
        nvram: a file in which the module's NVRAM lasts.
        boot: the module boots once somebody listens, and says so; otherwise it has been running for a while.
        boot_time: how long a boot takes until ``RDY``, in seconds.
        registration_delay: how long the module then takes to register, in seconds.
        firmware: ``"guide"``, ``"R01A02"``, ``"R01A03"`` or ``"R02A01"``.
        sockets: how many connectIDs there are; a module has five.
        imei: the module's serial number.
        address: the module's own address.
        open_timeout: how long opening a socket may take (guide 2.2.2, note 2), in seconds.
        close_after_failure: a connectID whose open failed is blocked until AT+QICLOSE (guide 2.2.2, note 3).
        send_buffer: how much sent data the module keeps until it is acknowledged; ``SEND OK`` waits for room. Bytes.
        send_timeout: how long it waits for that before it says ``SEND FAIL``, in seconds.
        push_window: nothing received is pushed while so much waits on the line; answers come after what is. Bytes.
        answer_delay: how long the module thinks about each command, in seconds; real ones take 0.02 to 0.04.
        completion_delay: how long after their ``OK`` the module says ``SEND OK`` and ``CLOSE OK``, in seconds; URCs may
            come between.
        sleep_after: how long after the last byte the module falls asleep, where AT+QSCLK allows it, in seconds; a real
            one takes 10. None: never by itself.
        light_sleep: the sleep is a light one: no socket is lost, and a bare CR LF answers the command that ends it.
        wake_time: how long waking up takes, in seconds.
        echo_ending: what follows an echo: ``"none"``, ``"cr"``, ``"lf"`` or ``"crlf"``.
        dialect: how the responses are spelled.
        currents: what the radio draws.
        faults: what goes wrong on purpose.
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
    firmware: str = "guide"
    sockets: int = 5
    imei: str = "867997030012345"
    address: str = "10.46.18.102"
    open_timeout: float = 60.0
    close_after_failure: bool = True
    send_buffer: int = 16384
    send_timeout: float = 10.0
    push_window: int = 2048
    answer_delay: float = 0.0
    completion_delay: float = 0.0
    sleep_after: float | None = None
    light_sleep: bool = False
    wake_time: float = 0.3
    echo_ending: str = "none"
    dialect: Dialect = STANDARD
    currents: Currents = field(default_factory=Currents)
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        # The class that `slots` makes is another one than `super()` would look for.
        CoverageProfile.__post_init__(self)
        coverage_figures(self.network)
        self._check("line", self.line in LINES, f"one of {', '.join(LINES)}")
        self._check("firmware", self.firmware in FIRMWARES, f"one of {', '.join(FIRMWARES)}")
        self._check("echo_ending", self.echo_ending in ECHO_ENDINGS, f"one of {', '.join(ECHO_ENDINGS)}")
        self._check("port", 0 <= self.port <= 65535, "0 to 65535")
        self._check("baudrate", self.baudrate is None or self.baudrate > 0, "more than 0")
        self._check("chunk", self.chunk is None or self.chunk > 0, "more than 0")
        self._check("chunks", self.chunks is None or 0 < self.chunks[0] <= self.chunks[1], "two sizes, low and high")
        for name in ("blackout", "cell_lost"):
            span = getattr(self, name)
            is_span = span is None or 0.0 <= span[0] <= span[1] < float("inf")
            self._check(name, is_span, "two moments, from and to")

        self._check("sockets", 1 <= self.sockets <= 256, "1 to 256")
        self._check("push_window", self.push_window > 0, "more than 0")
        self._check("send_buffer", self.send_buffer >= 1024, "1024 or more")

    @property
    def revision(self) -> str:
        """The revision of the firmware, as AT+CGMR shows it."""
        return FIRMWARES[self.firmware].revision

    @property
    def largest_ping(self) -> int:
        """The largest packet that AT+QPING takes, in bytes."""
        return FIRMWARES[self.firmware].largest_ping

    # Plain names

    @classmethod
    def of(cls, **settings: Any) -> Self:
        """Build options from plain names: any field of these, of the dialect, the currents and the faults.

        Raises:
            TypeError: a name is unknown.
            ValueError: a value cannot be.
        """
        return cls().with_settings(**settings)

    def with_settings(self, **settings: Any) -> Self:
        """Return a copy with some options changed: any field of these, of the dialect, the currents and the faults.

        A firmware brings its dialect along, and a network its conditions; what is named besides goes before that.

        Raises:
            TypeError: a name is unknown.
            ValueError: a value cannot be.
        """
        if unknown := settings.keys() - _OWNERS.keys() - _PARTS:
            raise TypeError(f"unknown option: {', '.join(sorted(unknown))}")

        own = {name: value for name, value in settings.items() if _OWNERS.get(name, Options) is Options}
        own = coverage_figures(own.get("network")) | own
        spelling = {name: value for name, value in settings.items() if _OWNERS.get(name) is Dialect}
        drawn = {name: value for name, value in settings.items() if _OWNERS.get(name) is Currents}
        wrong = {name: value for name, value in settings.items() if _OWNERS.get(name) is Faults}
        firmware = FIRMWARES.get(own["firmware"]) if "firmware" in own else None
        dialect = own.pop("dialect", firmware.dialect if firmware else self.dialect)
        currents = own.pop("currents", self.currents)
        faults = own.pop("faults", self.faults)
        for name in ("link", "nvram"):
            if own.get(name) is not None:
                own[name] = os.fspath(own[name])

        return dataclasses.replace(
            self,
            **own,
            dialect=dataclasses.replace(dialect, **spelling),
            currents=dataclasses.replace(currents, **drawn),
            faults=dataclasses.replace(faults, **wrong),
        )

    @staticmethod
    def readers() -> "dict[str, Callable[[str], Any]]":
        """Return, for each plain name, what reads its value from text; it raises ValueError where it cannot."""
        return {name: _CONVERTERS[hint] for name, hint in _HINTS.items()}

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
                settings[name] = _CONVERTERS[_HINTS[name]](text)
            except ValueError as exc:
                raise ValueError(f"{url}: option {name!r} cannot be {text!r}") from exc

        try:
            return cls.of(**settings)
        except ValueError as exc:
            raise ValueError(f"{url}: {exc}") from exc

    def to_url(self) -> str:
        """Return the shortest URL that :meth:`from_url` reads as these options."""
        firmware = FIRMWARES[self.firmware]
        pairs = _differences(self, Options.of(line="memory", network=self.network))
        pairs += [("network", self.network)] if self.network is not None else []
        pairs += _differences(self.dialect, firmware.dialect) + _differences(self.faults, Faults())
        pairs += _differences(self.currents, Currents())
        query = urllib.parse.urlencode([(name, write_value(value)) for name, value in pairs])
        return f"{SCHEME}://?{query}" if query else f"{SCHEME}://"


# The fields of the options that have fields of their own.
_PARTS: Final = frozenset({"dialect", "currents", "faults"})


def _fields(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    names = [one.name for one in dataclasses.fields(kind) if one.init]
    return {name: hints[name] for name in names if name not in _PARTS}


# Which dataclass an option belongs to, and of which type it is.
_OWNERS: Final = {name: kind for kind in (Options, Dialect, Currents, Faults) for name in _fields(kind)}
_HINTS: Final = {name: hint for kind in (Options, Dialect, Currents, Faults) for name, hint in _fields(kind).items()}


def _differences(value: Any, default: Any) -> list[tuple[str, Any]]:
    found = [(name, getattr(value, name)) for name in _fields(type(value))]
    return [(name, one) for name, one in found if one != getattr(default, name)]


# How values are written in a URL


def _read_bool(text: str) -> bool:
    match text.lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
        case _:
            raise ValueError("not a truth value")


def _read_integer(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a whole number")

    return int(text)


def _read_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or number < 0:
        raise ValueError("not a finite number, 0 or more")

    return number


def _read_range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return _read_integer(low), _read_integer(high)


def _read_span(text: str) -> tuple[float, float]:
    begin, _, end = text.partition("-")
    return _read_float(begin), _read_float(end)


def _read_text(text: str) -> str:
    if not text:
        raise ValueError("empty")

    return text


def _or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: None if text == "none" else read(text)


_CONVERTERS: Final[Mapping[Any, Callable[[str], Any]]] = {
    bool: _read_bool,
    int: _read_integer,
    int | None: _or_none(_read_integer),
    float: _read_float,
    float | None: _or_none(_read_float),
    str: _read_text,
    str | None: _read_text,
    tuple[int, int] | None: _or_none(_read_range),
    tuple[float, float] | None: _or_none(_read_span),
    CmeLevel: lambda text: CmeLevel(_read_integer(text)),
}


def write_value(value: Any) -> str:
    """Write the value of an option as it stands in a URL."""
    match value:
        case bool():
            return "1" if value else "0"
        case (float(begin), float(end)):
            return f"{begin:f}-{end:f}"
        case (low, high):
            return f"{low}-{high}"
        case None:
            return "none"
        case CmeLevel():
            return str(int(value))
        case _:
            return str(value)


assert all(kind in _OWNERS for kind in KINDS)
