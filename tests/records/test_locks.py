"""The locks, held by real processes."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from waiting import eventually

from descent.errors import UserError
from descent.records.locks import file_lock, folder_lock

HOLD = """
import sys
from pathlib import Path
from descent.records.locks import file_lock, folder_lock
with {lock}:
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(lock: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a lock until its input ends, or it is killed."""
    command = [sys.executable, "-c", HOLD.format(lock=lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def lock_call(folder: Path) -> str:
    return f"folder_lock(Path({str(folder)!r}), 'taken', wait=False)"


def test_a_locked_folder_is_refused_with_the_message(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    with (
        other_process(lock_call(folder)),
        pytest.raises(UserError, match="a is taken"),
        folder_lock(folder, "a is taken", wait=False),
    ):
        pass


def test_a_locked_folder_is_waited_for_even_if_it_is_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a.unfinished"
    folder.mkdir()

    def wait() -> bool:
        with folder_lock(folder, "waiting", wait=True):
            return (tmp_path / "a").exists()

    with ThreadPoolExecutor(1) as pool, other_process(lock_call(folder)) as process:
        waiting = pool.submit(wait)
        assert eventually(lambda: "waiting" in capsys.readouterr().err)
        folder.rename(tmp_path / "a")
        process.communicate("")
        assert waiting.result(30)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("wait", [True, False])
def test_a_process_that_is_killed_leaves_no_lock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wait: bool
) -> None:
    with other_process(lock_call(tmp_path / "a")) as process:
        process.kill()
        process.wait()
    with folder_lock(tmp_path / "a", "taken", wait=wait):
        assert capsys.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_file_survives_a_move(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("{}")

    def wait() -> None:
        with file_lock(tmp_path / "moved.json"):
            pass

    with ThreadPoolExecutor(1) as pool, other_process(f"file_lock(Path({str(path)!r}))") as process:
        path.rename(tmp_path / "moved.json")
        waiting = pool.submit(wait)
        assert not eventually(waiting.done, seconds=0.3)
        process.kill()
        waiting.result(30)
    assert (tmp_path / "moved.json").read_text() == "{}"


CROWD = """
import os, sys, time, traceback
from pathlib import Path
from descent.records.locks import folder_lock

folder, inside = Path(sys.argv[1]), Path(sys.argv[1]).with_name("inside")

def wait() -> None:
    with folder_lock(folder, "another process has it", wait=True):
        inside.mkdir()  # fails if another is inside
        time.sleep(0.001)
        inside.rmdir()

children = []
for _ in range(int(sys.argv[2])):
    child = os.fork()
    if not child:
        try:
            wait()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
print(sum(code != 0 for code in codes))
"""


def test_of_many_processes_that_wait_each_gets_the_lock_and_one_at_a_time(tmp_path: Path) -> None:
    crowd = subprocess.run(
        [sys.executable, "-u", "-c", CROWD, str(tmp_path / "runs" / "a"), "100"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (crowd.stdout, {*crowd.stderr.splitlines()}) == ("0\n", {"another process has it"})
    assert list((tmp_path / "runs").iterdir()) == []
