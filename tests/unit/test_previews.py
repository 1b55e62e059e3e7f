"""Files as they are previewed: texts, tables, arrays, weights, archives, written by what writes them in real life."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import pickle
import random
import shutil
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs.capabilities import Artifacts
from tui_runs.display import HOSTILE
from tui_runs.schema import ARTIFACTS, empty
from tui_runs.tui.previews import MOST_BYTES, WHOLE_BYTES, read_preview, tables
from tui_runs.tui.previews.page import Page, Room
from tui_runs.tui.previews.text import laid_out

ROOM = Room(100, 30)


@dataclass
class Held:
    """A source of one file; counts the bytes that are read of it."""

    content: bytes
    read: int = 0

    def artifacts(self, run_id: str, directory: str = "") -> Artifacts:
        return Artifacts(empty(ARTIFACTS))

    def read_artifact(self, run_id: str, path: str, limit: int) -> bytes:
        self.read = max(self.read, min(limit, len(self.content)))
        return self.content[:limit]


def title_of(path: str, content: bytes) -> str:
    return read_preview(Held(content), "run", path, len(content)).title


def lines_of(path: str, content: bytes, room: Room = ROOM, size: int | None = None) -> list[str]:
    page = read_preview(Held(content), "run", path, len(content) if size is None else size).page(room)
    return texts(page)


def texts(page: Page) -> list[str]:
    rows = [*page.header, *page.rows]
    return ["".join(text for text, _ in row) if isinstance(row, tuple) else row.text for row in rows]


def styles_of(path: str, content: bytes) -> dict[str, str]:
    page = read_preview(Held(content), "run", path, len(content)).page(ROOM)
    return {text.strip(): style for row in page.rows if isinstance(row, tuple) for text, style in row}


def cells_of(path: str, content: bytes) -> list[list[str]]:
    """The words of each line of a table whose cells have no blanks."""
    return [line.split() for line in lines_of(path, content)]


@contextmanager
def memory() -> Iterator[Callable[[], int]]:
    """Gives what tells the most bytes that Python and NumPy held at once inside."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestTexts:
    def test_line_by_line(self) -> None:
        assert lines_of("a.txt", "läuft\n\tunter\r\nend".encode()) == ["läuft", "    unter", "end"]
        assert lines_of("a.txt", "\ufeffmark".encode()) == ["mark"]
        assert lines_of("a.txt", "wide ü".encode("utf-16")) == ["wide ü"]

    def test_an_empty_file_says_so(self) -> None:
        assert lines_of("a.txt", b"") == ["The file is empty."]

    def test_long_lines_are_wrapped_or_reach_out(self) -> None:
        text = "x" * 250
        assert [len(line) for line in lines_of("a.txt", text.encode())] == [100, 100, 50]
        page = read_preview(Held(text.encode()), "run", "a.txt", 250).page(ROOM._replace(wrapped=False))
        assert (texts(page), page.width) == ([text], 250)

    def test_a_long_file_says_that_there_is_more(self) -> None:
        content = b"x\n" * (MOST_BYTES // 2)
        lines = lines_of("log.txt", content, size=10 * MOST_BYTES)
        assert lines[0] == "x"
        assert "of 2.6 MB" in lines[-1]

    def test_a_file_that_has_grown_since_it_was_listed_says_that_there_is_more(self) -> None:
        lines = lines_of("log.txt", b"a line of text\n" * 40_000, size=1000)
        assert lines[-1] == "… the first 2,000 lines"
        content = b"x" + "ü".encode() * MOST_BYTES  # the limit cuts a character in two
        assert lines_of("log.txt", content, size=1000)[-1] == "… the first 262 kB, 1 lines"
        assert read_preview(Held(content), "run", "log.txt", 1000).title == "text · 262 kB"

    def test_a_file_has_the_size_that_was_read(self) -> None:
        shown = read_preview(Held(b"short\n"), "run", "log.txt", 1000)
        assert (shown.title, texts(shown.page(ROOM))) == ("text · 6 B", ["short"])

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_a_character_that_is_cut_in_two_makes_no_text_binary(self, encoding: str) -> None:
        text = "𝄞" * MOST_BYTES  # four bytes in each of them
        for ahead in range(4):
            content = ("x" * ahead + text).encode(encoding)
            assert lines_of("a.txt", content)[0].startswith("x" * ahead + "𝄞")

    def test_what_is_said_of_the_rest_is_true(self) -> None:
        many = b"1234\n" * (300_000 // 5)
        assert lines_of("a.txt", many)[-2:] == ["1234", "… the first 2,000 lines of 300 kB"]
        assert lines_of("a.txt", many[: 5 * 3000])[-1] == "… the first 2,000 of 3,000 lines"
        few = (b"x" * 999 + b"\n") * 300
        assert lines_of("a.txt", few, ROOM._replace(wrapped=False))[-1] == "… the first 262 kB of 300 kB, 263 lines"

    def test_only_ends_of_lines_end_lines(self) -> None:
        text = "a\x0cb\x1ec\u2028d\x85e\n\nold\rmac\r\n"
        assert lines_of("a.txt", text.encode()) == ["a␌b␞c⟨2028⟩d⟨0085⟩e", "", "old", "mac"]

    def test_only_the_beginning_is_read(self) -> None:
        source = Held(b"x\n" * MOST_BYTES)
        read_preview(source, "run", "log.txt", len(source.content))
        assert source.read == MOST_BYTES

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (pickle.dumps({"a": 1}), "pickle, which is never loaded"),
            (b"\xff\xfe\x00\x00", "binary file"),
            (b"SQLite format 3\0" + bytes(100), "SQLite database"),
        ],
    )
    def test_what_is_no_text_is_named(self, content: bytes, kind: str) -> None:
        assert title_of("model", content).startswith(kind)

    def test_gzip_shows_what_is_inside(self) -> None:
        packed = gzip.compress(b"epoch 1\nepoch 2\n")
        assert lines_of("train.log.gz", packed) == ["epoch 1", "epoch 2"]
        assert cells_of("a.csv.gz", gzip.compress(b"x,y\n1,2\n")) == [["x", "y"], ["1", "2"]]
        assert lines_of("a.gz", packed[:2] + b"\xff" * 20) == ["It is damaged and cannot be unpacked."]

    def test_gzip_of_several_members_is_shown_whole(self) -> None:
        members = [gzip.compress(f"epoch {n}\n".encode()) for n in range(3)]
        assert lines_of("train.log.gz", b"".join(members)) == ["epoch 0", "epoch 1", "epoch 2"]
        assert lines_of("train.log.gz", bytes(8).join([*members, b""])) == ["epoch 0", "epoch 1", "epoch 2"]
        broken = lines_of("train.log.gz", members[0] + b"no member")
        assert broken == ["epoch 0", "… the first 8 B, 1 lines"]
        large = gzip.compress(b"x" * MOST_BYTES)
        assert "the first 262 kB" in lines_of("a.gz", large + members[0])[-1]
        noise = gzip.compress(random.Random(1).randbytes(MOST_BYTES))[:MOST_BYTES]
        assert lines_of("a.gz", members[0] + noise)[-1] == "There is no preview of this kind of file."

    def test_a_bomb_is_unpacked_as_far_as_is_shown(self) -> None:
        bomb = gzip.compress(b"0" * 32_000_000)
        with memory() as peak:
            lines = lines_of("a.txt.gz", bomb)
        assert peak() < 4 * MOST_BYTES
        assert sum(map(len, lines)) < MOST_BYTES

    @pytest.mark.parametrize(
        ("path", "text", "expected"),
        [
            ("a.json", '{"lr": 0.1, "on": true, "name": "x"}', {'"lr"': "key", "0.1": "number", '"x"': "string"}),
            ("a.yaml", "lr: 0.1 # fine\n", {"lr": "key", "# fine": "muted"}),
            ("a.toml", 'name = "x"\n', {'"x"': "string"}),
            ("a.md", "# Results\n", {"# Results": "keyword"}),
            ("MLmodel", "run_id: abc\n", {"run_id": "key"}),
        ],
    )
    def test_words_have_colours(self, path: str, text: str, expected: dict[str, str]) -> None:
        styles = styles_of(path, text.encode())
        assert {word: styles.get(word) for word in expected} == expected

    def test_bombs_of_yaml_and_deep_json_are_text(self) -> None:
        bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
            for before, name in zip("abcdefgh", "bcdefghi", strict=True)
        )
        assert lines_of("a.yaml", bomb.encode()) == bomb.splitlines()
        begin = time.process_time()
        deep = lines_of("a.json", b"[" * 100_000)
        assert time.process_time() - begin < 10
        assert deep[0] == "["

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=300), st.sampled_from(["a.txt", "b.json", "c.csv", "d.yaml", "e.md", "f.toml", "g.npy"]))
    def test_nothing_hostile_reaches_the_screen(self, content: bytes, path: str) -> None:
        for line in (*lines_of(path, content), title_of(path, content)):
            assert not HOSTILE.search(line)

    @settings(max_examples=60, deadline=None)
    @given(st.text(max_size=200), st.sampled_from(["a.yaml", "a.toml", "a.md", "a.jsonl", "a.ini", "a.py", "a.patch"]))
    def test_colours_change_no_text(self, text: str, path: str) -> None:
        plain = lines_of("a.txt", text.encode("utf-8", "replace"))
        assert lines_of(path, text.encode("utf-8", "replace")) == plain


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


