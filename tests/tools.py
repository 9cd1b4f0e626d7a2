"""Programs that some tests need, and a machine may not have.

`.ci/run` installs them where it can, and promises those that it has in the variable `BC260Y_TOOLS`: a test that needs
one of these is never skipped, but fails without it.
"""

import os
import shutil
from typing import Final

import pytest

PROMISED: Final = "BC260Y_TOOLS"

# Where Debian has servers, which is not on the path of an ordinary user.
_FURTHER_FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin")


def find(*names: str) -> str | None:
    """Return the path of the first program of these that is installed."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *_FURTHER_FOLDERS))
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def is_lacking(*names: str) -> bool:
    """Return whether none of these programs is installed, and nobody has promised one."""
    promised = os.environ.get(PROMISED, "").split()
    return find(*names) is None and not set(promised).intersection(names)


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip a test where none of these programs is installed, unless it was promised."""
    return pytest.mark.skipif(is_lacking(*names), reason=f"{names[0]} is not installed")
