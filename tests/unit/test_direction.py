"""The direction of metrics by their names, and the best of values against Python's own min and max."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.direction import best_places, direction_of, is_better

LOWER = """
    loss val_loss train/loss valLoss val.loss losses loss2 loss/policy nll test-nll error err errors top1_err rmse RMSE
    valRMSE mae mse MAPE perplexity val_ppl wer cer/test FID fid_score brier_score time fit_time score_time step-time
    latency_p99 eval_runtime cross_entropy logloss accuracy_loss reward_loss false_positive_rate regret val/bpb
"""
HIGHER = """
    acc val_acc accuracy valAccuracy test/acc@5 top1 top5Acc f1 microF1 F1Score macro_f1 auc ROC_AUC rocAuc AUROC mAP
    mAP50 mIoU IoU bleu BLEU-4 rougeL rouge1 ROUGE-L reward episode_return rewards r2 val_R2 precision recall@10 score
    mean_scores explained_variance log_likelihood exact_match eval_samples_per_second dice psnr ndcg@10
"""
UNKNOWN = """
    lr epoch step glossary blossom timestamp returned_rows mapper errands loss_scale reward_std loss_weight batch_size
    grad_norm gpu.0.memory kl entropy beta 学習 _ 1 per second false positive
"""


@pytest.mark.parametrize("metric", LOWER.split())
def test_less_is_better(metric: str) -> None:
    assert direction_of(metric) == "lower"


@pytest.mark.parametrize("metric", HIGHER.split())
def test_more_is_better(metric: str) -> None:
    assert direction_of(metric) == "higher"


@pytest.mark.parametrize("metric", ["", *UNKNOWN.split()])
def test_the_name_does_not_tell(metric: str) -> None:
    assert direction_of(metric) is None


def test_what_somebody_says_counts() -> None:
    said = {"loss": "higher", "acc": None, "flops": "lower"}
    assert [direction_of(metric, said) for metric in ("loss", "acc", "flops", "f1")] == [
        "higher", None, "lower", "higher",
    ]  # fmt: skip


@given(st.text())
def test_any_name_can_be_asked_for(metric: str) -> None:
    assert direction_of(metric) in ("lower", "higher", None)


def test_better() -> None:
    assert is_better(1.0, 2.0, "lower") is True
    assert is_better(1.0, 2.0, "higher") is False
    assert is_better(2.0, 2.0, "higher") is None
    assert is_better(1.0, 2.0, None) is None
    assert is_better(9.0, math.nan, "lower") is True
    assert is_better(math.nan, 9.0, "higher") is False
    assert is_better(math.nan, math.nan, "higher") is None


VALUES = st.lists(st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, 2.0, math.nan, math.inf, -math.inf])))


@given(VALUES)
def test_best_places(values: list[float | None]) -> None:
    there = [value for value in values if value is not None and math.isfinite(value)]
    for direction, best in (("lower", min), ("higher", max)):
        places = best_places(values, direction)
        if len(set(there)) < 2:
            assert not places
        else:
            assert {values[at] for at in places} == {best(there)}
            assert len(places) == there.count(best(there))
    assert not best_places(values, None)
