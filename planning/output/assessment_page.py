"""The assessment as a page: what was delivered and whether anything can be told of it first, then figures, map and doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from hotspot.mapping import words
from hotspot.mapping.charts import Bar, Delivery, bar_chart, delivery_chart, delivery_legend, key_list
from hotspot.mapping.document import DocumentFacts, document_page, moment
from hotspot.statistics.displacement import wdd
from hotspot.wording import in_language
from planning.operations.controls import PARTS, BeforeAfter, change_told
from planning.operations.dosage import hotspot_dosage
from planning.operations.outcomes import KINDS, Count, total
from planning.output.assessment_facts import AssessFacts, rounded
from planning.output.assessment_sheets import NONE, figure, spread
from planning.output.delivery_map import CLASSES, UNKNOWN, delivery_drawing
from planning.output.printed import HERE, printed_templates
from planning.output.products import SYNTHETIC_MARK, credit
from planning.output.sheets import distance
from planning.release import __version__

MOST_TEAMS = 30  # of a chart: more would be a page of bars; all of them are in the table
Words = Mapping[str, Any]


def assessment_page(facts: AssessFacts) -> str:
    """One self-contained page in both languages, with links to the teams' sheets beside it. The same facts give the same
    bytes."""
    district = facts.config.district
    of_page = DocumentFacts(
        district.name, "assessment", SYNTHETIC_MARK in district.name, window=facts.dates, as_of=facts.window[1].isoformat(),
        timezone=district.timezone, run_id=facts.run_id, version=__version__,
    )  # fmt: skip
    of_hotspots = rounded(hotspot_dosage(facts.dosage), 1)
    drawing = delivery_drawing(facts.plans.nights, of_hotspots, edges=facts.inputs.streets.edges)
    shared = _templates().get_template("delivery_map.html").render(map=drawing) if drawing else ""
    style = (HERE / "assessment.css").read_text(encoding="utf-8")

    def body(language: str) -> str:
        return _body(facts, language, of_hotspots=of_hotspots, drawing=drawing)

    return document_page(body, facts=of_page, language=district.language, style=style, shared=shared)


@cache
def _templates() -> jinja2.Environment:
    return printed_templates(figure=figure, spread=spread, distance=distance, share=_share, whole=_whole)


def _body(facts: AssessFacts, language: str, *, of_hotspots: pd.DataFrame, drawing: Mapping[str, Any] | None) -> str:
    a, change = words(language, "assessment"), facts.change
    return _templates().get_template("assessment_index.html").render(
        a=a, w=words(language), kinds=KINDS, language=language, totals=facts.totals, teams=_records(facts.team_table),
        nights=_records(facts.night_table), hotspots=_records(of_hotspots), headline=_headline(facts, a, language),
        charts=_charts(facts, a), map=drawing, map_legend=Markup(_map_legend(a)), attribution=credit(facts.config.streets.path),  # noqa: S704
        change=_change_facts(change, a) if change is not None else None, change_told=_change_told(facts, language),
        warnings=[_sentence(in_language(each, language)) for each in change.notices()[1:]] if change is not None else [],
        outcomes=_outcomes(facts), missing=_missing(facts, a, language), lower_bound=any(facts.outcome_table["at_least"]),
        notices=[in_language(notice, language) for notice in facts.notices()],
    )  # fmt: skip


def _records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    rows: list[dict[Any, Any]] = table.to_dict("records")
    return rows


# ---- what it comes to, in words ----


def _headline(facts: AssessFacts, a: Words, language: str) -> list[str]:
    return [*delivered_told(facts.totals, a), _change_told(facts, language)]


def delivered_told(sums: Mapping[str, Any], a: Words) -> list[str]:
    """What was delivered of what was planned, with its bounds; that it isn't known where no track tells it."""
    planned, tracked = sums["planned_min"] or 0.0, sums["planned_tracked_min"] or 0.0
    if not planned:
        return [a["nothing_planned"]]
    if not tracked:
        return [a["delivered_unknown"].format(planned=planned)]
    got, low, high = (sums[f"delivered_{end}min"] for end in ("", "lower_", "upper_"))
    shares = {name: value / tracked for name, value in (("share", got), ("low_share", low), ("high_share", high))}
    told = [a["delivered_told"].format(got=got, planned=tracked, low=low, high=high, **shares)]
    rest = planned - tracked
    return [*told, a["delivered_rest"].format(rest=rest)] if rest > 0 else told


