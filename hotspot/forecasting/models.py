"""The ladder of risk models by name, from the simplest up."""

from __future__ import annotations

from collections.abc import Mapping

from hotspot.forecasting.boosting import boosted
from hotspot.forecasting.consistency import consistency_recency
from hotspot.forecasting.empirical_bayes import shrunk_rates
from hotspot.forecasting.ensemble import stacked
from hotspot.forecasting.estimate import RiskModel
from hotspot.forecasting.kernel import prospective_kernel, smoothed_counts
from hotspot.forecasting.long_run import last_year, long_run_counts
from hotspot.forecasting.recency import recency_weighted
from hotspot.forecasting.self_exciting import fading_mixture

LONG_RUN, LAST_YEAR, FALLBACK = "long_run", "last_year", "empirical_bayes"
MODELS: Mapping[str, RiskModel] = {
    LONG_RUN: long_run_counts,
    LAST_YEAR: last_year,
    "recency": recency_weighted,
    "kernel": smoothed_counts,
    "prospective_kernel": prospective_kernel,
    "consistency_recency": consistency_recency,
    FALLBACK: shrunk_rates,
    "self_exciting": fading_mixture,
    "boosting": boosted,
    "ensemble": stacked,
}
QUICK = (LONG_RUN, LAST_YEAR, "recency", "consistency_recency", FALLBACK)  # milliseconds each
CANDIDATES: Mapping[str, tuple[str, ...]] = {
    "quick": QUICK,
    "normal": (*QUICK, "self_exciting", "boosting"),
    "thorough": tuple(MODELS),
}
