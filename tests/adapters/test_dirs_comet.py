"""Comet's offline archives: the run in each as it was logged, and archives that are not what they should be."""

from __future__ import annotations

import json
import math
import shutil
import struct
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.adapters.dirs_seen import Seen, fingerprint, found, run_program, see, texts_of
from tui_runs_dirs.collections.comet import LAYOUT
from tui_runs_dirs.files import NotReadError

SAMPLE = Path(__file__).parents[1] / "data" / "dirs_comet"
KEY = "9ca5183c59564dcc9205bf549b87776d"
EMPTY_KEY = "71fdf06e157e48bfb4e1e231f75eb79a"

PROGRAM = """
    import comet_ml, math
    for name, lr in (("run-a", .1),):
        run = comet_ml.OfflineExperiment(
            project_name="toy-project", workspace="me", log_code=False, log_git_metadata=False, log_git_patch=False,
            log_env_details=False, disabled=False, display_summary_level=0, offline_directory=".cometml-runs",
        )
        run.set_name(name)
        run.add_tag("baseline")
        run.add_tags(["a", "b"])
        run.log_parameters({"lr": lr, "opt": {"name": "sgd", "mom": .9}, "layers": [1, 2]})
        run.log_parameter("warm", 3, step=5)
        run.log_other("note", "hello")
        for epoch in range(2):
            with run.train():
                for step in range(10 * epoch, 10 * epoch + 10):
                    run.log_metric("loss", math.exp(-lr * step), step=step, epoch=epoch)
            with run.validate():
                acc = 1 - math.exp(-lr * 10 * (epoch + 1))
                run.log_metrics({"acc": acc, "f1": .5}, step=10 * epoch + 9, epoch=epoch)
        run.log_metric("final", float("nan"))
        run.end()
"""


def check(seen: Seen, runs: Mapping[str, float]) -> None:
    """What the program logged, which wrote the sample too.

    Args:
        runs: name and learning rate of each.
    """
    ids = seen.by_name
    assert ids.keys() == runs.keys()
    for name, lr in runs.items():
        run_id = ids[name]
        row = seen.runs[run_id]
        assert (row["experiment"], row["status"]) == ("toy-project", "finished")
        assert row["started"] < row["ended"]
        assert seen.params[run_id] == {
            "lr": str(lr), "opt.name": "sgd", "opt.mom": "0.9", "layers": "[1, 2]", "warm": "3",
        }  # fmt: skip
        assert seen.tags[run_id] == {"note": "hello", "baseline": "baseline", "a": "a", "b": "b"}
        series = seen.series[run_id]
        assert series["train_loss"] == [(step, math.exp(-lr * step)) for step in range(20)]
        assert series["validate_acc"] == [(9, 1 - math.exp(-lr * 10)), (19, 1 - math.exp(-lr * 20))]
        assert series["validate_f1"] == [(9, 0.5), (19, 0.5)]
        assert [math.isnan(value) for _, value in series["final"]] == [True]
        assert seen.details[run_id]["comet", run_id, "workspace"] == "me"
    assert seen.problems == []


def test_shows_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("comet_ml")
    run_program(PROGRAM, tmp_path)
    before = fingerprint(tmp_path)
    check(see(LAYOUT, tmp_path), {"run-a": 0.1})
    assert fingerprint(tmp_path) == before


class TestSample:
    @pytest.mark.parametrize("place", ["", ".cometml-runs"])
    def test_sample(self, tmp_path: Path, place: str) -> None:
        shutil.copytree(SAMPLE / ".cometml-runs", tmp_path / ".cometml-runs")
        seen = see(LAYOUT, tmp_path / place)
        check(seen, {"run-a": 0.1, "run-b": 0.5})
        assert seen.runs[KEY]["host"] == "vm"
        assert len(seen.series[KEY]["system/cpu.percent.avg"]) == 1

    def test_archive_that_was_moved(self, tmp_path: Path) -> None:
        for suffix in ("", "-x7Gh2"):
            shutil.copy(SAMPLE / ".cometml-runs" / f"{KEY}.zip", tmp_path / f"{KEY}{suffix}.zip")
        (plain, continued) = found(LAYOUT, tmp_path)
        assert plain != continued
        assert see(LAYOUT, tmp_path).runs[KEY]["started"] == datetime(2026, 11, 20, 22, 16, 1, 189000, UTC)

    def test_killed_run(self, tmp_path: Path) -> None:
        shutil.copy(SAMPLE / "killed" / f"{EMPTY_KEY}.zip", tmp_path)
        seen = see(LAYOUT, tmp_path)
        assert seen.runs[EMPTY_KEY]["status"] == "running"  # so it looks as long as the run goes on
        assert "messages.json" in texts_of(seen.problems)


