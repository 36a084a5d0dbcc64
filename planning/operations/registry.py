"""The register of the force: who there is, by what, who may not serve yet, and which parts of the district have nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from hotspot.areas import Areas
from planning.force import POINT_KINDS, ROLES, TEAM_KINDS

FACETS = ("kind", "street", "community", "enterprise", "role", "point")
EXPIRES_WITHIN_DAYS = 30
NOWHERE = ""  # the street or community of what belongs to none: with its row the sums hold at every level
_MAY_BE_EMPTY = ("community_id", "roles", "trained_until")  # what the table of teams is accepted without


@dataclass(frozen=True)
class Gate:
    """What every team has to pass before it serves: `missing` has the ids of those that don't, in the order of the table,
    and what is known of why ('' = nothing more); `share` is 0-1, NaN without teams."""

    teams: int
    missing: Mapping[str, str]

    @property
    def share(self) -> float:
        return 1 - len(self.missing) / self.teams if self.teams else float("nan")

    @property
    def percent(self) -> str:
        """
        >>> Gate(27, {"T14": ""}).percent, Gate(0, {}).percent
        ('96.3 %', '-')
        """
        return f"{100 * self.share:.1f} %" if self.teams else "-"

    @property
    def names(self) -> str:
        return ", ".join(f"{team} ({why})" if why else team for team, why in self.missing.items())


@dataclass(frozen=True, eq=False)
class Register:
    """The force as of a date. `facets` has a table for each of `FACETS`, one row per value, with `teams`, `members` and
    `team_ids` (of enterprises: one row per team).

    Streets, communities and points also count each other; the row `NOWHERE`, present where it is needed, has the teams
    of no community and the points outside of all. So teams, members and points of streets, communities and points add up
    to those of the force; of kinds, teams and members. A team with two roles counts for both.
    """

    date: dt.date
    teams: int
    members: int
    facets: Mapping[str, pd.DataFrame]
    registration: Gate
    vetting: Gate
    training: Gate
    expiring: pd.DataFrame  # team_id, trained_until, days_left: training that ends within 30 days, soonest first

    @property
    def streets(self) -> int:
        return int((self.facets["street"]["id"] != NOWHERE).sum())

    @property
    def communities(self) -> int:
        return int((self.facets["community"]["id"] != NOWHERE).sum())

    @property
    def enterprises(self) -> int:
        return len(self.facets["enterprise"])

    @property
    def without_team(self) -> tuple[str, ...]:
        """Communities to which no team belongs."""
        communities = self.facets["community"]
        return tuple(communities.loc[(communities["teams"] == 0) & (communities["id"] != NOWHERE), "id"])

    def summary(self) -> str:
        """A few lines for a person; the missing are named."""
        return "\n".join(register_lines(self))

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        gates = {"registration": self.registration, "vetting": self.vetting, "training": self.training}
        names = ("date", "teams", "members", "streets", "communities", "enterprises", "without_team")
        return {
            **{name: getattr(self, name) for name in names},
            **{name: {"share": gate.share, "missing": gate.missing} for name, gate in gates.items()},
            "expiring": self.expiring.to_dict("records"),
            "facets": {name: table.to_dict("records") for name, table in self.facets.items()},
        }


def register(teams: pd.DataFrame, points: gpd.GeoDataFrame, areas: Areas, *, date: dt.date) -> Register:
    """Counts the force as of `date`, which decides whose training is still valid: its last day counts.

    A team of kind enterprise is an enterprise of its own. A point belongs to the community that contains it, on a border
    to the first of the file. A team is registered when its row is complete: community, roles and training are filled in.
    """
    placed = _placed(points, areas)
    until = pd.to_datetime(teams["trained_until"])
    today = pd.Timestamp(date)
    communities = _communities(teams, placed, areas)
    ids = teams["id"].astype(str)
    return Register(
        date=date,
        teams=len(teams),
        members=int(teams["members"].sum()),
        facets={
            "kind": _values(teams, teams["kind"], TEAM_KINDS),
            "street": _streets(communities),
            "community": communities,
            "enterprise": _enterprises(teams, areas),
            "role": _roles(teams),
            "point": _points(teams, placed),
        },
        registration=Gate(len(teams), _lacking(teams)),
        vetting=Gate(len(teams), dict.fromkeys(ids[~teams["vetted"].astype(bool)], "")),
        training=Gate(len(teams), {ids[t]: _day(until[t]) for t in teams.index[~(until >= today)]}),
        expiring=_expiring(ids, until, today),
    )


def register_lines(found: Register) -> list[str]:
    """The register in sentences, one line each."""
    points = found.facets["point"]
    offices, workstations = (int((points["kind"] == kind).sum()) for kind in POINT_KINDS)
    lines = [
        f"{found.teams} teams, {found.streets} streets, {found.communities} communities, {found.enterprises} enterprises",
        f"{found.members} members, {len(points)} patrol points: {offices} police offices, {workstations} workstations",
        *_gate_lines(found),
    ]
    for team, until, days in found.expiring.itertuples(index=False):
        lines.append(f"{team}: training ends on {until}, days left: {days}")
    if found.without_team:
        lines.append(f"communities without a team: {', '.join(found.without_team)}")
    else:
        lines.append("every community has a team")
    return lines


def _gate_lines(found: Register) -> list[str]:
    registered, vetted, trained = found.registration, found.vetting, found.training
    return [
        f"registered {registered.percent}, missing {registered.names}"
        if registered.missing
        else f"registered {registered.percent}",
        f"vetted {vetted.percent}, missing {vetted.names}" if vetted.missing else f"vetted {vetted.percent}",
        f"trained {trained.percent}, missing {trained.names}" if trained.missing else f"trained {trained.percent}",
    ]


def _placed(points: gpd.GeoDataFrame, areas: Areas) -> pd.DataFrame:
    """The points with the id of their community and its street."""
    point, area = areas.frame.sindex.query(points.geometry.to_crs(areas.frame.crs), predicate="intersects")
    first = pd.Series(area, index=point).groupby(level=0).min().reindex(range(len(points)), fill_value=-1).to_numpy()
    columns = {}
    for name, source in (("community_id", "id"), ("street", "street")):
        known = np.append(areas.frame[source].astype(str).to_numpy(dtype=object), NOWHERE)
        columns[name] = known[first]
    return pd.DataFrame(points[["id", "name", "kind"]]).reset_index(drop=True).assign(**columns)


def _values(teams: pd.DataFrame, value: pd.Series, known: Sequence[str]) -> pd.DataFrame:
    """`id, teams, members, team_ids` for each known value, also those that no team has."""
    own: dict[str, list[tuple[str, int]]] = {each: [] for each in known}
    for each, team, members in zip(value, teams["id"], teams["members"], strict=True):
        own[each].append((str(team), int(members)))
    rows = [
        (each, len(held), sum(members for _, members in held), tuple(team for team, _ in held))
        for each, held in own.items()
    ]
    return pd.DataFrame(rows, columns=["id", "teams", "members", "team_ids"])


def _roles(teams: pd.DataFrame) -> pd.DataFrame:
    """A team counts once for each of its roles; those without any have a row of their own where there are some."""
    held = teams.assign(role=teams["roles"].map(lambda roles: roles or (NOWHERE,))).explode("role")
    some_without = (held["role"] == NOWHERE).any()
    return _values(held, held["role"], (*ROLES, NOWHERE) if some_without else ROLES)


def _communities(teams: pd.DataFrame, placed: pd.DataFrame, areas: Areas) -> pd.DataFrame:
    frame = areas.frame
    known = frame["id"].astype(str).tolist()
    homeless = (teams["community_id"] == NOWHERE).any() or (placed["community_id"] == NOWHERE).any()
    rows = [*known, NOWHERE] if homeless else known
    table = _values(teams, teams["community_id"], rows)
    table.insert(1, "name", [*frame["name"].astype(str), NOWHERE][: len(rows)])
    table.insert(2, "street", [*frame["street"].astype(str), NOWHERE][: len(rows)])
    of = {each: tuple(own["id"]) for each, own in placed.groupby("community_id")}
    table["point_ids"] = pd.Series([of.get(each, ()) for each in rows], dtype=object)
    table.insert(5, "points", table["point_ids"].map(len))
    return table


def _streets(communities: pd.DataFrame) -> pd.DataFrame:
    """Sums of the communities, with the communities that have no team."""
    rows = []
    for street, own in communities.groupby("street", sort=False):
        real = own[own["id"] != NOWHERE]
        without = tuple(real.loc[real["teams"] == 0, "id"])
        sums = {name: int(own[name].sum()) for name in ("teams", "members", "points")}
        row = {"id": street, "communities": len(real), "without_team": without, **sums}
        rows.append(row | {"team_ids": tuple(team for ids in own["team_ids"] for team in ids)})
    columns = ["id", "communities", "without_team", "teams", "members", "points", "team_ids"]
    return pd.DataFrame(rows, columns=columns)


def _enterprises(teams: pd.DataFrame, areas: Areas) -> pd.DataFrame:
    own = teams[teams["kind"] == "enterprise"]
    street = areas.frame.set_index(areas.frame["id"].astype(str))["street"].astype(str)
    columns = ["id", "name", "community_id", "street", "point_id", "members", "vetted", "trained_until"]
    return own.assign(street=own["community_id"].map(street).fillna(NOWHERE))[columns].reset_index(drop=True)


def _points(teams: pd.DataFrame, placed: pd.DataFrame) -> pd.DataFrame:
    return placed.merge(_values(teams, teams["point_id"], placed["id"].tolist()), on="id")


def _lacking(teams: pd.DataFrame) -> dict[str, str]:
    """What is empty in the rows that aren't complete, by team."""
    empty = pd.DataFrame({name: [value in ("", (), None) for value in teams[name]] for name in _MAY_BE_EMPTY})
    told = [", ".join(name for name in _MAY_BE_EMPTY if row[name]) for row in empty.to_dict("records")]
    return {str(team): fields for team, fields in zip(teams["id"], told, strict=True) if fields}


def _expiring(ids: pd.Series, until: pd.Series, today: pd.Timestamp) -> pd.DataFrame:
    days = (until - today).dt.days
    soon = (days >= 0) & (days <= EXPIRES_WITHIN_DAYS)
    table = pd.DataFrame({"team_id": ids, "trained_until": until.dt.date, "days_left": days})[soon]
    order = table.sort_values(["days_left", "team_id"]).reset_index(drop=True)
    return order.astype({"days_left": "int64"})


def _day(until: pd.Timestamp) -> str:
    return "" if pd.isna(until) else f"{until:%Y-%m-%d}"
