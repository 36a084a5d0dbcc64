"""The command `patrol`: words in, exit codes out. The only place that configures logging and catches everything."""

from __future__ import annotations

import gc
import json
import logging
import signal
import sys
import time
import tomllib
import webbrowser
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from hotspot.errors import ConfigError, HotspotError, InputError, PlanError
from hotspot.wording import LANGUAGES, in_language
from planning.release import __version__

if TYPE_CHECKING:
    from planning.inputs import Findings

COMPLETE, USAGE, REJECTED, UNPLANNED, ENVIRONMENT, INTERRUPTED = 0, 2, 3, 4, 5, 130
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
progress_console = Console(stderr=True, highlight=False, markup=False)


class Effort(StrEnum):
    quick = "quick"
    normal = "normal"
    thorough = "thorough"


class Facet(StrEnum):
    kind = "kind"
    street = "street"
    community = "community"
    enterprise = "enterprise"
    role = "role"
    point = "point"


class Language(StrEnum):
    zh = "zh"
    en = "en"


ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="patrol.toml of the district")]
Out = Annotated[Path, typer.Option("--out", help="folder to make; written whole or not at all")]
Seed = Annotated[int, typer.Option("--seed", help="same seed, same plan")]
EffortOption = Annotated[Effort, typer.Option("--effort", help="work of risk model and solver")]
Force = Annotated[bool, typer.Option("--force", help="replace a finished run of the same name")]
Strict = Annotated[bool, typer.Option("--strict", help="a single bad incident row rejects the input")]
Json = Annotated[bool, typer.Option("--json", help="the result as JSON on standard output")]
Previous = Annotated[
    Path | None, typer.Option("--previous", metavar="RUN", help="an earlier run: the page tells what changed")
]


@app.callback()
def patrol(
    version: Annotated[bool, typer.Option("--version", help="print the version and stop", is_eager=True)] = False,
) -> None:
    """Incident histories become hotspots; teams become timed patrol routes; the result is a map that opens offline."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def demo(
    out: Out, effort: EffortOption = Effort.normal, seed: Seed = 0, force: Force = False, as_json: Json = False
) -> None:
    """The whole main job on the (synthetic) sample district that the package carries."""
    from planning.sampledata import DEMO_DATE, sample_folder

    _plan(sample_folder() / "patrol.toml", DEMO_DATE, out, None, seed, effort, force, False, as_json, command="demo")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    language: Annotated[Language, typer.Option("--language")] = Language.zh,
) -> None:
    """A commented patrol.toml and templates of every input file, ready to fill in."""
    from planning.templates import write_templates

    for path in write_templates(folder, language=language.value):
        typer.echo(path)


@app.command()
def check(config: ConfigPath, as_json: Json = False) -> None:
    """Read every input and list all problems: file, row, field, value, reason, fix."""
    from planning.config import read_config
    from planning.inputs import check_inputs

    settings = read_config(config)
    language = settings.district.language
    found = check_inputs(settings, progress=_say)
    if as_json:
        typer.echo(json.dumps(found.as_dict(language), ensure_ascii=False, indent=1))
    else:
        for line in _check_lines(found, language):
            typer.echo(line)
        if found.faults:
            typer.echo(InputError(found.faults).told(language), err=True)
    if found.faults:
        raise typer.Exit(REJECTED)


def _check_lines(found: Findings, language: str) -> list[str]:
    """What was read, in lines for people."""
    lines = []
    if found.incidents is not None:
        lines += [in_language(found.incidents.summary(), language)]
    lines += [in_language(notice, language) for notice in found.notices]
    if not found.faults:
        assert found.areas is not None and found.points is not None and found.teams is not None
        counts = f"{len(found.areas.frame)} communities, {len(found.points)} points, {len(found.teams)} teams"
        return [*lines, in_language(f"{counts}: no faults", language)]
    rows = sum(fault.count for fault in found.faults)
    return [*lines, in_language(f"{len(found.faults)} kinds of fault, {rows} times in all", language)]


@app.command()
def hotspots(
    config: ConfigPath,
    out: Out,
    as_of: Annotated[str, typer.Option("--as-of", help="first instant the forecast may not see")],
    horizon: Annotated[str, typer.Option("--horizon", help="length of the forecast, such as 7D")] = "7D",
    previous: Previous = None,
    effort: EffortOption = Effort.normal,
    force: Force = False,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Incident history -> risk by place and hour -> hotspots, with a map."""
    from planning.pipeline import run_hotspots

    run = run_hotspots(
        config,
        out=out,
        as_of=as_of,
        horizon=horizon,
        previous=previous,
        effort=effort.value,
        force=force,
        strict=strict,
        progress=_say,
    )
    _tell(run.manifest, run.lines, as_json)


