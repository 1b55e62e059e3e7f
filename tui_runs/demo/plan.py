"""Which runs the demo's store holds, and which start while one looks on. The same for the same seed and time."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import accumulate
from random import Random
from typing import Final

from tui_runs.demo.curves import CIFAR, GPT, DemoRun, Point, Setup, points
from tui_runs.errors import UsageError

FEWEST: Final = 3
"""Three train, whatever the number of runs."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_MINUTE: Final = 60_000
_REACH: Final = 9 * 24 * 60 * _MINUTE
_BEST: Final = Setup(CIFAR, depth=34, width=64)
_BEST_GPT: Final = Setup(GPT, optimizer="adamw", weight_decay=0.01)
_ADJECTIVES: Final = _words(
    "amber bold brave brisk calm clever cosy crisp dapper dim eager early fuzzy gentle glad hazy jolly keen late "
    "lively loud lucky mellow merry misty nimble patient plain proud quiet quick rusty shy silent sleepy sly snowy "
    "solid spry sunny swift tidy vivid warm wild witty young zesty"
)
_ANIMALS: Final = _words(
    "adder badger bear bison crab crane crow deer dingo dove eagle eel elk falcon ferret finch fox frog gecko goat "
    "heron ibex jay koala lark lemur lion llama lynx mole moth newt otter owl panda quail raven robin seal shrew "
    "skunk sloth stoat swan tapir trout vole wasp wolf yak zebra"
)


def plan(*, now: float, seed: int, runs: int) -> list[DemoRun]:
    """The runs that a new store holds, oldest first; three of them are running.

    Args:
        now: the present, seconds since 1970.
        seed: the same seed and time give the same runs.
        runs: how many, `FEWEST` at least. The special ones go first, so that a few runs show most of what there is.

    Raises:
        UsageError: `runs` is too small.
    """
    if runs < FEWEST:
        raise UsageError(
            f"A demo of {runs} runs is too small.", f"Ask for {FEWEST} or more: three are always training."
        )
    now_ms = int(now * 1000)
    luck = Random(f"{seed}/plan")
    drafts = [*_running(luck, now_ms), *_repeated(luck, now_ms), *_unlucky(luck, now_ms), *_sweep(luck, now_ms)]
    while len(drafts) < runs:
        drafts.append(_past(luck, now_ms, _some_setup(luck), int(200 * 10 ** luck.random() ** 1.5)))
    oldest_first = sorted(drafts[:runs], key=lambda run: run.started_ms)
    named = [replace(run, name=_name(seed, number, run.sweep)) for number, run in enumerate(oldest_first, 1)]
    return [replace(run, recorded=_best_so_far(run, named)) if run.sweep else run for run in named]


