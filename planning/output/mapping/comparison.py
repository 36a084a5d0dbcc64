"""Two plans side by side, from the data of their pages: figures, teams, and visits that are added, dropped or moved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from hotspot.errors import ConfigError, OutputError
from hotspot.mapping import render_page
from hotspot.mapping.changes import matched
from hotspot.mapping.situation_page import Payload
from hotspot.reading.encoding import sha256_of
from planning.output.runs import MANIFEST, require_whole

SAME_TIME_S = 60.0  # a visit that moves by less is kept


def compare_pages(before: Mapping[str, Any], after: Mapping[str, Any]) -> Payload:
    """What is different in the plan of the page `after` against that of `before`, JSON-able.

    `figures` and `teams` hold what each plan has (`before`, `after`; a team that one of them doesn't have is None there).
    `visits` are told where the windows overlap: `kind` is `kept`, `moved` (a minute or more), `handed` (another team),
    `added` or `dropped`. `hotspots` are `new` (ids of `after`) and `gone` (ids of `before`); one that overlaps another by
    half of the smaller is the same place. `routes` are the earlier lines. Equal plans give only kept visits.
    """
    same = matched(before["hotspots"], after["hotspots"])
    overlap = _overlap(before["window"], after["window"])
    return {
        **{name: before[name] for name in ("run_id", "as_of", "window", "seed")},
        "same_night": overlap,
        "figures": {"before": _figures(before), "after": _figures(after)},
        "teams": _teams(before["teams"], after["teams"]),
        "visits": _visits(before["teams"], after["teams"], same) if overlap else [],
        "hotspots": {
            "new": [spot["id"] for spot in after["hotspots"] if spot["id"] not in same.values()],
            "gone": [spot["id"] for spot in before["hotspots"] if spot["id"] not in same],
        },
        "routes": [
            {"team_id": team["id"], "lines": [leg["line"] for leg in team["legs"]]}
            for team in before["teams"]
            if team["legs"]
        ],
    }


def write_comparison(run: str | Path, against: str | Path, *, out: str | Path | None = None) -> Path:
    """Write the page that shows the plan of `run` beside the earlier one of `against`. Returns its path.

    `out` None: `RUN-against-OTHER.html` beside the run. Raises InputError when one isn't a whole run, ConfigError when one
    has no plan or they are of different districts, OutputError when the file can't be written.
    """
    page, other = (plan_page_of(Path(each)) for each in (run, against))
    if page["district"] != other["district"]:
        raise ConfigError(
            f"{against}: a plan of {other['district']}, not of {page['district']}; fix: compare one district's"
        )
    target = (
        Path(out) if out is not None else Path(run).with_name(f"{Path(run).name}-against-{Path(against).name}.html")
    )
    told = page | {"kind": "comparison", "comparison": compare_pages(other, page)}
    html = render_page(told, language=page["language"], title=page["title"])
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_text(html, encoding="utf-8")
        part.replace(target)
    except OSError as error:
        raise OutputError(f"{target}: can't be written: {error.strerror}; fix: give another --out") from error
    return target


def earlier_page(run: Path, *, district: str, as_of: pd.Timestamp, plan: bool) -> Payload:
    """The data of an earlier run's page, with what the manifest of a later run says of it as `entry`.

    Raises InputError when it isn't a whole run, ConfigError when it is of another district or of a later moment, or has no
    `plan` where one is asked for.
    """
    if plan:
        page = plan_page_of(run)
    else:
        require_whole(run)
        page = json.loads((run / "page.json").read_text(encoding="utf-8"))
    if page["district"] != district:
        raise ConfigError(
            f"{run}: a run of {page['district']}, not of {district}; fix: give an earlier run of the district"
        )
    if pd.Timestamp(page["as_of"]) > as_of:
        raise ConfigError(
            f"{run}: its data go on to {page['as_of']}, later than {as_of.isoformat()}; fix: give an earlier run"
        )
    return page | {
        "entry": {"path": f"{run.name}/{MANIFEST}", "sha256": sha256_of(run / MANIFEST), "run_id": page["run_id"]}
    }


def plan_page_of(run: Path) -> Payload:
    """The data of a finished plan's page. Raises InputError when it isn't a whole run, ConfigError when it has no plan."""
    require_whole(run)
    page: Payload = json.loads((run / "page.json").read_text(encoding="utf-8")) if (run / "page.json").is_file() else {}
    if not page.get("plan"):
        raise ConfigError(
            f"{run}: there is no plan in it; fix: give a folder made by `patrol plan`, `replan` or `event`"
        )
    return page


def _overlap(first: Mapping[str, str], second: Mapping[str, str]) -> bool:
    starts, ends = ([datetime.fromisoformat(each[name]) for each in (first, second)] for name in ("start", "end"))
    return bool(max(starts) < min(ends))


def _figures(page: Mapping[str, Any]) -> Payload:
    """The plan's own, and sums over its teams."""
    sums = pd.DataFrame(
        [_load(team) for team in page["teams"]], columns=["stops", "stay_min", "travel_min", "km"]
    ).sum()
    plan = {name: page["plan"][name] for name in ("value", "bound", "gap", "demands", "served")}
    return plan | {str(name): round(float(total), 1) for name, total in sums.items()}


def _load(team: Mapping[str, Any]) -> Payload:
    stays = [
        datetime.fromisoformat(visit["leave"]) - datetime.fromisoformat(visit["start"]) for visit in team["visits"]
    ]
    return {
        "stops": len(stays),
        "stay_min": round(sum(stay.total_seconds() for stay in stays) / 60, 1),
        "travel_min": round(sum(leg["travel_s"] for leg in team["legs"]) / 60, 1),
        "km": round(sum(leg["travel_m"] for leg in team["legs"]) / 1000, 1),
    }


def _teams(before: Sequence[Payload], after: Sequence[Payload]) -> list[Payload]:
    """Every team of either plan, those of `after` first."""
    old, new = ({team["id"]: _load(team) for team in teams} for teams in (before, after))
    return [{"team_id": team, "before": old.get(team), "after": new.get(team)} for team in {**new, **old}]


def _visits(before: Sequence[Payload], after: Sequence[Payload], same: Mapping[str, str]) -> list[Payload]:
    """The visits of both by place and activity, paired so that teams keep theirs and times move little."""
    old, new = (_by_place(teams, ids) for teams, ids in ((before, same), (after, {})))
    rows = [row for place in {**new, **old} for row in _paired(old.get(place, []), new.get(place, []))]
    return sorted(
        rows, key=lambda row: ((row["after"] or row["before"])["team_id"], (row["after"] or row["before"])["start"])
    )


def _by_place(teams: Sequence[Payload], same: Mapping[str, str]) -> dict[tuple[str, str], list[Payload]]:
    places: dict[tuple[str, str], list[Payload]] = {}
    for team in teams:
        for visit in team["visits"]:
            told = {name: visit[name] for name in ("hotspot_id", "activity", "start", "leave")} | {
                "team_id": team["id"]
            }
            spot = same.get(visit["hotspot_id"], visit["hotspot_id"])
            places.setdefault((spot, visit["activity"]), []).append(told)
    return places


def _paired(old: Sequence[Payload], new: Sequence[Payload]) -> list[Payload]:
    """Those of one team first, then those nearest in time; who is left was dropped or added."""
    pairs = sorted(
        (before["team_id"] != after["team_id"], _apart_s(before, after, "start"), i, j)
        for i, before in enumerate(old)
        for j, after in enumerate(new)
    )
    partner: dict[int, int] = {}
    for _, _, i, j in pairs:
        if i not in partner and j not in partner.values():
            partner[i] = j
    rows: list[Payload] = [
        {"kind": _kind(old[i], new[j]), "before": old[i], "after": new[j]} for i, j in partner.items()
    ]
    rows += [{"kind": "dropped", "before": each, "after": None} for i, each in enumerate(old) if i not in partner]
    taken = set(partner.values())
    return rows + [{"kind": "added", "before": None, "after": each} for j, each in enumerate(new) if j not in taken]


def _apart_s(before: Payload, after: Payload, name: str) -> float:
    return float(abs((datetime.fromisoformat(after[name]) - datetime.fromisoformat(before[name])).total_seconds()))


def _kind(before: Payload, after: Payload) -> str:
    if before["team_id"] != after["team_id"]:
        return "handed"
    moved = max(_apart_s(before, after, name) for name in ("start", "leave"))
    return "moved" if moved >= SAME_TIME_S else "kept"
