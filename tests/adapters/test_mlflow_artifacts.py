"""Where the artifacts of a run are looked for, and that nothing outside of them is ever listed or opened."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.mlflow_stores import HandMadeStore, MlflowWriter
from tui_runs.errors import ArtifactError
from tui_runs.local_files import ENTRY_LIMIT, LocalFiles
from tui_runs.schema import ARTIFACTS
from tui_runs_mlflow.artifacts import artifacts_in_file_store, local_artifacts

RUN = "0123456789abcdef0123456789abcdef"
SECRET = "the secret"


@pytest.fixture
def run(tmp_path: Path) -> LocalFiles:
    """A run's directory with a few artifacts; a file with a secret lies beside it."""
    directory = tmp_path / RUN
    (directory / "artifacts" / "plots" / "deep").mkdir(parents=True)
    (directory / "artifacts" / "a.txt").write_text("alpha")
    (directory / "artifacts" / "Z.bin").write_bytes(bytes(range(256)))
    (directory / "artifacts" / "plots" / "one.svg").write_text("<svg/>")
    (directory / "outside.txt").write_text(SECRET)
    return LocalFiles(str(directory), ("artifacts",))


def inside(run: LocalFiles) -> Path:
    assert run.start is not None
    return Path(run.start, *run.names)


def names(run: LocalFiles, directory: str = "") -> list[str]:
    return run.list_directory(directory).frame["path"].to_list()


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """With the rights of another user where this is root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


class TestListing:
    def test_directories_first_then_by_name_with_sizes_and_times(self, run: LocalFiles) -> None:
        os.utime(inside(run) / "a.txt", (1_700_000_000, 1_700_000_000))
        listed = run.list_directory()
        assert dict(listed.frame.schema) == dict(ARTIFACTS)
        assert listed.frame["path"].to_list() == ["plots", "Z.bin", "a.txt"]
        assert listed.frame["directory"].to_list() == [True, False, False]
        assert listed.frame["size"].to_list() == [None, 256, 5]
        assert listed.frame["modified"][2] == datetime.fromtimestamp(1_700_000_000, UTC)
        assert listed.complete
        assert not listed.problems

    def test_a_directory_below_has_whole_paths(self, run: LocalFiles) -> None:
        assert names(run, "plots") == ["plots/deep", "plots/one.svg"]
        assert run.read_file("plots/one.svg", 100) == b"<svg/>"

    def test_a_run_without_artifacts_is_empty_and_no_problem(self, tmp_path: Path) -> None:
        listed = LocalFiles(str(tmp_path), ("artifacts",)).list_directory()
        assert listed.frame.is_empty()
        assert not listed.problems

    def test_names_that_are_no_text_can_be_read_as_they_are_listed(self, run: LocalFiles) -> None:
        where = os.fsencode(inside(run))
        os.mkdir(where + b"/d\xff")
        for name, text in ((b"d\xff/\xfe.txt", b"odd"), (b"d\xff/\\udcfe.txt", b"spelled out")):
            with open(where + b"/" + name, "wb") as file:
                file.write(text)
        listed = names(run, "d\\udcff")
        assert listed == ["d\\udcff/\\udcfe.txt"] * 2
        assert run.read_file("d\\udcff/\\udcfe.txt", 100) == b"spelled out"  # that is its name to the letter
        os.unlink(where + b"/d\xff/\\udcfe.txt")
        assert run.read_file("d\\udcff/\\udcfe.txt", 100) == b"odd"

    def test_of_a_great_many_entries_some_are_listed(self, run: LocalFiles) -> None:
        many = inside(run) / "many"
        many.mkdir()
        (many / "0").touch()
        for number in range(1, ENTRY_LIMIT + 5):
            os.link(many / "0", many / str(number))
        listed = run.list_directory("many")
        assert len(listed.frame) == ENTRY_LIMIT
        assert not listed.complete
        assert names(run) == ["many", "plots", "Z.bin", "a.txt"]  # what is below is not looked at

    def test_a_deep_tree_is_listed_level_by_level(self, run: LocalFiles) -> None:
        name, depth = "deep" * 50, 30  # the path is longer than any system call takes
        descriptor = os.open(inside(run), os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(name, dir_fd=descriptor)
            inner = os.open(name, os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        os.close(descriptor)
        path = "/".join([name] * depth)
        assert names(run, path) == [f"{path}/leaf"]
        assert run.read_file(f"{path}/leaf", 10) == b""

    def test_a_vanished_directory_is_a_problem(self, run: LocalFiles) -> None:
        shutil.rmtree(inside(run) / "plots")
        listed = run.list_directory("plots")
        assert listed.frame.is_empty()
        assert [problem.uri for problem in listed.problems] == [str(inside(run) / "plots")]

    def test_an_unreadable_directory_is_a_problem(self) -> None:
        place = Path(tempfile.mkdtemp(prefix="tui-runs-nobody-"))  # nobody else gets into pytest's own directory
        try:
            place.chmod(0o755)
            (place / "artifacts" / "plots").mkdir(parents=True)
            (place / "artifacts" / "a.txt").write_text("alpha")
            (place / "artifacts" / "plots").chmod(0)
            run = LocalFiles(str(place), ("artifacts",))
            with as_somebody_else():
                listed = run.list_directory()
                (problem,) = run.list_directory("plots").problems
                with pytest.raises(ArtifactError, match="permission denied"):
                    run.read_file("plots/one.svg", 10)
            assert listed.frame["path"].to_list() == ["plots", "a.txt"]
            assert "permission denied" in problem.what
            assert "chmod" in problem.remedy
        finally:
            (place / "artifacts" / "plots").chmod(0o700)
            shutil.rmtree(place)


class TestReading:
    def test_no_more_than_the_limit_of_a_huge_file(self, run: LocalFiles) -> None:
        with open(inside(run) / "huge", "wb") as file:
            file.write(b"begin")
            file.truncate(1 << 40)
        assert run.read_file("huge", 3_000_000) == b"begin" + bytes(2_999_995)
        assert run.read_file("huge", 0) == b""

    def test_a_file_that_vanished_after_it_was_listed(self, run: LocalFiles) -> None:
        assert "a.txt" in names(run)
        (inside(run) / "a.txt").unlink()
        with pytest.raises(ArtifactError, match=r"a\.txt cannot be read: no such file") as caught:
            run.read_file("a.txt", 10)
        assert caught.value.remedy

    def test_a_directory_is_no_file(self, run: LocalFiles) -> None:
        with pytest.raises(ArtifactError, match="not a regular file"):
            run.read_file("plots", 10)


class TestConfinement:
    @pytest.mark.parametrize("path", ["../outside.txt", "plots/../../outside.txt", ".", "..", "", "a.txt/", "//a.txt"])
    def test_no_path_leads_out(self, run: LocalFiles, path: str) -> None:
        with pytest.raises(ArtifactError):
            run.read_file(path, 100)

    def test_an_absolute_path_is_none_of_the_run(self, run: LocalFiles) -> None:
        with pytest.raises(ArtifactError, match="not a path inside"):
            run.read_file(str(inside(run).parent / "outside.txt"), 100)
        assert run.list_directory("/etc").frame.is_empty()
        assert run.list_directory("..").frame.is_empty()

    def test_links_are_neither_listed_nor_read(self, run: LocalFiles) -> None:
        (inside(run) / "to file").symlink_to("../outside.txt")
        (inside(run) / "to directory").symlink_to("/etc")
        (inside(run) / "to itself").symlink_to("to itself")
        (inside(run) / "to a neighbour").symlink_to("a.txt")
        listed = run.list_directory()
        assert listed.frame["path"].to_list() == ["plots", "Z.bin", "a.txt"]
        assert {problem.uri.rpartition("to ")[2] for problem in listed.problems} == {
            "file", "directory", "itself", "a neighbour",
        }  # fmt: skip
        for path in ("to file", "to directory/passwd", "to itself", "to a neighbour"):
            with pytest.raises(ArtifactError, match="symbolic link"):
                run.read_file(path, 100)
        assert run.list_directory("to directory").frame.is_empty()

    def test_a_link_in_place_of_the_directory_is_not_followed(self, run: LocalFiles) -> None:
        shutil.rmtree(inside(run))
        inside(run).symlink_to("/etc")
        listed = run.list_directory()
        assert listed.frame.is_empty()
        assert "symbolic link" in listed.problems[0].what

    def test_a_directory_exchanged_for_a_link_leads_nowhere(
        self, run: LocalFiles, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The link appears after it was looked whether there is one, before the directory is opened."""
        elsewhere = inside(run).parent / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "one.svg").write_text(SECRET)
        look = os.stat

        def look_and_exchange(path: str, **options: bool) -> os.stat_result:
            status = look(path, **options)
            if path == "plots":
                shutil.rmtree(inside(run) / "plots")
                (inside(run) / "plots").symlink_to(elsewhere)
            return status

        with monkeypatch.context() as patched:
            patched.setattr(os, "stat", look_and_exchange)
            with pytest.raises(ArtifactError):
                run.read_file("plots/one.svg", 100)

    def test_pipes_and_devices_are_not_opened(self, run: LocalFiles) -> None:
        os.mkfifo(inside(run) / "pipe")  # to open it would block for ever
        listed = run.list_directory()
        assert "pipe" not in listed.frame["path"]
        assert "pipe, socket or device" in listed.problems[0].what
        with pytest.raises(ArtifactError, match="pipe, socket or device"):
            run.read_file("pipe", 10)

    def test_very_many_links_are_a_few_problems(self, run: LocalFiles) -> None:
        for number in range(100):
            (inside(run) / f"link {number}").symlink_to("/etc")
        assert len(run.list_directory().problems) == 21
        assert "80 more" in run.list_directory().problems[-1].what

    @given(st.text(st.sampled_from("a./\\\0~-ü"), max_size=12))
    def test_whatever_the_path_only_what_is_inside_comes(self, path: str) -> None:
        root = Path(__file__).parent
        try:
            data = LocalFiles(str(root.parent), (root.name,)).read_file(path, 10)
        except ArtifactError:
            return
        assert data == (root / path).read_bytes()[:10]


