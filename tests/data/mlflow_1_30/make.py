# ruff: noqa: E501
"""Write the two MLflow file stores of this folder's name with the real old clients.

    uv venv -p 3.11 V/m130
    uv pip install --python V/m130 mlflow-skinny==1.30.1 'setuptools<70'
    uv venv -p 3.11 V/m222
    uv pip install --python V/m222 mlflow-skinny==2.22.5 'setuptools<70' opentelemetry-sdk==1.32.1
    python make.py TESTS_DATA V/m130/bin/python V/m222/bin/python

It works in /srv/train (must not exist; is removed at the end), so that the absolute paths
which MLflow writes look like a user's. Run ids, some times and the 2.x experiment ids differ at each run.
The other two modes, `write` and `truth`, are what it starts inside the virtual environments.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

STAGE = Path("/srv/train")
INF = float("inf")
NAN = float("nan")

LONG_NAME = (
    "sweep 12: lr=0.1 # not a comment, wd=1e-4, 'single' and \"double\" quotes, "
    "and long enough that the YAML writer folds this run name over several lines"
)
NOTE = "# Notes\n\nLoss *diverged* at step 3.\n\n- tried λ = 0.1\n- 次は lr を下げる\n"
CONFIG = "model:\n  depth: 18\n  stem: conv7x7\n\nopt: sgd  \n"


# ---------------------------------------------------------------- inside the old client


def write():
    import mlflow
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    new = mlflow.__version__.startswith("2.")
    day = 86_400_000
    t0 = 1_747_000_000_000 if new else 1_666_000_000_000  # May 2025, October 2022
    client = MlflowClient()  # no URI: ./mlruns, like most users

    main = client.create_experiment("mnist: first tries, λ", tags={"team": "vision/β"})
    client.set_experiment_tag(main, "mlflow.note.content", "All MNIST runs.\nSecond line.")
    old = client.create_experiment("old trials")

    def start(experiment, name, at, user="alice", **tags):
        all_tags = {"mlflow.user": user} if user else {}
        all_tags.update(tags)
        return client.create_run(experiment, start_time=at, tags=all_tags, run_name=name).info.run_id

    def metric(run, key, rows):
        for at, step, value in rows:
            client.log_metric(run, key, value, timestamp=at, step=step)

    # 1 + 2: the fluent API, parent and nested child; > 100 points; an artifact; clock = now
    mlflow.set_experiment(experiment_id=main)
    with mlflow.start_run(run_name="baseline", description="The **reference** run.") as parent:
        mlflow.log_params({"lr": 0.1, "model/depth": 18, "model/stem/kernel size": 7, "amp": True})
        mlflow.log_param("seed", None)
        for step in range(130):
            mlflow.log_metric("train/loss", round(2.3 * math.exp(-step / 40), 6), step=step)
        mlflow.log_metrics({"val/acc": 0.97, "val/acc top-5": 0.999}, step=129)
        mlflow.log_metric("best", 0.97)  # no step
        mlflow.log_text("label,n\n0,980\n", "tables/counts.csv")
        with mlflow.start_run(run_name="fold-0", nested=True):
            mlflow.log_param("fold", 0)
            for value in (0.5, 0.75, 0.625):  # no step: all are step 0
                mlflow.log_metric("val/acc", value)
    at = t0 + day

    # 3: failed; non-finite and extreme values; a note
    run = start(main, "007", at, **{"mlflow.note.content": NOTE})
    metric(run, "train/loss", [(at, 0, 2.5), (at + 1000, 1, 1e22), (at + 2000, 2, INF), (at + 3000, 3, NAN)])
    metric(run, "nan then number", [(at, 0, NAN), (at + 1, 1, 0.25)])
    metric(run, "all nan", [(at, 0, NAN), (at + 1, 1, NAN)])
    metric(run, "minus inf", [(at, 0, 1.0), (at + 1, 1, -INF)])
    metric(run, "tiny", [(at, 0, 5e-324), (at + 1, 1, -0.0), (at + 2, 2, 1.7976931348623157e308)])
    metric(run, "integer", [(at, 0, 3), (at + 1, 1, -12345678901234567890)])
    metric(run, "tie/nan first", [(at, 4, NAN), (at, 4, 1.0)])
    metric(run, "tie/nan last", [(at, 4, 1.0), (at, 4, NAN)])
    client.set_terminated(run, status="FAILED", end_time=at + 4000)

    # 4: killed; metrics out of order; a folded name
    at += day
    run = start(main, LONG_NAME, at)
    metric(run, "back", [(at, 0, 1.0), (at + 1, 5, 5.0), (at + 2, 2, 2.0), (at + 3, 3, 3.0)])
    metric(run, "same step", [(at + 9, 7, 0.9), (at + 5, 7, 0.5), (at + 7, 7, 0.7)])
    metric(run, "same step and time", [(at, 7, 0.1), (at, 7, 0.9), (at, 7, 0.5)])
    metric(run, "no step", [(at + 2, 0, 2.0), (at + 3, 0, 3.0), (at + 1, 0, 1.0)])
    metric(run, "negative step", [(at, -1, 0.5), (at + 1, -2, 0.25)])
    metric(run, "big step", [(at, 2**40, 0.5), (at + 1, 1, 0.25)])
    client.set_terminated(run, status="KILLED", end_time=at + 90_000)

    # 5: still running; odd keys and values
    at += day
    run = start(main, "λ-学習 run", at, user="bob")
    params = {
        "config": CONFIG,
        "empty": "",
        "spaces around": "  two each side  ",
        "a/b/c.d-e_f": "nested",
        "data set/path": "s3://bucket/κ?x=1",
        "学習率": "0.01",
        ".hidden": "a key may start with a dot",
        "nested/meta.yaml": "a key, not a run",
        "long": "x" * (6000 if new else 500),
        "looks like a number": "007",
    }
    for key, value in params.items():
        client.log_param(run, key, value)
    if new:
        client.log_param(run, "too long", "y" * 6100)  # the client cuts it
    metrics = [Metric("lr.group.0", 0.1 / (n + 1), at + n, n) for n in range(3)]
    metrics += [Metric("学習/損失 λ", 0.5, at, 1), Metric("gpu 0/mem used", 1024, at, 0)]
    metrics += [Metric(".dot", 1.5, at, 0), Metric("deep/a/b/c", 1.0, at, 0)]
    if new:
        metrics.append(Metric("system/cpu_utilization_percentage", 12.5, at, 0))  # by hand
    client.log_batch(run, metrics, [Param("from batch", "1")], [RunTag("from batch", "yes")])
    for key, value in {
        "empty": "",
        "lines": "one\ntwo\n\nfour",
        "owner/team name": "vision",
        "標識.λ": "é",
        "gone": "deleted below",
        "changed": "first",
    }.items():
        client.set_tag(run, key, value)
    client.set_tag(run, "changed", "second")
    client.delete_tag(run, "gone")

    # 6: deleted
    at += day
    run = start(main, "yes", at)
    client.log_param(run, "lr", 0.5)
    metric(run, "train/loss", [(at, 0, 1.0), (at + 1, 1, 0.5)])
    client.set_terminated(run, end_time=at + 60_000)
    client.delete_run(run)

    # 7: nothing in it, no name, no user, in the Default experiment
    at += day
    run = start("0", None, at, user=None)
    client.update_run(run, status="SCHEDULED")

    # 8 + 9: in the experiment that is then deleted; one of the runs was deleted before
    for name, gone in (("kept in old", False), ("gone in old", True)):
        at += day
        run = start(old, name, at)
        client.log_param(run, "lr", 1.0)
        metric(run, "train/loss", [(at, 0, 3.0)])
        client.set_terminated(run, end_time=at + 1000)
        if gone:
            client.delete_run(run)
    client.delete_experiment(old)

    if new:
        extras(client, main, parent.info.run_id)


def extras(client, experiment, run):
    """2.x only: what a reader must not take for a run or an experiment."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = Dataset(
        name="mnist train",
        digest="a1b2c3d4",
        source_type="local",
        source='{"uri": "/data/mnist"}',
        schema='{"mlflow_colspec": []}',
    )
    client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    span = client.start_trace("predict", inputs={"x": 1}, experiment_id=experiment)
    client.end_trace(span.request_id, outputs={"y": 2})
    client.create_registered_model("digits", description="A registered model.")
    client.create_model_version("digits", source=f"{STAGE}/export/model", run_id=run)


