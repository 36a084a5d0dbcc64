"""What a run of `patrol assess` holds: dosage, outcomes, the comparison before and after, its page, and a sheet per team."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from hotspot.tables import write_csv
from planning.operations.controls import PARTS, BeforeAfter
from planning.operations.dosage import hotspot_dosage
from planning.output.assessment_facts import AssessFacts, rounded
from planning.output.assessment_page import assessment_page
from planning.output.assessment_sheets import write_assessment_sheets
from planning.output.exports import write_geojson
from planning.output.products import SYNTHETIC_MARK


def write_assessment_products(folder: Path, facts: AssessFacts) -> None:
    """All files of the run but its manifest."""
    write_csv(facts.team_table, folder / "assessment.csv")
    write_csv(rounded(hotspot_dosage(facts.dosage), 1), folder / "dosage.csv")
    write_csv(rounded(facts.dosage.stays, 2), folder / "stays.csv")
    write_csv(rounded(facts.dosage.visits, 2), folder / "delivered.csv")
    write_csv(facts.outcome_table, folder / "outcomes.csv")
    if facts.pings is not None:
        rows = facts.pings.set_aside
        write_csv(rows[rows["state"] != "duplicate"], folder / "rejects.csv")
        write_csv(rows[rows["state"] == "duplicate"], folder / "duplicates.csv")
    if facts.change is not None:
        _write_change(folder, facts.change)
    district, (first, last) = facts.config.district, facts.dates
    told = {
        "language": district.language, "title": district.name, "synthetic": SYNTHETIC_MARK in district.name,
        "run_id": facts.run_id, "period": first if first == last else f"{first} – {last}",
    }  # fmt: skip
    sheets = folder / "assessment"
    write_assessment_sheets(sheets, facts.team_table, facts.dosage.visits, told)
    (sheets / "index.html").write_text(assessment_page(facts), encoding="utf-8", newline="\n")


def _write_change(folder: Path, change: BeforeAfter) -> None:
    """The four parts with their counts, and the cells that they are made of."""
    parts = change.cells["part"]
    rows = [(part, int((parts == part).sum()), *change.counts[part]) for part in PARTS]
    write_csv(pd.DataFrame(rows, columns=["part", "cells", "before", "after"]), folder / "before_after.csv")
    write_geojson(gpd.GeoDataFrame(change.cells[parts != ""]), folder / "before_after.geojson")
