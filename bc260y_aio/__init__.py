"""asyncio sockets over a Quectel BC260Y-CN NB-IoT module."""

# A name is imported when it is first used (PEP 562), so that the command line and the pytest plugin start fast. Type
# checkers read the imports.

import importlib
import typing

if typing.TYPE_CHECKING:
    from .at.information import (
        AckStatus,
        DataFormat,
        DnsServers,
        Registration,
        RegistrationStatus,
        SocketInfo,
        SocketState,
    )
    from .errors import (
        BC260YError,
        CommandError,
        CommandFailed,
        CommandTimeout,
        ConnectionLost,
        ConnectRefused,
        ConnectTimeout,
        ErrorCode,
        HalfCloseNotSupported,
        LocalPortBusy,
        LocalProtocolError,
        ModemClosed,
        ModemNotResponding,
        ModuleRestarted,
        ModuleSlept,
        NoFreeConnectID,
        NotAcknowledged,
        NotRegistered,
        PayloadDamaged,
        PortBusy,
        PortError,
        PortLost,
        PortNotFound,
        ProtocolError,
        ReceiveOverflow,
        RemoteProtocolError,
        ReplayMismatch,
        ResolutionError,
        SendFailed,
        SocketError,
    )
    from .line.profile import Profile
    from .modem.modem import Modem
    from .modem.ping import PingLost, PingResult
    from .modem.power import EdrxSetting, PsmSetting
    from .modem.radio import Cell, NeighbourCell, Operator, PdpContext, Signal
    from .modem.streams import create_connection, create_datagram_endpoint, open_connection, open_datagram_endpoint
    from .routing import Route
    from .sockets.rai import RAI, rai
    from .transports import ModemDatagramTransport, ModemTransport, UnconnectedDatagramTransport
    from .transports.delivery import wait_acked
    from .transports.endpoint import DatagramEndpoint

__all__ = [
    "RAI",
    "AckStatus",
    "BC260YError",
    "Cell",
    "CommandError",
    "CommandFailed",
    "CommandTimeout",
    "ConnectRefused",
    "ConnectTimeout",
    "ConnectionLost",
    "DataFormat",
    "DatagramEndpoint",
    "DnsServers",
    "EdrxSetting",
    "ErrorCode",
    "HalfCloseNotSupported",
    "LocalPortBusy",
    "LocalProtocolError",
    "Modem",
    "ModemClosed",
    "ModemDatagramTransport",
    "ModemNotResponding",
    "ModemTransport",
    "ModuleRestarted",
    "ModuleSlept",
    "NeighbourCell",
    "NoFreeConnectID",
    "NotAcknowledged",
    "NotRegistered",
    "Operator",
    "PayloadDamaged",
    "PdpContext",
    "PingLost",
    "PingResult",
    "PortBusy",
    "PortError",
    "PortLost",
    "PortNotFound",
    "Profile",
    "ProtocolError",
    "PsmSetting",
    "ReceiveOverflow",
    "Registration",
    "RegistrationStatus",
    "RemoteProtocolError",
    "ReplayMismatch",
    "ResolutionError",
    "Route",
    "SendFailed",
    "Signal",
    "SocketError",
    "SocketInfo",
    "SocketState",
    "UnconnectedDatagramTransport",
    "create_connection",
    "create_datagram_endpoint",
    "open_connection",
    "open_datagram_endpoint",
    "rai",
    "wait_acked",
]

# The module of each name.
_HOMES: typing.Final = {
    name: module
    for module, names in {
        "at.information": "AckStatus DataFormat DnsServers Registration RegistrationStatus SocketInfo SocketState",
        "errors": (
            "BC260YError CommandError CommandFailed CommandTimeout ConnectionLost ConnectRefused "
            "ConnectTimeout ErrorCode HalfCloseNotSupported LocalPortBusy LocalProtocolError "
            "ModemClosed ModemNotResponding ModuleRestarted ModuleSlept NoFreeConnectID NotAcknowledged "
            "NotRegistered PayloadDamaged PortBusy PortError PortLost PortNotFound ProtocolError "
            "ReceiveOverflow RemoteProtocolError ReplayMismatch ResolutionError SendFailed SocketError"
        ),
        "line.profile": "Profile",
        "modem.modem": "Modem",
        "modem.ping": "PingLost PingResult",
        "modem.power": "EdrxSetting PsmSetting",
        "modem.radio": "Cell NeighbourCell Operator PdpContext Signal",
        "modem.streams": "create_connection create_datagram_endpoint open_connection open_datagram_endpoint",
        "routing": "Route",
        "sockets.rai": "RAI rai",
        "transports": "ModemDatagramTransport ModemTransport UnconnectedDatagramTransport",
        "transports.delivery": "wait_acked",
        "transports.endpoint": "DatagramEndpoint",
    }.items()
    for name in names.split()
}
_PACKAGES: typing.Final = frozenset(
    {
        *("anyio", "at", "bridge", "cli", "doctor", "emulator", "errors", "fleet", "line", "modem", "port"),
        *("recording", "routing", "sockets", "testing", "tracing", "transports"),
    }
)

if not typing.TYPE_CHECKING:

    def __getattr__(name: str) -> typing.Any:
        if name in _PACKAGES:
            return importlib.import_module(f".{name}", __name__)

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

        value = globals()[name] = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
