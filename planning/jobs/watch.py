"""The dynamic push: an inbox is watched, what arrives is applied once, and a page shows the latest plan.

Which files were applied is written in the newest finished run and nowhere else, so neither a restart nor a kill can apply
one twice or lose it: a file leaves the inbox only after the run that holds it is in its place.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from hotspot.errors import ConfigError, Fault, InputError
from hotspot.reading.encoding import sha256_of
from hotspot.tables import read_table
from planning.config import Config, read_config
from planning.jobs.replan import read_demands, read_new_incidents, run_replan
from planning.network import read_closures
from planning.operations.database_inbox import notified
from planning.operations.night import Night, load_night
from planning.operations.push import copy_run, queue_message, send_queued
from planning.output.live_page import write_live_page, write_status
from planning.output.runs import MANIFEST
from planning.pipeline import Progress, run_plan

RUNS, LATEST, DONE, REJECTED, PUSH = "runs", "latest", "done", "rejected", "push"
UNFINISHED = (".part", ".tmp", ".crdownload", "~")
KINDS = ("closures", "demands", "absent", "cancel")  # the name begins so; all others are incidents
HEARTBEAT_S = 10.0
_LOG = logging.getLogger(__name__)

Clock = Callable[[], pd.Timestamp]


@dataclass(eq=False)
class Arrival:
    """A file of the inbox: what kind it is, and the digest by which it is known again."""

    path: Path
    kind: str
    sha256: str


@dataclass(eq=False)
class Watch:
    """One watch: its folders and how it hears and tells."""

    config_path: Path
    config: Config
    inbox: Path
    out: Path
    date: str
    seed: int
    effort: str
    clock: Clock
    progress: Progress
    tell: Callable[[str], None]
    seen: dict[Path, tuple[int, int]] = field(default_factory=dict)  # size and time of files that may still grow
    told_at: float = 0.0

    @property
    def latest(self) -> Path | None:
        """The newest finished run of the night."""
        finished = [run for run in sorted((self.out / RUNS).glob("[0-9]*")) if (run / MANIFEST).is_file()]
        return finished[-1] if finished else None

    def following(self) -> Path:
        newest = self.latest
        return self.out / RUNS / f"{int(newest.name) + 1 if newest else 0:04d}"


def run_watch(
    config_path: Path,
    *,
    inbox: Path,
    out: Path,
    date: str | None = None,
    seed: int = 0,
    effort: str = "normal",
    clock: Clock | None = None,
    until: Callable[[Watch], bool] = lambda watch: False,
    progress: Progress = lambda stage: None,
    tell: Callable[[str], None] = lambda line: None,
) -> Path:
    """Watch the inbox until the night's last shift has ended (or `until` says so); returns the last run.

    `out/runs/NNNN` are the runs, `out/latest` is a link to the newest, `out/live.html` a page that follows it.
    Started again, it goes on with what it finds there. `clock` tells the present moment; None is this machine's.

    Raises ConfigError, InputError and OutputError as `run_plan` does for the first plan of the night.
    """
    config = read_config(config_path)
    zone = config.district.timezone
    now = clock or (lambda: pd.Timestamp.now(tz=zone))
    night = date or f"{now():%Y-%m-%d}"
    watch = Watch(config_path, config, inbox, out, night, seed, effort, now, progress, tell)
    for folder in (inbox, inbox / DONE, inbox / REJECTED, out / RUNS):
        folder.mkdir(parents=True, exist_ok=True)
    _secret(config)
    _begin(watch)
    with closing(notified(config, inbox, since=_risk_as_of(watch))) as heard:
        while not until(watch):
            for path in next(heard):
                tell(f"{path.name}: from the database")
            arrived = _arrivals(watch)
            if arrived:
                _apply(watch, arrived)
            _still_here(watch)
            if _over(watch):
                break
            if not arrived:
                time.sleep(config.watch.poll_s)
    newest = watch.latest
    assert newest is not None
    return newest


def _begin(watch: Watch) -> None:
    """The first plan of the night, or the newest run that is there; the link and the page point to it."""
    newest = watch.latest
    if newest is not None and _manifest(newest)["window"]["start"][:10] != watch.date:
        fix = "give another --out for another date"
        raise ConfigError(f"{watch.out}: holds the runs of {_manifest(newest)['window']['start'][:10]}; fix: {fix}")
    if newest is None:
        run_plan(
            watch.config_path, date=watch.date, out=watch.following(), seed=watch.seed, effort=watch.effort,
            progress=watch.progress,
        )  # fmt: skip
    write_live_page(watch.out, language=watch.config.district.language, title=watch.config.district.name)
    _publish(watch, push=newest is None)


def _manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / MANIFEST).read_bytes())
    return found


def _risk_as_of(watch: Watch) -> pd.Timestamp:
    """What the risk of the first plan had seen."""
    newest = watch.latest
    assert newest is not None
    manifest = _manifest(newest)
    return pd.Timestamp(manifest.get("risk_as_of", manifest["as_of"]))


def _over(watch: Watch) -> bool:
    newest = watch.latest
    return newest is not None and watch.clock() >= pd.Timestamp(_manifest(newest)["window"]["end"])


def _publish(watch: Watch, *, push: bool = True) -> None:
    """Switches `latest` in one step, tells the page, and queues the message to others."""
    run = watch.latest
    assert run is not None
    part = watch.out / f".{LATEST}-{os.getpid()}"
    part.unlink(missing_ok=True)
    part.symlink_to(Path(RUNS) / run.name, target_is_directory=True)
    part.replace(watch.out / LATEST)
    watch.told_at = 0.0
    _still_here(watch)
    if not push:
        return
    if watch.config.watch.push_folder is not None:
        copy_run(run, watch.config.watch.push_folder)
    if watch.config.watch.push_url:
        queue_message(watch.out / PUSH, _message(run))


def _message(run: Path) -> dict[str, Any]:
    manifest = _manifest(run)
    named = {name: manifest[name] for name in ("run_id", "status", "as_of", "window", "notices")}
    return named | {"district": manifest["config"]["district"]["name"], "run": run.name, "plan": manifest["plan"]}


def _still_here(watch: Watch) -> None:
    """A sign of life for the page, and another try for messages that haven't arrived."""
    if time.monotonic() - watch.told_at < HEARTBEAT_S:
        return
    watch.told_at = time.monotonic()
    run = watch.latest
    assert run is not None
    manifest = _manifest(run)
    write_status(watch.out, run=run.name, run_id=manifest["run_id"], as_of=manifest["as_of"], seen=watch.clock())
    if watch.config.watch.push_url and (watch.out / PUSH).is_dir():
        send_queued(watch.out / PUSH, watch.config.watch.push_url, secret=_secret(watch.config))