@app.command()
def backtest(
    config: ConfigPath,
    out: Out,
    start: Annotated[str, typer.Option("--from", help="first cutoff")],
    end: Annotated[str, typer.Option("--to", help="last cutoff, included")],
    step: Annotated[str, typer.Option("--step", help="from one cutoff to the next, in whole days")] = "7D",
    horizon: Annotated[str, typer.Option("--horizon", help="how far ahead each forecast looks")] = "7D",
    effort: EffortOption = Effort.normal,
    force: Force = False,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Every risk model tested on the district's own past: forecasts from many cutoffs, scored on what came, with a report."""
    from planning.pipeline import run_backtest

    run = run_backtest(
        config, out=out, start=start, end=end, step=step, horizon=horizon, effort=effort.value, force=force, strict=strict,
        progress=_say,
    )  # fmt: skip
    _tell(run.manifest, run.lines, as_json)


@app.command()
def plan(
    config: ConfigPath,
    out: Out,
    date: Annotated[str, typer.Option("--date", help="local date of the shifts, YYYY-MM-DD")],
    as_of: Annotated[str | None, typer.Option("--as-of", help="default: local start of the date")] = None,
    previous: Previous = None,
    seed: Seed = 0,
    effort: EffortOption = Effort.normal,
    force: Force = False,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """The main job: hotspots -> demands -> routes -> map, sheets, tables."""
    _plan(config, date, out, as_of, seed, effort, force, strict, as_json, command="plan", previous=previous)


def _plan(
    config: Path, date: str, out: Path, as_of: str | None, seed: int, effort: Effort, force: bool, strict: bool,
    as_json: bool, *, command: str, previous: Path | None = None,
) -> None:  # fmt: skip
    from planning.pipeline import run_plan

    run = run_plan(
        config, date=date, out=out, as_of=as_of, previous=previous, seed=seed, effort=effort.value, force=force, strict=strict,
        command=command, progress=_say,
    )  # fmt: skip
    _tell(run.manifest, run.lines, as_json)
    if run.manifest["status"] != "complete":
        raise typer.Exit(UNPLANNED)


@app.command()
def replan(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="folder of a finished plan")],
    out: Out,
    at: Annotated[str, typer.Option("--at", help="the moment from which the rest is planned again, local time")],
    incidents: Annotated[list[Path] | None, typer.Option("--incidents", help="incidents that came in since")] = None,
    closures: Annotated[
        list[Path] | None, typer.Option("--closures", help="streets that are closed from now on")
    ] = None,
    demands: Annotated[list[Path] | None, typer.Option("--demands", help="more visits that are wanted")] = None,
    absent: Annotated[list[str] | None, typer.Option("--absent", help="a team that leaves now")] = None,
    cancel: Annotated[list[str] | None, typer.Option("--cancel", help="a demand or hotspot no longer wanted")] = None,
    seed: Seed = 0,
    effort: EffortOption = Effort.quick,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Mid-shift: what was done stays, the rest is planned again, most visits stay with their team."""
    from planning.jobs.replan import run_replan

    done = run_replan(
        run, at=at, out=out, incidents=incidents or (), closures=closures or (), demands=demands or (),
        absent=_ids(absent), cancel=_ids(cancel), seed=seed, effort=effort.value, force=force, progress=_say,
    )  # fmt: skip
    _tell(done.manifest, done.lines, as_json)
    if done.manifest["status"] != "complete":
        raise typer.Exit(UNPLANNED)


@app.command()
def watch(
    config: ConfigPath,
    inbox: Annotated[Path, typer.Option("--inbox", help="folder in which files arrive")],
    out: Annotated[Path, typer.Option("--out", help="folder of all runs of the night; `live.html` shows the latest")],
    date: Annotated[str | None, typer.Option("--date", help="local date of the shifts; default: today")] = None,
    seed: Seed = 0,
    effort: EffortOption = Effort.normal,
) -> None:
    """The dynamic push: files that arrive are applied once, the rest of the night is planned again, the page follows."""
    from planning.jobs.watch import run_watch

    done = run_watch(config, inbox=inbox, out=out, date=date, seed=seed, effort=effort.value, progress=_say, tell=_line)
    typer.echo(f"{done}: the last plan of the night")


@app.command()
def event(
    config: ConfigPath,
    events: Annotated[Path, typer.Option("--events", help="the events: place, time, level, attendance")],
    date: Annotated[str, typer.Option("--date", help="local date of the shifts, YYYY-MM-DD")],
    out: Out,
    seed: Seed = 0,
    effort: EffortOption = Effort.normal,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Staffing of large events by level and scale, and what it costs the patrols."""
    from planning.jobs.event import run_event

    run = run_event(
        config, events=events, date=date, out=out, seed=seed, effort=effort.value, force=force, progress=_say
    )
    _tell(run.manifest, run.lines, as_json)
    if run.manifest["status"] != "complete":
        raise typer.Exit(UNPLANNED)


@app.command("force")
def force_register(
    config: ConfigPath,
    date: Annotated[str | None, typer.Option("--date", help="as of this local date; default: today")] = None,
    by: Annotated[Facet | None, typer.Option("--by", help="only the table of one facet")] = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", help="workbook to write, a sheet per facet")] = None,
    as_json: Json = False,
) -> None:
    """The register: teams by kind, street, community, enterprise, role and point; vetting and training, the missing named."""
    from planning.jobs.force import run_force
    from planning.output.force_tables import force_report, write_force_workbook
    from planning.output.plain import plain

    found, settings = run_force(config, date=date)
    language = settings.district.language
    if xlsx is not None:
        write_force_workbook(xlsx, found, language)
    if as_json:
        typer.echo(json.dumps(plain(found.as_dict()), ensure_ascii=False, indent=1))
    else:
        typer.echo("\n".join(force_report(found, language, by=by.value if by is not None else None)))


@app.command()
def callup(
    config: ConfigPath,
    lon: Annotated[float, typer.Option("--lon", help="longitude of the place, WGS-84")],
    lat: Annotated[float, typer.Option("--lat", help="latitude of the place")],
    at: Annotated[str, typer.Option("--time", help="the moment of the request, local time")],
    need: Annotated[int, typer.Option("--need", help="how many people")],
    within_min: Annotated[float, typer.Option("--within", help="minutes within which they have to be there")],
    role: Annotated[str | None, typer.Option("--role", help="a role that each team has to have")] = None,
    activity: Annotated[str | None, typer.Option("--activity", help="what it is for; the roles follow")] = None,
    run: Annotated[Path | None, typer.Option("--run", help="a finished plan: teams are where it sends them")] = None,
    as_json: Json = False,
) -> None:
    """Whistle and report: the nearest eligible teams to a request, or the shortfall and why."""
    from planning.jobs.callup import run_callup
    from planning.operations.requests import callup_lines
    from planning.output.plain import plain

    found, settings = run_callup(
        config, lon=lon, lat=lat, time=at, need=need, within_min=within_min, role=role, activity=activity, run=run,
        progress=_say,
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(plain(found.as_dict()), ensure_ascii=False, indent=1))
    else:
        typer.echo("\n".join(in_language(line, settings.district.language) for line in callup_lines(found)))
    if found.shortfall:
        raise typer.Exit(UNPLANNED)


@app.command()
def assess(
    config: ConfigPath,
    out: Out,
    more_runs: Annotated[list[Path] | None, typer.Argument(metavar="DIR", hidden=True)] = None,  # B of `--runs A B`
    runs: Annotated[
        list[Path] | None, typer.Option("--runs", metavar="DIR...", help="finished plans to assess")
    ] = None,
    tracks: Annotated[Path | None, typer.Option("--tracks", help="where teams were: team_id, time, lon, lat")] = None,
    outcomes: Annotated[
        Path | None,
        typer.Option("--outcomes", help="what teams report: date, team_id, kind, count; kept in the ledger"),
    ] = None,
    intervention: Annotated[
        str | None, typer.Option("--intervention", help="when patrols began; default: date of the first run")
    ] = None,
    before: Annotated[
        str | None, typer.Option("--before", help="start of the period before; default: as long as after")
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", help="end of the period after; default: the last run's")
    ] = None,
    plan_trial: Annotated[
        bool, typer.Option("--plan-trial", help="draw by lot which hotspots are patrolled on which dates")
    ] = False,
    start: Annotated[str | None, typer.Option("--from", help="first date of the trial")] = None,
    end: Annotated[str | None, typer.Option("--to", help="last date of the trial, included")] = None,
    trial: Annotated[Path | None, typer.Option("--trial", help="folder of a trial that is over: evaluate it")] = None,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Dosage delivered, outcomes, incidents before and after, and a sheet per team; or a trial by lot."""
    from planning.jobs.assess import run_assess
    from planning.jobs.trial import run_plan_trial, run_trial_evaluation

    several = [*(runs or ()), *(more_runs or ())] if runs else []
    if bool(several) + plan_trial + (trial is not None) != 1 or (more_runs and not runs):
        raise ConfigError("give one of --runs, --plan-trial and --trial; fix: see `patrol assess --help`")
    if plan_trial:
        if start is None or end is None:
            raise ConfigError("--plan-trial needs --from and --to; fix: give the first and last date of the trial")
        done = run_plan_trial(config, start=start, end=end, seed=seed, out=out, force=force, progress=_say)
    elif trial is not None:
        done = run_trial_evaluation(config, trial=trial, out=out, force=force, progress=_say)
    else:
        done = run_assess(
            config, runs=several, out=out, tracks=tracks, outcomes=outcomes, intervention=intervention, before=before,
            after=after, force=force, progress=_say,
        )  # fmt: skip
    _tell(done.manifest, done.lines, as_json)


@app.command("map")
def redraw(
    run: Annotated[Path, typer.Argument(metavar="RUN")],
    open_it: Annotated[bool, typer.Option("--open", help="open the map in the browser")] = False,
    against: Annotated[
        Path | None, typer.Option(metavar="OTHER", help="an earlier plan: makes a page that compares the two")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="with --against: the page to write")] = None,
) -> None:
    """Draw the map of a finished run again, or compare its plan with an earlier one."""
    from planning.output.mapping.comparison import write_comparison
    from planning.output.mapping.plan_page import redraw_map

    if out is not None and against is None:
        raise ConfigError("--out goes with --against; fix: leave it out, the map is drawn in its run")
    page = redraw_map(run) if against is None else write_comparison(run, against, out=out)
    typer.echo(page)
    if open_it:
        webbrowser.open(page.resolve().as_uri())


@app.command()
def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN|LEDGER", help="a finished run, or a ledger.jsonl of outcomes")],
    as_json: Json = False,
) -> None:
    """Check a finished run: every file is there and unchanged; or a ledger: the first broken entry is named."""
    from planning.operations.ledger import ledger_problems
    from planning.output.runs import verify as problems_of

    problems = ledger_problems(run) if run.suffix == ".jsonl" else problems_of(run)
    if as_json:
        typer.echo(json.dumps({"run": str(run), "problems": problems}, ensure_ascii=False))
    elif problems:
        typer.echo(HotspotError("\n".join(problems)).told(_language_asked([str(run)])), err=True)
    if problems:
        raise typer.Exit(REJECTED)
    if not as_json:
        typer.echo(f"{run}: complete and unchanged")


@app.command()
def streets(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="a place's name, or a file of areas")],
    out: Annotated[Path, typer.Option("--out", help="file to write: .graphml .gpkg .geojson .parquet")],
    buffer_m: Annotated[float, typer.Option("--buffer-m", min=0.0, help="how far beyond the area")] = 1000.0,
    overpass_url: Annotated[str | None, typer.Option("--overpass-url", help="another server's address")] = None,
    nominatim_url: Annotated[str | None, typer.Option("--nominatim-url", help="another server's address")] = None,
    force: Force = False,
) -> None:
    """Fetch the streets of a place from OpenStreetMap. The only command that uses the network."""
    from planning.network.download import download_streets

    done = download_streets(
        place, out, buffer_m=buffer_m, overpass_url=overpass_url, nominatim_url=nominatim_url, force=force
    )
    typer.echo(done.summary())


def _ids(given: list[str] | None) -> list[str]:
    """Ids of an option that may be repeated, or hold several with commas between them."""
    return [each.strip() for part in given or () for each in part.split(",") if each.strip()]


def _tell(manifest: dict[str, Any], lines: list[str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(manifest, ensure_ascii=False, indent=2))
    else:
        typer.echo("\n".join(lines))


def _line(text: str) -> None:
    """What happened, for a log: one line on standard error, also where that is no terminal."""
    typer.echo(text, err=True)


def _say(stage: str) -> None:
    """Progress, for people: nothing where standard error isn't a terminal, and row counts once a second."""
    if not progress_console.is_terminal:
        return
    if stage.endswith(" rows"):
        if time.monotonic() - counted_at[-1] < 1.0:
            return
        counted_at[:] = [time.monotonic()]
    progress_console.print(f"· {stage}")


interrupts: list[int] = []
counted_at: list[float] = [0.0]


def _stop(signal_number: int, frame: FrameType | None) -> None:
    interrupts.append(signal_number)
    raise KeyboardInterrupt


EXIT_CODES: list[tuple[type[BaseException], int]] = [
    (ConfigError, USAGE),
    (InputError, REJECTED),
    (PlanError, UNPLANNED),
    (OSError, ENVIRONMENT),
]


def main() -> None:
    """Run the command; every failure that has a name ends with its message and exit code, never a traceback."""
    gc.set_threshold(
        100_000, 50, 100
    )  # a page's many small lists aren't garbage, but would be looked through again and again
    debug = "--debug" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--debug"]
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, stream=sys.stderr)
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        app()
    except SystemExit as stop:  # the framework turns an interrupt into its own exit code 1
        sys.exit(INTERRUPTED if interrupts else stop.code)
    except Exception as error:  # the one broad catch: whatever went wrong, a person gets a message and an exit code
        if debug:
            raise
        known = [code for kind, code in EXIT_CODES if isinstance(error, kind)]
        language = _language_asked(sys.argv[1:])
        text = error.told(language) if isinstance(error, HotspotError) else str(error)
        if not known:
            text = f"internal error: {error!r}; fix: run again with --debug and report it"
        print(text, file=sys.stderr)  # noqa: T201 - a failed command speaks here
        sys.exit(known[0] if known else 1)


def _language_asked(words: list[str]) -> str:
    """The language of the district that the command was about, as far as that can be told; else English."""
    for word in words:
        path = Path(word)
        try:
            if word.endswith(".toml"):
                told = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("district", {}).get("language")
            elif (path / "manifest.json").is_file():
                told = json.loads((path / "manifest.json").read_bytes())["config"]["district"]["language"]
            else:
                continue
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            continue
        if told in LANGUAGES:
            return str(told)
    return "en"


if __name__ == "__main__":
    main()
