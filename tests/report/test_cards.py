from pathlib import Path

import pytest
from conftest import Composed

from descent.errors import UserError
from descent.records.run import RunRecord
from descent.render.run_views import draw
from descent.report.cards import cards
from descent.runs.identity import RunRequest
from descent.runs.train import train

SHORT = ("experiment=noisy_polynomial", "run_dir=runs/noisy_polynomial", "trainer.max_steps=20", "optimizer.lr=0.2")


def test_a_card_is_read_from_the_record(composed: Composed, project: Path) -> None:
    result = train(composed(*SHORT), RunRequest(SHORT))
    record = RunRecord(result.folder)
    with pytest.raises(UserError, match=r"noisy_polynomial has no views; `descent draw .+` draws them$"):
        cards([record], {})
    draw(result.folder)
    (card,) = cards([record], {record.header.id: "ab12", "another": "cd34"})
    assert (card.name, card.article) == ("noisy_polynomial", "000")
    assert card.description == (
        "Source article 000: each of 100 steps fits 10 of the 100 points, drawn anew, and descends on that curve."
    )
    assert (card.result, card.steps, card.metrics) == ("finished", 20, result.metrics)
    assert card.picture == project / "runs" / "noisy_polynomial" / "views" / "descent_small.png"
    assert card.player == (result.folder / "views" / "descent.html").read_text(encoding="utf-8")
    at = f"x = {result.metrics['x']:.4g}"
    assert card.alt == f"The path of noisy_polynomial on the curve of the loss: finished after 20 steps at {at}."
    assert "max_steps: 20" in card.config
    assert card.run_id == "ab12"
    assert card.command == "descent train experiment=noisy_polynomial trainer.max_steps=20 optimizer.lr=0.2"


def test_an_experiment_without_description_and_article_has_a_card(composed: Composed) -> None:
    overrides = ("problem=noisy_polynomial", "data=noisy_polynomial", "trainer.max_steps=2", "name=mine")
    result = train(composed(*overrides), RunRequest(overrides))
    draw(result.folder)
    (card,) = cards([RunRecord(result.folder)], {})
    assert (card.name, card.description, card.article, card.run_id) == ("mine", "", None, None)


def test_cards_keep_the_order_of_the_runs(composed: Composed) -> None:
    runs = [
        RunRecord(train(composed("experiment=noisy_polynomial", "trainer.max_steps=2", f"name={name}")).folder)
        for name in ("b", "a")
    ]
    for run in runs:
        draw(run.folder)
    assert [card.name for card in cards(runs, {})] == ["b", "a"]
    assert cards([], {}) == []


def test_a_command_runs_nothing_else(composed: Composed) -> None:
    overrides = ("experiment=noisy_polynomial", "trainer.max_steps=2", "name=$(ls);ls")
    result = train(composed("experiment=noisy_polynomial", "trainer.max_steps=2"), RunRequest(overrides))
    draw(result.folder)
    (card,) = cards([RunRecord(result.folder)], {})
    assert card.command == "descent train experiment=noisy_polynomial trainer.max_steps=2 'name=$(ls);ls'"
