import json
import random
from pathlib import Path

import pytest
from coverage import CoverageData

from mutants.__main__ import Trial, equivalents, report
from mutants.measured import CONFIG, Measured, read, reuse
from mutants.mutations import Mutation, mutations

ROOT = Path(__file__).parents[1]


def changes(source: str) -> set[str]:
    """What the mutations of a source make of it."""
    return {mutation.applied_to(source.encode()).decode() for mutation in mutations("a.py", source.encode())}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a <= b", {"a < b"}),
        ("a is  not b", {"a is  b"}),
        ("a not in b", {"a in b"}),
        ("a and b", {"a or b"}),
        ("not a", {"(a)"}),
        ("a ** b", {"a * b"}),
        ("a + 'text'", set()),
        ("a[3]", {"a[4]"}),
        ("a = 0.5", {"a = 1.0"}),
        ("a = True", {"a = False"}),
        ("a if b else c", {"(a)", "(c)"}),
        ("min(a)", {"max(a)", "pass"}),
        ("a.b = c", {"pass"}),
        ("a -= b", {"pass"}),
        ("f(a, b=c)", {"f(a)", "pass"}),
        ("f(a, color=c)", {"pass"}),
        ("a = b, c", {"a = c,", "a = b,"}),
        ("a = {b: c, d: e}", {"a = {d: e}", "a = {b: c}"}),
        ("if a: b", {"if True: b", "if False: b"}),
        ("[a for a in b if c]", {"[a for a in b if True]", "[a for a in b if False]"}),
        ("raise a", {"pass"}),
        ("a = (b, c,)", {"a = (c,)", "a = (b,)"}),
        ("a = [b, c]", {"a = [c]", "a = [b]"}),
        ("f(b=c,)", {"f()", "pass"}),
        ("with a, b as c: d", {"with b as c: d"}),
        ("with a: b", {"with __import__('contextlib').nullcontext(): b"}),
    ],
)
def test_code_is_made_wrong_in_one_place_at_a_time(source: str, expected: set[str]) -> None:
    squeezed = {" ".join(code.split()) for code in changes(source)}
    assert squeezed == {" ".join(code.split()) for code in expected}


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring with 1 < 2."""',
        "a: Literal[1, 2]",
        "A = typing.Literal[1, 2]",
        "def f(a: int | None) -> dict[str, int]: ...",
        "from a import b",
        "if TYPE_CHECKING: a = 1",
        "assert a < 1",
        'f"{a + 1}"',
        "@cache(size=1)\ndef f(): ...",
        "{'color': 1}",
        "a = new_figure(8, height=6)",
    ],
)
def test_texts_types_and_checks_are_left_alone(source: str) -> None:
    assert changes(source) == set()


def test_a_change_is_shown_with_what_is_around_it() -> None:
    source = f"f({', '.join(['argument'] * 20)}, 1, {', '.join(['argument'] * 20)})"
    (mutation,) = (mutation for mutation in mutations("a.py", source.encode()) if mutation.code == "2")
    assert (mutation.was.count("argument"), mutation.was[0], mutation.was[-1]) == (12, "…", "…")
    assert mutation.became == mutation.was.replace(" 1,", " 2,")


def test_a_default_is_shown_to_all_tests_of_its_file_and_a_body_to_those_that_run_it() -> None:
    source = b"def f(a=1):\n    return 2\n"
    assert [(mutation.code, mutation.first) for mutation in mutations("a.py", source)] == [("2", 0), ("3", 1)]


def test_a_mutation_of_the_package_is_python_again() -> None:
    paths = sorted((ROOT / "src").rglob("*.py"))
    every = [(path, mutation) for path in paths for mutation in mutations(path.name, path.read_bytes())]
    for path, mutation in random.Random(0).sample(every, 500):
        source = path.read_bytes()
        code = mutation.applied_to(source)
        assert code != source
        compile(code, path.name, "exec")
        assert mutation.was != mutation.became


def at(line: int, first: int) -> Mutation:
    return Mutation("src/descent/a.py", line, first, 0, 1, "b", "a", "b")


def test_a_mutation_is_shown_to_the_tests_that_run_it_the_mirror_first_and_then_the_quickest() -> None:
    seconds = {"tests/test_b.py::slow": 9.0, "tests/test_b.py::quick": 1.0, "tests/test_a.py::mirror": 5.0}
    measured = Measured({"src/descent/a.py": {0: list(seconds), 7: list(seconds), 8: list(seconds)[:1]}}, seconds, {})
    assert measured.nearest(at(7, first=5)) == [
        "tests/test_a.py::mirror", "tests/test_b.py::quick", "tests/test_b.py::slow",
    ]  # fmt: skip
    assert measured.nearest(at(8, first=5)) == ["tests/test_b.py::slow"]
    assert measured.nearest(at(9, first=5)) == ["tests/test_b.py::slow"]  # within the statement before
    assert len(measured.nearest(at(20, first=19))) == len(seconds)  # in a function that no test is seen to run
    assert len(measured.nearest(at(1, first=0))) == len(seconds)  # a constant, which runs when the file is imported
    assert measured.nearest(at(7, first=5), budget=6.0) == ["tests/test_a.py::mirror", "tests/test_b.py::quick"]


def test_what_tests_share_is_set_up_once_for_all_of_them_that_a_mutation_is_shown_to() -> None:
    seconds = {"tests/test_b.py::one": 1.0, "tests/test_b.py::two": 1.0, "tests/test_c.py::three": 5.0}
    measured = Measured({"src/descent/a.py": {7: list(seconds)}}, seconds, {"tests/test_b.py": 10.0})
    assert measured.duration(seconds) == 17
    assert measured.nearest(at(7, first=5)) == [
        "tests/test_c.py::three", "tests/test_b.py::one", "tests/test_b.py::two",
    ]  # fmt: skip
    assert measured.nearest(at(7, first=5), budget=15.0) == ["tests/test_c.py::three"]
    assert measured.nearest(at(7, first=5), budget=16.0) == ["tests/test_c.py::three", "tests/test_b.py::one"]


def test_the_table_counts_what_matters_and_lists_what_was_not_noticed() -> None:
    outcomes = ["noticed"] * 3 + ["missed", "equivalent"]
    lines = report([Trial(at(7, 5), outcome, "no one reads it", 1.0) for outcome in outcomes]).splitlines()
    assert "| all | 5 | 3 | 1 | 1 | 75.0% |" in lines
    assert lines[-2:] == ["| descent/a.py:7 | `a` | `b` | no one reads it |"] * 2


def test_what_is_said_to_be_equivalent_is_a_mutation_that_there_is() -> None:
    for path, was, became in equivalents():
        found = mutations(path, (ROOT / path).read_bytes())
        assert (was, became) in {(mutation.was, mutation.became) for mutation in found}, (path, was, became)


def measured_in(folder: Path, *contexts: str) -> list[str]:
    """What a measurement may leave in a folder: of three tests, in two files, and of a line for each context."""
    tests = ["tests/test_a.py::test_one", "tests/test_a.py::test_two", "tests/test_b.py::test_three"]
    source = folder / "src" / "descent" / "a.py"
    source.parent.mkdir(parents=True)
    source.write_text("1\n2\n3\n4\n")
    data = CoverageData(str(folder / "coverage"), suffix="1")
    for line, context in enumerate(contexts, start=2):
        data.set_context(context)
        data.add_lines({str(source): [line]})
    data.write()
    (folder / "config.ini").write_text(CONFIG.format(data=folder / "coverage"))
    seconds = {"seconds": dict.fromkeys(tests, 1.0), "set_ups": {"tests/test_a.py": 1.0}}
    (folder / "seconds.json").write_text(json.dumps(seconds))
    return tests


def test_what_one_test_sets_up_others_of_its_file_are_shown_as_well(tmp_path: Path) -> None:
    one, two = (f"tests/test_a.py::test_{name}" for name in ("one", "two"))
    measured_in(tmp_path, f"{one} (setup)", f"{two} (call)", "")
    assert read(tmp_path, tmp_path).tests == {"src/descent/a.py": {0: [one, two], 2: [one, two], 3: [two], 4: []}}


def test_tests_that_are_gone_since_they_were_measured_are_not_taken_for_tests_that_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, three = measured_in(tmp_path, "")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("def test_one(): ...\ndef test_two(): ...\n")
    measured = reuse(tmp_path, tmp_path)
    assert measured.seconds == {one: 1, two: 1}
    assert not any(three in tests for lines in measured.tests.values() for tests in lines.values())
    assert capsys.readouterr().err == f"1 tests are gone since they were measured, such as {three}\n"
    (tmp_path / "tests" / "test_b.py").write_text("def test_three(): ...\n")
    assert reuse(tmp_path, tmp_path).seconds == {one: 1, two: 1, three: 1}
