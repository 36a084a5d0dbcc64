"""A printable page per team: what was planned, delivered and reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from hotspot.mapping import words
from planning.operations.outcomes import KINDS
from planning.output.printed import printed_facts, printed_templates

HERE = Path(__file__).resolve().parent
NONE = "–"


def write_assessment_sheets(folder: Path, teams: pd.DataFrame, visits: pd.DataFrame, facts: Mapping[str, Any]) -> None:
    """`T01.html` for each row of `teams`. `facts`: language, title, synthetic, run_id, period."""
    folder.mkdir()
    of_team = dict(iter(visits.groupby("team_id")))
    rows: list[dict[Any, Any]] = teams.to_dict("records")
    for team in rows:
        own: list[dict[Any, Any]] = of_team.get(team["team_id"], visits.iloc[:0]).to_dict("records")
        (folder / f"{team['team_id']}.html").write_text(sheet_html(team, own, facts), encoding="utf-8", newline="\n")


def sheet_html(team: Mapping[str, Any], visits: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> str:
    """One team's page; every text is escaped and nothing is loaded."""
    told = [(kind, team[kind]) for kind in KINDS if team[kind]]
    return _templates().get_template("assessment_sheet.html").render(
        _common(facts), team=team, visits=visits, outcomes=told,
        tracks_told=_tracks_told(team, words(facts["language"], "assessment")),
    )  # fmt: skip


def figure(value: Any) -> str:
    """A number as people read it; what isn't known is a dash.

    >>> figure(12), figure(28.04), figure(float("nan")), figure(pd.NA)
    ('12', '28.0', '–', '–')
    """
    if pd.isna(value):
        return NONE
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def spread(row: Mapping[str, Any], prefix: str) -> str:
    """An estimate with its bounds.

    >>> spread({"minutes": 14.0, "lower_min": 13.0, "upper_min": 15.0}, "")
    '14.0 [13.0–15.0]'
    """
    names = (f"{prefix}_min", f"{prefix}_lower_min", f"{prefix}_upper_min") if prefix else _BOUNDS
    estimate, lower, upper = (row[name] for name in names)
    return NONE if pd.isna(estimate) else f"{figure(estimate)} [{figure(lower)}–{figure(upper)}]"


_BOUNDS = ("minutes", "lower_min", "upper_min")


def _answer(value: float, told: Mapping[str, str]) -> str:
    return told["unknown"] if pd.isna(value) else told["yes" if value else "no"]


def _tracks_told(team: Mapping[str, Any], told: Mapping[str, str]) -> str:
    if not team["pings"]:
        return told["no_tracks"]
    return told["track_facts"].format(coarse=team["coarse_stays"], **{n: team[n] for n in _TRACK_FACTS})


_TRACK_FACTS = ("pings", "ping_interval_s", "gaps", "gap_min")


@cache
def _templates() -> jinja2.Environment:
    return printed_templates(figure=figure, spread=spread, answer=_answer)


def _common(facts: Mapping[str, Any]) -> dict[str, Any]:
    language = facts["language"]
    told = {name: facts[name] for name in ("title", "synthetic", "run_id", "period")}
    return {**printed_facts(language), "a": words(language, "assessment"), **told}
