"""Make the package wrong in one place, run the tests that run that place, and count what they notice."""

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import yaml

from mutants.measured import Measured, measure, reuse
from mutants.mutations import Mutation, mutations

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".mutants"
EQUIVALENT = Path(__file__).parent / "equivalent.yaml"
WORKERS = 2


@dataclass(frozen=True)
class Trial:
    """A mutation and what became of it.

    Args:
        mutation: the change.
        outcome: `noticed`, `missed`, `equivalent` (missed, for the reason below) or `not run` by any test.
        reason: why it is equivalent, as mutants/equivalent.yaml says.
        seconds: that its tests took.
    """

    mutation: Mutation
    outcome: str
    reason: str
    seconds: float


def main() -> None:
    """Try a sample of all mutations, print each that is missed, and write the table."""
    parser = argparse.ArgumentParser("python -m mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=400, help="mutations tried (default: %(default)s); 0 for all")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default: %(default)s)")
    parser.add_argument("--only", default="", help="a part of the paths to mutate, such as tracking/sync")
    parser.add_argument("--measured", action="store_true", help="use what was measured of the tests before")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    projects = [_copied(FOLDER / f"copy{number}") for number in range(WORKERS)]
    measured = (reuse if arguments.measured else measure)(projects[0], FOLDER)
    sample = _sample(arguments.only, arguments.sample, arguments.seed)
    trials = []
    for number, trial in enumerate(_tried(sample, measured, projects), start=1):
        trials.append(trial)
        if trial.outcome in ("missed", "not run"):
            print(
                f"{trial.outcome}: {_place(trial.mutation)}: {trial.mutation.was} -> {trial.mutation.became}",
                flush=True,
            )
        if sys.stderr.isatty():
            print(f"\r{number} of {len(sample)}", end="", file=sys.stderr)
    (FOLDER / "trials.json").write_text(json.dumps([asdict(trial) for trial in trials], indent=1), encoding="utf-8")
    print(report(trials))


def _copied(folder: Path) -> Path:
    """A fresh copy of what git tracks, and of what it would track, as it is in the work tree."""
    shutil.rmtree(folder, ignore_errors=True)
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    return folder


def _sample(only: str, size: int, seed: int) -> list[Mutation]:
    """A random sample of the package's mutations, in the order of its files."""
    paths = sorted(path for path in (ROOT / "src").rglob("*.py") if only in path.as_posix())
    every = [mutation for path in paths for mutation in mutations(path.relative_to(ROOT).as_posix(), path.read_bytes())]
    if not size or size >= len(every):
        return every
    chosen = set(random.Random(seed).sample(range(len(every)), size))
    return [mutation for place, mutation in enumerate(every) if place in chosen]


def _tried(sample: Sequence[Mutation], measured: Measured, projects: Sequence[Path]) -> Iterator[Trial]:
    """Each of the sample tried, in its order, by a worker for each copy of the project."""
    workers: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
    reasons = equivalents()

    def attempt(mutation: Mutation) -> Trial:
        tests = measured.nearest(mutation)
        known = reasons.get((mutation.path, mutation.was, mutation.became))
        if not tests:
            return Trial(mutation, "equivalent" if known else "not run", known or "", 0.0)
        worker = workers.get()
        answer = _asked(worker, mutation, tests, limit=30 + 3 * measured.duration(tests))
        workers.put(worker)
        outcome = "noticed" if answer["code"] != 0 else "equivalent" if known else "missed"
        return Trial(mutation, outcome, known or "", answer["seconds"])

    started = [_started(project) for project in projects]
    for worker in started:
        workers.put(worker)
    with ThreadPoolExecutor(len(projects)) as pool:
        yield from pool.map(attempt, sample)
    for worker in started:
        worker.communicate()


def _started(project: Path) -> subprocess.Popen[str]:
    command = ("env", f"PYTHONPATH={project}/src:{ROOT}", "PYTHONDONTWRITEBYTECODE=1", "OMP_NUM_THREADS=1",
               "MLFLOW_DISABLE_TELEMETRY=true", sys.executable, "-m", "mutants.worker", str(project))  # fmt: skip
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _asked(worker: "subprocess.Popen[str]", mutation: Mutation, tests: list[str], limit: float) -> dict[str, Any]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    source = mutation.applied_to((ROOT / mutation.path).read_bytes()).decode()
    request = {"path": mutation.path, "source": source, "tests": tests, "limit": limit}
    print(json.dumps(request), file=worker.stdin, flush=True)
    answer: dict[str, Any] = json.loads(worker.stdout.readline())
    return answer


def equivalents() -> dict[tuple[str, str, str], str]:
    """Why some mutations change nothing that a test should notice, by path, code before and code after."""
    rows = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or []
    return {(row["path"], row["was"], row["became"]): row["reason"] for row in rows}


def report(trials: Sequence[Trial]) -> str:
    """How many were noticed, by folder of the package, in Markdown; and those that were not, with the reason."""
    folders = sorted({_folder(trial.mutation) for trial in trials})
    lines = ["| package | tried | noticed | equivalent | missed | noticed of those that matter |", "|---" * 6 + "|"]
    for folder in (*folders, "all"):
        counts = Counter(trial.outcome for trial in trials if folder in ("all", _folder(trial.mutation)))
        tried, missed = counts.total(), counts["missed"] + counts["not run"]
        share = counts["noticed"] / max(1, counts["noticed"] + missed)
        lines.append(f"| {folder} | {tried} | {counts['noticed']} | {counts['equivalent']} | {missed} | {share:.1%} |")
    lines += ["", "| not noticed | was | became | why |", "|---" * 4 + "|"]
    for trial in trials:
        if trial.outcome != "noticed":
            was, became = (code.replace("|", "\\|") for code in (trial.mutation.was, trial.mutation.became))
            lines.append(f"| {_place(trial.mutation)} | `{was}` | `{became}` | {trial.reason or trial.outcome} |")
    return "\n".join(lines)


def _folder(mutation: Mutation) -> str:
    return Path(mutation.path).parent.relative_to("src").as_posix()


def _place(mutation: Mutation) -> str:
    return f"{Path(mutation.path).relative_to('src')}:{mutation.line}"


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"\n{time.monotonic() - started:.0f} s", file=sys.stderr)
