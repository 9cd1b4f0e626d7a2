"""The block inside which a route holds."""

import asyncio
from types import TracebackType
from typing import Literal, Self, TypeAlias

from ..sockets.tasks import running_loop
from .loops import RoutedLoop
from .rules import Match, Router, Rule, push, remove

Scope: TypeAlias = Literal["context", "loop"]


class Route:
    """A route over a modem: a context manager, and good for one block."""

    def __init__(
        self, router: Router, match: Match | None = None, scope: Scope = "context", *, exclusive: bool = False
    ) -> None:
        """Create a route; it is in force inside its block.

        Args:
            router: the modem.
            match: returns whether a host and a port are for the modem.
            scope: ``"context"`` or ``"loop"``.
            exclusive: refuse what would go over the host's network.

        Raises:
            ValueError: there is no such scope.
        """
        if scope not in ("context", "loop"):
            raise ValueError(f"scope must be 'context' or 'loop', not {scope!r}")

        self._rule = Rule(router, match, is_exclusive=exclusive)
        self._scope: Scope = scope
        self._has_begun = False

    def __repr__(self) -> str:
        exclusive = " exclusive" if self._rule.is_exclusive else ""
        state = "on" if self._rule.is_on else "over" if self._has_begun else "not begun"
        return f"<Route over {self._rule.router!r} scope={self._scope}{exclusive} {state}>"

    @property
    def is_on(self) -> bool:
        """Whether its block is being run."""
        return self._rule.is_on

    def __enter__(self) -> Self:
        loop = running_loop()
        if self._has_begun:
            raise RuntimeError("a route is good for one block")

        self._has_begun = True
        RoutedLoop.add(self._rule, loop, everywhere=self._scope == "loop")
        if self._scope == "context":
            push(self._rule)

        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A fixture's end may run in another context than its beginning: then the rule stays in that, out of force.
        remove(self._rule)
        assert self._rule.loop is not None
        if (routed_loop := RoutedLoop.of(self._rule.loop)) is not None:
            routed_loop.discard(self._rule)


def routed() -> Router:
    """Return the modem of the route that is asked first here.

    Raises:
        LookupError: there is no route here.
    """
    loop = RoutedLoop.of(asyncio.get_running_loop())
    rules = loop.rules() if loop is not None else []
    if not rules:
        raise LookupError("no modem: pass modem=, or call it inside `with modem.route():`")

    return rules[0].router
