"""Reports of the module about its radio and itself: signal, cell, operator, PDP contexts, battery voltage."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ..at import levels
from ..at.responses import Text
from ..at.syntax import Malformed, Parameters
from ..errors import CommandFailed, RemoteProtocolError
from ..line.turns import Answer, Turn
from ..sockets.addresses import readable_address
from .core import ModemCore
from .startup import StartupSettings

# The power in the line of the serving cell where it is not known.
_UNKNOWN_TX_POWER: Final = -128
# The place of the tracking area in the line of the serving cell.
_AREA: Final = 10


@dataclass(frozen=True, slots=True)
class Signal:
    """How well the module receives its cell: ``AT+CSQ`` and ``AT+CESQ`` (AT manual 4.1, 4.2). None is unknown.

    Attributes:
        rssi_dbm: received signal strength, in dBm.
        rsrp_dbm: reference signal received power, in dBm. Sending wants -115 or more.
        rsrq_db: reference signal received quality, in dB. Sending wants -10 or more.
        bit_error_rate: RxQual, 0 to 7.
    """

    rssi_dbm: int | None = None
    rsrp_dbm: int | None = None
    rsrq_db: float | None = None
    bit_error_rate: int | None = None


@dataclass(frozen=True, slots=True)
class NeighbourCell:
    """A cell beside the serving one.

    Attributes:
        earfcn: its frequency, as a channel number.
        pci: its physical cell ID.
        rsrp_dbm: its power, in dBm.
        rsrq_db: its quality, in dB.
    """

    earfcn: int | None = None
    pci: int | None = None
    rsrp_dbm: int | None = None
    rsrq_db: int | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """The serving cell: ``AT+QENG=0`` (AT manual 4.8). None is unknown.

    Attributes:
        earfcn: its frequency, as a channel number.
        pci: its physical cell ID.
        cell_id: its ID, in hexadecimal.
        tracking_area: its tracking area code, in hexadecimal; firmware before R02A01 reports it in decimal, unquoted.
        band: its band.
        rsrp_dbm: its power, in dBm.
        rsrq_db: its quality, in dB.
        rssi_dbm: received signal strength, in dBm; firmware before R02A01 does not measure it.
        snr_db: signal to noise ratio, in dB.
        coverage_level: coverage enhancement level, 0 to 2, while the radio is connected.
        tx_power_cbm: transmit power, in cBm.
        operation_mode: 0 in-band with the same PCI, 1 in-band with another, 2 guard band, 3 stand-alone.
        neighbours: the cells beside it.
    """

    earfcn: int | None = None
    pci: int | None = None
    cell_id: str = ""
    tracking_area: str = ""
    band: int | None = None
    rsrp_dbm: int | None = None
    rsrq_db: int | None = None
    rssi_dbm: int | None = None
    snr_db: int | None = None
    coverage_level: int | None = None
    tx_power_cbm: int | None = None
    operation_mode: int | None = None
    neighbours: tuple[NeighbourCell, ...] = ()


@dataclass(frozen=True, slots=True)
class Operator:
    """The network that is selected: ``AT+COPS?`` (AT manual 6.2).

    Attributes:
        mode: how it is selected: 0 automatically, 1 by hand, 2 not at all, 4 by hand and then automatically.
        number: country and network code, such as ``"46000"``; empty when none is selected.
        access_technology: 9 is NB-IoT; None when none is selected.
    """

    mode: int
    number: str = ""
    access_technology: int | None = None


@dataclass(frozen=True, slots=True)
class PdpContext:
    """A PDP context: ``AT+CGDCONT?``, ``AT+CGACT?`` and ``AT+CGPADDR?`` (AT manual 4.5, 5.1, 5.2).

    Attributes:
        context_id: its number; 0 is the default one.
        type: ``"IP"``, ``"IPV6"``, ``"IPV4V6"`` or ``"NON-IP"``; empty where the module does not report it.
        apn: its access point name.
        is_active: whether it is active; None where the module does not report it.
        addresses: the module's addresses in it.
    """

    context_id: int
    type: str = ""
    apn: str = ""
    is_active: bool | None = None
    addresses: tuple[str, ...] = field(default=())


class RadioStatus(ModemCore):
    """Reports of the module about its radio and itself."""

    async def signal(self) -> Signal:
        """Return how well the module receives its cell (AT manual 4.1, 4.2).

        Raises:
            CommandFailed: the module did not report it.
            RemoteProtocolError: its report cannot be understood.
        """
        async with self._channel.turn() as turn:
            return await query_signal(turn, self._settings)

    async def cell(self) -> Cell:
        """Return the serving cell and its neighbours (AT manual 4.8).

        Raises:
            CommandFailed: the module has no service, sleeps in PSM, or does not know the command.
            RemoteProtocolError: its report cannot be understood.
        """
        line = "AT+QENG=0"
        async with self._channel.turn() as turn:
            lines = _read_values(await self._settings.execute_verbatim(turn, line), line)

        rows = [_strings(values, line) for values in lines]
        serving = next((row for row in rows if row[:1] == ["0"]), None)
        if serving is None:
            raise CommandFailed(line, text="OK, but no serving cell")

        is_quoted = lines[rows.index(serving)].is_quoted(_AREA)

        earfcn, _, pci, cell_id, rsrp, rsrq, rssi, snr, band, area, level, power, mode = _padded(serving[1:], 13)
        # Firmware that does not measure it writes 99, or a number of another scale.
        tx_power, strength = _number(power), _number(rssi)
        neighbours = (_padded(row[1:], 4) for row in rows if row[:1] == ["1"])
        return Cell(
            earfcn=_number(earfcn),
            pci=_number(pci),
            cell_id=cell_id,
            tracking_area=area if is_quoted or not area.isdecimal() else f"{int(area):04X}",
            band=_number(band),
            rsrp_dbm=_number(rsrp),
            rsrq_db=_number(rsrq),
            rssi_dbm=strength if strength is not None and strength < 0 else None,
            snr_db=_number(snr),
            coverage_level=_number(level),
            tx_power_cbm=None if tx_power == _UNKNOWN_TX_POWER else tx_power,
            operation_mode=_number(mode),
            neighbours=tuple(NeighbourCell(*map(_number, row)) for row in neighbours),
        )

    async def operator(self) -> Operator:
        """Return the network that is selected (AT manual 6.2).

        Raises:
            CommandFailed: the module did not report it.
            RemoteProtocolError: its report cannot be understood.
        """
        async with self._channel.turn() as turn:
            rows = await _rows(turn, self._settings, "AT+COPS?")

        if not rows:
            raise CommandFailed("AT+COPS?", text="OK, but no report")

        mode, _, number, technology = _padded(rows[0], 4)
        return Operator(_number(mode) or 0, number, _number(technology))

    async def pdp_contexts(self) -> list[PdpContext]:
        """Return the PDP contexts, in the order of their numbers (AT manual 4.5, 5.1, 5.2).

        Raises:
            CommandFailed: the module reports nothing of them.
            RemoteProtocolError: a report cannot be understood.
        """
        async with self._channel.turn() as turn:
            addresses = await _rows(turn, self._settings, "AT+CGPADDR?")
            definitions = await _optional_rows(turn, self._settings, "AT+CGDCONT?")
            states = await _optional_rows(turn, self._settings, "AT+CGACT?")

        found: dict[int, PdpContext] = {}
        for number in sorted({_number(row[0]) or 0 for row in (*addresses, *definitions, *states) if row}):
            definition = next((row for row in definitions if _number(row[0]) == number), [])
            state = next((row for row in states if _number(row[0]) == number), [])
            _, kind, apn = _padded(definition, 3)
            own = [readable_address(one) for row in addresses if _number(row[0]) == number for one in row[1:] if one]
            active = None if len(state) < 2 else state[1] == "1"
            found[number] = PdpContext(number, kind, apn, active, tuple(own))

        return list(found.values())

    async def battery_mv(self) -> int:
        """Return the supply voltage, in millivolts (AT manual 9.1).

        Raises:
            CommandFailed: the module did not report it.
            RemoteProtocolError: its report cannot be understood.
        """
        async with self._channel.turn() as turn:
            rows = await _rows(turn, self._settings, "AT+CBC")

        # Siblings put the charging state and the level before the voltage.
        voltage = _number(rows[0][-1]) if rows and rows[0] else None
        if voltage is None:
            raise CommandFailed("AT+CBC", text="OK, but no voltage")

        return voltage


async def query_signal(turn: Turn, settings: StartupSettings) -> Signal:
    """Return how well the module receives its cell; see :meth:`RadioStatus.signal`."""
    rows = await _rows(turn, settings, "AT+CSQ")
    rssi, errors = map(_number, _padded(rows[0] if rows else [], 2))
    rows = await _optional_rows(turn, settings, "AT+CESQ")
    rsrq, rsrp = map(_number, _padded(rows[0] if rows else [], 6)[4:])
    return Signal(
        rssi_dbm=levels.rssi_dbm(rssi),
        rsrp_dbm=levels.rsrp_dbm(rsrp),
        rsrq_db=levels.rsrq_db(rsrq),
        bit_error_rate=None if errors == levels.UNKNOWN else errors,
    )


async def _rows(turn: Turn, settings: StartupSettings, line: str) -> list[list[str]]:
    return _read_rows(await settings.execute_verbatim(turn, line), line)


async def _optional_rows(turn: Turn, settings: StartupSettings, line: str) -> list[list[str]]:
    try:
        return await _rows(turn, settings, line)
    except CommandFailed:
        return []


def _read_rows(answer: Answer, line: str) -> list[list[str]]:
    return [_strings(values, line) for values in _read_values(answer, line)]


def _read_values(answer: Answer, line: str) -> list[Parameters]:
    prefix = line[2:].rstrip("?").partition("=")[0] + ":"
    texts = [one.text for one in answer.information if isinstance(one, Text) and one.text.startswith(prefix)]
    return [Parameters(text.removeprefix(prefix).strip()) for text in texts]


def _strings(values: Parameters, line: str) -> list[str]:
    try:
        return [values.string(index) for index in range(len(values))]
    except Malformed as exc:
        raise RemoteProtocolError(f"{line}: {exc}") from exc


def _padded(row: Sequence[str], size: int) -> list[str]:
    return [*row[:size], *[""] * (size - len(row))]


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
