"""Which tests run which lines, and how long each takes: the tests that a mutation is shown to, nearest first."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from coverage import Coverage

from mutants.mutations import Mutation

CONFIG = """
[run]
parallel = true
patch = subprocess
source_pkgs = descent, hydra_plugins.descent_fused_launcher
data_file = {data}
context = ${{PYTEST_CURRENT_TEST-}}
"""
"""Processes that a test starts have its name in their environment, as pytest puts it there."""
BUDGET = 60.0
"""Seconds of tests, as long as they take unmutated, that a mutation is shown to at most."""


@dataclass(frozen=True)
class Measured:
    """What the unmutated tests ran.

    Args:
        tests: by file and line (0 for the file as a whole), the ids of the tests that ran it.
        seconds: of each test, with what it sets up.
        set_ups: of each file of tests, the seconds of what its tests share.
    """

    tests: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]
    set_ups: dict[str, float]

    def nearest(self, mutation: Mutation, budget: float = BUDGET) -> list[str]:
        """The tests that run the mutated line, those of the file's mirror first, then the quickest.

        A line within a statement runs when a line before it does. What no test runs as far as is known, as all that
        runs when the file is imported, is shown to the tests that run anything of the file.
        """
        of_file = self.tests.get(mutation.path, {})
        line = max((line for line in of_file if 0 < mutation.first < line <= mutation.line), default=0)
        tests = of_file.get(line, [])
        mirror = f"test_{Path(mutation.path).stem}.py"
        chosen: list[str] = []
        for test in sorted(tests, key=lambda test: (mirror not in test, self.duration([test]))):
            if chosen and self.duration([*chosen, test]) > budget:
                break
            chosen.append(test)
        return chosen

    def duration(self, tests: Collection[str]) -> float:
        """How many seconds tests take, with what they share."""
        files = {_file(test) for test in tests}
        return sum(self.seconds.get(test, 0.0) for test in tests) + sum(self.set_ups.get(file, 0.0) for file in files)


def measure(project: Path, folder: Path) -> Measured:
    """Run all tests of a copy of the project under coverage, what is left of it in a folder.

    Raises:
        SystemExit: where a test fails, since then a mutation would not be what it fails of.
    """
    config, data, seconds = folder / "config.ini", folder / "coverage", folder / "seconds.json"
    config.write_text(CONFIG.format(data=data), encoding="utf-8")
    for path in folder.glob("coverage*"):
        path.unlink()
    environment = {**os.environ, "MUTANTS_SECONDS": str(seconds), "PYTHONPATH": f"{project}/src:{project}"}
    tests = ("pytest", "-q", "-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder", "-p", "mutants.timing")
    command = (sys.executable, "-m", "coverage", "run", f"--rcfile={config}", "-m", *tests)
    if subprocess.run(command, cwd=project, env=environment, check=False).returncode:
        sys.exit("the tests fail without a mutation; fix them first")
    return read(project, folder)


def read(project: Path, folder: Path) -> Measured:
    """What `measure` left in a folder."""
    coverage = Coverage(data_file=folder / "coverage", config_file=folder / "config.ini")
    coverage.combine(keep=True)
    data = coverage.get_data()
    times = json.loads((folder / "seconds.json").read_text(encoding="utf-8"))
    tests: dict[str, dict[int, list[str]]] = {}
    for file in (file for file in data.measured_files() if Path(file).is_relative_to(project)):
        lines: defaultdict[int, set[str]] = defaultdict(set)
        for line, contexts in data.contexts_by_lineno(file).items():
            names = {test for context in contexts for test in _tests(context, times["seconds"])}
            lines[line] |= names
            lines[0] |= names
        tests[Path(file).relative_to(project).as_posix()] = {line: sorted(names) for line, names in lines.items()}
    return Measured(tests, **times)


def reuse(project: Path, folder: Path) -> Measured:
    """What `measure` left in a folder, without tests that are gone since, which every mutation would seem to fail."""
    measured = read(project, folder)
    collect = (sys.executable, "-m", "pytest", "--collect-only", "-q")
    there = set(subprocess.run(collect, cwd=project, capture_output=True, text=True, check=False).stdout.splitlines())
    if gone := measured.seconds.keys() - there:
        print(f"{len(gone)} tests are gone since they were measured, such as {min(gone)}", file=sys.stderr)
    tests = {
        path: {line: [name for name in names if name in there] for line, names in lines.items()}
        for path, lines in measured.tests.items()
    }
    seconds = {name: seconds for name, seconds in measured.seconds.items() if name in there}
    return Measured(tests, seconds, measured.set_ups)


def _tests(context: str, every: Iterable[str]) -> list[str]:
    """The ids of the tests that need what ran in a context, `TEST (PHASE)`.

    What one test sets up, others of its file may share.
    """
    test, _, phase = context.strip("|").rpartition(" (")
    if phase != "setup)":
        return [test] if test else []
    return [other for other in every if _file(other) == _file(test)]


def _file(test: str) -> str:
    return test.partition("::")[0]
