"""The rules of health: curves made for the purpose, and what is wrong with them worked out another way."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime, timedelta
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.health import (
    FEWEST_FOR_PLATEAU,
    FEWEST_TO_DIVERGE,
    Finding,
    crash_sentence,
    disk_sentence,
    judge_points,
    stale_sentence,
)
from tui_runs.analysis.health_rules import HealthRules
from tui_runs.display import HOSTILE
from tui_runs.schema import TIME

BEGIN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def curve(values: list[float], first_step: int = 0) -> pl.DataFrame:
    steps = range(first_step, first_step + len(values))
    times = [BEGIN + timedelta(seconds=at) for at in range(len(values))]
    return pl.DataFrame(
        {"place": range(len(values)), "step": steps, "time": times, "value": values},
        schema={"place": pl.Int64, "step": pl.Int64, "time": TIME, "value": pl.Float64},
    )


def judge(values: list[float], way: str = "lower", rules: HealthRules | None = None) -> dict[str, Finding]:
    found = judge_points({"val/loss": curve(values)}, {"val/loss": way}, rules or HealthRules())  # type: ignore[dict-item]
    assert len({one.kind for one in found}) == len(found)
    return {one.kind: one for one in found}


def falling(points: int, noise: float = 0.05, seed: int = 0, slowness: float = 4.0) -> list[float]:
    """A loss from 10 to 2, with noise."""
    luck = Random(seed)
    return [2 + 8 * math.exp(-slowness * at / points) + luck.gauss(0, noise) for at in range(points)]


finite = st.floats(-1e6, 1e6)
any_values = st.lists(st.floats(), max_size=200)


class TestNotFinite:
    def test_since_the_first_of_the_last_stretch(self) -> None:
        found = judge([1.0, math.nan, 0.9, 0.8, math.nan, math.nan])["nan"]
        assert found.sentence == "val/loss is NaN since step 4"
        assert found.since == BEGIN + timedelta(seconds=4)
        assert not found.over

    def test_what_has_passed_is_over(self) -> None:
        found = judge([1.0, math.inf, 0.9])["nan"]
        assert found.over
        assert found.sentence == "val/loss was ∞ at step 1, and is finite again since step 2"

    def test_a_best_so_far_begins_at_infinity(self) -> None:
        assert "nan" not in judge([math.inf, math.inf])
        assert "nan" not in judge([math.inf, 0.5])
        assert judge([math.nan])["nan"].sentence == "val/loss is NaN since step 0"

    def test_other_metrics_count_too(self) -> None:
        curves = {"val/loss": curve([1.0, math.nan]), "train/loss": curve([math.nan])}
        (found,) = judge_points(curves, {}, HealthRules(), ["grad_norm", "x"])
        assert found.sentence == "val/loss is NaN since step 1, and so are 3 more metrics"
        (found,) = judge_points({"val/loss": curve([1.0])}, {}, HealthRules(), ["grad\x1b[31m"])
        assert found.sentence == "grad␛[31m is NaN"

    def test_missing_steps_are_counted(self) -> None:
        points = curve([1.0, math.nan]).with_columns(step=pl.lit(None, pl.Int64))
        (found,) = judge_points({"loss": points}, {}, HealthRules())
        assert found.sentence == "loss is NaN since point 2"

    @given(any_values)
    def test_said_of_exactly_the_curves_that_have_one(self, values: list[float]) -> None:
        begun = next((at for at, value in enumerate(values) if math.isfinite(value)), len(values))
        bad = [at for at, one in enumerate(values) if math.isnan(one) or (math.isinf(one) and at > begun)]
        found = judge(values).get("nan")
        assert (found is not None) == bool(bad)
        if found is not None:
            assert found.over == (bad[-1] != len(values) - 1)
            start = bad[-1]
            while start - 1 in bad:
                start -= 1
            assert found.since == BEGIN + timedelta(seconds=start)


class TestDiverging:
    def test_a_loss_that_goes_up_again(self) -> None:
        values = falling(400) + [2 + 0.05 * at for at in range(200)]
        found = judge(values)["diverging"]
        # The median of the last 25 points, and the least of the medians of 25 before them, without numpy:
        now, best = (
            statistics.median(values[-25:]),
            min(statistics.median(values[at : at + 25]) for at in range(0, len(values) - 50 + 1, 25)),
        )
        began = statistics.median(values[:25])
        assert f"val/loss is {now:.4g}" in found.sentence
        assert f"after {best:.4g}" in found.sentence
        assert now > began
        assert found.sentence.endswith("it has lost more than all of what it had gained")
        assert found.since is not None
        assert found.since >= BEGIN + timedelta(seconds=300)

    def test_a_score_that_falls(self) -> None:
        values = [1 - value / 10 for value in falling(300) + [8.0] * 30]
        assert "diverging" in judge(values, "higher")
        assert "diverging" not in judge(values, "lower")

    @pytest.mark.parametrize("lost", [0.3, 0.7])
    def test_only_when_more_than_the_share_is_lost(self, lost: float) -> None:
        values = [10.0] * 5 + [2.0] * 30 + [2.0 + lost * 8.0] * 30
        assert ("diverging" in judge(values)) == (lost > 0.5)
        assert "diverging" in judge(values, rules=HealthRules(diverging_loss=0.2))
        assert "diverging" not in judge(values, rules=HealthRules(diverging=False))

    def test_a_spike_is_none(self) -> None:
        values = falling(300)
        values[-2:] = [50.0, 60.0]
        assert "diverging" not in judge(values)

    def test_a_warm_up_is_none(self) -> None:
        rise = [2.3 + 0.05 * at for at in range(60)]
        for points in range(1, 60):
            assert "diverging" not in judge(rise[:points])

    def test_overfitting_a_little_is_none(self) -> None:
        values = falling(200, slowness=8.0) + [2.0 + 0.005 * at for at in range(100)]
        assert "diverging" not in judge(values)

    def test_an_explosion_from_the_start(self) -> None:
        luck = Random(1)
        values = [2.3 + luck.gauss(0, 0.1) for _ in range(20)] + [2.3 * 1.4**at for at in range(20)]
        found = judge(values)["diverging"]
        assert found.sentence.endswith(f"and began at {statistics.median(values[:5]):.4g}")

    def test_few_points_are_not_judged(self) -> None:
        values = [10.0] * 5 + [1.0] * 10 + [100.0] * 4
        assert len(values) == FEWEST_TO_DIVERGE - 1
        assert "diverging" not in judge(values)
        assert "diverging" in judge([*values, 100.0])

    @given(st.integers(0, 10_000), st.integers(FEWEST_TO_DIVERGE, 600), st.floats(1e-3, 1e3))
    def test_noise_never_diverges(self, seed: int, points: int, size: float) -> None:
        luck = Random(seed)
        assert "diverging" not in judge([luck.gauss(0, size) for _ in range(points)])
        assert "diverging" not in judge([luck.choice((0.0, size)) for _ in range(points)], "higher")

    @given(st.integers(0, 10_000), st.integers(FEWEST_TO_DIVERGE, 400), st.floats(0.01, 0.5))
    def test_a_noisy_descent_never_diverges(self, seed: int, points: int, noise: float) -> None:
        assert "diverging" not in judge(falling(points, noise, seed))

    @given(st.lists(finite, min_size=20, max_size=120), st.integers(-3, 3), st.integers(-100, 100))
    def test_scale_of_what_was_learned_does_not_matter(self, values: list[float], power: int, shift: int) -> None:
        """Powers of two and sums of integers lose no digit, so that the answer is the same to the last bit."""
        values = [float(round(value)) for value in values]
        whole = HealthRules(diverging_growth=1e12)  # what began at 0 has no size
        moved = [value * 2.0**power + shift * 2.0**power for value in values]
        assert ("diverging" in judge(values, rules=whole)) == ("diverging" in judge(moved, rules=whole))

    @given(any_values)
    def test_which_way_is_better_is_a_mirror(self, values: list[float]) -> None:
        mirrored = [-value for value in values]
        assert ("diverging" in judge(values)) == ("diverging" in judge(mirrored, "higher"))


class TestPlateau:
    def test_since_half_of_the_points(self) -> None:
        values = falling(200, 0.01, slowness=12.0) + [2.0] * 200
        found = judge(values)["plateau"]
        assert found.sentence.startswith("val/loss stays at ")
        assert "200 points since step 200" in found.sentence
        assert found.since == BEGIN + timedelta(seconds=200)

    def test_not_while_it_still_falls(self) -> None:
        assert "plateau" not in judge(falling(400, 0.02, slowness=3.0))

    def test_a_longer_share_takes_longer(self) -> None:
        values = falling(100, 0.001, slowness=12.0) + [2.0] * 130
        assert "plateau" in judge(values)
        assert "plateau" not in judge(values, rules=HealthRules(plateau_share=0.8))
        assert "plateau" not in judge(values, rules=HealthRules(plateau=False))

    @pytest.mark.parametrize("gain", [0.004, 0.05])
    def test_a_gain_that_is_too_small(self, gain: float) -> None:
        """From 10 to 2 in the first 50 points, and then by such a share of that in a hundred."""
        values = [10.0 - 0.16 * at for at in range(50)] + [2.0 - 8 * gain * at / 100 for at in range(150)]
        assert ("plateau" in judge(values)) == (gain < 0.01)

    def test_what_diverges_is_on_no_plateau(self) -> None:
        values = falling(200) + [2 + 0.1 * at for at in range(100)]
        assert set(judge(values)) == {"diverging"}

    def test_few_points_are_not_judged(self) -> None:
        assert "plateau" not in judge([1.0] * (FEWEST_FOR_PLATEAU - 1))
        assert "plateau" in judge([1.0] * FEWEST_FOR_PLATEAU)

    def test_the_first_metric_with_enough_points_is_judged(self) -> None:
        falls, stays = curve(falling(400, 0.02, slowness=3.0)), curve([1.0] * 400)
        ways = {"val/loss": "lower", "train/loss": "lower"}
        assert not judge_points({"val/loss": falls, "train/loss": stays}, ways, HealthRules())  # type: ignore[arg-type]
        (found,) = judge_points({"train/loss": stays, "val/loss": falls}, ways, HealthRules())  # type: ignore[arg-type]
        assert found.sentence.startswith("train/loss stays at 1")


@given(any_values, st.sampled_from(["lower", "higher", None]), st.text(max_size=8))
def test_any_curve_is_judged_without_a_complaint(values: list[float], way: str | None, metric: str) -> None:
    found = judge_points({metric: curve(values)}, {metric: way}, HealthRules())  # type: ignore[dict-item]
    assert all(not HOSTILE.search(one.sentence) for one in found)


def test_sentences_of_facts() -> None:
    assert stale_sentence(600, gone=False) == "no write for more than 10m, though it says that it is running"
    assert stale_sentence(600, gone=True) == "no write for more than 10m: it ended without saying so"
    lines = ["Traceback (most recent call last):", "  RuntimeError: CUDA out of memory"]
    assert crash_sentence("failed", "1", lines) == "failed with exit code 1: RuntimeError: CUDA out of memory"
    assert crash_sentence("killed", "", ()) == "killed"


class TestDisk:
    RULES = HealthRules(disk_share=0.05, disk_gb=20)

    @pytest.mark.parametrize(
        ("free", "size", "full"),
        [
            (4e9, 100e9, True),
            (6e9, 100e9, False),  # more than 5 %
            (100e9, 10_000e9, False),  # 1 %, but more than anyone needs in a hurry
            (19e9, 10_000e9, True),
            (0, 0, False),  # a file system that says nothing, as /proc does
        ],
    )
    def test_little_in_share_and_in_bytes(self, free: float, size: float, full: bool) -> None:
        assert bool(disk_sentence(int(free), int(size), self.RULES)) == full

    def test_it_takes_a_fifth_more_to_be_over(self) -> None:
        assert not disk_sentence(int(5.5e9), int(100e9), self.RULES)
        assert disk_sentence(int(5.5e9), int(100e9), self.RULES, before=True)
        assert not disk_sentence(int(6.1e9), int(100e9), self.RULES, before=True)

    def test_the_sentence_has_the_figures(self) -> None:
        said = disk_sentence(int(2e9), int(100e9), self.RULES)
        assert said == "the disk is nearly full: 2.0 GB of 100 GB left (2.0%)"
