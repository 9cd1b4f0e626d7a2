"""Every link in the project's texts leads somewhere: files and anchors are looked up, other addresses are only read."""

import re
import tomllib
import urllib.parse
from pathlib import Path
from typing import Final

import pytest

from tests.docs.snippets import ROOT

PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCE: Final = PROJECT["urls"]["Source"]
PAGES: Final = ROOT / "docs/pages"

TEXTS: Final = sorted(
    [
        *ROOT.glob("*.md"),
        *(path for folder in ("benchmarks", "docs/pages", "examples", "findings", "tests") for path in
          (ROOT / folder).rglob("*.md")),
    ]
)  # fmt: skip

# Read away from the repository: on PyPI, and in the built documentation.
READ_ELSEWHERE: Final = (ROOT / "README.md", ROOT / "CHANGELOG.md")

_FENCED: Final = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`[^`\n]*`")
_INLINE: Final = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
_REFERENCE: Final = re.compile(r"^\[[^\]]+\]: (\S+)$", re.MULTILINE)
_HEADING: Final = re.compile(r"^#+ +(.*?)(?: *\{.*\})?$", re.MULTILINE)
_EXTERNAL: Final = re.compile(r"https://(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?(?:/[\w.~!$&'()*+,;=:@%/-]*)?(?:[?#]\S*)?")


def prose(path: Path) -> str:
    """Return a text without its code."""
    return _CODE.sub("`code`", _FENCED.sub("", path.read_text(encoding="utf-8")))


def links(path: Path) -> list[str]:
    """Return the targets of the links and images of a text."""
    text = prose(path)
    return [*_INLINE.findall(text), *_REFERENCE.findall(text)]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a text's headings; GitHub and Python-Markdown make the same ones of plain headings."""
    headings = _HEADING.findall(_FENCED.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def problem(path: Path, link: str) -> str | None:
    """Return what is wrong with a link, or None."""
    target, _, fragment = link.partition("#")
    if urllib.parse.urlsplit(link).scheme:
        inside = re.fullmatch(rf"{re.escape(SOURCE)}/(?:blob|raw|tree)/main/([^#?]*)", target)
        if inside is None:
            return None if _EXTERNAL.fullmatch(link) else "is no plain https address"

        file = ROOT / inside[1]
    else:
        if path in READ_ELSEWHERE and target:
            return "is relative, and this text is read away from the repository, too"

        file = (path.parent / urllib.parse.unquote(target)).resolve() if target else path

    if not file.exists():
        return "leads to no file"

    if path.is_relative_to(PAGES) and not urllib.parse.urlsplit(link).scheme and not file.is_relative_to(PAGES):
        return "leads out of docs/pages, where the built documentation has nothing"

    return None if not fragment or fragment in anchors(file) else "leads to no heading"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    assert {link: wrong for link in links(path) if (wrong := problem(path, link))} == {}


def test_the_addresses_of_the_project_are_read_too() -> None:
    assert {link: wrong for link in PROJECT["urls"].values() if (wrong := problem(ROOT / "README.md", link))} == {}


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        ("docs/pages/index.md", "is relative, and this text is read away from the repository, too"),
        (f"{SOURCE}/blob/main/docs/pages/coverage.md#bounds", None),
        (f"{SOURCE}/blob/main/docs/pages/coverage.md#no-such-heading", "leads to no heading"),
        (f"{SOURCE}/blob/main/docs/pages/missing.md", "leads to no file"),
        ("https://www.python.org/dev/", None),
        ("http://www.python.org/", "is no plain https address"),
        ("https://www python.org/", "is no plain https address"),
    ],
)
def test_a_wrong_link_is_noticed(link: str, wrong: str | None) -> None:
    assert problem(ROOT / "README.md", link) == wrong


def test_links_are_found_in_prose_and_not_in_code(tmp_path: Path) -> None:
    text = tmp_path / "text.md"
    text.write_text(
        "[a](b.md) ![c](d.png) `[no](x.md)` [`code`](e.md#f)\n\n```md\n[no](y.md)\n```\n\n[r]: https://g.example/\n"
    )
    assert links(text) == ["b.md", "d.png", "e.md#f", "https://g.example/"]