class TestJson:
    @settings(max_examples=100, deadline=None)
    @given(VALUES)
    def test_laid_out_as_the_standard_library_does(self, value: Any) -> None:
        assert laid_out(json.dumps(value)).strip() == json.dumps(value, indent=2)

    def test_what_is_written_stays_as_it_is_written(self) -> None:
        text = '{"a": 1.50, "a": 1e400, "big": ' + "9" * 5000 + ', "nan": NaN}'
        assert "".join(laid_out(text).split()) == "".join(text.split())

    def test_what_is_laid_out_already_is_left(self) -> None:
        text = '{\n "a": [1,\n 2]}'
        assert laid_out(text) == text

    def test_what_is_cut_off_is_laid_out_as_far_as_it_goes(self) -> None:
        assert laid_out('{"a": [1, 2, "x').strip().splitlines() == ["{", '  "a": [', "    1,", "    2,", '    "x']


class TestTables:
    def frame(self, rows: int = 3) -> pl.DataFrame:
        return pl.DataFrame({"epoch": range(rows), "loss": [1 / (n + 1) for n in range(rows)], "who": ["a,b"] * rows})

    def test_csv(self) -> None:
        content = self.frame().write_csv().encode()
        assert lines_of("a.csv", content) == [
            "epoch                loss  who",
            "    0                 1.0  a,b",
            "    1                 0.5  a,b",
            "    2  0.3333333333333333  a,b",
        ]
        assert title_of("a.csv", content) == f"CSV · 3 rows, 3 columns · {len(content)} B"

    @pytest.mark.parametrize(("path", "separator"), [("a.tsv", "\t"), ("a.csv", ";"), ("a.csv", "|")])
    def test_separators(self, path: str, separator: str) -> None:
        content = self.frame().write_csv(separator=separator).encode()
        assert lines_of(path, content)[1:] == lines_of("a.csv", self.frame().write_csv().encode())[1:]

    def test_missing_ragged_and_without_titles(self) -> None:
        assert cells_of("a.csv", b"x,y\n1,\n2\n3,4,5\n") == [
            ["x", "y"],
            ["1", "—", "—"],
            ["2", "—", "—"],
            ["3", "4", "5"],
        ]
        assert lines_of("a.csv", b"1,2\n3,4\n")[0].split() == ["column", "1", "column", "2"]

    def test_a_long_one_says_what_is_left_out(self) -> None:
        lines = lines_of("a.csv", self.frame(5000).write_csv().encode())
        assert len(lines) == 1 + 500 + 1
        assert lines[-1] == "… the first 500 rows"
        wide = (",".join(f"c{n}" for n in range(300)) + "\n" + ",".join("0" * 300)).encode()
        assert "100 of 300 columns" in lines_of("a.csv", wide)[-1]

    def test_cells_cannot_do_harm(self) -> None:
        file = io.StringIO()
        csv.writer(file).writerows([["a", "b"], ["\x1b[31mred", "[bold]x[/]"], ["\u202egnirts", "line\nbreak"]])
        lines = lines_of("a.csv", file.getvalue().encode())
        assert not any(map(HOSTILE.search, lines))
        assert "␛[31mred" in lines[1]
        assert "[bold]x[/]" in lines[1]
        assert "line␊break" in lines[2]

    def test_a_quote_that_never_ends_is_shown_as_text(self) -> None:
        assert lines_of("a.csv", b'a,b\n"' + b"x" * 200_000)[0] == "a,b"

    def test_parquet(self) -> None:
        file = io.BytesIO()
        frame = self.frame(1000).with_columns(
            many=pl.Series([list(range(100))] * 1000), raw=pl.lit(b"\x1b\0"), inner=pl.struct(x=1, y=pl.lit("\x1b[0m"))
        )
        frame.write_parquet(file)
        content = file.getvalue()
        lines = lines_of("a.parquet", content)
        assert title_of("a.parquet", content).startswith("Parquet · 1,000 rows, 6 columns · ")
        assert lines[0].split() == frame.columns
        assert lines[3].split()[:3] == ["2", "0.3333333333333333", "a,b"]
        assert "[0, 1, 2, 3, 4, 5, 6, 7" in lines[1]
        assert "1b00" in lines[1]
        assert lines[-1] == "… the first 500 of 1,000 rows"
        assert not any(map(HOSTILE.search, lines))

    def test_a_damaged_parquet_file_says_so(self) -> None:
        file = io.BytesIO()
        self.frame(1000).write_parquet(file)
        whole = file.getvalue()
        for content in (whole[:500], whole[:4] + bytes(1000) + whole[-8:], b"PAR1" + bytes(20) + b"PAR1"):
            (line,) = lines_of("a.parquet", content, Room(1000, 9))
            assert line.startswith("This Parquet file cannot be read:")

    def test_a_parquet_file_that_ends_the_process_which_decodes_it(self) -> None:
        """polars asks for 2 ** 61 bytes here, and aborts."""
        file = io.BytesIO()
        frame = {"a": range(300), "b": [f"s{n % 7}" for n in range(300)], "c": [[n] for n in range(300)]}
        pl.DataFrame(frame).write_parquet(file)
        content = bytearray(file.getvalue())
        content[1001], content[1278] = 129, 29
        (line,) = lines_of("a.parquet", bytes(content))
        assert line.startswith("This Parquet file cannot be read")

    @pytest.mark.parametrize("program", ["false", "nosuch"])
    def test_parquet_without_an_answer(self, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.executable", shutil.which(program) or program)
        assert lines_of("a.parquet", b"PAR1") == ["This Parquet file cannot be read."]

    def test_parquet_is_decoded_without_the_app_and_without_what_lies_in_the_working_directory(
        self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("polars", "json", "page"):
            (tmp_path / f"{name}.py").write_text("raise SystemExit(1)")
        monkeypatch.chdir(tmp_path)
        file = io.BytesIO()
        self.frame(2).write_parquet(file)
        assert lines_of("a.parquet", file.getvalue())[0].split() == ["epoch", "loss", "who"]
        script = Path(tables.__file__).with_name("parquet_rows.py")
        program = (
            f"import runpy, sys; runpy.run_path({str(script)!r}); print({{'textual', 'tui_runs'}} & {{*sys.modules}})"
        )
        done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout == "set()\n"

    @settings(max_examples=6, deadline=None)  # a process each
    @given(st.data())
    def test_parquet_with_bytes_changed_never_fails(self, data: st.DataObject) -> None:
        file = io.BytesIO()
        self.frame(20).write_parquet(file)
        content = bytearray(file.getvalue())
        for _ in range(4):
            content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
        assert not any(map(HOSTILE.search, lines_of("a.parquet", bytes(content))))


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


class TestArrays:
    def test_header_and_first_values(self) -> None:
        lines = lines_of("a.npy", saved(np.arange(64 * 128, dtype="float32").reshape(64, 128)), Room(400, 9))
        assert [line.split("  ")[0] for line in lines[1:]] == ["dtype", "shape", "values", "order", "first values"]
        assert "64 × 128" in lines[2]
        assert "8,192" in lines[3]
        assert "0.0, 1.0, 2.0" in lines[5]

    def test_objects_are_never_loaded(self, tmp_path: Any) -> None:
        mark = tmp_path / "ran"

        class Harmful:
            def __reduce__(self) -> tuple[Any, ...]:
                return open, (str(mark), "w")

        content = saved(np.array([Harmful(), None], dtype=object))
        assert "never loaded" in lines_of("a.npy", content)[-1]
        assert not mark.exists()

    @pytest.mark.parametrize(
        "header", [b"{'descr': '<f8', 'shape': (1,)", b"(" * 9000, b"{'a': 1}", b"\xff" * 50], ids=range(4)
    )
    def test_a_damaged_header_says_so(self, header: bytes) -> None:
        content = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header
        assert lines_of("a.npy", content)[0].startswith("Its header cannot be read")

    def test_npz(self) -> None:
        file = io.BytesIO()
        np.savez_compressed(file, x=np.zeros((3, 4)), y=np.arange(10, dtype="int32"))
        assert cells_of("a.npz", file.getvalue()) == [
            ["name", "dtype", "shape", "bytes"],
            ["x.npy", "float64", "3", "×", "4", "224"],
            ["y.npy", "int32", "10", "168"],
        ]

    def test_the_header_of_a_member_is_not_unpacked_whole(self) -> None:
        """A member of 400 MB that says all of it is its header; NumPy refuses it, but only after having read it."""
        file = io.BytesIO()
        length = 400_000_000
        with (
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("x.npy", "w") as member,
        ):
            member.write(b"\x93NUMPY\2\0" + struct.pack("<I", length))
            for _ in range(length // 4_000_000):
                member.write(b" " * 4_000_000)
        begin = time.process_time()
        assert "unreadable" in lines_of("a.npz", file.getvalue())[1]
        assert time.process_time() - begin < 0.3

    def test_the_first_arrays_of_many_are_described(self) -> None:
        one = saved(np.zeros(3))
        lines = cells_of("a.npz", zipped([(f"{n}.npy", one) for n in range(120)]))
        assert lines[1][:3] == ["0.npy", "float64", "3"]
        assert lines[-1] == ["119.npy", "—", "—", str(len(one))]

    def test_safetensors(self) -> None:
        """Written by hand after the format's description; two tensors, and one that is a single number."""
        known = {
            "__metadata__": {"format": "pt"},
            "w": {"dtype": "F32", "shape": [768, 10], "data_offsets": [0, 30720]},
            "b": {"dtype": "BF16", "shape": [10], "data_offsets": [30720, 30740]},
            "scale": {"dtype": "F32", "shape": [], "data_offsets": [30740, 30744]},
        }
        header = json.dumps(known).encode()
        content = struct.pack("<Q", len(header)) + header + bytes(30744)
        lines = lines_of("m.safetensors", content)
        assert "3 tensors, 7,691 parameters" in title_of("m.safetensors", content)
        assert lines[1].split() == ["w", "F32", "768", "×", "10", "7,680"]
        assert lines[-1] == "format = pt"

    def test_a_header_larger_than_what_is_read_at_first(self) -> None:
        known = {f"layer.{n}.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]} for n in range(9000)}
        header = json.dumps(known).encode()
        assert len(header) > MOST_BYTES
        content = struct.pack("<Q", len(header)) + header + bytes(16)
        assert "9,000 tensors, 36,000 parameters" in title_of("m.safetensors", content)

    @pytest.mark.parametrize(
        "content",
        [
            struct.pack("<Q", 1 << 60) + b"{}",
            struct.pack("<Q", 3000) + b"[" * 3000,
            struct.pack("<Q", 2) + b"[]",
            b"ab",
            struct.pack("<Q", 41) + b'{"w": {"dtype": "F32", "shape": [-1, 2]}}',
        ],
        ids=range(5),
    )
    def test_damaged_weights_say_so(self, content: bytes) -> None:
        assert "cannot be read" in lines_of("m.safetensors", content)[0]


def zipped(members: Sequence[tuple[str, bytes]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


class TestArchives:
    def test_members(self) -> None:
        content = zipped([("m/data.pkl", b"\x80"), ("m/data/0", bytes(1000)), ("../../etc/passwd\x1b[0m", b"x")])
        lines = lines_of("m.pt", content)
        assert title_of("m.pt", content).startswith("PyTorch file · 3 members, 1.0 kB unpacked")
        assert lines[2].split() == ["m/data/0", "1,000"]
        assert "␛" in lines[3]

    def test_a_bomb_is_listed_and_not_unpacked(self) -> None:
        content = zipped([("zeros.npy", b"\x93NUMPY" + bytes(32_000_000))])
        with memory() as peak:
            assert "32,000,006" in lines_of("bomb.npz", content)[1]
        assert peak() < 4 * MOST_BYTES

    def test_damaged_or_too_long(self) -> None:
        content = zipped([("a", b"x"), ("b", b"y")])
        assert "cut off or damaged" in lines_of("a.zip", content[:-30])[0]
        many = zipped([(f"{n:060}", b"") for n in range(12_000)])
        assert "too many members" in lines_of("a.zip", many)[0]
        for at in range(4, len(content)):
            lines_of("a.zip", content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])

    def test_the_list_of_members_is_as_long_as_the_record_that_is_believed_says(self) -> None:
        """The record at the end says 100 bytes; the ZIP64 one before it all of them."""
        content = zipped([(f"{n:0600}", b"") for n in range(2000)])
        end = content.rindex(b"PK\5\6")
        size, start = struct.unpack_from("<II", content, end + 12)
        large = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 2000, 2000, size, start)
        locator = struct.pack("<IIQI", 0x07064B50, 0, end, 1)
        last = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 5, 5, 100, start, 0)
        lying = content[:end] + large + locator + last
        assert len(zipfile.ZipFile(io.BytesIO(lying)).infolist()) == 2000
        assert "too many members" in lines_of("a.zip", lying)[0]

    def test_what_would_have_to_be_read_whole_and_is_too_large(self) -> None:
        source = Held(b"PK\3\4" + bytes(MOST_BYTES))
        shown = read_preview(source, "run", "a.zip", WHOLE_BYTES + 1)
        assert "larger than 33.6 MB" in texts(shown.page(ROOM))[0]
        assert source.read <= MOST_BYTES


def test_yaml_that_python_wrote_is_coloured_and_kept() -> None:
    text = yaml.safe_dump({"model": {"name": "resnet", "depth": 18}, "lr": 3e-4, "tags": ["a", "b"]})
    assert lines_of("a.yaml", text.encode()) == text.splitlines()
    assert math.isclose(
        3e-4, float(next(line for line in lines_of("a.yaml", text.encode()) if "lr" in line).split()[1])
    )
