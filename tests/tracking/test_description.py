from pathlib import Path

from tracking.runs import CREATED, ended_record, start

from descent.records.folder import now
from descent.records.run import COMMAND, OVERRIDES
from descent.tracking.description import description_of_experiment, description_of_run
from descent.tracking.saved_view import saved_views
from descent.tracking.store import connect
from descent.tracking.sync import sync

PARAMS = {"experiment": "valley", "optimizer": "adam", "optimizer.lr": "0.1", "problem.start": "[1, 2]", "seed": "3"}
COMMANDS = {COMMAND: "descent train experiment=valley 'problem.start=[1,2]'", OVERRIDES: "experiment=valley"}


def test_a_run_is_described_by_what_it_minimises_what_came_of_it_and_how_it_is_trained_again(tmp_path: Path) -> None:
    record = ended_record(tmp_path / "a", 20, name="valley", problem="valley", params=PARAMS, tags=COMMANDS)
    assert description_of_run(record).split("\n\n") == [
        "Minimises **valley** from \\[1, 2\\] with adam lr=0.1 seed=3.",
        "Finished after 20 steps.",
        "Again: `descent train experiment=valley 'problem.start=[1,2]'`",
    ]


def test_the_description_has_the_losses_and_accuracies_and_the_minimum(tmp_path: Path) -> None:
    record = start(tmp_path / "a", 1, problem="valley")
    record.finish("converged", 1, {"loss/train": 0.123456, "minimum": 2.0, "x": 1.0, "accuracy/test": 0.5})
    assert "Converged after 1 step: loss/train 0.1235, accuracy/test 0.5, minimum 2." in description_of_run(record)


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    record = start(tmp_path / "a", 1, problem="a *b* [c](http://d)", tags={COMMAND: "descent train `e`"})
    text = description_of_run(record)
    assert r"**a \*b\* \[c\](http://d)**" in text
    assert "`descent train e`" in text
    assert r"**a \*b\***" in description_of_experiment("a *b*")


def test_a_run_in_mlflow_has_its_name_its_description_its_source_and_numbers_to_search_by(
    uri: str, tmp_path: Path
) -> None:
    tags = {**COMMANDS, "mlflow.user": "ada", "mlflow.source.name": "descent train", "mlflow.source.type": "LOCAL"}
    fields = {"name": "valley", "problem": "valley", "params": PARAMS | {"tolerance": "1e-4"}, "tags": tags}
    for number, rate in enumerate(("0.1", "0.02")):
        folder = tmp_path / str(number)
        ended_record(folder, 20, **(fields | {"params": fields["params"] | {"optimizer.lr": rate}}))  # type: ignore[operator]
        sync(folder, uri)
    client = connect(uri)
    (experiment,) = client.search_experiments(filter_string="name = 'valley'")
    (fast,) = client.search_runs([experiment.experiment_id], "metrics.`optimizer.lr` > 0.05")
    assert fast.info.run_name == "adam lr=0.1 seed=3"
    assert fast.info.user_id == "ada"
    assert fast.data.params == PARAMS
    assert fast.data.tags["mlflow.source.name"] == "descent train"
    assert fast.data.tags["mlflow.note.content"].startswith("Minimises **valley** from")
    assert "Finished after 20 steps" in fast.data.tags["mlflow.note.content"]
    assert "Runs that minimise **valley**" in experiment.tags["mlflow.note.content"]
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_single_runs_have_a_saved_view_that_finds_them_whatever_the_order_of_their_syncs(
    uri: str, tmp_path: Path
) -> None:
    for number, created in enumerate((CREATED + 7, CREATED, now())):
        ended_record(tmp_path / str(number), 20, problem="valley", created=created)
        sync(tmp_path / str(number), uri)
    (experiment,) = connect(uri).search_experiments(filter_string="name = 'valley'")
    assert saved_views(experiment.tags) == [("single", "valley: single runs", CREATED)]
