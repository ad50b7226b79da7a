import signal
from pathlib import Path

import pytest
from end_to_end.commands import here, run, started
from end_to_end.sweeps import COMMAND, JOBS, children
from tracking.runs import rows
from waiting import eventually

from descent.records.run import STEPS, RunRecord
from descent.records.sweep import SweepRecord

LENGTH = 4000
SWEEP = (*COMMAND, f"trainer.max_steps={LENGTH}", "trainer.checkpoint_seconds=0", *JOBS)
KILLED = "select name from runs where status = 'KILLED'"


def unfinished(project: Path) -> list[int]:
    """How many steps the checkpoints of runs that have not ended cover."""
    folders = [path.parent.parent for path in project.glob("runs/*.unfinished/record/committed.json")]
    return [len(RunRecord(folder).read(STEPS).rows) for folder in folders]


def finished(project: Path) -> int:
    return len(list(project.glob("runs/*/record/result.json")))


@pytest.mark.services
def test_a_sweep_that_is_killed_and_issued_again_has_every_run_once(project: Path) -> None:
    with started(*SWEEP, cwd=project) as sweep:
        assert eventually(lambda: finished(project) == 2 and any(unfinished(project)), seconds=120)
        sweep.kill()
    (steps,) = unfinished(project)
    assert 0 < steps < LENGTH
    again = here(*SWEEP, cwd=project)
    assert again.returncode == 0, again.stderr
    assert "4 jobs: 1 trained, 1 resumed, 2 finished before, 0 failed" in again.stdout
    assert len(set(children(project))) == len(children(project)) == 4
    assert {status for _, status in children(project)} == {"FINISHED"}
    assert not list(project.glob("runs/*.unfinished"))


@pytest.mark.services
def test_jobs_that_are_trained_together_are_jobs_like_others(project: Path) -> None:
    with started(*SWEEP, "hydra/launcher=fused", cwd=project) as sweep:
        assert eventually(lambda: len(unfinished(project)) >= 3, seconds=120)
        sweep.kill()
    assert all(0 < steps < LENGTH for steps in unfinished(project))
    done = here(*SWEEP, "hydra/launcher=fused", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "4 jobs: 0 trained, 4 resumed, 0 finished before, 0 failed" in done.stdout
    assert len(set(children(project))) == len(children(project)) == 4
    assert {status for _, status in children(project)} == {"FINISHED"}
    # Where they were trained is no part of what they are.
    again = here(*SWEEP, cwd=project)
    assert "4 jobs: 0 trained, 0 resumed, 4 finished before, 0 failed" in again.stdout


def test_a_sweep_that_is_running_is_refused_again_and_ctrl_c_ends_it_in_seconds_as_killed(project: Path) -> None:
    long = (*COMMAND, "trainer.max_steps=200000", "optimizer.lr=1e-4,1e-3")
    with started(*long, cwd=project) as sweep:
        assert eventually(lambda: any(project.glob("runs/*/record/steps.csv")), seconds=120)
        # The same sweep can't be at its jobs twice at once.
        again = run(*long, cwd=project)
        assert again.returncode == 1
        (line,) = again.stderr.splitlines()
        assert line.startswith("descent train: another process is running this sweep (")

        sweep.send_signal(signal.SIGINT)
        assert sweep.wait(timeout=15) == 130
    assert "Traceback" not in (project / "said.txt").read_text()
    (folder,) = (project / "sweeps").iterdir()
    assert SweepRecord(folder).state().status == "KILLED"
    synced = here("descent", "sync", cwd=project)
    assert synced.returncode == 0, synced.stderr
    killed = {str(name) for (name,) in rows(f"sqlite:///{project}/mlflow.db", KILLED)}
    assert SweepRecord(folder).header.name in killed
    jobs = (f"steepest_descent {job.name}" for job in SweepRecord(folder).jobs())
    assert killed <= {SweepRecord(folder).header.name, *jobs}