def number(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def truth():
    import mlflow
    from mlflow.entities import ViewType
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    experiments = sorted(client.search_experiments(view_type=ViewType.ALL), key=lambda e: int(e.experiment_id))
    out = ["{", f'"mlflow": {json.dumps(mlflow.__version__)},', f'"python": {json.dumps(sys.version.split()[0])},']
    rows = []
    for e in experiments:
        row = {
            "experiment_id": e.experiment_id,
            "name": e.name,
            "lifecycle_stage": e.lifecycle_stage,
            "artifact_location": e.artifact_location,
            "creation_time": e.creation_time,
            "last_update_time": e.last_update_time,
            "tags": e.tags,
        }
        rows.append(dump(row))
    out += ['"experiments": [', ",\n".join(rows), "],"]
    names = {e.experiment_id: e.name for e in experiments}
    found = client.search_runs(list(names), run_view_type=ViewType.ALL, max_results=1000)
    runs = []
    for r in sorted(found, key=lambda r: (r.info.start_time, r.info.run_id)):
        i = r.info
        assert client.get_run(i.run_id).data.params == r.data.params
        lines = [
            f'"run_id": {dump(i.run_id)}',
            f'"experiment_id": {dump(i.experiment_id)}',
            f'"experiment_name": {dump(names[i.experiment_id])}',
        ]
        for key in ("run_name", "status", "start_time", "end_time", "lifecycle_stage", "user_id", "artifact_uri"):
            lines.append(f'"{key}": {dump(getattr(i, key))}')
        lines.append(f'"params": {dump(r.data.params)}')
        lines.append(f'"tags": {dump(r.data.tags)}')
        lines.append(f'"metrics": {dump({k: number(v) for k, v in sorted(r.data.metrics.items())})}')
        history = {}
        for key in sorted(r.data.metrics):
            history[key] = [[m.timestamp, m.step, number(m.value)] for m in client.get_metric_history(i.run_id, key)]
        body = ",\n".join(f"  {dump(k)}: {dump(v)}" for k, v in history.items())
        lines.append('"history": {' + ("\n" + body + "\n" if body else "") + "}")
        inputs = getattr(r, "inputs", None)
        if inputs and inputs.dataset_inputs:
            sets = [
                {"name": d.dataset.name, "digest": d.dataset.digest, "tags": {t.key: t.value for t in d.tags}}
                for d in inputs.dataset_inputs
            ]
            lines.append(f'"datasets": {dump(sets)}')
        runs.append("{\n" + ",\n".join(lines) + "\n}")
    out += ['"runs": [', ",\n".join(runs), "]", "}"]
    text = "\n".join(out) + "\n"
    json.loads(text)
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(text)


def dump(value):
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True)