class TestWhereADatabaseSaysTheyAre:
    def artifacts_at(self, path: Path, text: str = "found") -> Path:
        path.mkdir(parents=True)
        (path / "x.txt").write_text(text)
        return path

    @pytest.mark.parametrize("form", ["{path}", "file://{path}", "file:{path}", "file://localhost{path}", "{path}/"])
    def test_a_directory_named_as_mlflow_names_them(self, tmp_path: Path, form: str) -> None:
        path = self.artifacts_at(tmp_path / "shared disk" / "7" / RUN / "artifacts")
        uri = form.format(path=str(path).replace(" ", "%20") if form.startswith("file") else path)
        found = local_artifacts(RUN, uri, [])
        assert found.read_file("x.txt", 100) == b"found"

    @pytest.mark.parametrize(
        "uri",
        [
            "file:///etc",
            "/etc",
            "file:///etc/../etc",
            "/home/me/.ssh",
            f"/etc/{RUN}",
            f"/etc/{RUN}/../../artifacts",
            f"/etc/../{RUN}/artifacts",
            "/etc/ffffffffffffffffffffffffffffffff/artifacts",
            "etc",
            "../../etc",
            "file:etc",
            "mlflow-artifacts:/etc",
        ],
    )
    def test_any_other_directory_is_refused_without_a_look(
        self, uri: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise AssertionError("something was looked at")

        with monkeypatch.context() as patched:
            for name in ("open", "stat", "lstat", "scandir", "listdir"):
                patched.setattr(os, name, fail)
            patched.setattr(os.path, "isdir", fail)
            found = local_artifacts(RUN, uri, [str(tmp_path)])
            listed = found.list_directory()
            with pytest.raises(ArtifactError):
                found.read_file("passwd", 100)
        assert listed.frame.is_empty()
        assert [problem.uri for problem in listed.problems] == [uri]
        assert "does not end in" in listed.problems[0].what

    @pytest.mark.parametrize("run_id", ["home", "", "..", RUN.upper(), "0" * 31])
    def test_a_crafted_run_id_makes_no_directory_good(self, tmp_path: Path, run_id: str) -> None:
        self.artifacts_at(tmp_path / "home" / "artifacts", SECRET)
        found = local_artifacts(run_id, f"{tmp_path}/{run_id}/artifacts", [str(tmp_path)])
        assert found.list_directory().frame.is_empty()
        assert found.problem is not None

    @pytest.mark.parametrize(
        "uri", ["s3://bucket/7/{run}/artifacts", "gs://b/{run}/artifacts", "dbfs:/x/{run}/artifacts",
                "https://me:word@host/{run}/artifacts", "file://host/{run}/artifacts", "//host/{run}/artifacts",
                "\\\\host\\{run}\\artifacts", "runs:/{run}/artifacts"],
    )  # fmt: skip
    def test_another_machine_is_named_and_not_asked(self, uri: str, tmp_path: Path) -> None:
        (problem,) = local_artifacts(RUN, uri.format(run=RUN), [str(tmp_path)]).list_directory().problems
        assert "another machine" in problem.what
        assert "bucket" in problem.uri or "bucket" not in uri
        assert "word" not in problem.uri

    def test_of_a_file_elsewhere_reading_and_opening_say_the_same(self, tmp_path: Path) -> None:
        files = local_artifacts(RUN, f"s3://bucket/7/{RUN}/artifacts", [str(tmp_path)])
        said = []
        for ask in (lambda: files.read_file("a", 9), lambda: files.local_path("a")):
            with pytest.raises(ArtifactError, match="another machine") as caught:
                ask()
            said.append((caught.value.message, caught.value.remedy))
        assert said[0] == said[1]

    @pytest.mark.parametrize(
        ("lies", "uri"),
        [
            ("mlruns/7", "./mlruns/7/{run}/artifacts"),
            ("mlruns/7", "mlruns/7/{run}/artifacts"),
            ("out", "out/{run}/artifacts"),
            ("mlartifacts/7", "mlflow-artifacts:/7/{run}/artifacts"),
            ("mlartifacts/7", "mlflow-artifacts://server:5000/7/{run}/artifacts"),
            ("mlruns/7", "/elsewhere/before/the/move/7/{run}/artifacts"),
            ("7", "file:///elsewhere/mlruns/7/{run}/artifacts"),
            ("mlruns", "/elsewhere/named/by/the/user/{run}/artifacts"),
        ],
    )
    def test_beside_the_database(self, tmp_path: Path, lies: str, uri: str) -> None:
        self.artifacts_at(tmp_path / lies / RUN / "artifacts")
        found = local_artifacts(RUN, uri.format(run=RUN), [str(tmp_path)])
        assert names(found) == ["x.txt"]
        assert found.problem is None

    def test_a_link_beside_the_database_is_not_followed(self, tmp_path: Path) -> None:
        self.artifacts_at(tmp_path / "private" / "artifacts", SECRET)
        (tmp_path / "mlruns" / "7").mkdir(parents=True)
        (tmp_path / "mlruns" / "7" / RUN).symlink_to(tmp_path / "private")
        found = local_artifacts(RUN, f"mlruns/7/{RUN}/artifacts", [str(tmp_path)])
        listed = found.list_directory()
        assert listed.frame.is_empty()
        assert "symbolic link" in listed.problems[0].what

    @pytest.mark.parametrize(
        ("uri", "told"),
        [
            (f"/no/such/place/mlruns/7/{RUN}/artifacts", True),
            (f"mlflow-artifacts:/7/{RUN}/artifacts", True),
            (f"mlruns/7/{RUN}/artifacts", False),
            ("{here}/mlruns/7/" + f"{RUN}/artifacts", False),
            (None, False),
            ("", False),
        ],
    )
    def test_a_run_that_logged_nothing_is_told_from_one_whose_files_are_elsewhere(
        self, tmp_path: Path, uri: str | None, told: bool
    ) -> None:
        found = local_artifacts(RUN, uri and uri.format(here=tmp_path), [str(tmp_path)])
        assert [("not on this machine" in problem.what) for problem in found.list_directory().problems] == [True] * told
        with pytest.raises(ArtifactError):
            found.read_file("x", 1)

    @given(st.text(max_size=40))
    def test_no_uri_makes_it_fail(self, uri: str) -> None:
        assert local_artifacts(RUN, uri, ["/nowhere"]).list_directory().frame.is_empty()


class TestInAFileStore:
    @pytest.fixture
    def store(self, tmp_path: Path) -> HandMadeStore:
        return HandMadeStore(tmp_path / "mlruns")

    def put(self, store: HandMadeStore, uri: str | None = None) -> Path:
        """A run whose artifact_uri is `uri`/artifacts."""
        store.put_run(RUN)
        where = store.run_dir(RUN)
        if uri is not None:
            meta = (where / "meta.yaml").read_text()
            (where / "meta.yaml").write_text(meta.replace(f"{where}/artifacts", uri))
        return where

    def test_what_mlflow_wrote(self, tmp_path: Path) -> None:
        writer = MlflowWriter(tmp_path / "mlruns")
        run_id = writer.add_run("run")
        writer.client.log_text(run_id, "label,n\n", "tables/counts.csv")
        writer.client.log_dict(run_id, {"a": 1}, "config.json")
        found = artifacts_in_file_store(str(writer.root), str(writer.run_dir(run_id)))
        for directory in ("", "tables"):
            said = writer.client.list_artifacts(run_id, directory)
            listed = found.list_directory(directory).frame
            assert {row[:3] for row in listed.iter_rows()} == {(one.path, one.is_dir, one.file_size) for one in said}
        assert found.read_file("tables/counts.csv", 100) == b"label,n\n"
        moved = tmp_path / "moved"
        (tmp_path / "mlruns").rename(moved)
        found = artifacts_in_file_store(str(moved), str(next(moved.glob(f"*/{run_id}"))))
        assert names(found) == ["tables", "config.json"]
        assert found.problem is None

    def test_a_run_that_points_to_etc_shows_its_own_and_a_problem(self, store: HandMadeStore) -> None:
        where = self.put(store, "file:///etc")
        for _ in range(2):
            found = artifacts_in_file_store(str(store.root), str(where))
            listed = found.list_directory()
            assert [problem.uri for problem in listed.problems] == ["file:///etc"]
            with pytest.raises(ArtifactError):
                found.read_file("passwd", 100)
            (where / "artifacts").mkdir(exist_ok=True)
            (where / "artifacts" / "mine.txt").write_text("mine")
        assert listed.frame["path"].to_list() == ["mine.txt"]

    def test_artifacts_in_a_place_of_their_own(self, store: HandMadeStore, tmp_path: Path) -> None:
        elsewhere = tmp_path / "big disk" / RUN / "artifacts"
        elsewhere.mkdir(parents=True)
        (elsewhere / "weights.bin").touch()
        where = self.put(store, str(elsewhere))
        (where / "artifacts").mkdir()  # mlflow makes it all the same
        assert names(artifacts_in_file_store(str(store.root), str(where))) == ["weights.bin"]

    def test_behind_a_server_they_lie_beside_the_store(self, store: HandMadeStore, tmp_path: Path) -> None:
        served = tmp_path / "mlartifacts" / "0" / RUN / "artifacts"
        served.mkdir(parents=True)
        (served / "x.txt").touch()
        where = self.put(store, f"mlflow-artifacts:/0/{RUN}/artifacts")
        assert names(artifacts_in_file_store(str(store.root), str(where))) == ["x.txt"]

    def test_in_a_bucket_they_are_a_problem_unless_there_is_a_copy(self, store: HandMadeStore) -> None:
        where = self.put(store, f"s3://bucket/0/{RUN}/artifacts")
        (problem,) = artifacts_in_file_store(str(store.root), str(where)).list_directory().problems
        assert problem.uri == f"s3://bucket/0/{RUN}/artifacts"
        (where / "artifacts").mkdir()
        (where / "artifacts" / "copied").touch()
        found = artifacts_in_file_store(str(store.root), str(where)).list_directory()
        assert found.frame["path"].to_list() == ["copied"]
        assert not found.problems

    @pytest.mark.parametrize("meta", [b"", b"\xff", b"artifact_uri: 7\nrun_id: x\n", b"artifact_uri:\n"])
    def test_a_broken_meta_yaml_leaves_the_runs_own_directory(self, store: HandMadeStore, meta: bytes) -> None:
        store.put_run(RUN, meta=meta)
        where = store.run_dir(RUN)
        (where / "artifacts").mkdir()
        (where / "artifacts" / "x").touch()
        assert names(artifacts_in_file_store(str(store.root), str(where))) == ["x"]

    def test_a_store_cloned_from_git_lacks_the_directory(self, store: HandMadeStore) -> None:
        listed = artifacts_in_file_store(str(store.root), str(self.put(store))).list_directory()
        assert listed.frame.is_empty()
        assert not listed.problems
