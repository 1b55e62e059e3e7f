"""Smoothing against loops written from the published formulas."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs.analysis.chart_choices import LEVELS, Kind, Smoothing, parse_smoothing
from tui_runs.analysis.smoothing import smooth
from tui_runs.errors import UsageError

VALUES = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf]), max_size=120)
WEIGHTS = st.floats(0.001, 0.9999)


def tensorboard(values, weight):
    """`resmoothDataset` of TensorBoard's line chart, with its names."""
    last, num_accum, smoothed = 0.0, 0, []
    for next_val in values:
        if not math.isfinite(next_val):
            smoothed.append(next_val)
            continue
        last = last * weight + (1 - weight) * next_val
        num_accum += 1
        smoothed.append(last / (1 - weight**num_accum))
    return smoothed


def wandb_time_weighted(xs, ys, strength):
    """The function in W&B's documentation, with its names."""
    weight = min(math.sqrt(strength), 0.999)
    range_of_x = xs[-1] - xs[0]
    last_y, debias_weight, smoothed = 0.0, 0.0, []
    for index, y in enumerate(ys):
        change_in_x = (xs[index] - xs[max(index - 1, 0)]) / range_of_x * 1000
        adjusted = weight**change_in_x
        last_y = last_y * adjusted + y
        debias_weight = debias_weight * adjusted + 1
        smoothed.append(last_y / debias_weight)
    return smoothed


def windowed(values, weight_at):
    """Every finite value as the mean of the finite ones around it, weighted by how many of them lie between."""
    finite = [value for value in values if math.isfinite(value)]
    means = []
    for place in range(len(finite)):
        weights = [weight_at(abs(place - other)) for other in range(len(finite))]
        means.append(sum(w * v for w, v in zip(weights, finite, strict=True)) / sum(weights))
    rest = iter(means)
    return [next(rest) if math.isfinite(value) else value for value in values]


def check(values, kind, strength, expected, x=None):
    y = np.array(values, float)
    x = np.arange(len(y), dtype=float) if x is None else np.array(x, float)
    found = smooth(x, y, Smoothing(kind, strength))
    size = max((abs(value) for value in values if math.isfinite(value)), default=1.0)
    np.testing.assert_allclose(found, np.array(expected, float), rtol=1e-9, atol=1e-9 * size)


@settings(max_examples=200, deadline=None)
@given(VALUES, WEIGHTS)
def test_ema_is_tensorboards(values, weight):
    check(values, Kind.EMA, weight, tensorboard(values, weight))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(-1e6, 1e6)), min_size=2, max_size=200),
    st.floats(0.001, 0.9999),
)
def test_time_weighted_ema_is_wandbs(points, strength):
    xs = np.cumsum([step for step, _ in points])
    if xs[-1] - xs[0] < 1e-3:
        return
    ys = [y for _, y in points]
    check(ys, Kind.TIME_EMA, strength, wandb_time_weighted(xs.tolist(), ys, strength), xs)


@settings(max_examples=100, deadline=None)
@given(VALUES, st.integers(0, 30))
def test_running_mean(values, half):
    check(values, Kind.MEAN, 2 * half + 1, windowed(values, lambda away: float(away <= half)))


@settings(max_examples=100, deadline=None)
@given(VALUES, st.floats(0.3, 40))
def test_gaussian(values, deviation):
    reach = math.ceil(4 * deviation)
    bell = lambda away: math.exp(-0.5 * (away / deviation) ** 2) if away <= reach else 0.0  # noqa: E731
    check(values, Kind.GAUSSIAN, deviation, windowed(values, bell))


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, math.nan], [3.0], [2.5] * 50, [0.0, 5.0] * 40])
def test_it_keeps_length_gaps_and_constants_and_stays_within_the_values(kind, values):
    y = np.array(values, float)
    x = np.zeros(len(y))  # no time passes at all
    for strength in {Smoothing(Kind.EMA, 0.3).stronger(n).of_kind(kind).strength for n in range(LEVELS)}:
        found = smooth(x, y, Smoothing(kind, strength))
        finite = np.isfinite(y)
        np.testing.assert_array_equal(found[~finite], y[~finite])
        if finite.any():
            assert found[finite].min() >= y[finite].min() - 1e-12
            assert found[finite].max() <= y[finite].max() + 1e-12


