"""The calls of the ``socket`` module, shown to a policy before they reach the host's network or its resolver.

An audit hook alone is too late for names: ``connect``, ``sendto``, ``sendmsg`` and ``bind`` resolve a name in C before
they raise their audit event. So the methods and functions themselves are replaced while a policy is installed. An audit
hook stays behind them, for code that kept the original methods: what reaches it for another machine is refused.

Options that send packets by themselves, or tie a socket to an interface, and sockets of packets are refused as well.

Neither sees libraries that make system calls by themselves (uvloop's and other C code's own sockets, ctypes), and
child processes.
"""

import _socket
import errno
import functools
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

from .destinations import host_text, literal
from .local_names import is_elsewhere, is_own_name, name_of, own_addresses, own_rows
from .socket_options import leaving

INTERNET: Final = (socket.AF_INET, socket.AF_INET6)
# Linux's, packet(7): what it sends leaves by an interface, whatever the address.
_PACKETS: Final = getattr(socket, "AF_PACKET", None)

_module: Any = socket
_c_module: Any = _socket


class Policy(Protocol):
    """The interface that decides about calls that would leave this machine."""

    def applies(self) -> bool:
        """Return whether it holds for the code that runs."""

    def refusal(self, what: str) -> OSError:
        """Return the error for something that is not carried.

        Args:
            what: the call and the destination.
        """

    def resolve(self, host: Any, port: Any, family: int, type: int, proto: int) -> list[Any]:
        """Resolve a name of another machine, as ``socket.getaddrinfo`` does.

        Raises:
            socket.gaierror: it has no address, or is not to be asked for.
        """

    def connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a socket to another machine.

        Raises:
            OSError: it cannot be connected, or must not.
        """

    def destination(self, sock: socket.socket, data: Any, address: Any) -> Any:
        """Return the address to which a datagram for another machine is sent instead.

        Raises:
            OSError: it cannot be sent, or must not.
        """


_policies: list[Policy] = []
_originals: dict[tuple[Any, str], tuple[Any, Any]] = {}
_is_hooked = False


def install(policy: Policy) -> None:
    """Show the calls of the socket module to a policy, after those that are installed already."""
    global _is_hooked
    _policies.append(policy)
    if not _originals:
        _replace()

    if not _is_hooked:
        # It cannot be removed.
        _is_hooked = True
        sys.addaudithook(_audit)


def uninstall(policy: Policy) -> None:
    """Remove a policy; with the last one, the socket module gets its own methods and functions back."""
    _policies.remove(policy)
    if _policies:
        return

    for (owner, name), (ours, own) in _originals.items():
        # A wrapper that other code has put over ours stays; ours then calls the original.
        if vars(owner).get(name) is not ours:
            continue

        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)

    _originals.clear()


def _policy() -> Policy | None:
    return next((policy for policy in _policies if policy.applies()), None)


# Replacing


def _replace() -> None:
    for name, method in _METHODS.items():
        _put(socket.socket, name, method(getattr(socket.socket, name)))

    for name, function in _FUNCTIONS.items():
        own = getattr(_c_module, name)
        _put(_c_module, name, function(own))
        _put(_module, name, function(getattr(_module, name)))

    checked = _checked_class(_c_module.socket)
    _put(_c_module, "socket", checked)
    _put(_c_module, "SocketType", checked)
    _put(_module, "SocketType", checked)


def _put(owner: Any, name: str, ours: Any) -> None:
    _originals[owner, name] = ours, vars(owner).get(name)
    setattr(owner, name, ours)


def _checked_class(own: Any) -> Any:
    """Return a class for ``_socket.socket``, whose instances are used without the ``socket`` module."""

    class Instances(type):
        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, own)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, own)

    methods = {name: method(getattr(own, name)) for name, method in _METHODS.items()}
    return Instances("socket", (own,), {**methods, "__module__": "_socket"})


# Methods of sockets


def _deciding(sock: socket.socket, address: Any) -> tuple[Policy | None, Any]:
    """Return the policy that decides about an address, if one does, and the address that the C library may see."""
    match address:
        case (str() | bytes() | bytearray() as host, *rest) if sock.family in INTERNET:
            policy = _policy()
            if policy is None:
                return None, address

            if is_elsewhere(host):
                return policy, address

            return None, (_numeric(host_text(host), sock.family), *rest)
        case _:
            return None, address


def _numeric(host: str, family: int) -> str:
    """Return a host of this machine in digits, so that no resolver is asked."""
    if not is_own_name(host):
        return host

    addresses = own_addresses(host)
    return next((one for one in addresses if (":" in one) == (family == socket.AF_INET6)), addresses[0])


def _connect(own: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(own)
    def connect(self: socket.socket, address: Any, /) -> None:
        policy, address = _deciding(self, address)
        if policy is None:
            own(self, address)
        else:
            policy.connect(self, address)

    return connect


def _connect_ex(own: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(own)
    def connect_ex(self: socket.socket, address: Any, /) -> int:
        policy, address = _deciding(self, address)
        if policy is None:
            return own(self, address)

        try:
            policy.connect(self, address)
        except socket.gaierror:
            raise
        except OSError as exc:
            return exc.errno or errno.EAGAIN

        return 0

    return connect_ex


def _sendto(own: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(own)
    def sendto(self: socket.socket, data: Any, *flags_and_address: Any) -> int:
        *flags, address = flags_and_address or [None]
        policy, address = _deciding(self, address)
        if policy is not None:
            address = policy.destination(self, data, address)

        return own(self, data, *flags, address)

    return sendto


def _sendmsg(own: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(own)
    def sendmsg(self: socket.socket, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None, /) -> int:
        policy, address = _deciding(self, address)
        if policy is not None:
            buffers = [b"".join(bytes(buffer) for buffer in buffers)]
            address = policy.destination(self, buffers[0], address)

        return own(self, buffers, ancdata, flags, address)

    return sendmsg


def _bind(own: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(own)
    def bind(self: socket.socket, address: Any, /) -> None:
        policy, address = _deciding(self, address)
        if policy is not None and literal(host_text(address[0])) is None:
            raise socket.gaierror(socket.EAI_NONAME, f"{host_text(address[0])!r} is no name of this machine")

        own(self, address)

    return bind


def _setsockopt(own: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(own)
    def setsockopt(self: socket.socket, level: int, optname: int, value: Any, *length: int) -> None:
        if (what := leaving(level, optname, value)) is not None and (policy := _policy()) is not None:
            raise policy.refusal(what)

        own(self, level, optname, value, *length)

    return setsockopt


_METHODS: Final[dict[str, Callable[[Any], Any]]] = {
    "connect": _connect,
    "connect_ex": _connect_ex,
    "sendto": _sendto,
    "sendmsg": _sendmsg,
    "bind": _bind,
    "setsockopt": _setsockopt,
}


# Functions that resolve


def _is_name(host: Any) -> bool:
    return isinstance(host, str | bytes | bytearray) and bool(host) and literal(host_text(host)) is None


def _getaddrinfo(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
        policy = _policy() if _is_name(host) else None
        if policy is None:
            return own(host, port, family, type, proto, flags)

        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        if not is_elsewhere(host):
            return own_rows(own, host_text(host), port, family, type, proto, flags)

        if flags & socket.AI_PASSIVE:
            raise socket.gaierror(socket.EAI_NONAME, f"{host_text(host)!r} is no name of this machine")

        return policy.resolve(host, port, family, type, proto)

    return getaddrinfo


def _gethostbyname(own: Callable[..., str]) -> Callable[..., str]:
    @functools.wraps(own)
    def gethostbyname(hostname: Any, /) -> str:
        policy = _policy() if _is_name(hostname) else None
        return own(hostname) if policy is None else _ipv4(policy, hostname)[0]

    return gethostbyname


def _gethostbyname_ex(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def gethostbyname_ex(hostname: Any, /) -> tuple[str, list[str], list[str]]:
        policy = _policy() if _is_name(hostname) else None
        if policy is None:
            return own(hostname)  # type: ignore[no-any-return]

        return host_text(hostname), [], _ipv4(policy, hostname)

    return gethostbyname_ex


def _ipv4(policy: Policy, host: Any) -> list[str]:
    """Return the IPv4 addresses of a name."""
    if is_elsewhere(host):
        return list(dict.fromkeys(row[4][0] for row in policy.resolve(host, 0, socket.AF_INET, socket.SOCK_STREAM, 0)))

    found = [address for address in own_addresses(host_text(host)) if ":" not in address]
    if not found:
        raise socket.gaierror(socket.EAI_ADDRFAMILY, "Address family for hostname not supported")

    return found


def _gethostbyaddr(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def gethostbyaddr(host: Any, /) -> tuple[str, list[str], list[str]]:
        policy = _policy() if isinstance(host, str | bytes | bytearray) and host else None
        if policy is None:
            return own(host)  # type: ignore[no-any-return]

        text = host_text(host)
        address = literal(text)
        if address is None:
            found = _ipv4(policy, host)
            own_address = literal(found[0]) if is_own_name(text) else None
            return (own_address and name_of(own_address)) or text, [], found

        if (name := name_of(address)) is None:
            # No server can be asked for the name of another machine's address: HOST_NOT_FOUND of netdb.h.
            raise socket.herror(1, "Unknown host")

        return name, [], [text]

    return gethostbyaddr


class _OwnCall(threading.local):
    """Whether this thread asks for digits, which asks no server."""

    is_on = False


_own_call: Final = _OwnCall()


def _getnameinfo(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def getnameinfo(sockaddr: Any, flags: int, /) -> tuple[str, str]:
        # A name in its place fails in C without a query.
        is_tuple = isinstance(sockaddr, tuple) and sockaddr and isinstance(sockaddr[0], str)
        address = literal(sockaddr[0]) if is_tuple else None
        if address is None or flags & socket.NI_NUMERICHOST or _policy() is None:
            return own(sockaddr, flags)  # type: ignore[no-any-return]

        name = name_of(address)
        if name is None and flags & socket.NI_NAMEREQD:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        _own_call.is_on = True
        try:
            numeric, service = own(sockaddr, (flags | socket.NI_NUMERICHOST) & ~socket.NI_NAMEREQD)
        finally:
            _own_call.is_on = False

        return name or numeric, service

    return getnameinfo


_FUNCTIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "getaddrinfo": _getaddrinfo,
    "gethostbyname": _gethostbyname,
    "gethostbyname_ex": _gethostbyname_ex,
    "gethostbyaddr": _gethostbyaddr,
    "getnameinfo": _getnameinfo,
}


# Calls that bypass them


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not (_policies and event.startswith("socket.")):
        return

    match event, arguments:
        case ("socket.connect" | "socket.sendto" | "socket.sendmsg", (sock, (host, *_))):
            if sock.family in INTERNET and is_elsewhere(host) and (policy := _policy()) is not None:
                raise policy.refusal(f"{event.removeprefix('socket.')} to {host_text(host)}")
        case ("socket.getaddrinfo" | "socket.gethostbyname" | "socket.gethostbyaddr", (host, *_)):
            if _is_name(host) and is_elsewhere(host) and (policy := _policy()) is not None:
                raise socket.gaierror(socket.EAI_FAIL, f"{event.removeprefix('socket.')} of {host_text(host)}")
            if event == "socket.gethostbyaddr" and is_elsewhere(host) and _policy() is not None:
                raise socket.herror(1, "Unknown host")
        case "socket.getnameinfo", ((str() as host, *_),):
            # The flags are not in the event, so digits cannot be told from a query.
            if not _own_call.is_on and is_elsewhere(host) and _policy() is not None:
                raise socket.gaierror(socket.EAI_FAIL, f"getnameinfo of {host}")
        case "socket.__new__", (_, family, *_):
            if family == _PACKETS and (policy := _policy()) is not None:
                raise policy.refusal("a socket of packets")
