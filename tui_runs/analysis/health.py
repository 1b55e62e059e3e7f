"""What is wrong with a run, told from its points and its facts. Pure: nothing here reads a file or a clock.

Judged are metrics in the order in which their points were written. Noise is the standard deviation that points have
around their trend, estimated from how far each point is from the one before it: sqrt(pi)/2 times the mean of those
distances, which for independent normal errors is unbiased. Levels are medians of several points, so that no single
spike decides.

A row of a curve is a point, or the mean of several that were written one after the other: a long curve is held in
little. Its column place has the number of its first point, counted from 0, so that it reaches to the next row's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tui_runs.analysis.direction import Direction
from tui_runs.analysis.health_rules import HealthRules, Kind
from tui_runs.display import clip, duration, file_size, number, printable

if TYPE_CHECKING:
    import polars as pl

FEWEST_TO_DIVERGE: Final = 20
FEWEST_FOR_PLATEAU: Final = 50
"""Points that a metric must have before it is judged: a warm-up is over then, or a curve has shown where it goes."""
_LONGEST: Final = 160
"""Terminal cells of what is quoted from a store."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is wrong, or that went wrong.

    Args:
        kind: which rule found it.
        source: name of the source.
        run_id: of the run; empty where it is the source itself.
        sentence: what it is, safe to print.
        since: when it began; None where nobody knows.
        over: it is not so any more.
        lines: the end of the run's log, safe to print, where that tells more.
    """

    kind: Kind
    source: str
    run_id: str
    sentence: str
    since: datetime | None = None
    over: bool = False
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found in the points of a run.

    Args:
        kind: which rule.
        sentence: what it is, safe to print.
        since: time of the point with which it began, if that has one.
        over: it was so, and the newest points are well again.
    """

    kind: Kind
    sentence: str
    since: datetime | None = None
    over: bool = False

    def of(self, source: str, run_id: str) -> Event:
        """The same, of a run."""
        return Event(self.kind, source, run_id, self.sentence, self.since, self.over)


def judge_points(
    curves: Mapping[str, pl.DataFrame],
    directions: Mapping[str, Direction | None],
    rules: HealthRules,
    not_numbers: Sequence[str] = (),
) -> list[Finding]:
    """What the points of a run tell: at most one finding of a kind.

    Args:
        curves: columns place, step, time and value, by metric; the metric that counts most first.
        directions: which way those are better; one that is not known is only looked at for NaN.
        rules: which kinds are looked for, and how far something must go.
        not_numbers: other metrics whose last value is NaN.
    """
    import numpy as np  # noqa: PLC0415  not needed for the first screen

    with np.errstate(all="ignore"):  # a difference of values near the largest float is infinite, and says as much
        return _judge(curves, directions, rules, not_numbers)


def _judge(
    curves: Mapping[str, pl.DataFrame],
    directions: Mapping[str, Direction | None],
    rules: HealthRules,
    not_numbers: Sequence[str],
) -> list[Finding]:
    found: list[Finding | None] = []
    if rules.nan:
        found.append(_not_finite(curves, not_numbers))
    judged = {metric: curve for metric, curve in curves.items() if directions.get(metric)}
    if rules.diverging:
        each = (_diverging(metric, curve, directions[metric], rules) for metric, curve in judged.items())
        found.append(next((one for one in each if one is not None), None))
    # What becomes worse does not become better either: that is said once.
    if rules.plateau and not any(one is not None and one.kind == "diverging" for one in found):
        chosen = next((metric for metric, curve in judged.items() if curve.height >= FEWEST_FOR_PLATEAU), None)
        if chosen is not None:
            found.append(_plateau(chosen, judged[chosen], directions[chosen], rules))
    return [one for one in found if one is not None]


# --- NaN ----------------------------------------------------------------------------------------------------------


def _not_finite(curves: Mapping[str, pl.DataFrame], not_numbers: Sequence[str]) -> Finding | None:
    """A value is NaN, or infinite after a finite one: a "best so far" is infinite before there is one.

    What has passed is told too, as something that is over.
    """
    now: list[Finding] = []
    passed: list[Finding] = []
    for metric, curve in curves.items():
        if (finding := _streak(metric, curve)) is not None:
            (passed if finding.over else now).append(finding)
    names = [f"{clip(printable(metric), 40)} is NaN" for metric in not_numbers]
    if now:
        others = len(now) - 1 + len(names)
        first = now[0]
        return Finding("nan", first.sentence + _and_others(others), first.since)
    if names:
        return Finding("nan", names[0] + _and_others(len(names) - 1))
    return passed[0] if passed else None


