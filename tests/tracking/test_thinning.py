from itertools import pairwise

import pytest

from descent.errors import UserError
from descent.tracking.thinning import rows_to_log, thinned_rows


@pytest.mark.parametrize("planned", [0, 1, 2, 3, 10, 11, 12, 19, 20, 21, 1000, 9999])
@pytest.mark.parametrize("points", [2, 3, 10, 11])
def test_rows_are_evenly_spaced_including_the_first_and_the_last(planned: int, points: int) -> None:
    rows = thinned_rows(planned, points)
    assert len(rows) == min(planned, points)
    assert rows[:1] == [0][:planned]
    assert rows[-1:] == [planned - 1][:planned]
    gaps = [after - before for before, after in pairwise(rows)]
    assert not gaps or (min(gaps) >= 1 and max(gaps) - min(gaps) <= 1)
    # Each row is the nearest one to exactly even spacing.
    spacing = (planned - 1) / max(1, len(rows) - 1)
    assert all(abs(row - point * spacing) <= 0.5 + 1e-9 for point, row in enumerate(rows))


@pytest.mark.parametrize("length", range(51))
@pytest.mark.parametrize("points", [2, 7, 49, 50, 60])
def test_the_last_row_of_a_run_that_ended_early_is_logged(length: int, points: int) -> None:
    rows = rows_to_log(length, 50, points, ended=True)
    assert len(rows) <= points
    assert len(set(rows)) == len(rows)
    assert rows[-1:] == ([length - 1] if length else [])
    assert set(rows_to_log(length, 50, points, ended=False)) <= set(rows)


def test_one_point_is_refused() -> None:
    with pytest.raises(UserError, match=r"tracking\.max_points is 1"):
        thinned_rows(10, 1)
