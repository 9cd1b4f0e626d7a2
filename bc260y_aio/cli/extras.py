"""Optional dependencies: the packages of the extra ``cli``, and what to install if one is missing."""

import importlib.util

__all__ = ["MissingExtra", "is_installed", "require"]


class MissingExtra(ImportError):
    """Raised when a command needs a package of an extra that is not installed."""


def is_installed(module: str) -> bool:
    """Return whether a module can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def require(module: str, what: str, *, extra: str = "cli") -> None:
    """Check that a package of an extra is installed.

    Args:
        module: the module to import.
        what: the feature that needs it, for the message.
        extra: the extra.

    Raises:
        MissingExtra: the package is not installed; the message says how to install it.
    """
    if not is_installed(module):
        package = module.replace("_", "-")
        raise MissingExtra(f"{what} needs the package {package}: pip install 'bc260y-aio[{extra}]'", name=module)
