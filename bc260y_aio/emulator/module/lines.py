"""Lines of the manual's commands: a name and its parameters, as an answer or as a URC."""

from dataclasses import dataclass

from ...at.responses import Dialect, Information, Unsolicited


def _write(name: str, fields: str, dialect: Dialect) -> str:
    return f"{name}:{' ' if dialect.space_after_colon else ''}{fields}"


@dataclass(frozen=True, slots=True)
class ParameterLine(Information):
    """An information response: ``+CSQ: 23,0``.

    Attributes:
        name: the name of the command.
        fields: what stands after the colon.
    """

    name: str
    fields: str

    def write(self, dialect: Dialect) -> str:
        return _write(self.name, self.fields, dialect)


@dataclass(frozen=True, slots=True)
class ParameterUrc(Unsolicited):
    """A URC: ``+CEREG: 1``.

    Attributes:
        name: its name.
        fields: what stands after the colon.
    """

    name: str
    fields: str

    def write(self, dialect: Dialect) -> str:
        return _write(self.name, self.fields, dialect)


@dataclass(frozen=True, slots=True)
class BareUrc(Unsolicited):
    """A URC as it stands on the line."""

    text: str

    def write(self, dialect: Dialect) -> str:
        return self.text


def join_fields(*fields: object) -> str:
    """Join fields by commas, without the empty ones at the end."""
    texts = ["" if field is None else str(field) for field in fields]
    while texts and not texts[-1]:
        texts.pop()

    return ",".join(texts)


def quoted(text: str) -> str:
    """Return a string between quotes; an empty one stays empty."""
    return f'"{text}"' if text else ""
