"""The options of adapters as flags of the command line: `--<adapter>-<option>`, or `--<option>` where it is shared.

Loading the adapters takes 0.1 s, so it is done only where somebody asks for help or gives a flag that is no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click

from tui_runs.adapter import Option, OptionValue

if TYPE_CHECKING:
    from tui_runs.sources.plugins import InstalledAdapter

_META: Final = "tui_runs.adapter_options"


def options_of(adapter: InstalledAdapter) -> list[Option]:
    """The options that an adapter declares; what is not an `Option` is left out, whoever wrote it."""
    try:
        return [option for option in adapter.adapter.options if isinstance(option, Option)] if adapter.adapter else []
    except Exception:  # a stranger's property
        return []


def flag_of(adapter: str, option: Option) -> str:
    """The flag that sets an option of an adapter."""
    return f"--{option.name}" if option.shared else f"--{adapter}-{option.name}"


def given_options(ctx: click.Context) -> dict[str, dict[str, OptionValue]]:
    """The values given on the command line, by option name, by adapter name."""
    given: dict[str, dict[str, OptionValue]] = ctx.meta.get(_META, {})
    return given


class AdapterCommand(click.Command):
    """A command that also takes the flags of every installed adapter."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._flags: list[click.Parameter] | None = None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line, with the adapters' flags where one might be in it."""
        known = {flag for param in super().get_params(ctx) for flag in (*param.opts, *param.secondary_opts)}
        asked = {arg.split("=")[0] for arg in args if arg.startswith("--")} - known - {"--"}
        if asked or {"--help", "-h"}.intersection(args) or ctx.resilient_parsing:
            self._load_flags(known)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, and the flags of adapters where they have been loaded."""
        return [*super().get_params(ctx), *(self._flags or [])]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the help text, those of adapters below a heading of their own."""
        flags, self._flags = self._flags, None
        super().format_options(ctx, formatter)
        self._flags = flags
        records = [record for flag in flags or [] if (record := flag.get_help_record(ctx)) is not None]
        if records:
            with formatter.section("Options of adapters"):
                formatter.write_dl(records)

    def _load_flags(self, known: set[str]) -> None:
        from tui_runs.sources.plugins import load_all  # noqa: PLC0415  see the module's docstring

        self._flags = []
        flags: dict[str, tuple[Option, list[str]]] = {}
        for adapter in load_all():
            for option in options_of(adapter):
                flag = flag_of(adapter.name, option)
                shared = flags.get(flag)
                if shared and shared[0].shared and option.shared:
                    shared[1].append(adapter.name)
                elif shared is None and flag not in known:
                    flags[flag] = option, [adapter.name]
        for flag, (option, adapters) in flags.items():
            with suppress(Exception):  # a stranger's name or default that click will not have
                self._flags.append(_flag(adapters, option, flag))


def _flag(adapters: Sequence[str], option: Option, flag: str) -> click.Option:
    def keep(ctx: click.Context, param: click.Parameter, value: OptionValue) -> None:
        if param.name is None or ctx.get_parameter_source(param.name) is click.core.ParameterSource.DEFAULT:
            return
        options: dict[str, dict[str, OptionValue]] = ctx.meta.setdefault(_META, {})
        for adapter in adapters:
            options.setdefault(adapter, {})[option.name] = value

    more: Mapping[str, Any]
    if isinstance(option.default, bool):
        more = {"is_flag": True}
        flag = f"{flag}/--no-{flag[2:]}" if option.default else flag
    else:
        more = {"type": type(option.default) if option.default is not None else str}
    shown = option.default is not None and option.default is not False
    return click.Option(
        [flag], default=option.default, help=option.help, show_default=shown, expose_value=False, callback=keep, **more
    )
