"""The backtest as a page: the headline first, then curves with intervals, calibration and the tables behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import pandas as pd
from markupsafe import Markup

from hotspot.backtesting import Backtest
from hotspot.forecasting.models import LAST_YEAR, LONG_RUN
from hotspot.mapping.catalogue import words
from hotspot.mapping.charts import Bar, Line, bar_chart, legend, line_chart
from hotspot.mapping.document import DocumentFacts, document_page, document_templates
from hotspot.wording import in_language

YARDSTICKS = (LAST_YEAR, LONG_RUN)
ENDS = ("", "_lower", "_upper")
MOST_SHARE = 0.2  # of the area, on the curve: nobody patrols more, and what matters lies at its beginning
TOLD_SHARE = 0.02  # of the area: the hit rate that is told in words


@dataclass(frozen=True)
class Table:
    """Rows of texts, the first column names them; `folded` ones are opened by the reader."""

    name: str
    head: list[str]
    rows: list[list[str]]
    folded: bool = False


@dataclass(frozen=True)
class Figure:
    """A chart with the name that readers and screen readers get, and its legend."""

    name: str
    chart: Markup
    legend: Markup


def backtest_page(
    result: Backtest, *, language: str, title: str, synthetic: bool = False, notices: Sequence[str] = (),
    sensitivity: pd.DataFrame | None = None, timezone: str = "", run_id: str = "", version: str = "",
) -> str:  # fmt: skip
    """One self-contained page in both languages, `language` first. `notices` are English sentences of the program.

    The same result gives the same bytes, but for the seconds in its table. Raises ConfigError for an unknown language.
    """
    span = (result.parameters["start"], result.parameters["end"])
    facts = DocumentFacts(
        title, "backtest", synthetic, window=span, as_of=span[1], timezone=timezone, run_id=run_id, version=version
    )

    def body(name: str) -> str:
        told = [in_language(notice, name) for notice in notices]
        return _body(result, name, notices=told, sensitivity=sensitivity)

    return document_page(body, facts=facts, language=language)


def _body(result: Backtest, language: str, *, notices: Sequence[str], sensitivity: pd.DataFrame | None) -> str:
    w = words(language, "backtest")
    incidents = float(result.table["incidents"].max())
    return document_templates().get_template("backtest.html").render(
        w=w, headline=result.summary(language), one_cutoff=result.parameters["origins"] < 2,
        facts=w["facts"].format(**_dates(result.parameters), incidents=incidents), notices=notices,
        short=_in_short(result, w), calibration_told=[_ratio_told(result, w), _tenths_told(result, w)],
        figures=_figures(result, w), tenths=_tenths_table(result, w), tables=_tables(result, w, sensitivity),
    )  # fmt: skip


def _dates(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return dict(parameters) | {name: str(parameters[name])[:10] for name in ("start", "end")}


# ---- what it comes to, in words ----


def _in_short(result: Backtest, w: Mapping[str, str]) -> list[str]:
    better = result.table.loc[result.table["ig_place_lower"] > 0, "model"].astype(str).tolist()
    gain = w["gain_told"].format(models=", ".join(better)) if better else w["gain_none"]
    return [_hit_told(result, w), gain, _ratio_told(result, w)]


def _hit_told(result: Backtest, w: Mapping[str, str]) -> str:
    """The hit rate at the share of the area that is nearest to 2 %, and how it differs from last year's places."""
    share = min(result.parameters["area_shares"], key=lambda each: abs(each - TOLD_SHARE))
    name = f"hit_rate_{share:g}"
    rate, over = _ends(result, name), _ends(result, f"{name}_over_last_year")
    figures = {key: _figure(value, ".1%") for key, value in zip(("hit", "low", "high"), rate, strict=True)}
    points = zip(("diff", "diff_low", "diff_high"), over, strict=True)
    figures |= {key: _figure(100 * value, "+.1f") for key, value in points}
    verdict = w["hit_" + _verdict(over[1], over[2], 0.0)]
    return w["hit_told"].format(share=f"{100 * share:g} %", verdict=verdict, **figures)


def _ratio_told(result: Backtest, w: Mapping[str, str]) -> str:
    ends = _ends(result, "calibration")
    figures = {key: _figure(value, ".2f") for key, value in zip(("ratio", "low", "high"), ends, strict=True)}
    return w["ratio_told"].format(verdict=w["ratio_" + _verdict(ends[1], ends[2], 1.0)], **figures)


def _tenths_told(result: Backtest, w: Mapping[str, str]) -> str:
    mine = _of_default(result.deciles, result)
    if not mine["ratio_lower"].notna().any():
        return ""
    off = mine[(mine["ratio_lower"] > 1) | (mine["ratio_upper"] < 1)]
    return w["tenths_off"].format(tenths=", ".join(map(str, off["tenth"]))) if len(off) else w["tenths_fine"]


