"""`python -m tui_runs` is `tui-runs`."""

from __future__ import annotations

import sys

from tui_runs.cli import main

if __name__ == "__main__":
    sys.exit(main())
