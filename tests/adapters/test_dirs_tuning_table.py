"""Tables whose rows are runs, told from tables of one run's steps."""

from __future__ import annotations

import csv
import math
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.dirs_seen import Seen, found, see, take_collection, texts_of
from tui_runs_dirs.collections import tuning_table
from tui_runs_dirs.collections.tuning_table import LAYOUT, TuningTable
from tui_runs_dirs.files import NotReadError

TABLE = """trial,learning_rate,hidden,val_accuracy,val_loss
0,0.0001,16,0.1463,2.380580
1,0.001,16,0.2537,nan
2,1e-2,32,,0.516583
"""


def write(path: Path, text: str | bytes, age: float = 3600) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_rows_are_runs(tmp_path: Path) -> None:
    write(tmp_path / "tuning_results.csv", TABLE)
    seen = see(LAYOUT, tmp_path)
    assert {run_id: (row["name"], row["experiment"], row["status"]) for run_id, row in seen.runs.items()} == {
        number: (f"trial {number}", "tuning_results", "finished") for number in "012"
    }
    assert seen.params["2"] == {"learning_rate": "1e-2", "hidden": "32"}
    assert seen.summary["0"] == {"val_accuracy": 0.1463, "val_loss": 2.38058}
    assert math.isnan(seen.summary["1"]["val_loss"])
    assert seen.summary["2"] == {"val_loss": 0.516583}
    assert seen.series == {}
    assert seen.problems == []


@pytest.mark.parametrize(
    ("name", "header", "claimed"),
    [
        ("tuning_results.csv", "lr,units,val_loss", True),
        ("results.csv", "trial_id,lr,score", True),
        ("sweep.tsv", "lr\tloss", True),
        ("cv_results.csv", "mean_fit_time,param_C,mean_test_score", True),
        ("tune_results.csv", "fitness,lr0,momentum", True),
        ("results.csv", "run,epochs,batch,loss", True),
        ("grid-search.csv", "units,acc", True),
        ("grid_search.csv", "run_name,epoch,acc", False),
        ("results.csv", "epoch,loss", False),
        ("tuning_log.csv", "epoch,loss", False),
        ("metrics.csv", "run,step,loss", False),
        ("houses.csv", "rooms,price,error", False),
        ("people.csv", "run_id,name,city", False),
        ("trial.txt", "trial,loss", False),
        ("trials.csv", "1,2,3", False),
    ],
)
def test_which_tables_are_of_runs(tmp_path: Path, name: str, header: str, claimed: bool) -> None:
    separator = "\t" if "\t" in header else ","
    write(tmp_path / name, f"{header}\n{separator.join('1' for _ in header.split(separator))}\n")
    assert bool(found(LAYOUT, tmp_path)) is claimed


def test_metrics_are_told_from_params_by_their_names(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "trial,val_size,loss_function,mean_test_score,param_loss,lr\n0,1,2,3,4,5\n")
    seen = see(LAYOUT, tmp_path)
    assert seen.summary["0"] == {"mean_test_score": 3.0}
    assert seen.params["0"] == {"val_size": "1", "loss_function": "2", "loss": "4", "lr": "5"}


def test_directories_full_of_tables_are_hardly_looked_into(tmp_path: Path) -> None:
    for number in range(60):
        write(tmp_path / f"part{number}.csv", TABLE)
    write(tmp_path / "trials.csv", TABLE)
    assert [Path(one.path).name for one in found(LAYOUT, tmp_path)] == ["trials.csv"]  # type: ignore[union-attr]


