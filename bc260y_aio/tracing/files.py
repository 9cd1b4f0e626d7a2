"""Files for recordings and traces: they hold private data, so that only their owner may read them."""

import errno
import os
import stat
from typing import BinaryIO, Final, TextIO

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_OWNER_ONLY: Final = stat.S_IRUSR | stat.S_IWUSR


def create_private(path: str | os.PathLike[str]) -> TextIO:
    """Create an ASCII file that only its owner may read, or replace the content of one.

    Other characters are written as escapes.

    Raises:
        OSError: it cannot be created; or it is a symbolic link, which could lead to another file.
    """
    return open(_open_private(path), "w", encoding="ascii", errors="backslashreplace")


def create_private_binary(path: str | os.PathLike[str]) -> BinaryIO:
    """Do the same for a file of bytes, which are written at once.

    Raises:
        OSError: as :func:`create_private` does.
    """
    return open(_open_private(path), "wb", buffering=0)


def _open_private(path: str | os.PathLike[str]) -> int:
    try:
        descriptor = os.open(path, _FLAGS, _OWNER_ONLY)
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise FileExistsError(
                errno.EEXIST, "it is a symbolic link, which is not followed", os.fspath(path)
            ) from exc

        raise

    # A file that was there keeps its permissions otherwise.
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.fchmod(descriptor, _OWNER_ONLY)

    return descriptor