# ---------------------------------------------------------------- outside: start both clients


def drive(data, pythons):
    if STAGE.exists():
        sys.exit(f"{STAGE} exists: move it away first")
    for name, python in pythons.items():
        target = data / f"mlflow_{name}"
        target.mkdir(parents=True, exist_ok=True)
        home = tempfile.mkdtemp()
        env = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PYTHON_REFRESH": "quiet",
        }
        for who in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            env[who] = "alice"
        for who in ("AUTHOR", "COMMITTER"):
            env |= {f"GIT_{who}_NAME": "alice", f"GIT_{who}_EMAIL": "alice@example.com"}
            env |= {f"GIT_{who}_DATE": "2022-10-17T00:00:00Z"}

        def call(*args, **more):
            return subprocess.run(args, cwd=STAGE, env=env, check=True, **more)

        STAGE.mkdir(parents=True)
        try:
            shutil.copy(__file__, STAGE / "train.py")
            call("git", "init", "-q", "-b", "main")
            call("git", "add", "train.py")
            call("git", "commit", "-q", "-m", "train")
            call(python, "train.py", "write")
            said = call(python, "train.py", "truth", stdout=subprocess.PIPE).stdout
            (target / "truth.json").write_bytes(said)
            shutil.rmtree(target / "mlruns", ignore_errors=True)
            files = sorted(p for p in (STAGE / "mlruns").rglob("*") if p.is_file())
            private = [p.relative_to(STAGE).as_posix() for p in files if not p.stat().st_mode & 0o77]
            shutil.copytree(STAGE / "mlruns", target / "mlruns")
        finally:
            shutil.rmtree(STAGE)
            shutil.rmtree(home)
        for path in (target / "mlruns").rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        if Path(__file__).resolve() != (target / "make.py").resolve():
            shutil.copy(__file__, target / "make.py")
        (target / "MADE.md").write_text(describe(target, private), encoding="utf-8")