def test_table_that_optuna_exports(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    pytest.importorskip("pandas")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(lambda trial: trial.suggest_float("lr", 0, 1) + trial.suggest_int("layers", 1, 9), n_trials=3)
    study.trials_dataframe().to_csv(tmp_path / "anything.csv", index=False)
    os.utime(tmp_path / "anything.csv", (0, 0))
    seen = see(LAYOUT, tmp_path)
    for trial in study.trials:
        run_id = str(trial.number)
        assert seen.runs[run_id]["status"] == "finished"
        assert seen.params[run_id] == {key: str(value) for key, value in trial.params.items()}
        assert seen.summary[run_id] == {"value": trial.value}


def test_states_and_times(tmp_path: Path) -> None:
    write(
        tmp_path / "trials.csv",
        "number,value,datetime_start,datetime_complete,duration,params_lr,params_opt,user_attrs_note,state\n"
        "0,0.5,2026-11-20 22:15:14.045405,2026-11-20 22:15:14.099959,0 days 00:00:00.054554,0.1,sgd,n=3,COMPLETE\n"
        "1,,2026-11-20 22:15:15,,,0.2,adam,,PRUNED\n"
        "2,inf,,,,0.3,adam,,FAIL\n",
    )
    seen = see(LAYOUT, tmp_path)
    assert [row["status"] for row in seen.runs.values()] == ["finished", "killed", "failed"]
    assert seen.runs["0"]["started"] == datetime(2026, 11, 20, 22, 15, 14, 45405, UTC)
    assert seen.runs["0"]["ended"] == datetime(2026, 11, 20, 22, 15, 14, 99959, UTC)
    assert seen.params["0"] == {"lr": "0.1", "opt": "sgd", "user_attrs_note": "n=3"}
    assert seen.tags["0"] == {"duration": "0 days 00:00:00.054554"}
    assert seen.summary == {"0": {"value": 0.5}, "2": {"value": math.inf}}


class TestSpellings:
    def test_byte_order_mark_crlf_semicolons_and_decimal_commas(self, tmp_path: Path) -> None:
        write(tmp_path / "sweep.csv", "\ufefftrial;lr;loss\r\n a ;0,5;1,25\r\nb;0,25;NA\r\n\r\n")
        seen = see(LAYOUT, tmp_path)
        assert list(seen.runs) == ["a", "b"]
        assert seen.summary == {"a": {"loss": 1.25}}
        assert seen.params == {"a": {"lr": "0,5"}, "b": {"lr": "0,25"}}

    def test_quotes_hold_separators_and_line_feeds(self, tmp_path: Path) -> None:
        write(tmp_path / "sweep.csv", 'run_name,layers,loss\n"a, b","[1, 2]",0.5\n"two\nlines",x,1\n')
        seen = see(LAYOUT, tmp_path)
        assert seen.params == {"a, b": {"layers": "[1, 2]"}, "two\nlines": {"layers": "x"}}

    def test_ragged_rows_are_said_and_lose_no_other(self, tmp_path: Path) -> None:
        write(tmp_path / "sweep.csv", "trial,lr,loss\n0,1,2\n1,2\n2,3,4,5\n3,4,5\n")
        seen = see(LAYOUT, tmp_path)
        assert list(seen.runs) == ["0", "3"]
        assert "Line 3 has not as many cells as there are columns, and so it is with 1 more." in texts_of(seen.problems)

    def test_names_that_repeat_and_names_that_are_missing(self, tmp_path: Path) -> None:
        write(tmp_path / "sweep.csv", "trial,loss\n7,1\n7,2\n,3\n")
        seen = see(LAYOUT, tmp_path)
        assert {run_id: said["loss"] for run_id, said in seen.summary.items()} == {
            "7": 1.0, "7 (line 3)": 2.0, "line 4": 3.0,
        }  # fmt: skip

    def test_last_line_waits_while_the_file_is_being_written(self, tmp_path: Path) -> None:
        path = write(tmp_path / "sweep.csv", "trial,loss\n0,1.5\n1,2.", age=0)
        assert see(LAYOUT, tmp_path).summary == {"0": {"loss": 1.5}}
        write(path, path.read_bytes())
        assert see(LAYOUT, tmp_path).summary == {"0": {"loss": 1.5}, "1": {"loss": 2.0}}

    def test_a_huge_cell_loses_no_other_row(self, tmp_path: Path) -> None:
        write(tmp_path / "sweep.csv", f"trial,loss\n0,1\n1,{'9' * 200_000}\n2,3\n")
        seen = see(LAYOUT, tmp_path)
        assert {"0", "2"} <= seen.runs.keys()

    def test_more_rows_than_are_shown(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tuning_table, "_MOST_ROWS", 2)
        write(tmp_path / "sweep.csv", "trial,loss\n0,1\n1,2\n2,3\n")
        seen = see(LAYOUT, tmp_path)
        assert list(seen.runs) == ["0", "1"]
        assert "more than 2 rows" in texts_of(seen.problems)

    def test_table_that_lost_its_header(self, tmp_path: Path) -> None:
        path = write(tmp_path / "sweep.csv", TABLE)
        (table,) = found(LAYOUT, tmp_path)
        write(path, "1,2,3\n")
        with pytest.raises(NotReadError, match="names no columns"):
            table.read()  # type: ignore[union-attr]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=8)


@given(rows=st.lists(st.tuples(CELLS, st.floats(allow_nan=False)), min_size=1, max_size=8))
def test_whatever_the_csv_module_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, float]]
) -> None:
    path = tmp_path_factory.mktemp("table") / "sweep.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "note", "loss"])
        writer.writerows((number, text, value) for number, (text, value) in enumerate(rows))
    os.utime(path, (0, 0))
    seen = take_collection(Seen(), TuningTable(str(path)))
    assert {run_id: said["loss"] for run_id, said in seen.summary.items()} == {
        str(number): value for number, (_, value) in enumerate(rows)
    }
    for number, (text, _) in enumerate(rows):
        said = seen.params.get(str(number), {}).get("note")
        assert said == text.strip() or (said is None and text.strip().lower() in tuning_table._MISSING)