def test_the_argument_is_left_as_it_was():
    y = np.array([1.0, math.nan, 3.0, 9.0])
    y.flags.writeable = False  # what polars gives is read-only
    for kind in Kind:
        smooth(np.arange(4.0), y, Smoothing(kind, 0.5))


def test_time_passes_no_faster_where_x_runs_back():
    x = np.array([0, 1, 2, 0, 1, 2], float)
    y = np.array([1, 1, 1, 5, 5, 5], float)
    found = smooth(x, y, Smoothing(Kind.TIME_EMA, 0.9))
    assert np.isfinite(found).all()
    assert ((found >= 1) & (found <= 5)).all()


def test_a_million_points_in_time():
    rng = np.random.default_rng(0)
    x, y = np.cumsum(rng.random(200_000)), rng.standard_normal(200_000)
    found = smooth(x, y, Smoothing(Kind.TIME_EMA, 0.01))
    assert np.abs(found - wandb_time_weighted(x.tolist(), y.tolist(), 0.01)).max() < 1e-9


class TestSteps:
    def test_up_and_down(self):
        strength = Smoothing()
        seen = []
        for _ in range(LEVELS + 2):
            strength = strength.stronger(1)
            seen.append(strength.strength)
        assert seen == sorted(seen)
        assert len(set(seen)) == LEVELS
        for _ in range(LEVELS):
            assert strength
            strength = strength.stronger(-1)
        assert not strength
        assert not strength.stronger(-1)

    def test_kinds_go_round_and_keep_their_level(self):
        start = Smoothing(Kind.EMA, 0.9)
        there = start.of_kind(Kind.MEAN)
        assert (there.label, there.of_kind(Kind.EMA)) == ("mean of 51", start)
        kind = Kind.NONE
        for _ in Kind:
            kind = kind.next
        assert kind is Kind.NONE


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("0.9", "EMA 0.9"),
        ("ema:0.6", "EMA 0.6"),
        ("time-ema:0.99", "time-weighted EMA 0.99"),
        ("mean:21", "mean of 21"),
        ("gaussian:2.5", "Gaussian σ 2.5"),
        ("none", ""),
        ("0", ""),
    ],
)
def test_parsed(text, label):
    assert parse_smoothing(text).label == label


@pytest.mark.parametrize("text", ["", "1", "ema:1", "-0.1", "mean:x", "spline:3", "nan", "ema:inf", "mean:inf"])
def test_not_parsed(text):
    with pytest.raises(UsageError, match="no way to smooth"):
        parse_smoothing(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mean:1e300", "no window"),
        ("mean:1000003", "no window"),
        ("mean:20", "no window"),
        ("mean:2.5", "no window"),
        ("gaussian:100.1", "too wide"),
        ("gaussian:2000", "too wide"),
        ("gaussian:1e300", "too wide"),
    ],
)
def test_what_would_take_for_ever_or_say_what_it_is_not(text, why):
    with pytest.raises(UsageError, match=why) as raised:
        parse_smoothing(text)
    assert raised.value.remedy


@pytest.mark.parametrize("kind", list(Kind))
def test_every_step_of_the_keys_can_be_written_and_read(kind):
    strength = Smoothing(kind, 1e-9).of_kind(kind) if kind is not Kind.NONE else Smoothing()
    for _ in range(LEVELS):
        assert parse_smoothing(f"{strength.kind.value}:{strength.strength:g}") == strength
        strength = strength.stronger(1)


def test_the_widest_mean_is_called_by_its_window():
    assert parse_smoothing("mean:1000001").label == "mean of 1000001"
