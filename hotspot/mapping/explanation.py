"""Why this hotspot: the numbers of its explanation as one sentence per language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def explanation_text(explanation: Mapping[str, Any], expected: float) -> dict[str, str]:
    """The sum behind `expected`, said in Chinese and English.

    >>> numbers = {"own_per_week": 3.5, "borrowed_per_week": 0.5, "windows_share_of_week": 0.25, "observed": 40,
    ...            "observed_days": 364.0, "main_category": "theft"}
    >>> explanation_text(numbers, 1.0)["en"]
    '3.50 incidents a week from its own history + 0.50 borrowed from its surroundings = 4.00; 25.0% of a week ...: theft.'
    """
    own, borrowed = explanation["own_per_week"], explanation["borrowed_per_week"]
    share, observed, days = explanation["windows_share_of_week"], explanation["observed"], explanation["observed_days"]
    main, doubt = explanation["main_category"], explanation.get("geocoding_artefact", False)
    pattern = _pattern_told(explanation.get("statistics"))
    before, stays = explanation.get("observed_before"), explanation.get("stability")
    return {
        "en": (
            f"{own:.2f} incidents a week from its own history + {borrowed:.2f} borrowed from its surroundings = "
            f"{own + borrowed:.2f}; {share:.1%} of a week falls in these windows: {expected:.2f} expected. "
            f"Recorded here at these hours in the last {days:.0f} days: {observed}"
            + (f", in as many days before: {before}." if before is not None else ".")
            + (
                f" With rates redrawn as uncertain as they are it stays a hotspot in {stays:.0%}."
                if stays is not None
                else ""
            )
            + (f" Mostly: {main}." if main else "")
            + pattern["en"]
            + (" Geocoding artefact? One point here holds more than 5 % of all incidents." if doubt else "")
        ),
        "zh": (
            f"本处历史每周 {own:.2f} 起 + 周边借用 {borrowed:.2f} 起 = {own + borrowed:.2f} 起；"
            f"一周中 {share:.1%} 落在这些时段：预计 {expected:.2f} 起。"
            f"近 {days:.0f} 天同时段在此记录 {observed} 起"
            + (f"，此前同样天数 {before} 起。" if before is not None else "。")
            + (f"按不确定性重抽，{stays:.0%} 的情形下仍为高发区域。" if stays is not None else "")
            + (f"主要类别：{main}。" if main else "")
            + pattern["zh"]
            + ("地理编码异常？此处单一点位占全部警情 5% 以上。" if doubt else "")
        ),
    }


_KINDS_ZH = {
    "new": "新增", "consecutive": "连续", "intensifying": "加强", "persistent": "持续", "diminishing": "减弱",
    "sporadic": "分散", "oscillating": "振荡", "historical": "历史",
}  # fmt: skip


def _pattern_told(statistics: Mapping[str, Any] | None) -> dict[str, str]:
    """The emerging category and the significant cells; nothing for a short history."""
    if statistics is None:
        return {"en": "", "zh": ""}
    kind, _, side = statistics["pattern"].partition(" ")
    known = kind in _KINDS_ZH
    told = f"{_KINDS_ZH[kind]}{'热点' if side.startswith('hot') else '冷点'}" if known else "无明显类型"
    weeks, hot, cells = statistics["weeks"], statistics["hot_cells"], statistics["cells"]
    return {
        "en": f" Over {weeks} weeks: {statistics['pattern']}; {hot} of {cells} cells hot by Gi* (FDR 5 %).",
        "zh": f"近 {weeks} 周类型：{told}；{cells} 个网格中 {hot} 个为显著热点（Gi*，FDR 5%）。",
    }