def _verdict(low: float, high: float, against: float) -> str:
    """What an interval says of a value: `below` or `above` it, `within` chance, `unknown` where there is no interval.

    >>> [_verdict(low, high, 0.0) for low, high in ((0.1, 0.2), (-0.1, 0.2), (-0.2, -0.1), (-0.1, 0.0), (float("nan"), 1.0))]
    ['above', 'within', 'below', 'within', 'unknown']
    """
    if not (isfinite(low) and isfinite(high)):
        return "unknown"
    return "above" if low > against else "below" if high < against else "within"


def _ends(result: Backtest, name: str) -> list[float]:
    """A figure of the default model and its interval."""
    row: Any = result.table.set_index("model").loc[result.default]
    return [float(row[name + end]) for end in ENDS]


def _of_default(table: pd.DataFrame, result: Backtest) -> pd.DataFrame:
    return table[table["model"] == result.default]


# ---- charts ----


def _figures(result: Backtest, w: Mapping[str, str]) -> dict[str, Figure]:
    figures = {name: _bars(result, name, title=w[name]) for name in ("ig", "ig_place")}
    if "budget_hit_rate" in result.table:
        figures["budget"] = _bars(result, "budget_hit_rate", title=w["budget"], form=".1%")
    return figures | {
        "curve": _curve(result, w),
        "calibration": _calibration(result, w),
        "over_time": _over_time(result, w),
    }


def _bars(result: Backtest, name: str, *, title: str, form: str = "+.3f") -> Figure:
    columns = ("model", name, f"{name}_lower", f"{name}_upper")
    rows = zip(*(result.table[column] for column in columns), strict=True)
    bars = [Bar(model, value, low, high, strong=model == result.default) for model, value, low, high in rows]
    return Figure(title, Markup(bar_chart(bars, title=title, form=form)), Markup())  # noqa: S704 - escaped where made


def _curve(result: Backtest, w: Mapping[str, str]) -> Figure:
    shown = dict.fromkeys([result.default, *YARDSTICKS])
    lines = [_curve_of(result, name, strong=name == result.default) for name in shown]
    best = _drawn_part(result, result.default)
    points = [(0.0, 0.0), *zip(best["flagged_area_share"], best["best_hit_rate"], strict=True)]
    return _lines(
        [*lines, Line(w["best"], points, rule=True)], title=w["curve"], band=w["interval"], x_title=w["area"], y_title=w["met"],
        x_percent=True, y_percent=True,
    )  # fmt: skip


def _curve_of(result: Backtest, model: str, *, strong: bool) -> Line:
    """One model's curve; the default's with its band, for three bands on one another can't be told apart."""
    mine = _drawn_part(result, model)
    points = [(0.0, 0.0), *zip(mine["flagged_area_share"], mine["hit_rate"], strict=True)]
    edges = zip(mine["flagged_area_share"], mine["hit_rate_lower"], mine["hit_rate_upper"], strict=True)
    return Line(model, points, band=[(0.0, 0.0, 0.0), *edges] if strong else (), strong=strong)


def _drawn_part(result: Backtest, model: str) -> pd.DataFrame:
    return result.curve[(result.curve["model"] == model) & (result.curve["flagged_area_share"] <= MOST_SHARE)]


def _calibration(result: Backtest, w: Mapping[str, str]) -> Figure:
    mine = _of_default(result.deciles, result)
    tenth = mine["tenth"].astype(float)
    line = Line(
        result.default, list(zip(tenth, mine["ratio"], strict=True)), strong=True,
        band=list(zip(tenth, mine["ratio_lower"], mine["ratio_upper"], strict=True)),
    )  # fmt: skip
    rule = Line(w["as_many"], [(1.0, 1.0), (float(len(mine)), 1.0)], rule=True)
    return _lines(
        [line, rule], title=w["calibration"], band=w["interval"], x_title=w["tenth"], y_title=w["ratio_observed"]
    )


def _over_time(result: Backtest, w: Mapping[str, str]) -> Figure:
    gain = _gains(result)
    line = Line(result.default, [(float(k + 1), value) for k, value in enumerate(gain)], strong=True)
    rule = Line(w["no_gain"], [(1.0, 0.0), (float(len(gain)), 0.0)], rule=True)
    return _lines([line, rule], title=w["over_time"], x_title=w["cutoff"], y_title=w["ig"])