def _change_told(facts: AssessFacts, language: str) -> str:
    """The comparison's own sentence, or why there is none: nothing stronger is said anywhere on the page."""
    change = facts.change
    told = change_told(change.test) if change is not None else f"no comparison before and after: {facts.why}"
    return _sentence(in_language(told, language))


def _sentence(text: str) -> str:
    """
    >>> _sentence("no change"), _sentence("没有变化")
    ('No change.', '没有变化。')
    """
    return text[:1].upper() + text[1:] + ("." if text[-1:].isascii() and text[:1].isascii() else "。")


# ---- charts ----


def _charts(facts: AssessFacts, a: Words) -> dict[str, Any]:
    teams, nights = facts.team_table, facts.night_table
    planned = teams[teams["planned_min"] > 0]
    shown = most_missed(planned, MOST_TEAMS)
    return {
        "nights": Markup(_deliveries(nights, _night_names(nights), a["by_night"], a)),  # noqa: S704 - escaped where made
        "teams": Markup(_deliveries(shown, shown["team_id"].tolist(), a["by_team"], a)),  # noqa: S704
        "legend": Markup(delivery_legend(a["planned_min"], a["delivered_min"], a["bounds"], a["no_tracks_yet"])),  # noqa: S704
        "shown": len(shown), "of": len(planned),
    }  # fmt: skip


