"""Show the Sphinx roles in docstrings, such as :class:`Modem`, as code with a link in the API reference."""

import re
from typing import Any, Final

from griffe import Extension, Object

_ROLE: Final = re.compile(r":(?:attr|class|data|exc|func|meth|mod|obj):`(~?)(?:[^`<]*<)?!?([\w.]+)>?(?:\(\))?`")
_LITERAL_BLOCK: Final = re.compile(r"::$", re.MULTILINE)


class PlainDocstrings(Extension):
    """Rewrite each docstring as Markdown before it is parsed."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)


def to_markdown(text: str) -> str:
    """Replace Sphinx roles and the marks of literal blocks."""
    return _LITERAL_BLOCK.sub(":", _ROLE.sub(_reference, text))


def _reference(match: re.Match[str]) -> str:
    name = match[2].rpartition(".")[2] if match[1] else match[2].removeprefix("bc260y_aio.")
    return f'<autoref identifier="{match[2]}" optional><code>{name}</code></autoref>'