def next_run(*, seed: int, number: int, started_ms: int) -> DemoRun:
    """A run that starts when another ended: it takes some minutes, and every fourth fails.

    Args:
        seed: the seed of the store.
        number: its place among the runs of the store, counted from 1.
        started_ms: when it starts, milliseconds since 1970.
    """
    luck = Random(f"{seed}/next/{number}")
    setup, planned = _some_setup(luck), luck.randrange(400, 700)
    run = _draft(luck, setup, started_ms, luck.randrange(300, 450), planned)
    run = replace(run, running=True, name=_name(seed, number))
    if number % 4 == 2:
        return replace(run, fate="failed", setup=replace(setup, lr=0.03, optimizer="adam"), last=planned // 2)
    return run


def _name(seed: int, number: int, sweep: bool = False) -> str:
    luck = Random(f"{seed}/name/{number}")
    return f"lr-sweep-{number}" if sweep else f"{luck.choice(_ADJECTIVES)}-{luck.choice(_ANIMALS)}-{number}"


def _draft(luck: Random, setup: Setup, started_ms: int, interval_ms: int, planned: int) -> DemoRun:
    """A run without a name; its id has the form that MLflow's ids have, a UUID of version 4."""
    digits = f"{luck.getrandbits(128):032x}"
    return DemoRun(
        run_id=f"{digits[:12]}4{digits[13:16]}{'89ab'[luck.randrange(4)]}{digits[17:]}",
        name="",
        setup=setup,
        started_ms=started_ms,
        interval_ms=interval_ms,
        planned=planned,
        last=planned,
        user=luck.choice(("alice", "bob")),
        luck=luck.gauss(0.0, 0.003 * setup.task.loss_scale),
    )


def _past(luck: Random, now_ms: int, setup: Setup, planned: int) -> DemoRun:
    """A run that took between ten minutes and six hours, and was over at least ten minutes ago."""
    interval_ms = 3_000 + int(4_000 * luck.random() * (setup.batch_size / 64) ** 0.5)
    took = (planned + 1) * min(interval_ms, 10_500)
    ago = took + 10 * _MINUTE + luck.random() * (_REACH - took - 10 * _MINUTE)
    return _draft(luck, setup, now_ms - int(ago), took // (planned + 1), planned)


def _some_setup(luck: Random) -> Setup:
    task = CIFAR if luck.random() < 0.6 else GPT
    optimizer = luck.choices(("adam", "adamw", "sgd"), (5, 4, 2) if task is CIFAR else (3, 7, 0))[0]
    rates, weights = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2), (1, 2, 3, 4, 2, 1)
    return Setup(
        task,
        lr=luck.choice((0.01, 0.03, 0.1, 0.3)) if optimizer == "sgd" else luck.choices(rates, weights)[0],
        optimizer=optimizer,
        batch_size=luck.choice(task.batches),
        scheduler=luck.choices(("cosine", "step", "constant"), (6, 2, 2))[0],
        dropout=luck.choice((0.0, 0.0, 0.1, 0.2, 0.3)),
        weight_decay=luck.choice((0.0, 1e-4, 1e-2)),
        depth=luck.choice(task.depths),
        width=luck.choice(task.widths),
        warmup_points=luck.choice((0, 10, 20, 50)),
        mixup=luck.choice((None, None, "0.2")) if task is CIFAR else None,
    )


def _running(luck: Random, now_ms: int) -> list[DemoRun]:
    """One ends two minutes from now, one fails after 70 seconds, one goes on for six minutes."""
    ending = _draft(luck, replace(_BEST, optimizer="adamw", dropout=0.2, seed=1), now_ms - 8 * _MINUTE, 400, 1500)
    failing = _draft(luck, replace(_BEST_GPT, lr=0.01, warmup_points=0), now_ms - 5 * _MINUTE, 350, 1800)
    failing = replace(failing, fate="failed", last=(5 * _MINUTE + 70_000) // 350)
    lasting = _draft(luck, replace(_BEST_GPT, lr=3e-4, depth=8, width=384), now_ms - 7 * _MINUTE, 400, 1950)
    return [replace(run, running=True) for run in (ending, failing, lasting)]


def _repeated(luck: Random, now_ms: int) -> list[DemoRun]:
    """The best params with three seeds, one after the other."""
    first = now_ms - 2 * 24 * 60 * _MINUTE
    runs = [_draft(luck, replace(_BEST, seed=n), first + (n - 1) * 75 * _MINUTE, 3600, 1200) for n in (1, 2, 3)]
    note = "**Best so far.** Repeated with three seeds;\nthe difference between them is the noise."
    return [replace(run, luck=0.0025 * (n - 1), user="alice", note=note) for n, run in enumerate(runs)]


def _unlucky(luck: Random, now_ms: int) -> list[DemoRun]:
    """One whose loss becomes NaN, one that was killed, and one with a spike and with text that looks like markup."""
    failed = _past(luck, now_ms, replace(_BEST, lr=0.03, seed=4, warmup_points=0), 900)
    killed = _past(luck, now_ms, replace(_BEST, lr=3e-4, batch_size=256, mixup=""), 1600)
    hostile = "[red]careful[/] the lr was raised by hand [link=https://example.com]here[/link] :boom: {lr}"
    spiked = _past(luck, now_ms, replace(_BEST_GPT, lr=3e-3, batch_size=16, notes=hostile), 1000)
    return [
        replace(failed, fate="failed", last=212, note="NaN after 10,000 steps: no warm-up and far too high a rate."),
        replace(killed, fate="killed", last=700, note="Stopped: worse than the run before it."),
        replace(spiked, spike_at=610),
    ]


def _sweep(luck: Random, now_ms: int) -> list[DemoRun]:
    """A parent that trains nothing itself, and its four children, one after the other."""
    start = now_ms - 26 * 60 * _MINUTE
    lengths = [luck.randrange(25, 55) * _MINUTE for _ in range(4)]
    starts = accumulate(lengths, initial=start + 5_000)
    parent = _draft(luck, _BEST_GPT, start, sum(lengths) + 30_000, 0)
    children = [
        replace(
            _draft(luck, replace(_BEST_GPT, lr=lr, dropout=0.2), begin, length // 501, 500),
            parent_id=parent.run_id,
            user="bob",
        )
        for lr, begin, length in zip((1e-4, 3e-4, 1e-3, 3e-3), starts, lengths, strict=False)
    ]
    return [replace(parent, sweep=True, user="bob", note="Learning rate of tiny-gpt, dropout 0.2."), *children]


def _best_so_far(parent: DemoRun, runs: list[DemoRun]) -> tuple[Point, ...]:
    """What a sweep logs when a child has ended: the best validation loss until then, and the accuracy of that child."""
    ends = [
        Point(run.ended_ms, 0, deque(points(run), maxlen=1)[0].values) for run in runs if run.parent_id == parent.run_id
    ]
    found = []
    for step, end in enumerate(ends, 1):
        best = min((one.values for one in ends[:step]), key=lambda values: values["val/loss"])
        found.append(Point(end.time_ms, step, {"val/loss": best["val/loss"], "val/acc": best["val/acc"]}))
    return tuple(found)