def most_missed(teams: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows, those of whose planned minutes the most weren't delivered; those of which nothing is known come
    last. The order stays that of `teams`."""
    missed = (teams["planned_tracked_min"] - teams["delivered_min"]).fillna(-1.0)
    first = missed.sort_values(ascending=False, kind="stable").index[:most]
    return teams.loc[sorted(first)]


def _night_names(nights: pd.DataFrame) -> list[str]:
    """Their dates; with the run where a date has two."""
    twice = nights["date"].duplicated(keep=False)
    return [
        f"{date} {run}" if both else date for date, run, both in zip(nights["date"], nights["run"], twice, strict=True)
    ]


def _deliveries(table: pd.DataFrame, names: Sequence[str], title: str, a: Words) -> str:
    columns = ("planned_min", "planned_tracked_min", "delivered_min", "delivered_lower_min", "delivered_upper_min")
    rows = [
        Delivery(name, tracked if tracked else planned, got, low, high)
        for name, (planned, tracked, got, low, high) in zip(
            names, table[list(columns)].astype(float).to_numpy(), strict=True
        )
    ]
    return delivery_chart(rows, title=title, x_title=a["minutes"], told=lambda row: _told(row, a))


def _told(row: Delivery, a: Words) -> str:
    got = a["unknown"] if pd.isna(row.got) else f"{row.got:.0f}"
    return f"{got} / {row.planned:.0f}"


def _map_legend(a: Words) -> str:
    """Squares as the map paints them: its ground, then the class with the map's own alpha."""
    fifths = [a["fifth"].format(low=k / CLASSES, high=(k + 1) / CLASSES) for k in range(CLASSES - 1)]
    names = [*fifths, a["last_fifth"].format(low=(CLASSES - 1) / CLASSES), a["unknown_place"], a["unvisited"]]
    kinds = [*(f"share{k}" for k in range(CLASSES)), f"share{UNKNOWN}", "unvisited"]
    return key_list((_square(kind), name) for kind, name in zip(kinds, names, strict=True))


def _square(kind: str) -> str:
    shapes = f'<rect class="ground" width="34" height="16"/><rect class="{kind}" x="1" y="1" width="32" height="14"/>'
    return f'<svg viewBox="0 0 34 16" aria-hidden="true">{shapes}</svg>'


# ---- before and after ----


def _change_facts(change: BeforeAfter, a: Words) -> dict[str, Any]:
    """The periods, the four parts with their counts, how the estimate comes from them, and the intervals drawn."""
    counts, periods = change.counts, change.periods
    sizes = change.cells["part"].value_counts()
    parts = [
        {"part": part, "cells": int(sizes.get(part, 0)), "before": b, "after": c, "change": c - b}
        for part, (b, c) in ((part, counts[part]) for part in PARTS)
    ]
    tests = {
        "at_places": wdd(counts["treated"], counts["control"]),
        "around": wdd(counts["displacement"], counts["displacement_control"]),
        "together": change.test,
    }
    bars = [
        Bar(a[name], test.estimate, test.lower, test.upper, strong=name == "together") for name, test in tests.items()
    ]
    return {
        "parts": parts, "test": change.test, "sum": _sum_told(counts, change.test.estimate),
        "before": (moment(periods.before.isoformat()), moment(periods.intervention.isoformat())),
        "after": (moment(periods.intervention.isoformat()), moment(periods.after.isoformat())),
        "chart": Markup(bar_chart(bars, title=a["change_chart"], form="+.1f")),  # noqa: S704 - escaped where made
    }  # fmt: skip


def _sum_told(counts: Mapping[str, tuple[int, int]], estimate: float) -> str:
    """
    >>> _sum_told({"treated": (28, 12), "control": (28, 10), "displacement": (5, 9), "displacement_control": (7, 6)}, 7.0)
    '(12 − 28) − (10 − 28) + (9 − 5) − (6 − 7) = +7'
    """
    told = {part: f"({after} − {before})" for part, (before, after) in counts.items()}
    rings = f"{told['displacement']} − {told['displacement_control']}"
    return f"{told['treated']} − {told['control']} + {rings} = {estimate:+.0f}"


# ---- outcomes, and what isn't known ----


def _outcomes(facts: AssessFacts) -> list[dict[str, Any]]:
    """One row per kind: the sum ('–' where none was reported), the reports it is made of, and their teams."""
    rows = []
    for kind, own in ((kind, facts.outcome_table[facts.outcome_table["kind"] == kind]) for kind in KINDS):
        found = str(total(Count.read(text) for text in own["count"])) if len(own) else NONE
        corrected = int((own["corrected_from"] != "").sum())
        rows.append(
            {"kind": kind, "sum": found, "reports": len(own), "teams": own["team_id"].nunique(), "corrected": corrected}
        )
    return rows


def _missing(facts: AssessFacts, a: Words, language: str) -> list[str]:
    """What this page can't tell, each with how much of it."""
    sums, visits, pings = facts.totals, facts.dosage.visits, facts.pings
    unknown = visits[visits["minutes"].isna()]
    shifts = len(unknown[["run", "team_id"]].drop_duplicates())
    within = float(visits["untracked_min"].sum())
    reported = facts.outcome_table["team_id"].nunique()
    silent = len(set(visits["team_id"]) - set(facts.outcome_table["team_id"]))
    at_least = int(facts.outcome_table["at_least"].sum())
    found = {
        "no_pings": pings is None,
        "shifts_unknown": bool(shifts) and pings is not None,
        "within_unknown": within >= 1,
        "gaps_told": bool(sums["gaps"]),
        "coarse_told": bool(sums["coarse_stays"]),
        "no_reports": not reported,
        "silent": bool(reported and silent),
        "bounds_told": bool(at_least),
    }
    figures = {
        "shifts": shifts, "minutes": unknown["planned_min"].sum(), "within": within, "gaps": sums["gaps"] or 0,
        "gap_min": sums["gap_min"] or 0.0, "coarse": sums["coarse_stays"] or 0, "silent": silent, "at_least": at_least,
    }  # fmt: skip
    told = [a[name].format(**figures) for name, holds in found.items() if holds]
    return told if facts.change is not None else [*told, _change_told(facts, language)]


def _share(row: Mapping[Any, Any]) -> str:
    """Delivered of planned on nights with tracks."""
    planned, got = row["planned_tracked_min"], row["delivered_min"]
    return NONE if pd.isna(got) or not planned else f"{got / planned:.0%}"


def _whole(value: Any) -> str:
    """To the next whole number; what isn't known is a dash."""
    return NONE if pd.isna(value) else f"{value:.0f}"
