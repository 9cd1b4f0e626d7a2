"""The PDP contexts of a module (manual 5)."""

from dataclasses import dataclass, field
from typing import Final

from .lines import join_fields, quoted
from .mobile_error import MobileError

# The context that the module defines by itself.
DEFAULT_CONTEXT: Final = 0
HIGHEST_CONTEXT: Final = 11


@dataclass(slots=True)
class Context:
    """A PDP context.

    Attributes:
        pdp_type: ``"IP"``, ``"IPV6"``, ``"IPV4V6"`` or ``"NON-IP"``.
        apn: the access point name; empty: the subscribed one.
        numbers: what follows the address in AT+CGDCONT, as it was set.
        is_active: whether it is active.
    """

    pdp_type: str = "IP"
    apn: str = ""
    numbers: tuple[str, ...] = ()
    is_active: bool = False

    def fields(self, address: str = "") -> str:
        """Return its line in AT+CGDCONT?, without the number; only some modules show the address of an active one."""
        shown = quoted(address if self.is_active else "") or ('""' if any(self.numbers) else "")
        return join_fields(f'"{self.pdp_type}"', quoted(self.apn), shown, *self.numbers)


@dataclass(slots=True)
class Contexts:
    """The contexts of a module, by their number.

    Attributes:
        defined: the contexts that are defined.
    """

    defined: dict[int, Context] = field(default_factory=dict)

    def reset(self, pdp_type: str, apn: str) -> None:
        """Forget all contexts but the default one, as a start and deep sleep do."""
        before = self.defined.get(DEFAULT_CONTEXT)
        self.defined = {DEFAULT_CONTEXT: Context(pdp_type, apn, is_active=before is not None and before.is_active)}

    def attach(self) -> None:
        """Activate the default context, as attaching does."""
        self.defined[DEFAULT_CONTEXT].is_active = True

    def detach(self) -> None:
        """Deactivate every context."""
        for context in self.defined.values():
            context.is_active = False

    def activate(self, number: int, *, on: bool) -> None:
        """Activate or deactivate a context.

        Raises:
            MobileError: it is not defined, or the last active one.
        """
        context = self.defined.get(number)
        if context is None:
            raise MobileError(143)

        if not on and context.is_active and sum(one.is_active for one in self.defined.values()) == 1:
            raise MobileError(171)

        context.is_active = on

    @property
    def active(self) -> list[int]:
        """The numbers of the active contexts."""
        return [number for number, context in sorted(self.defined.items()) if context.is_active]
