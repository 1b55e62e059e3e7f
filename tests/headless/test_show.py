from __future__ import annotations

import json
import shutil

import pytest

from tests.adapters.mlflow_stores import START, HandMadeStore


@pytest.fixture
def alike(tmp_path):
    """Runs whose ids and names are hard to tell apart."""
    made = HandMadeStore(tmp_path)
    names = {"ab1": "fox", "ab2": "fox", "c1": "ab1", "d1": "ab", "e1": '"x\\ny"'}
    for number, (run_id, name) in enumerate(names.items()):
        made.put_run(run_id.ljust(32, "0"), name=name, start=START + 1000 * number)
    return tmp_path


def id_of(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["run_id"].rstrip("0")


class TestWhichRun:
    @pytest.mark.parametrize(
        ("text", "run_id"),
        [
            ("ab1".ljust(32, "0"), "ab1"),
            ("ab2", "ab2"),
            ("ab1", "c1"),  # a name comes before the beginning of an id
            ("ab", "d1"),
            ("c", "c1"),
            ("x\ny", "e1"),
            ("x␊y", "e1"),  # as it is shown
        ],
    )
    def test_one_fits(self, run, alike, text, run_id):
        assert id_of(run("show", text, "-s", alike, "--format", "json")) == run_id

    def test_several_fit(self, run, alike):
        result = run("show", "fox", "-s", alike)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("No such run: 'fox' fits 2 runs:\n  ab")
        listed = [line.split()[:2] for line in result.stderr.splitlines()[1:3]]
        assert sorted(listed) == [["ab100000", "fox"], ["ab200000", "fox"]]
        assert "Give the whole id, or more of it." in result.stderr

    @pytest.mark.parametrize("text", ["ab3", "FOX", "", "zzz", "[fox"])
    def test_none_fits(self, run, alike, text):
        result = run("show", text, "-s", alike)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "Candidates:" in result.stderr
        assert all(f"  {run_id}" in result.stderr for run_id in ("ab1", "ab2", "c1", "d1", "e1"))

    def test_of_many_runs_the_similar_ones_are_listed(self, run, tmp_path):
        made = HandMadeStore(tmp_path)
        for number in range(30):
            made.put_run(f"{number:030x}ab", name=f"brave-fox-{number}")
        result = run("show", "brave-fix-7", "-s", tmp_path)
        assert "brave-fox-7 " in result.stderr
        assert "brave-fox-20" not in result.stderr
        many = run("show", "brave", "-s", tmp_path).stderr
        assert "… and 20 more" in many
        assert many.count("brave-fox-") == 10

    def test_no_runs_at_all(self, run, tmp_path):
        HandMadeStore(tmp_path)
        result = run("show", "x", "-s", tmp_path)
        assert result.exit_code == 2
        assert "there are no runs at all" in result.stderr

    def test_a_path_in_its_place(self, run, alike, tmp_path):
        result = run("show", tmp_path, "-s", alike)
        assert result.exit_code == 2
        assert f"A path is given as -s {tmp_path}" in result.stderr

    def test_the_same_id_in_two_stores(self, run, data, tmp_path):
        shutil.copytree(data / "mlflow_2_22", tmp_path / "copy")
        places = ["-s", data / "mlflow_2_22", "-s", tmp_path / "copy"]
        result = run("show", "baseline", *places)
        assert result.exit_code == 2
        assert "Name the one source that is meant." in result.stderr


class TestJson:
    def test_is_the_object_of_ls_and_more(self, run, store):
        root, truth = store
        listed = {one["run_id"]: one for one in json.loads(run("ls", root, "--format", "json").stdout)}
        for run_id, one in listed.items():
            shown = json.loads(run("show", run_id[:10], "-s", root, "--format", "json").stdout)
            stats = shown.pop("metric_stats")
            assert {"details", "artifacts"} <= shown.keys()
            del shown["details"], shown["artifacts"]
            assert {**shown, "duration_s": 0} == {**one, "duration_s": 0}
            assert {key: stat["last"] for key, stat in stats.items()} == one["metrics"]
            (said,) = [said for said in truth["runs"] if said["run_id"] == run_id]
            counts = {key: len(points) for key, points in said["history"].items()}
            assert {key: stat["count"] for key, stat in stats.items()} == counts

    def test_statistics(self, run, mlruns):
        stats = json.loads(run("show", "007", "-s", mlruns, "--format", "json").stdout)["metric_stats"]
        assert stats["train/loss"] == {
            "last": "NaN",
            "last_step": 3,
            "last_time": "2025-05-12T21:46:43.000Z",
            "min": 2.5,
            "min_step": 0,
            "max": "Infinity",
            "max_step": 2,
            "count": 4,
            "exact": True,
        }


class TestTable:
    def test_everything_is_there(self, run, mlruns):
        text = run("show", "baseline", "-s", mlruns).stdout
        lines = text.splitlines()
        assert lines[0] == "baseline  ✔ finished"
        assert "  experiment  mnist: first tries, λ" in lines
        assert "  lr                      0.1" in lines
        assert "params (5)" in lines
        (loss,) = [line for line in lines if line.startswith("  train/loss ")]
        assert " ".join(loss.split()[:-2]) == "train/loss 0.091438 129 0.091438 @ 129 2.3 @ 0 130"
        assert lines[-2:] == ["notes", "  The **reference** run."]

    def test_values_are_whole_in_a_pipe(self, run, mlruns):
        text = run("show", "λ-学習 run", "-s", mlruns).stdout
        assert "x" * 6000 in text
        assert '  empty                ""' in text
        assert "so far" in text

    def test_a_run_with_nothing(self, run, mlruns):
        text = run("show", "42c214bc", "-s", mlruns).stdout
        assert "◌ scheduled" in text
        assert "metrics" not in text