def _gains(result: Backtest) -> list[float]:
    """The default model's gain over long-run counts at each cutoff, place and hour; NaN where nothing came."""
    mine, yard = (
        result.origins[result.origins["model"] == name].reset_index(drop=True) for name in (result.default, LONG_RUN)
    )
    gain: list[float] = ((mine["log_hour"] - yard["log_hour"]) / mine["timed"].where(mine["timed"] > 0)).tolist()
    return gain


def _lines(lines: Sequence[Line], *, title: str, band: str = "", **axes: Any) -> Figure:
    chart, keys = line_chart(lines, title=title, **axes), legend(lines, band=band)
    return Figure(title, Markup(chart), Markup(keys))  # noqa: S704 - escaped where made


# ---- tables ----


def _tables(result: Backtest, w: Mapping[str, str], sensitivity: pd.DataFrame | None) -> list[Table]:
    drift = [
        [str(each[0]), *(_figure(value, ".1f") for value in each[1:])] for each in result.drift.itertuples(index=False)
    ]
    head = [w[name] for name in ("category", "before", "year_before", "during")]
    tables = [_models_table(result, w), Table(w["drift"], head, drift)]
    if sensitivity is not None:
        tables.append(_sensitivity_table(sensitivity, w))
    return [*tables, _cutoffs_table(result, w)]


def _models_table(result: Backtest, w: Mapping[str, str]) -> Table:
    shares = [f"{share:g}" for share in result.parameters["area_shares"]]
    budget = "budget_hit_rate" in result.table
    head = [w["model"], w["gain_head"], w["gain_place"], w["log_score"]]
    head += [w[kind].format(share=f"{float(share) * 100:g} %") for share in shares for kind in ("hit", "pai", "pei")]
    head += [w["budget_hit"]] * budget + [w["ratio"], w["seconds"]]
    rows = []
    for row in result.table.to_dict("records"):
        told = [str(row["model"]), _interval(row, "ig", ".3f"), _interval(row, "ig_place", ".3f")]
        told.append(_figure(row["log_score"], ".3f"))
        for share in shares:
            forms = (("hit_rate", ".1%"), ("pai", ".2f"), ("pei", ".3f"))
            told += [_figure(row[f"{name}_{share}"], form) for name, form in forms]
        told += [_figure(row["budget_hit_rate"], ".1%")] if budget else []
        rows.append([*told, _interval(row, "calibration", ".2f"), _figure(row["seconds"], ".2f")])
    return Table(w["table"], head, rows)


def _sensitivity_table(sensitivity: pd.DataFrame, w: Mapping[str, str]) -> Table:
    two = f"{100 * TOLD_SHARE:g} %"
    head = [f"{w['cell']}, m", w["shift"], w["gain_place"], w["hit"].format(share=two), w["pai"].format(share=two)]
    forms = {"cell_m": "g", "shift": "g", "ig_place": "+.3f", "hit_rate": ".1%", "pai": ".2f"}
    rows = [[_figure(row[name], form) for name, form in forms.items()] for row in sensitivity.to_dict("records")]
    return Table(w["sensitivity"], head, rows)


def _tenths_table(result: Backtest, w: Mapping[str, str]) -> Table:
    mine = _of_default(result.deciles, result)
    rows = [
        [
            str(row["tenth"]),
            _figure(row["expected"], ".1f"),
            _figure(row["observed"], ".1f"),
            _interval(row, "ratio", ".2f"),
        ]
        for row in mine.to_dict("records")
    ]
    return Table(
        w["by_tenth"], [w[name] for name in ("tenth", "expected", "observed", "ratio_observed")], rows, folded=True
    )


def _cutoffs_table(result: Backtest, w: Mapping[str, str]) -> Table:
    mine = _of_default(result.origins, result)
    rows = [
        [
            f"{row['origin']:%Y-%m-%d}",
            _figure(row["incidents"], ".0f"),
            _figure(row["expected"], ".1f"),
            _figure(gain, "+.3f"),
        ]
        for row, gain in zip(mine.to_dict("records"), _gains(result), strict=True)
    ]
    return Table(
        w["by_cutoff"], [w[name] for name in ("cutoff", "incidents", "expected", "gain_head")], rows, folded=True
    )


def _interval(row: Mapping[Any, Any], name: str, form: str) -> str:
    """
    >>> _interval({"x": 1.0, "x_lower": 0.5, "x_upper": 2.0}, "x", ".1f")
    '1.0 [0.5, 2.0]'
    """
    told = [_figure(row[name + end], form) for end in ENDS]
    return f"{told[0]} [{told[1]}, {told[2]}]"


def _figure(value: float, form: str) -> str:
    """A dash for what isn't known."""
    return format(value, form) if isfinite(value) else "–"
