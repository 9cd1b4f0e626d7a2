"""Linux namespaces for a process without privileges: users, networks, mounts; and the interfaces inside.

The calls are made by ctypes and ioctl, for Python has ``os.unshare`` only from 3.12 on, and has no mount.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
from pathlib import Path
from typing import Final

_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_MS_BIND: Final = 0x1000
_MS_REC: Final = 0x4000
_MS_PRIVATE: Final = 1 << 18

# netdevice(7)
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_SIOCSIFADDR: Final = 0x8916
_SIOCSIFNETMASK: Final = 0x891C
_SIOCSIFMTU: Final = 0x8922
_SIOCADDRT: Final = 0x890B
_IFF_UP: Final = 1
_IFREQ: Final = "16s24s"
# struct rtentry of linux/route.h: padding, destination, gateway, mask, flags, ..., metric, device, ...
_RTENTRY: Final = "L16s16s16sHhLPhPLLH4x"
_RTF_UP: Final = 1


class NoNamespaces(OSError):
    """The kernel, or what confines this process, gives it no namespaces of its own."""


def enter() -> None:
    """Move this process, which must have one thread, into user, network and mount namespaces of its own.

    It keeps its user and group, and has every capability inside until it runs another program.

    Raises:
        NoNamespaces: the kernel refuses.
    """
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWNS):
        raise _refused(ctypes.get_errno())

    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except OSError as exc:
        raise _refused(exc.errno or errno.EPERM) from exc

    # Later mounts are not seen outside.
    _mount(None, "/", _MS_REC | _MS_PRIVATE)


def _refused(number: int) -> NoNamespaces:
    hints = {
        errno.EPERM: "unprivileged user namespaces are switched off (kernel.unprivileged_userns_clone, "
        "kernel.apparmor_restrict_unprivileged_userns), or a container forbids them",
        errno.EACCES: "a security module forbids user namespaces (kernel.apparmor_restrict_unprivileged_userns)",
        errno.ENOSPC: "there are too many user namespaces (user.max_user_namespaces)",
        errno.EINVAL: "the kernel has no user or network namespaces",
        errno.ENOSYS: "the kernel has no namespaces",
    }
    hint = f": {hints[number]}" if number in hints else ""
    return NoNamespaces(number, f"the kernel gives this process no namespaces ({os.strerror(number)}){hint}")


def _mount(source: str | None, target: str, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    encoded = source.encode() if source is not None else None
    if libc.mount(encoded, target.encode(), None, ctypes.c_ulong(flags), None):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def bind_over(path: str, source: str) -> None:
    """Put one file in the place of another, or one folder, for this process and its children.

    Args:
        path: the file that is hidden; a symbolic link is followed.
        source: the file that is seen there.

    Raises:
        OSError: one of them does not exist.
    """
    _mount(os.path.realpath(source), os.path.realpath(path), _MS_BIND)


# Interfaces


def bring_up(name: str) -> None:
    """Bring a network interface up.

    Raises:
        OSError: there is none of the name.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack(_IFREQ, name.encode(), b"")
        (flags,) = struct.unpack_from("H", fcntl.ioctl(sock, _SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), flags | _IFF_UP))


def set_mtu(name: str, size: int) -> None:
    """Set how long the packets of an interface may be, in bytes.

    Raises:
        OSError: there is none of the name, or it takes no such size.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFMTU, struct.pack("16si20x", name.encode(), size))


def set_address(name: str, address: str, mask: str) -> None:
    """Give an interface an IPv4 address.

    Raises:
        OSError: there is none of the name.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFADDR, struct.pack(_IFREQ, name.encode(), _sockaddr(address)))
        fcntl.ioctl(sock, _SIOCSIFNETMASK, struct.pack(_IFREQ, name.encode(), _sockaddr(mask)))


def add_default_route(name: str) -> None:
    """Send everything for other machines to an interface, over IPv4.

    Raises:
        OSError: there is none of the name, or it is down.
    """
    device = ctypes.create_string_buffer(name.encode())
    anywhere = _sockaddr("0.0.0.0")
    address = ctypes.addressof(device)
    entry = struct.pack(_RTENTRY, 0, anywhere, anywhere, anywhere, _RTF_UP, 0, 0, 0, 0, address, 0, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCADDRT, entry)


def _sockaddr(address: str) -> bytes:
    return struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
