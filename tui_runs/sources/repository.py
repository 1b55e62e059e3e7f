"""What lies between two commits, told by git, where the repository is at hand.

A repository is as much a stranger's as a store is: its own configuration may name programs for git to run, and servers
to fetch from. So git is asked for nothing that runs one (no external diff, no textconv, no pager, no monitor, no hook),
may reach no server, takes no lock, and is given only hashes. The user's own configuration stays in force, for it says
which repositories of other owners he trusts.

Source: git-diff(1), git-config(1) and git(1) of 2.39 to 2.51.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from dataclasses import dataclass
from typing import Final

from tui_runs.display import printable

_HASH: Final = re.compile(r"[0-9a-f]{7,64}")
_SECONDS: Final = 20.0
PATCH_LIMIT: Final = 2_000_000
"""Characters of a patch; a longer one is cut at the end of a line."""
_SAFE: Final = (
    "--no-pager", "--no-optional-locks", "--no-replace-objects", "--literal-pathspecs",
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
    "-c", "core.attributesFile=/dev/null", "-c", "protocol.allow=never",
)  # fmt: skip
_PLAIN_DIFF: Final = (
    "--no-ext-diff", "--no-textconv", "--no-color", "--no-relative", "--submodule=short", "--ignore-submodules=all",
    "--diff-algorithm=myers", "--unified=3", "--src-prefix=a/", "--dst-prefix=b/", "-O/dev/null", "--find-renames",
)  # fmt: skip
"""What the repository's own configuration could change: how it looks, what is run, and which files are read for it."""


@dataclass(frozen=True, slots=True)
class CodeChange:
    """How the code of one run differs from that of another.

    Args:
        ahead: commits that the new one has and the old one has not; None where git could not tell.
        behind: commits that the old one has and the new one has not.
        patch: what `git diff` says, of text files; "" where nobody asked for it.
        complete: the patch is whole.
        trouble: why it cannot be told, one sentence; "" where it can.
    """

    ahead: int | None = None
    behind: int | None = None
    patch: str = ""
    complete: bool = True
    trouble: str = ""

    @property
    def distance(self) -> str:
        """In words: "3 commits later", "2 commits earlier", "3 commits later and 2 earlier"; "" if not known."""
        if self.ahead is None or self.behind is None:
            return ""
        if not self.ahead and not self.behind:
            return "the same commit"
        later = f"{_commits(self.ahead)} later"
        if not self.behind:
            return later
        return f"{later} and {self.behind:,} earlier" if self.ahead else f"{_commits(self.behind)} earlier"


def _commits(count: int) -> str:
    return "1 commit" if count == 1 else f"{count:,} commits"


def code_change(old: str, new: str, directory: str = ".", *, patch: bool = False) -> CodeChange:
    """What lies between two commits of the repository in which a directory is. Never raises; runs git, up to 20 s.

    Args:
        old: the hash of a commit, or at least 7 characters of it; from a store, so not trusted.
        new: the same.
        directory: one that the user is in, or that he names; never one that a store names.
        patch: also ask for the patch.
    """
    for commit in (old, new):
        if not _HASH.fullmatch(commit):
            return CodeChange(trouble=f"{printable(commit)[:50]!r} is no hash of a commit.")
    try:
        for commit in (old, new):
            if _git(directory, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
                where = _git(directory, "rev-parse", "--show-toplevel")
                if where.returncode:
                    return CodeChange(trouble=_reason(where.stderr, directory))
                return CodeChange(trouble=f"Commit {commit[:10]} is not in the repository {_first_line(where.stdout)}.")
        counted = _git(directory, "rev-list", "--count", "--left-right", f"{old}...{new}", "--")
        if counted.returncode:
            return CodeChange(trouble=_reason(counted.stderr, directory))
        behind, ahead = map(int, counted.stdout.split())
        if not patch:
            return CodeChange(ahead, behind)
        said = _git(directory, "diff", *_PLAIN_DIFF, old, new, "--", limit=PATCH_LIMIT)
    except FileNotFoundError:
        return CodeChange(trouble="git is not installed.")
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return CodeChange(trouble=f"git could not tell: {printable(str(error))[:200]}")
    text = said.stdout.decode(errors="replace")
    if len(said.stdout) >= PATCH_LIMIT:
        return CodeChange(ahead, behind, text[: text.rfind("\n") + 1], complete=False)
    if said.returncode:
        return CodeChange(ahead, behind, trouble=_reason(said.stderr, directory))
    return CodeChange(ahead, behind, text)


def _git(directory: str, *arguments: str, limit: int = 100_000) -> subprocess.CompletedProcess[bytes]:
    """Run git and take at most so many bytes of what it prints; then it is ended."""
    command = ["git", *_SAFE, "-C", directory, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
    ) as process:
        if process.stdout is None or process.stderr is None:
            raise OSError("no pipe")
        timer = threading.Timer(_SECONDS, process.kill)
        timer.start()
        try:
            said = process.stdout.read(limit)
            if len(said) >= limit:
                process.kill()
            reason = process.stderr.read(2000)
            code = process.wait()
        finally:
            process.kill()
            timer.cancel()
        if code < 0 and len(said) < limit:
            raise subprocess.TimeoutExpired("git", _SECONDS)
    return subprocess.CompletedProcess(command, code, said, reason)


def _environment() -> dict[str, str]:
    """The user's, without what would lead git elsewhere, and with what keeps it here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _reason(stderr: bytes, directory: str) -> str:
    if b"not a git repository" in stderr:
        return f"{printable(os.path.abspath(directory))} is in no git repository."
    return f"git could not tell: {_first_line(stderr)}"


def _first_line(said: bytes) -> str:
    return printable(said.decode(errors="replace").strip().split("\n")[0])[:300]