def _and_others(count: int) -> str:
    return f", and so {'are' if count > 1 else 'is'} {count} more metric{'s' if count > 1 else ''}" if count else ""


def _streak(metric: str, curve: pl.DataFrame) -> Finding | None:
    """The latest stretch of a metric that is not finite."""
    import numpy as np  # noqa: PLC0415  as above

    values = curve["value"].cast(float).to_numpy()
    finite = np.isfinite(values)
    begun = np.logical_or.accumulate(finite)
    bad = np.flatnonzero(~finite & (begun | np.isnan(values)))
    if not len(bad):
        return None
    last = int(bad[-1])
    gaps = np.flatnonzero(np.diff(bad) > 1)
    first = int(bad[gaps[-1] + 1]) if len(gaps) else int(bad[0])
    name, what = clip(printable(metric), 40), number(float(values[last]))
    when = curve["time"][first]
    if last == len(values) - 1:
        return Finding("nan", f"{name} is {what} since {_place(curve, first)}", when)
    again = f"and is finite again since {_place(curve, last + 1)}"
    return Finding("nan", f"{name} was {what} at {_place(curve, first)}, {again}", when, over=True)


def _place(curve: pl.DataFrame, at: int) -> str:
    step = curve["step"][at]
    return f"point {curve['place'][at] + 1:,}" if step is None else f"step {step:,}"


# --- better and worse ---------------------------------------------------------------------------------------------


def _finite(curve: pl.DataFrame, direction: Direction | None) -> tuple[Any, pl.DataFrame]:
    """The finite values of a curve, turned so that lower is better, and their rows."""
    kept = curve.filter(curve["value"].is_finite())
    values = kept["value"].cast(float).to_numpy()
    return (-values if direction == "higher" else values), kept


