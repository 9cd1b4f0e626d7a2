"""Two checkouts side by side: the tables that benchmarks print are read, and their figures compared."""

from pathlib import Path

from benchmarks import beside
from benchmarks.common import Table

PRINTED = """**An echo**

|        | time, µs | of TCP |
| ------ | -------: | -----: |
| raw    |    1,190 |   0.99 |
| ours   |      293 |  1.8 % |
| theirs |        - |   busy |

Notes.
"""


def test_figures_are_read_by_row_and_column() -> None:
    assert beside.read_figures(PRINTED) == {
        ("raw", "time, µs"): 1190.0,
        ("raw", "of TCP"): 0.99,
        ("ours", "time, µs"): 293.0,
        ("ours", "of TCP"): 1.8,
    }


def test_columns_of_the_same_name_are_named_after_the_one_before() -> None:
    printed = "| | time | of raw | CPU | of raw |\n| - | -: | -: | -: | -: |\n| ours | 3 | 1.5 | 2 | 1.7 |"

    assert beside.read_figures(printed) == {
        ("ours", "time"): 3.0,
        ("ours", "time, of raw"): 1.5,
        ("ours", "CPU"): 2.0,
        ("ours", "CPU, of raw"): 1.7,
    }


def test_the_other_checkout_runs_the_programs_of_this_one_where_its_package_has_what_they_need(tmp_path: Path) -> None:
    root, bare = Path(beside.__file__).parents[1], tmp_path / "bare"
    (bare / "bc260y_aio").mkdir(parents=True)
    (bare / "bc260y_aio" / "__init__.py").touch()
    for name in "ab":
        (tmp_path / name).mkdir()

    assert beside.overlay(tmp_path / "a", root, "parse") == (tmp_path / "a", True)
    assert beside.overlay(tmp_path / "b", bare, "parse") == (bare, False)


def test_the_table_has_medians_and_the_median_of_the_ratios_of_each_round() -> None:
    here = [{("a", "x"): 2.0, ("new", "x"): 1.0}, {("a", "x"): 4.0, ("new", "x"): 1.0}, {("a", "x"): 9.0}]
    there = [{("a", "x"): 4.0}, {("a", "x"): 4.0}, {("a", "x"): 10.0}]

    assert beside.compare("it", here, there).rows == [["a / x", "4", "4", "0.90"]]


def test_a_benchmark_of_a_checkout_runs_in_that_checkout(tmp_path: Path) -> None:
    package = tmp_path / "benchmarks"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "tiny.py").write_text("print('|  | n |\\n| - | -: |\\n| here | 7 |')")

    assert beside.run(tmp_path, "tiny", brief=True) == {("here", "n"): 7.0}
    assert isinstance(beside.compare("tiny", [{("here", "n"): 7.0}], [{("here", "n"): 0.0}]), Table)
