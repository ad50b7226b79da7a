import numpy as np
import pytest

from descent.render.axis import LINEAR, Axis, linear_axis, loss_axis, tick_label

ENDS = 100.0, 0.0


def test_values_lie_where_they_are_between_the_ends() -> None:
    assert Axis((-1.0, 3.0), ENDS).at(np.array([-1.0, 0.0, 3.0, 5.0])).tolist() == [100, 75, 0, -50]


def test_what_is_not_finite_lies_nowhere() -> None:
    assert np.isnan(Axis((0.0, 1.0), ENDS).at(np.array([np.nan, np.inf, -np.inf]))).all()


def test_losses_of_several_magnitudes_are_as_far_apart_as_their_logarithms() -> None:
    axis = loss_axis(np.array([1e-4, 1.0, 1e4]), ENDS)
    np.testing.assert_allclose(axis.at(np.array([1e-4, 1.0, 1e4])), [100, 50, 0])
    assert [tick.label for tick in axis.ticks()][-1] in ("10,000", "1,000", "100")


def test_a_loss_of_zero_lies_at_the_lower_end_of_logarithms() -> None:
    axis = loss_axis(np.array([1e4, 1.0, 0.0]), ENDS)
    np.testing.assert_allclose(axis.at(np.array([1e4, 1.0, 0.0])), [0, 100, 100])


def test_losses_of_both_signs_and_several_magnitudes_stay_apart() -> None:
    losses = np.array([3.0, 1.0, -2.0, 4.0, 3e9])
    axis = loss_axis(losses, ENDS)
    assert axis.at(np.array([-2.0, 3e9])) == pytest.approx([100, 0])
    assert axis.at(np.array([1.0])) - axis.at(np.array([4.0])) > 3
    assert [tick.label for tick in axis.ticks()] != []


@pytest.mark.parametrize("losses", [[1.0, 2.0, 3.0], [-2.0, 3.0, np.nan], [5.0], [0.0, 0.0], [np.nan], []])
def test_other_losses_spread_evenly(losses: list[float]) -> None:
    axis = loss_axis(np.array(losses), ENDS)
    assert axis.scale == LINEAR
    assert axis.values[0] < axis.values[1]
    places = axis.at(np.array(losses))
    assert (np.isfinite(places) == np.isfinite(np.array(losses))).all()
    assert ((places >= 0) & (places <= 100))[np.isfinite(places)].all()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_ticks_stand_at_the_values_they_say(scale: float) -> None:
    axis = linear_axis(np.array([-1.0, 2.0]) * scale, ENDS)
    ticks = axis.ticks()
    assert 3 <= len(ticks) <= 8
    values = np.array([float(tick.label.replace("−", "-").replace(",", "")) for tick in ticks])
    np.testing.assert_allclose(axis.at(values), [tick.at for tick in ticks], atol=0.1)


@pytest.mark.parametrize(
    ("value", "label"),
    [(0.0, "0"), (-2.5, "−2.5"), (1440.2, "1,440"), (1e-29, "1e−29"), (2e12, "2e12"), (1 / 3, "0.333")],
)
def test_a_tick_is_read_in_three_figures(value: float, label: str) -> None:
    assert tick_label(value) == label