def _secret(config: Config) -> str:
    if not config.watch.push_url:
        return ""
    secret = os.environ.get(config.watch.push_secret_env, "")
    if not secret:
        name = config.watch.push_secret_env
        raise ConfigError(f"watch.push_secret_env: the environment has no {name}; fix: export {name}=...")
    return secret


def _arrivals(watch: Watch) -> list[Arrival]:
    """Files that have come to rest, in the order of their names; one that still grows waits for the next look."""
    found = []
    for path in sorted(watch.inbox.iterdir()):
        if not path.is_file() or path.is_symlink() or path.name.startswith(".") or path.name.endswith(UNFINISHED):
            continue
        told = path.stat()
        size = (told.st_size, told.st_mtime_ns)
        resting = watch.seen.get(path) == size or time.time() - told.st_mtime > watch.config.watch.poll_s
        watch.seen[path] = size
        if resting:
            kind = next((kind for kind in KINDS if path.name.lower().startswith(kind)), "incidents")
            found.append(Arrival(path, kind, sha256_of(path)))
    return found


def _apply(watch: Watch, arrived: Sequence[Arrival]) -> None:
    """One re-planning with all that arrived and holds; what was applied before, or can't be used, only moves away."""
    before = watch.latest
    assert before is not None
    applied = {entry.get("sha256") for entry in _manifest(before)["inputs"]}
    night = load_night(before)
    good: list[Arrival] = []
    for each in arrived:
        if each.sha256 in applied:
            watch.tell(f"{each.path.name}: was applied before")
            _move(each.path, watch.inbox / DONE)
            continue
        try:
            _validate(each, night, watch.config)
        except InputError as error:
            _reject(watch, each, error)
            continue
        applied.add(each.sha256)
        good.append(each)
    if good:
        _replan(watch, before, night, good)


def _replan(watch: Watch, before: Path, night: Night, good: Sequence[Arrival]) -> None:
    paths = {kind: [each.path for each in good if each.kind == kind] for kind in (*KINDS, "incidents")}
    now = watch.clock()
    if night.now_s is not None:  # a clock that was set back must not stop the watch
        now = max(now, night.instant(night.now_s))
    out = watch.following()
    try:
        run_replan(
            before, at=now.isoformat(), out=out, incidents=paths["incidents"], closures=paths["closures"],
            demands=paths["demands"], absent=_listed(paths["absent"], "team_id"), cancel=_listed(paths["cancel"], "id"),
            others=[*paths["absent"], *paths["cancel"]], seed=watch.seed, effort="quick", progress=watch.progress,
        )  # fmt: skip
    except InputError as error:  # each file holds by itself, but not all of them together
        if len(good) == 1:
            _reject(watch, good[0], error)
            return
        for each in good:
            _apply(watch, [each])
        return
    _publish(watch)
    for each in good:
        _move(each.path, watch.inbox / DONE)
    watch.tell(f"{out.name}: {len(good)} files applied, {_manifest(out)['replan']['changes']} changes")


def _validate(arrival: Arrival, night: Night, config: Config) -> None:
    """Raises InputError when the file can't be applied."""
    crs, path = night.demands.crs.to_string(), arrival.path
    if arrival.kind == "incidents":
        read_new_incidents([path], night, config)
    elif arrival.kind == "closures":
        read_closures(path, crs=crs, timezone=night.zone)
    elif arrival.kind == "demands":
        read_demands(path, night)
    elif arrival.kind == "absent":
        _known(path, _listed([path], "team_id"), set(night.teams["id"]), "team_id", "no such team")
    else:
        ids = set(night.demands["demand_id"]) | set(night.demands["hotspot_id"])
        _known(path, _listed([path], "id"), ids, "id", "no such demand")


def _listed(paths: Sequence[Path], column: str) -> list[str]:
    return [str(value).strip() for path in paths for value in read_table(path, required=(column,)).frame[column]]


def _known(path: Path, asked: Sequence[str], known: set[Any], column: str, reason: str) -> None:
    fix = f"use one of: {', '.join(sorted(known)[:30])}"
    faults = [
        Fault(str(path), reason, fix, row=row, field=column, value=value)
        for row, value in enumerate(asked, start=2)
        if value not in known
    ]
    if faults:
        raise InputError(faults)


def _reject(watch: Watch, arrival: Arrival, error: InputError) -> None:
    kept = _move(arrival.path, watch.inbox / REJECTED)
    report = error.told(watch.config.district.language)
    kept.with_name(kept.name + ".report.txt").write_text(report + "\n", encoding="utf-8")
    watch.tell(f"{arrival.path.name}: rejected: {error}")


def _move(path: Path, folder: Path) -> Path:
    """Into the folder; a file of that name there keeps it, and this one gets a number."""
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    path.replace(target)
    return target