def _width(points: int) -> int:
    """How many points a level is the median of: 5 of a short curve, a twentieth of a longer one, 25 at most."""
    return max(5, min(25, points // 20))


def _levels(values: Any, width: int) -> Any:
    """Medians of so many values each, from the first on; what is left over at the end is not looked at."""
    import numpy as np  # noqa: PLC0415  as above

    return np.median(values[: len(values) // width * width].reshape(-1, width), axis=1)


def _noise(values: Any, points: Any = 1.0) -> float:
    """The standard deviation of points around their trend; see above.

    Args:
        values: n means of points.
        points: n numbers, of how many points each is the mean: that of 4 has half their noise.
    """
    import numpy as np  # noqa: PLC0415  as above

    if len(values) < 2:
        return 0.0
    each = np.broadcast_to(points, values.shape)
    away = np.abs(np.diff(values)) / np.sqrt((1 / each[1:] + 1 / each[:-1]) / 2)
    return float(away.mean()) * math.sqrt(math.pi) / 2


def _points(kept: pl.DataFrame) -> Any:
    """Of how many points each row of a curve is the mean."""
    import numpy as np  # noqa: PLC0415  as above

    places = kept["place"].to_numpy()
    return np.diff(places, append=places[-1:] + 1)


def _evenly(values: Any, kept: pl.DataFrame, points: int) -> tuple[Any, Any]:
    """Means of so many points each, and the row with which each begins: where newer rows are of fewer than older ones.

    Medians, and shares of the points, would else be of the newest ones alone.
    """
    import numpy as np  # noqa: PLC0415  as above

    if points == 1:
        return values, np.arange(len(values))
    weights = _points(kept)
    starts = np.flatnonzero(np.diff(kept["place"].to_numpy() // points, prepend=-1))
    return np.add.reduceat(values * weights, starts) / np.add.reduceat(weights, starts), starts


def _diverging(metric: str, curve: pl.DataFrame, direction: Direction | None, rules: HealthRules) -> Finding | None:
    """The metric is worse than it was, and stays so.

    Let `now` be the median of the last w points (w: see `_width`), `best` the best median of w points before them,
    `began` that of the first w points, and `noise` that of the points until the best ones, or of the first 20 if those
    are more. The metric diverges when `now` is worse than `best` by more than `diverging_noise` times the noise, and

    - it had learned something (`best` better than `began` by more than that, too) and has lost more than
      `diverging_loss` of it again: a loss from 10 to 2 and back to over 6; or
    - it is worse than `best` by more than `diverging_growth` times what it began with (or that noise, if larger):
      a loss that never fell, and exploded.

    So a noisy curve does not diverge by chance; a spike of fewer than w/2 points is passed over; a loss that rises
    while the learning rate warms up has learned nothing yet that it could lose; and a loss that creeps up a little
    after its best, as when a model overfits, has lost too little of what it gained.
    """
    import numpy as np  # noqa: PLC0415  as above

    values, kept = _finite(curve, direction)
    if len(values) < FEWEST_TO_DIVERGE:
        return None
    width = _width(len(values))
    earlier, now = values[:-width], float(np.median(values[-width:]))
    levels = _levels(earlier, width)
    place = int(levels.argmin())
    best, began = float(levels[place]), float(levels[0])
    until = max((place + 1) * width, FEWEST_TO_DIVERGE)
    noise = rules.diverging_noise * _noise(earlier[:until], _points(kept)[: len(earlier)][:until])
    rise, gained = now - best, began - best
    if rise <= noise:
        return None
    name, sign = clip(printable(metric), 40), -1 if direction == "higher" else 1
    said = f"{name} is {number(sign * now)}, after {number(sign * best)} around {_place(kept, place * width)}"
    since = kept["time"][(place + 1) * width]
    if gained > noise and rise > rules.diverging_loss * gained:
        lost = "more than all" if rise > gained else f"{rise / gained:.0%}"
        return Finding("diverging", f"{said}: it has lost {lost} of what it had gained", since)
    if rise > rules.diverging_growth * max(abs(began), noise):
        return Finding("diverging", f"{said}, and began at {number(sign * began)}", since)
    return None


def _plateau(metric: str, curve: pl.DataFrame, direction: Direction | None, rules: HealthRules) -> Finding | None:
    """The metric becomes no better any more.

    The last `plateau_share` of its points are held against those before: levels are medians of a quarter of those last
    points. The metric is on a plateau when the best level of the last points is better than the best before by no more
    than `plateau_improvement` of what it had gained by then (from its first five points on), plus twice the standard
    error of such a level (1.2533 noise / sqrt(points)): what is smaller cannot be told from chance. Points count and
    not steps, since steps may be missing or begin anew.
    """
    import numpy as np  # noqa: PLC0415  as above

    first, kept = _finite(curve, direction)
    if len(first) < FEWEST_FOR_PLATEAU:
        return None
    # Every row of a whole curve is one point, also where some that are not finite are left out.
    values, starts = _evenly(first, kept, int(np.diff(curve["place"].to_numpy()).max()))
    places = kept["place"].to_numpy()[starts]
    count = int(kept["place"][-1]) + 1
    begin = int(places.searchsorted(count - round(rules.plateau_share * count)))
    width = (len(values) - begin) // 4
    if width < 5 or begin < width:
        return None
    earlier, later = values[:begin], values[begin:]
    best, newest = float(_levels(earlier, width).min()), float(_levels(later, width).min())
    began = float(_levels(first[:5], 5)[0])
    chance = 2 * 1.2533 * _noise(later) / math.sqrt(width)
    if best - newest > rules.plateau_improvement * max(began - best, 0.0) + chance:
        return None
    name, sign = clip(printable(metric), 40), -1 if direction == "higher" else 1
    since = int(starts[begin])
    much = f"hardly more than {rules.plateau_improvement:.1%} of" if began > best else "nothing to"
    recent = f"{count - int(places[begin]):,} points since {_place(kept, since)}"
    said = f"{name} stays at {number(sign * min(best, newest))}: {recent} add {much} what it gained"
    return Finding("plateau", said, kept["time"][since])


# --- facts --------------------------------------------------------------------------------------------------------


def stale_sentence(limit: float, *, gone: bool) -> str:
    """What there is to say of a run that is silent.

    Args:
        limit: seconds of silence that are too many.
        gone: its own store holds it for dead.
    """
    said = f"no write for more than {duration(limit)}"
    return f"{said}: it ended without saying so" if gone else f"{said}, though it says that it is running"


def crash_sentence(status: str, exit_code: str, lines: Sequence[str]) -> str:
    """How a run ended, with the last line of its log, which is where Python names an exception.

    Args:
        status: "failed" or "killed".
        exit_code: as the store has it; empty where it does not say.
        lines: the end of its log, safe to print.
    """
    code = f" with exit code {clip(printable(exit_code), 20)}" if exit_code else ""
    last = f": {clip(lines[-1].strip(), _LONGEST)}" if lines else ""
    return f"{status}{code}{last}"


def disk_sentence(free: int, size: int, rules: HealthRules, *, before: bool = False) -> str:
    """What there is to say of a file system; empty where it has room.

    Args:
        free: bytes that the user may still write.
        size: bytes in all.
        rules: how little is too little: less than both limits.
        before: it was nearly full; then there must be a fifth more to have room again.
    """
    more = 1.2 if before else 1.0
    if size <= 0 or free >= more * rules.disk_share * size or free >= more * rules.disk_gb * 1e9:
        return ""
    return f"the disk is nearly full: {file_size(free)} of {file_size(size)} left ({free / size:.1%})"