def write_archive(path: Path, messages: bytes, experiment: bytes = b'{"stop_time": 1}', packing: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("experiment.json", experiment)
        archive.writestr("messages.json", messages)
    return path


def message(kind: str, **payload: object) -> bytes:
    return json.dumps({"type": kind, "payload": payload}).encode() + b"\n"


class TestBroken:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        (tmp_path / ".cometml-runs").mkdir()
        return tmp_path / ".cometml-runs" / f"{KEY}.zip"

    def fails_with(self, path: Path, said: str) -> NotReadError:
        (archive,) = found(LAYOUT, path.parent)
        with pytest.raises(NotReadError, match=said) as caught:
            archive.read()  # type: ignore[union-attr]
        assert caught.value.remedy
        return caught.value

    def test_broken_lines_lose_no_other(self, path: Path) -> None:
        metric = message("metric_msg", metric={"metricName": "loss", "metricValue": 0.5, "step": None})
        odd = (
            b"{", b"[]\n", b'{"type": "metric_msg", "payload": 3}\n', message("metric_msg", metric=None),
            message("metric_msg", metric={"metricName": "text", "metricValue": "high"}), message("unheard_of", a=1),
            message("parameter_msg", param=[1]), message("system_details", command="x", hostname=None),
            message("metric_msg", local_timestamp=1e300, metric={"metricName": "far", "metricValue": 1, "step": 1e300}),
        )  # fmt: skip
        write_archive(path, metric + b"\n".join(odd) + b"\n\n" + metric + metric[:20])
        seen = see(LAYOUT, path.parent)
        assert seen.series[KEY] == {"loss": [(0, 0.5), (1, 0.5)], "far": [(0, 1.0)]}
        assert "Line 2 of messages.json in it is no message, and so it is with 3 more." in texts_of(seen.problems)

    def test_git_and_others(self, path: Path) -> None:
        git = message("git_metadata", git_metadata={"parent": "c0ffee", "branch": "main", "origin": None})
        write_archive(path, git + message("log_other", key="acc", value=0.5), b"[]")
        seen = see(LAYOUT, path.parent)
        assert seen.runs[KEY]["git_commit"] == "c0ffee"
        assert seen.tags[KEY] == {"git.branch": "main", "acc": "0.5"}
        assert seen.runs[KEY]["status"] == "running"

    @pytest.mark.parametrize("cut", [100, 20_000, 37_000])
    def test_archive_that_is_cut_off(self, path: Path, cut: int) -> None:
        path.write_bytes((SAMPLE / ".cometml-runs" / path.name).read_bytes()[:cut])
        assert found(LAYOUT, path.parent) == []  # it has no table of contents to know it by

    def test_damaged_member(self, path: Path) -> None:
        data = bytearray((SAMPLE / ".cometml-runs" / path.name).read_bytes())
        at = data.index(b'"metric_msg"')
        data[at : at + 8] = b"XXXXXXXX"
        path.write_bytes(data)
        self.fails_with(path, "CRC")

    def test_bomb(self, path: Path) -> None:
        write_archive(path, b"\0" * (64 << 20), packing=zipfile.ZIP_DEFLATED)
        assert path.stat().st_size < 100_000
        self.fails_with(path, "would grow from")

    def test_member_that_is_too_big(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tui_runs_dirs.collections.comet._LIMIT", 1000)
        write_archive(path, b"{}\n" * 1000)
        self.fails_with(path, "would have 3,000 bytes")

    def test_member_that_lies_about_its_size(self, path: Path) -> None:
        """Says that it is small and unpacks to 64 MB: no more is taken than it says, and then its checksum is wrong."""
        write_archive(path, b"\n" * (64 << 20), packing=zipfile.ZIP_DEFLATED)
        data = bytearray(path.read_bytes())
        for mark, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
            at = data.rindex(mark)
            struct.pack_into("<I", data, at + offset, 1000)
        path.write_bytes(data)
        self.fails_with(path, "CRC")

    def test_table_of_contents_without_end(self, path: Path) -> None:
        write_archive(path, b"")
        data = bytearray(path.read_bytes())
        struct.pack_into("<I", data, data.rindex(b"PK\5\6") + 12, 1 << 31)
        path.write_bytes(data)
        (archive,) = found(LAYOUT, path.parent) or [None]
        if archive is not None:
            self.fails_with(path, "table of contents")

    def test_missing_member(self, path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("experiment.json", "{}")
            archive.writestr("assets/messages.json", "{}")
        self.fails_with(path, r"It has no messages\.json")

    def test_encrypted_archive(self, path: Path) -> None:
        write_archive(path, b"{}\n")
        data = bytearray(path.read_bytes())
        for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            at = -1
            while (at := data.find(mark, at + 1)) >= 0:
                data[at + offset] |= 1
        path.write_bytes(data)
        self.fails_with(path, "encrypted")

    def test_other_archives_are_not_claimed(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / f"{KEY}.zip", "w") as archive:
            archive.writestr("images.txt", "x")
        (tmp_path / f"{KEY[::-1]}.zip").write_bytes(b"no archive")
        write_archive(tmp_path / "dataset.zip", b"{}\n")
        assert found(LAYOUT, tmp_path) == []
