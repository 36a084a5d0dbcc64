"""The backtest as a page: the headline first, then curves with intervals, calibration and the tables behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from hotspot.backtesting import Backtest
from hotspot.forecasting.models import LAST_YEAR, LONG_RUN
from hotspot.mapping.catalogue import HTML_LANG, words
from hotspot.mapping.charts import Bar, Line, bar_chart, line_chart
from hotspot.mapping.shell import refuse_outside

HERE = Path(__file__).resolve().parent
PLAIN = (LONG_RUN, LAST_YEAR)


def backtest_page(
    result: Backtest, *, language: str, title: str, synthetic: bool = False, notices: Sequence[str] = (),
    sensitivity: pd.DataFrame | None = None,
) -> str:  # fmt: skip
    """One self-contained page without script. The same result gives the same bytes, but for the seconds in its table."""
    w = words(language, "backtest")
    incidents = float(result.table["incidents"].max())
    html = _template().render(
        html_lang=HTML_LANG[language], title=title, synthetic=synthetic, w=w, headline=result.summary(language),
        facts=w["facts"].format(**_dates(result.parameters), incidents=incidents), notices=list(notices),
        style=Markup((HERE / "backtest.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        charts={name: Markup(text) for name, text in _charts(result, w).items()},  # noqa: S704 - escaped where made
        tables=_tables(result, w, sensitivity),
    )  # fmt: skip
    refuse_outside(html)
    return html


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(HERE)
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True).get_template("backtest.html")


def _dates(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return dict(parameters) | {name: str(parameters[name])[:10] for name in ("start", "end")}


def _charts(result: Backtest, w: Mapping[str, str]) -> dict[str, str]:
    table, default = result.table, result.default
    charts = {
        "gain": bar_chart(_bars(table, "ig", default), title=w["ig"]),
        "gain_place": bar_chart(_bars(table, "ig_place", default), title=w["ig_place"]),
        "budget": "",
    }
    if "budget_hit_rate" in table:
        charts["budget"] = bar_chart(_bars(table, "budget_hit_rate", default), title=w["budget"], form=".1%")
    shown = [default, LAST_YEAR, LONG_RUN]
    lines = [_curve_of(result.curve, name, "hit_rate", strong=name == default) for name in dict.fromkeys(shown)]
    lines.append(_curve_of(result.curve, default, "best_hit_rate", name=w["best"], dashed=True))
    charts["curve"] = line_chart(
        lines, title=w["curve"], x_title=w["area"], y_title=w["met"], x_percent=True, y_percent=True
    )
    tenths = result.deciles[result.deciles["model"] == default]
    ratio = (tenths["observed"] / tenths["expected"].where(tenths["expected"] > 0)).fillna(0.0)
    charts["calibration"] = line_chart(
        [
            Line(default, list(zip(tenths["tenth"].astype(float), ratio, strict=True)), strong=True),
            Line("1", [(1.0, 1.0), (float(len(tenths)), 1.0)], dashed=True),
        ],
        title=w["calibration"], x_title=w["tenth"], y_title=w["ratio_observed"],
    )  # fmt: skip
    charts["over_time"] = line_chart(
        [
            _gain_over_time(result.origins, default),
            Line("0", [(1.0, 0.0), (float(result.parameters["origins"]), 0.0)], dashed=True),
        ],
        title=w["over_time"], x_title=w["cutoff"], y_title=w["ig"],
    )  # fmt: skip
    return charts


def _bars(table: pd.DataFrame, name: str, default: str) -> list[Bar]:
    columns = zip(table["model"], table[name], table[f"{name}_lower"], table[f"{name}_upper"], strict=True)
    return [Bar(model, value, low, high, strong=model == default) for model, value, low, high in columns]


def _curve_of(
    curve: pd.DataFrame, model: str, column: str, *, name: str = "", strong: bool = False, dashed: bool = False
) -> Line:
    mine = curve[curve["model"] == model]
    points = [(0.0, 0.0), *zip(mine["flagged_area_share"], mine[column], strict=True)]
    return Line(name or model, points, strong=strong, dashed=dashed)


def _gain_over_time(origins: pd.DataFrame, model: str) -> Line:
    mine, yard = (origins[origins["model"] == name].reset_index(drop=True) for name in (model, LONG_RUN))
    gain = (mine["log_hour"] - yard["log_hour"]) / mine["timed"].where(mine["timed"] > 0)
    return Line(model, [(float(k + 1), float(value)) for k, value in enumerate(gain)], strong=True)


def _tables(result: Backtest, w: Mapping[str, str], sensitivity: pd.DataFrame | None) -> dict[str, list[list[str]]]:
    shares = [f"{share:g}" for share in result.parameters["area_shares"]]
    budget = "budget_hit_rate" in result.table
    head = [w["model"], w["gain_head"], w["gain_place"], w["log_score"]]
    head += [w[kind].format(share=f"{float(share) * 100:g} %") for share in shares for kind in ("hit", "pai", "pei")]
    head += [w["budget_hit"]] * budget + [w["ratio"], w["seconds"]]
    rows = [head]
    for row in result.table.to_dict("records"):
        told = [
            str(row["model"]),
            _with_interval(row, "ig", 3),
            _with_interval(row, "ig_place", 3),
            f"{row['log_score']:.3f}",
        ]
        for share in shares:
            told += [f"{row[f'hit_rate_{share}']:.1%}", f"{row[f'pai_{share}']:.2f}", f"{row[f'pei_{share}']:.3f}"]
        told += [f"{row['budget_hit_rate']:.1%}"] if budget else []
        rows.append([*told, _with_interval(row, "calibration", 2), f"{row['seconds']:.2f}"])
    drift = [[w["category"], w["before"], w["year_before"], w["during"]]]
    drift += [[str(each[0]), *(f"{value:.1f}" for value in each[1:])] for each in result.drift.itertuples(index=False)]
    tables = {"": rows, w["drift"]: drift}
    if sensitivity is not None:
        others = [[w["cell"], w["shift"], w["gain_place"], w["hit"].format(share="2 %"), w["pai"].format(share="2 %")]]
        others += [
            [f"{row.cell_m:g} m", f"{row.shift:g}", f"{row.ig_place:+.3f}", f"{row.hit_rate:.1%}", f"{row.pai:.2f}"]
            for row in sensitivity.itertuples(index=False)
        ]
        tables[w["sensitivity"]] = others
    return tables


def _with_interval(row: Mapping[Any, Any], name: str, digits: int) -> str:
    return f"{row[name]:.{digits}f} [{row[f'{name}_lower']:.{digits}f}, {row[f'{name}_upper']:.{digits}f}]"
