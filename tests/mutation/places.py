"""The mutations that can be made, and a random choice of them.

The operators are those of cosmic-ray, and one that removes a statement. Left out are places that no test should notice:
annotations, blocks for the type checker, log messages, ``__repr__`` and what a subclass has to provide.
"""

import ast
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import cosmic_ray.ast
import cosmic_ray.mutating
import parso
from cosmic_ray.operators.provider import OperatorProvider

FOLDERS: Final = ("at", "line", "sockets", "transports", "routing", "modem", "emulator/module")
PACKAGE: Final = "bc260y_aio"

# An operator of each group is chosen for a third of the mutations. `is` for `==` of what is unique changes nothing.
_CONDITIONS: Final = ("AddNot", "ReplaceComparison", "ReplaceAnd", "ReplaceOr", "ReplaceTrue", "ReplaceFalse", "Not")
_SAME: Final = ("Eq_Is", "NotEq_IsNot", "Is_Eq", "IsNot_NotEq")


class Mutation(NamedTuple):
    """One change of one file.

    Attributes:
        path: the file.
        first: the first of the lines that it changes.
        last: the last of them.
        before: those lines, without the blanks at their ends.
        after: what they become.
        code: the changed file.
    """

    path: str
    first: int
    last: int
    before: str
    after: str
    code: str

    @property
    def folder(self) -> str:
        """The folder of the package that the file is in."""
        return next(folder for folder in FOLDERS if self.path.startswith(f"{PACKAGE}/{folder}/"))


class _Place(NamedTuple):
    path: str
    operator: Any
    occurrence: int
    first: tuple[int, int]
    last: tuple[int, int]


class RemoveStatement:
    """An operator that puts `pass` in place of a call, an assignment to an attribute, a jump or a `raise`."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        if node.type == "simple_stmt" and _can_be_removed(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        removed = node.children[0]
        node.children[0] = parso.python.tree.Keyword("pass", removed.start_pos, removed.get_first_leaf().prefix)
        return node


def _can_be_removed(statement: Any) -> bool:
    match statement.type:
        case "expr_stmt":
            # Without a local name that it assigns, a function fails at once.
            return "." in statement.children[0].get_code() or statement.children[0].type == "atom_expr"
        case "atom_expr" | "raise_stmt" | "del_stmt" | "return_stmt":
            return True
        case "keyword":
            return statement.value in ("return", "break", "continue")
        case _:
            return False


def choose(root: Path, folder: str, count: int, seed: int) -> Iterator[Mutation]:
    """Choose so many mutations of a folder."""
    rng = random.Random(f"{seed} {folder}")
    groups: tuple[dict[Any, list[_Place]], ...] = ({}, {}, {})
    for path in sorted((root / PACKAGE / folder).rglob("*.py")):
        for group, place in _places(path, path.relative_to(root).as_posix()):
            groups[group].setdefault((place.path, place.first, place.last), []).append(place)

    chosen = [rng.choice(found[spot]) for found in groups for spot in _some(rng, found, -(-count // 3))]
    rng.shuffle(chosen)
    yield from filter(_is_worth_it, (_mutate(root, place) for place in chosen[:count]))


def _is_worth_it(mutation: Mutation) -> bool:
    """Leave out what is no Python, and the options of a dataclass."""
    try:
        compile(mutation.code, mutation.path, "exec", dont_inherit=True)
    except SyntaxError:
        return False

    return not mutation.before.startswith("@dataclass")


def _some(rng: random.Random, found: dict[Any, list[_Place]], count: int) -> list[Any]:
    return rng.sample(sorted(found), min(count, len(found)))


def _places(path: Path, name: str) -> Iterator[tuple[int, _Place]]:
    source = path.read_text(encoding="utf-8")
    left_out = list(_left_out(ast.parse(source)))
    # VariableReplacer and VariableInserter need arguments.
    provider = OperatorProvider()
    classes = [
        (operator, provider[operator])
        for operator in provider
        if not operator.startswith("Variable") and not operator.endswith(_SAME)
    ]
    nodes = list(cosmic_ray.ast.ast_nodes(cosmic_ray.ast.get_ast(source)))
    for operator, made in [("RemoveStatement", RemoveStatement), *classes]:
        instance = made()
        occurrence = 0
        for node in nodes:
            for first, last in instance.mutation_positions(node):
                if not any(start <= first and last <= end for start, end in left_out):
                    yield _group(operator), _Place(name, instance, occurrence, first, last)

                occurrence += 1


def _group(operator: str) -> int:
    if operator == "RemoveStatement":
        return 0

    return 1 if operator.startswith(_CONDITIONS) or operator.endswith("_Not") else 2


def _left_out(tree: ast.AST) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(annotation=annotation) | ast.arg(annotation=ast.expr() as annotation):
                yield _span(annotation)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if node.returns is not None:
                    yield _span(node.returns)

                if name == "__repr__":
                    yield _span(node)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield _span(node)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="logger")))):
                yield _span(node)
            case (
                ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar")))
                | ast.Raise(exc=ast.Name(id="NotImplementedError"))
            ):
                yield _span(node)


def _span(node: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _mutate(root: Path, place: _Place) -> Mutation:
    source = (root / place.path).read_text(encoding="utf-8")
    code = cosmic_ray.mutating.mutate_code(source, place.operator, place.occurrence)
    assert code is not None
    first, last = place.first[0], place.last[0]
    before, after = source.splitlines(), code.splitlines()
    end = last + len(after) - len(before)
    return Mutation(
        place.path, first, last, _join(before[first - 1 : last]), _join(after[first - 1 : end]) or "(removed)", code
    )


def _join(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines).strip()
