"""Draw which package of bc260y_aio imports which.

``python -m docs.import_graph`` writes docs/pages/import-graph.svg and docs/pages/import-graph.md.

The drawing leaves out an arrow where other arrows lead to the same place; the table has all of them. Imports count
wherever they stand: at the top of a file, in a function, or for type checking only.
"""

import ast
import graphlib
import html
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[1] / "bc260y_aio"
PAGES: Final = Path(__file__).parent / "pages"

# Modules that export names of all the others, and that start the command line.
ENTRY_POINTS: Final = {"__init__", "__main__"}

Graph = Mapping[str, set[str]]

# In pixels of the drawing.
_WIDTH: Final = 118
_HEIGHT: Final = 34
_ACROSS: Final = 150
_DOWN: Final = 76
_MARGIN: Final = 16

_STYLE: Final = (
    "rect{fill:#e8eaf6;stroke:#3f51b5}text{font:14px monospace;text-anchor:middle;fill:#1a237e}"
    "path{fill:none;stroke:#7986cb;stroke-width:1.4;marker-end:url(#head)}marker path{fill:#7986cb;stroke:none}"
)


def main() -> None:
    """Write both files."""
    for path, text in drawn().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(PACKAGE.parent)}")


def drawn() -> dict[Path, str]:
    """Return what both files have to contain."""
    graph = import_graph()
    return {PAGES / "import-graph.svg": svg(graph), PAGES / "import-graph.md": table(graph)}


# Reading


def import_graph() -> dict[str, set[str]]:
    """Return which packages, directly inside bc260y_aio, each of them imports."""
    graph: dict[str, set[str]] = {}

    for path in sorted(PACKAGE.rglob("*.py")):
        name = package_of(path)
        graph.setdefault(name, set()).update(read_imports(path.read_text(), path.relative_to(PACKAGE).parts[:-1])[0])

    return {name: imports - {name} for name, imports in sorted(graph.items()) if name not in ENTRY_POINTS}


def package_of(path: Path) -> str:
    """Return the package, or the module, directly inside bc260y_aio that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def read_imports(source: str, inside: tuple[str, ...]) -> tuple[set[str], set[str]]:
    """Return what the source of a file imports: packages of bc260y_aio, and modules from outside.

    Args:
        source: the text of the file.
        inside: the packages that the file lies in, from bc260y_aio downwards.
    """
    packages: set[str] = set()
    modules: set[str] = set()

    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                modules |= {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(level=0, module=str(module)):
                modules.add(module.partition(".")[0])
            case ast.ImportFrom(level=level, module=module, names=names):
                above = inside[: len(inside) - level + 1]
                within = (*above, *(module.split(".") if module else ()))
                packages |= {(*within, alias.name)[0] for alias in names}

    return packages, modules


# Arranging


def levels(graph: Graph) -> list[list[str]]:
    """Return the packages by level, from the top: each level imports only lower ones."""
    height: dict[str, int] = {}

    for name in graphlib.TopologicalSorter(graph).static_order():
        height[name] = max((height[other] + 1 for other in graph[name]), default=0)

    return [
        sorted(name for name in graph if height[name] == level) for level in reversed(range(max(height.values()) + 1))
    ]


def reduced(graph: Graph) -> dict[str, set[str]]:
    """Return the graph without the arrows that lead where others lead already."""
    below = {name: set(reachable(graph, name)) for name in graph}
    return {
        name: {other for other in imports if not any(other in below[between] for between in imports - {other})}
        for name, imports in graph.items()
    }


def reachable(graph: Graph, name: str) -> Iterator[str]:
    """Yield what a package imports, directly and indirectly."""
    for other in graph[name]:
        yield other
        yield from reachable(graph, other)


# Writing


def svg(graph: Graph) -> str:
    """Return the drawing."""
    rows = levels(graph)
    width = max(map(len, rows)) * _ACROSS + 2 * _MARGIN
    places: dict[str, tuple[float, float]] = {}

    for row, names in enumerate(rows):
        start = (width - len(names) * _ACROSS) / 2

        for column, name in enumerate(names):
            places[name] = start + (column + 0.5) * _ACROSS, _MARGIN + row * _DOWN + _HEIGHT / 2

    height = len(rows) * _DOWN - (_DOWN - _HEIGHT) + 2 * _MARGIN
    arrows = [_arrow(places[name], places[other]) for name, to in reduced(graph).items() for other in sorted(to)]
    boxes = [_box(name, *place) for name, place in places.items()]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            "<title>Which package imports which</title>",
            f"<style>{_STYLE}</style>",
            '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0 0 8 4 0 8z"/></marker>',
            *arrows,
            *boxes,
            "</svg>\n",
        ]
    )


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = start, end
    y, to_y = y + _HEIGHT / 2, to_y - _HEIGHT / 2
    bend = (to_y - y) / 2
    return f'<path d="M{x:g} {y:g}C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}"/>'


def _box(name: str, x: float, y: float) -> str:
    corner = f'x="{x - _WIDTH / 2:g}" y="{y - _HEIGHT / 2:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"'
    return f'<rect {corner}/><text x="{x:g}" y="{y + 5:g}">{html.escape(name)}</text>'


def table(graph: Graph) -> str:
    """Return the page with all arrows."""
    rows = [
        f"| `{name}` | {_names(graph[name])} | {_names(other for other in graph if name in graph[other])} |"
        for level in levels(graph)
        for name in level
    ]
    arrows = sum(map(len, graph.values()))
    return "\n".join(
        [
            "# Import graph",
            "",
            f"{len(graph)} packages and {arrows} imports between them. `python -m docs.import_graph` makes this page",
            "and the drawing from the code. Imports only go down. The drawing leaves out an arrow where others lead to",
            "the same package; the table has all of them.",
            "",
            "![which package imports which](import-graph.svg)",
            "",
            "| package | imports | imported by |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _names(names: set[str] | Iterator[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


if __name__ == "__main__":
    main()
