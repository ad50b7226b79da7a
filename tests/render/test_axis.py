import numpy as np
import pytest

from descent.render.axis import LINEAR, Axis, linear_axis, loss_axis, tick_label

ENDS = 100.0, 0.0


def assert_ticks(axis: Axis) -> None:
    """Ticks are a few, within the ends, and at the values of their labels."""
    ticks = axis.ticks()
    assert 3 <= len(ticks) <= 8
    coordinates = np.array([tick.coordinate for tick in ticks])
    assert ((coordinates >= min(axis.ends)) & (coordinates <= max(axis.ends))).all()
    values = np.array([float(tick.label.replace("−", "-").replace(",", "")) for tick in ticks])
    np.testing.assert_allclose(axis.to_page(values), coordinates, atol=0.1)


def test_values_are_mapped_linearly_between_the_ends() -> None:
    assert Axis((-1.0, 3.0), ENDS).to_page(np.array([-1.0, 0.0, 3.0, 5.0])).tolist() == [100, 75, 0, -50]


def test_values_that_are_not_finite_have_no_coordinate() -> None:
    assert np.isnan(Axis((0.0, 1.0), ENDS).to_page(np.array([np.nan, np.inf, -np.inf]))).all()


def test_losses_of_several_magnitudes_have_a_logarithmic_axis() -> None:
    axis = loss_axis(np.array([1e-4, 1.0, 1e4]), ENDS)
    np.testing.assert_allclose(axis.to_page(np.array([1e-4, 1.0, 1e4])), [100, 50, 0])
    assert_ticks(axis)


def test_a_loss_of_zero_is_at_the_lower_end_of_a_logarithmic_axis() -> None:
    axis = loss_axis(np.array([1e4, 1.0, 0.0]), ENDS)
    np.testing.assert_allclose(axis.to_page(np.array([1e4, 1.0, 0.0])), [0, 100, 100])


def test_losses_of_both_signs_and_several_magnitudes_have_an_inverse_sinh_axis() -> None:
    losses = np.array([3.0, 1.0, -2.0, 4.0, 3e9])
    axis = loss_axis(losses, ENDS)
    # The median of the absolute losses, 3, is the unit of the inverse hyperbolic sine.
    expected = np.interp(np.arcsinh(losses / 3), np.arcsinh([-2 / 3, 1e9]), [100, 0])
    np.testing.assert_allclose(axis.to_page(losses), expected, atol=1e-9)
    assert_ticks(axis)


@pytest.mark.parametrize("losses", [[1.0, 2.0, 3.0], [-2.0, 3.0, np.nan], [5.0], [0.0, 0.0], [np.nan], []])
def test_other_losses_have_a_linear_axis(losses: list[float]) -> None:
    axis = loss_axis(np.array(losses), ENDS)
    assert axis.scale == LINEAR
    assert axis.values[0] < axis.values[1]
    places = axis.to_page(np.array(losses))
    assert (np.isfinite(places) == np.isfinite(np.array(losses))).all()
    assert ((places >= 0) & (places <= 100))[np.isfinite(places)].all()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_ticks_are_at_the_values_of_their_labels(scale: float) -> None:
    axis = linear_axis(np.array([-1.0, 2.0]) * scale, ENDS)
    assert_ticks(axis)


@pytest.mark.parametrize(
    ("value", "label"),
    [(0.0, "0"), (-2.5, "−2.5"), (1440.2, "1,440"), (1e-29, "1e−29"), (2e12, "2e12"), (1 / 3, "0.333")],
)
def test_a_tick_label_has_three_significant_digits(value: float, label: str) -> None:
    assert tick_label(value) == label