def describe(target, private):
    said = json.loads((target / "truth.json").read_text(encoding="utf-8"))
    new = said["mlflow"].startswith("2.")
    store = target / "mlruns"
    out = [
        f"# A file store written by mlflow {said['mlflow']}",
        "",
        f"Written by `mlflow-skinny=={said['mlflow']}` (the client and file store of `mlflow` itself) on Python",
        f"{said['python']}, by `make.py` of this folder (how: its first lines; the same file is in both folders). `MADE.md`",
        "is written by it too. Nothing in `mlruns/` was edited: it was made as `/srv/train/mlruns` (default tracking URI, user",
        "alice by environment and tags, git commit of a throwaway repository) and copied. Only file modes were set to 0644"
        + (" (the" if private else "."),
    ]
    if private:
        out.append("client left these at 0600: " + ", ".join(f"`{m}`" for m in private) + ").")
    out += [
        "",
        "`truth.json`: what the same client says of it in a new process, all experiments and ViewType.ALL. `metrics` is its",
        "last value (max by step, timestamp, value); `history` is [timestamp, step, value] in file order; NaN, Infinity and",
        "-Infinity are strings. Times are ms. The fluent runs (baseline, fold-0) have the clock's times, the others set ones.",
        "The files need to stay as they are byte for byte (no CRLF conversion: `.gitattributes` with `-text`).",
        "",
        "| run | id | experiment | status | stage | params | metrics | points |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in said["runs"]:
        name = r["run_name"] if len(r["run_name"]) < 40 else r["run_name"][:12] + "..."
        points = sum(map(len, r["history"].values()))
        row = [name, r["run_id"][:8], r["experiment_name"], r["status"], r["lifecycle_stage"]]
        row += [len(r["params"]), len(r["metrics"]), points]
        out.append("| " + " | ".join(map(str, row)) + " |")
    out += ["", "| experiment | id | stage said by the client | in meta.yaml |", "|---|---|---|---|"]
    for e in said["experiments"]:
        place = store / e["experiment_id"]
        place = place if place.exists() else store / ".trash" / e["experiment_id"]
        line = next(x for x in (place / "meta.yaml").read_text("utf-8").splitlines() if x.startswith("lifecycle_stage"))
        row = [e["name"], e["experiment_id"], e["lifecycle_stage"], line.split()[1]]
        out.append("| " + " | ".join(row) + " |")
    out += [
        "",
        "Odd cases, and the client's answer:",
        "",
        "| where | what | answer |",
        "|---|---|---|",
        "| 007 | run_name quoted in YAML, as is `yes` (a run) | string |",
        "| 007 `train/loss` | 2.5, 1e+22, inf, nan at steps 0 to 3 | NaN |",
        "| 007 `tie/nan first`, `tie/nan last` | nan and 1.0 at one step and time | whichever is first in the file: NaN, 1.0 |",
        "| 007 `tiny`, `integer` | 5e-324, -0.0, 1.797e308; lines `3`, `-12345678901234567890` | as floats |",
        "| sweep | run_name with `: # ' \"` and folded over two lines of meta.yaml | one line |",
        "| sweep `back` | steps 0 5 2 3 | 5.0, not the last line |",
        "| sweep `same step` | one step, times +9 +5 +7 | 0.9 (newest time) |",
        "| sweep `same step and time` | 0.1 0.9 0.5 | 0.9 (largest) |",
        "| sweep `no step` | all steps 0, times +2 +3 +1 | 3.0 |",
        "| sweep `negative step`, `big step` | steps -1 -2; 2^40 then 1 | 0.5, 0.5 |",
        "| fold-0 | child of baseline (mlflow.parentRunId); `val/acc` logged without step | 0.625 |",
        '| baseline | 130 points of `train/loss`; note; param `seed` logged as None | "None" |',
        "| λ-学習 run | RUNNING, end_time null, user bob; keys with spaces, dots, unicode, a leading dot, up to 4 levels | |",
        "| λ-学習 run | param `nested/meta.yaml`: a file of that name that is no meta.yaml | a param |",
        "| λ-学習 run | params: multi-line with trailing newline, empty, spaces around | kept exactly |",
        "| λ-学習 run | tags: empty, multi-line, one overwritten, one deleted | |",
        '| the one in Default | made without name or user, SCHEDULED, no params or metrics | a random name, user "unknown" |',
        "| yes | deleted run: stays in its experiment, with deleted_time | |",
    ]
    if new:
        out += [
            "| kept in old | its experiment was deleted (.trash): 2.x marks the run deleted too | deleted |",
            "| λ-学習 run `long`, `too long` | 6,000 characters; 6,100 cut by the client with a warning | 6,000 each |",
            "| baseline | `inputs/` (its destination_id is the dataset's id, not the run's: the client's own) | |",
            "| experiment | `datasets/` and `traces/` beside the runs; `models/digits` in the root | not runs |",
            "| λ-学習 run `system/...` | logged by hand under that name, not by the sampler | |",
        ]
    else:
        out += [
            "| kept in old | its experiment was deleted (.trash): 1.x leaves run and experiment meta.yaml `active` | run active, experiment deleted |",
            "| λ-学習 run `long` | 500 characters, the limit of 1.30 | |",
        ]
    out += ["", "Empty directories, which git does not keep:", ""]
    empty = [p for p in store.rglob("*") if p.is_dir() and not any(p.iterdir())]
    out += [f"- `{p.relative_to(target).as_posix()}`" for p in sorted(empty)]
    out += [
        "",
        "Not here, as the client cannot write them: metric lines of 2 fields (older), of 5 fields (3.x), `outputs/`.",
    ]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        write()
    elif sys.argv[1:] == ["truth"]:
        truth()
    elif len(sys.argv) == 4:
        drive(Path(sys.argv[1]).resolve(), {"1_30": sys.argv[2], "2_22": sys.argv[3]})
    else:
        sys.exit(__doc__)
