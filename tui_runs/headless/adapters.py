"""`tui-runs adapters`: the adapters installed, their options, and the broken ones with the reason."""

from __future__ import annotations

from collections.abc import Iterator

from tui_runs.display import printable
from tui_runs.export.json_text import json_array
from tui_runs.export.text_table import styled
from tui_runs.headless.adapter_flags import flag_of, options_of
from tui_runs.headless.output import Output, open_output
from tui_runs.sources.plugins import InstalledAdapter, load_all


def list_adapters(format_name: str) -> None:
    """Print the installed adapters; `format_name` is one of `OBJECT_FORMATS`."""
    adapters = load_all()
    with open_output() as output:
        if format_name == "json":
            output.write(json_array(_object(one) for one in adapters))
        else:
            for one in adapters:
                output.write_lines(_lines(one, output))


def _object(one: InstalledAdapter) -> dict[str, object]:
    return {
        "name": one.name,
        "distribution": one.distribution,
        "reads": _summary(one),
        "error": one.error or None,
        "options": [
            {"name": option.name, "flag": flag_of(one.name, option), "help": option.help, "default": option.default}
            for option in options_of(one)
        ],
    }


def _summary(one: InstalledAdapter) -> str | None:
    """The first line of the adapter's docstring, which says what it reads."""
    lines = (type(one.adapter).__doc__ or "").strip().split("\n") if one.adapter is not None else []
    return lines[0] if lines and lines[0] else None


def _lines(one: InstalledAdapter, output: Output) -> Iterator[str]:
    name = styled(f"{printable(one.name):<10}", "strong", output.colour)
    if one.error:
        yield f"{name}  {styled('broken', 'bad', output.colour)}  {printable(one.error)}"
    else:
        yield f"{name}  {printable(_summary(one) or '')}".rstrip()
    yield f"{'':<10}  {styled('from ' + printable(one.distribution), 'muted', output.colour)}"
    for option in options_of(one):
        default = "" if option.default in (None, False) else f" [{option.default}]"
        yield f"{'':<10}  {printable(flag_of(one.name, option))}  {printable(option.help + default)}"
