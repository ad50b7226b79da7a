from itertools import pairwise

import pytest

from descent.errors import UserError
from descent.tracking.thinning import chosen, thinned


@pytest.mark.parametrize("planned", [0, 1, 2, 3, 10, 11, 12, 19, 20, 21, 1000, 9999])
@pytest.mark.parametrize("points", [2, 3, 10, 11])
def test_evenly_spaced_with_first_and_last(planned: int, points: int) -> None:
    rows = thinned(planned, points)
    assert len(rows) == min(planned, points)
    assert rows[:1] == [0][:planned]
    assert rows[-1:] == [planned - 1][:planned]
    gaps = [after - before for before, after in pairwise(rows)]
    assert not gaps or (min(gaps) >= 1 and max(gaps) - min(gaps) <= 1)
    # Each is the row that is nearest to where it would stand if rows could be divided.
    apart = (planned - 1) / max(1, len(rows) - 1)
    assert all(abs(row - point * apart) <= 0.5 + 1e-9 for point, row in enumerate(rows))


@pytest.mark.parametrize("length", range(51))
@pytest.mark.parametrize("points", [2, 7, 49, 50, 60])
def test_an_early_end_is_a_point_as_well(length: int, points: int) -> None:
    rows = chosen(length, 50, points, ended=True)
    assert len(rows) <= points
    assert len(set(rows)) == len(rows)
    assert rows[-1:] == ([length - 1] if length else [])
    assert set(chosen(length, 50, points, ended=False)) <= set(rows)


def test_one_point_is_too_few() -> None:
    with pytest.raises(UserError, match=r"tracking\.max_points is 1"):
        thinned(10, 1)
