"""Translates pyserial's errors, and checks URLs and rates."""

import contextlib
import errno
import os
import urllib.parse
from collections.abc import Iterator
from typing import Final

from ..errors import PortBusy, PortError, PortLost, PortNotFound

# The exception of termios that pyserial does not translate; only POSIX systems have termios.
TermiosError: type[Exception] = OSError
with contextlib.suppress(ModuleNotFoundError):
    import termios

    TermiosError = termios.error

_WITHOUT_DESCRIPTOR: Final = {"cp2110", "loop", "rfc2217"}

_KINDS: Final[dict[int, type[PortError]]] = {
    errno.ENOENT: PortNotFound,
    errno.ENODEV: PortNotFound,
    errno.ENXIO: PortNotFound,
    errno.ENOTDIR: PortNotFound,
    errno.EACCES: PortBusy,
    errno.EPERM: PortBusy,
    errno.EBUSY: PortBusy,
    errno.EAGAIN: PortBusy,
}

# Where the words of the system do not say what is wrong.
_REASONS: Final = {
    errno.EAGAIN: "another program has it open",
    errno.EACCES: "permission denied; the user may have to join the group of the device, such as dialout",
    errno.ENOTTY: "it is not a serial port",
    errno.EISDIR: "it is a directory, not a serial port",
}

# A server such as ser2net may write why it closes a new connection: so many bytes at most, and within so many seconds.
GREETING_LIMIT: Final = 200
GREETING_TIME: Final = 5.0
# Words of ser2net, and what they mean.
_REFUSALS: Final = {"already in use": PortBusy, "open failure": PortNotFound}


def checked_scheme(url: str) -> str:
    """Return the scheme of a URL, empty for a device path; raise ValueError for one that cannot work."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        return ""

    scheme = scheme.lower()
    if scheme in _WITHOUT_DESCRIPTOR:
        raise ValueError(f"{url}: {scheme}:// has no file descriptor to watch; socket:// reaches a port over a network")

    if scheme == "socket":
        parts = None
        with contextlib.suppress(ValueError):
            parts = urllib.parse.urlsplit(url)
            parts = parts if parts.hostname and parts.port else None

        if parts is None:
            raise ValueError(f"{url}: expected socket://host:port")

    return scheme


def check_baudrate(baudrate: int | None) -> None:
    """Raise ValueError for a rate that is not positive."""
    if baudrate is not None and baudrate <= 0:
        raise ValueError(f"not a rate in baud: {baudrate}")


@contextlib.contextmanager
def translated(what: str, kind: type[PortError] | None = None) -> Iterator[None]:
    """Raise this package's exceptions for pyserial's; a ValueError stays one.

    Args:
        what: what failed, for the message.
        kind: the class to raise; by default it goes by the errno.
    """
    try:
        yield
    except (OSError, ValueError, TermiosError) as exc:
        # pyserial wraps the exception that has the reason.
        why: BaseException = exc
        while _errno(why) is None and not isinstance(why, ValueError) and why.__context__ is not None:
            why = why.__context__

        number = _errno(why)
        if isinstance(why, ValueError):
            raise ValueError(f"{what}: {why}") from exc

        if number is None:
            raise (kind or PortError)(f"{what}: {why}") from exc

        reason = _REASONS.get(number) or os.strerror(number)
        raise (kind or _KINDS.get(number, PortError))(f"{what}: {reason}") from exc


def _errno(exc: BaseException) -> int | None:
    match exc.args:
        case (int(number), _, *_) if number > 0:
            return number

    return None


def refusal(greeting: bytearray | None) -> tuple[type[PortError], str]:
    """Return the exception for a server that closed the connection, and its words for the message.

    Args:
        greeting: everything that the server has written; None or empty where that is no explanation.
    """
    text = " ".join((greeting or bytearray()).decode("latin-1").split())
    if not text or not text.isascii() or not text.isprintable():
        return PortLost, ""

    found = (kind for words, kind in _REFUSALS.items() if words in text.lower())
    return next(found, PortLost), f", after it wrote {text!r}"
