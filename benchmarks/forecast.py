"""The ladder of risk models on a district's own history: what each gains, its hits, its calibration, its cost.

python benchmarks/forecast.py CONFIG --from T --to T [--step 7D] [--hours 18-22] [--jobs 2] [--json FILE]

Weekly cutoffs from --from to --to; every model sees only what came before. `quick` and `auto` are the choices that
`--effort quick` and `normal` make inside the history of each cutoff. Seconds and memory are of one forecast in a process of
its own. Where a truth.json of the sample district's generator lies beside CONFIG, the models are held against it too.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

import hotspot as hs
from hotspot.forecasting.estimate import gamma_interval
from hotspot.forecasting.models import LONG_RUN, MODELS
from hotspot.forecasting.risk import spread_of
from planning.config import read_config
from planning.inputs import read_inputs
from planning.pipeline import patrol_budget

QUICK = "quick"


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("config", type=Path)
    words.add_argument("--from", dest="start", required=True)
    words.add_argument("--to", dest="end", required=True)
    words.add_argument("--step", default="7D")
    words.add_argument("--hours", default="18-22", help="hours of the day of the patrols' budget")
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--models", help="only these, with commas between")
    words.add_argument("--json", type=Path)
    words.add_argument("--one", help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.one:
        print(json.dumps(one_forecast(asked.config, asked.one, asked.start)))
        return
    names = asked.models.split(",") if asked.models else [*MODELS, "auto"]
    table, headline = ladder(asked, names)
    shown = [told(row) for row in table.to_dict("records")]
    print("\n".join([headline, "", HEAD, *shown, ""]), flush=True)
    costs = {name: cost(asked.config, name, asked.end) for name in [*names, QUICK]}
    for name, (seconds, peak_mb) in costs.items():
        print(f"{name:20} {seconds:8.2f} s after reading {peak_mb:8,.0f} MB peak", flush=True)
    against = truth_table(asked.config, asked.end, [name for name in names if name != "auto"])
    for row in against:
        print(
            "{model:20} closed {closed:6.1%} (place {closed_place:6.1%})  intervals cover {covered:.1%}".format(**row)
        )
    if asked.json:
        found = {
            "headline": headline, "rows": table.to_dict("records"), "truth": against,
            "costs": {name: {"seconds": s, "peak_mb": mb} for name, (s, mb) in costs.items()},
        }  # fmt: skip
        asked.json.write_text(json.dumps(found, indent=1, default=str), encoding="utf-8")


HEAD = (
    f"{'model':20} {'gain, place':>24} {'gain, place x hour':>24} {'HR 2 %':>8} {'PAI':>6} {'PEI':>6} {'HR at budget':>22} "
    f"{'expected / observed':>22} {'s':>7}"
)


def told(row: dict[str, float]) -> str:
    def span(name: str, form: str = "+.3f") -> str:
        return f"{row[name]:{form}} [{row[name + '_lower']:{form}}, {row[name + '_upper']:{form}}]"

    return (
        f"{row['model']:20} {span('ig_place'):>24} {span('ig'):>24} {row['hit_rate_0.02']:8.2%} {row['pai_0.02']:6.2f} "
        f"{row['pei_0.02']:6.3f} {span('budget_hit_rate', '.2%'):>26} {span('calibration', '.3f'):>22} {row['seconds']:7.2f}"
    )


def district(path: Path):
    config = read_config(path)
    inputs = read_inputs(config)
    grid = hs.make_grid(inputs.areas, cell_m=config.hotspots.cell_m, streets=inputs.streets.edges)
    options = {
        "categories": config.categories or None, "patrol_found_weight": config.hotspots.patrol_found_weight,
        "calendar": inputs.calendar,
    }  # fmt: skip
    return inputs, grid, options


def ladder(asked: argparse.Namespace, names: list[str]) -> tuple[pd.DataFrame, str]:
    """All models at effort normal, and the quick choice beside them."""
    inputs, grid, options = district(asked.config)
    budget = patrol_budget(inputs.teams)
    assert budget is not None
    low, high = (int(hour) for hour in asked.hours.split("-"))
    shared = {
        "start": asked.start, "end": asked.end, "step": asked.step, "jobs": asked.jobs,
        "budget": hs.Budget(budget.cell_hours_per_day, (low, high)), **options,
    }  # fmt: skip

    def progress(stage: str) -> None:
        print(stage, file=sys.stderr, flush=True)

    whole = hs.backtest(
        inputs.incidents,
        grid,
        models=names,
        default="auto" if "auto" in names else names[-1],
        progress=progress,
        **shared,
    )
    quick = hs.backtest(inputs.incidents, grid, models=["auto"], effort="quick", progress=progress, **shared)
    last = quick.table[quick.table["model"] == "auto"].assign(model=QUICK)
    return pd.concat([whole.table, last], ignore_index=True), whole.summary()


def cost(config: Path, model: str, as_of: str) -> tuple[float, float]:
    words = [sys.executable, __file__, config, "--from", as_of, "--to", as_of, "--one", model]
    found = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return found["seconds"], found["peak_mb"]


def one_forecast(path: Path, model: str, as_of: str) -> dict[str, float]:
    """Seconds after reading, and the peak memory of the whole process."""
    inputs, grid, options = district(path)
    effort = QUICK if model == QUICK else "normal"
    begun = time.perf_counter()
    hs.forecast(
        inputs.incidents, grid, as_of=as_of, horizon="7D", model="auto" if model == QUICK else model, effort=effort,
        **options,
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def truth_table(path: Path, as_of: str, names: list[str]) -> list[dict[str, float]]:
    """How much of the gap between long-run counts and the truth each model closes; nothing without a truth."""
    if not (path.parent / "truth.json").is_file():
        return []
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data"))
    from gaoxin_truth import lost_against, true_intensity

    inputs, grid, options = district(path)
    truth = true_intensity(grid.centres_xy, district=path.parent)
    rows, missed = [], {}
    for name in dict.fromkeys([LONG_RUN, *names]):
        estimate = hs.forecast(inputs.incidents, grid, as_of=as_of, horizon="7D", model=name, **options).estimate
        rate = estimate.per_week[:, None] * estimate.profile
        lower, upper = gamma_interval(rate, spread_of(estimate, estimate.profile))
        missed[name] = lost_against(truth, rate), lost_against(truth.sum(axis=1), rate.sum(axis=1))
        closed, closed_place = (1 - mine / yard for mine, yard in zip(missed[name], missed[LONG_RUN], strict=True))
        covered = float(((truth >= lower) & (truth <= upper)).mean())
        rows.append({"model": name, "closed": closed, "closed_place": closed_place, "covered": covered})
    return rows


if __name__ == "__main__":
    main()
