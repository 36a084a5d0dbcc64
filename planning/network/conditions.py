"""The streets of one evening: own speeds, congestion and closures, for each mode and shift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from hotspot.calendars import Calendar
from planning.network.closures import Closures
from planning.network.congestion import Congestion
from planning.network.networks import Network, routable
from planning.network.snapping import Snaps
from planning.network.splitting import Floats, Ints
from planning.network.streets import Streets
from planning.network.ways import parts_of_ways

Span = tuple[pd.Timestamp, pd.Timestamp]


@dataclass(frozen=True, eq=False)
class Conditions:
    """What is known beyond the streets. `speeds`: km/h by mode and class of street, instead of the defaults.

    `calendar` tells the kind of day that the congestion table asks for; None: weekdays and weekends.
    """

    speeds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    closures: Closures | None = None
    congestion: Congestion | None = None
    calendar: Calendar | None = None


@dataclass(frozen=True, eq=False)
class Moving:
    """The ways of moving of n teams: `names`, and which of them each team has, `of` (n,).

    A mode has several names where the shifts meet different hours or closures. `networks` and `reopened` (the same
    without closures) are by name; `closed` has the labels and edges of the closures that hold, by name.
    """

    names: tuple[str, ...]
    of: Ints
    networks: Mapping[str, Network]
    reopened: Mapping[str, Network]
    closed: Mapping[str, Sequence[tuple[str, Ints]]]

    def closed_on_way(self, name: str, snaps: Snaps, start: int, goal: int) -> list[str]:
        """Labels of the closures that lie on the way between two places as it would be without them."""
        parts = parts_of_ways(self.reopened[name], snaps, snaps, np.array([[start, goal]], dtype=np.int64))
        return [label for label, edges in self.closed[name] if np.isin(parts.edge, edges).any()]

    def notices(self) -> list[str]:
        """One line per closure that holds for anybody: who may not pass, and how much street that is."""
        who: dict[str, list[str]] = {}
        edges_of: dict[str, Ints] = {}
        for name in self.names:
            for label, edges in self.closed[name]:
                who.setdefault(label, []).append(name)
                edges_of[label] = edges
        return [self._told(label, edges_of[label], ", ".join(names)) for label, names in who.items()]

    def _told(self, label: str, edges: Ints, names: str) -> str:
        if not len(edges):
            return f"closure {label}: no street lies there"
        metres = self.networks[self.names[0]].length_m[edges].sum()
        return f"closed for {names}: {label}, {len(edges)} street edges of {metres:,.0f} m"


def ways_of_moving(streets: Streets, modes: Sequence[str], spans: Sequence[Span], conditions: Conditions) -> Moving:
    """The networks that teams of these modes meet during their shifts (start, end).

    Times hold for a whole shift: cars take the worst hour of it, and what is closed at any time of it is closed.
    """
    free = {mode: routable(streets, mode, speeds=conditions.speeds.get(mode)) for mode in dict.fromkeys(modes)}
    closures = conditions.closures
    edges = closures.edges(streets) if closures is not None else []
    known: dict[tuple[object, ...], str] = {}
    networks: dict[str, Network] = {}
    reopened: dict[str, Network] = {}
    closed: dict[str, Sequence[tuple[str, Ints]]] = {}
    of = []
    for mode, (start, end) in zip(modes, spans, strict=True):
        rows = closures.active(mode, start, end).tolist() if closures is not None else []
        hours = _hours(start, end, conditions) if mode == "car" and conditions.congestion is not None else ()
        key = (mode, tuple(rows), hours)
        if key not in known:
            name = mode if mode not in networks else f"{mode} {start:%H:%M}-{end:%H:%M}"
            known[key] = name
            factor = _slowed(conditions, streets, hours)
            reopened[name] = free[mode].reweighted(multipliers=factor) if hours else free[mode]
            closed[name] = [(closures.label(row), edges[row]) for row in rows] if closures is not None else []
            shut = np.concatenate([edges[row] for row in rows]) if rows else np.empty(0, dtype=np.int64)
            networks[name] = reopened[name] if not rows else free[mode].reweighted(multipliers=factor, closed=shut)
        of.append(known[key])
    names = tuple(networks)
    return Moving(names, np.array([names.index(name) for name in of], dtype=np.int64), networks, reopened, closed)


def _hours(start: pd.Timestamp, end: pd.Timestamp, conditions: Conditions) -> tuple[tuple[str, int], ...]:
    """The kinds of day and hours that a shift meets."""
    hours = pd.date_range(start.floor("h"), end, freq="h", inclusive="left")
    if conditions.calendar is not None:
        kinds = [str(kind) for kind in conditions.calendar.day_kind(hours)]
    else:
        kinds = ["workday" if hour.weekday() < 5 else "weekend" for hour in hours]
    return tuple(sorted(set(zip(kinds, hours.hour.tolist(), strict=True))))


def _slowed(conditions: Conditions, streets: Streets, hours: tuple[tuple[str, int], ...]) -> Floats:
    if conditions.congestion is None or not hours:
        return np.ones(len(streets.edges))
    return conditions.congestion.multipliers(streets.edges["highway"], hours)
