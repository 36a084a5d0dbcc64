"""A first plan: regret insertion, the demand that would lose most by waiting goes first."""

from __future__ import annotations

import numpy as np
from numba import njit

from planning.rules import Floats
from planning.solving.improve import Search
from planning.solving.instance import Draft, Instance, cheapest_place, put_in


def insert_by_regret(search: Search) -> None:
    """Fill the search's empty routes; they also become its best."""
    if len(search.instance.place) and len(search.instance.home):
        _insert(search.instance, search.draft)
        search.keep()


@njit(cache=True)
def _price_of(x: Instance, s: Draft, d: int, v: int) -> tuple[float, int]:
    """Seconds that the demand costs this team, its dwell included."""
    if not x.able[v, d]:
        return np.inf, -1
    cost, at = cheapest_place(x, s, v, d)
    return cost + x.dwell[d] + 1.0, at


@njit(cache=True)
def _score(x: Instance, d: int, cost: Floats) -> tuple[float, int, int]:
    """Value per second of the cheapest team, with a bonus for having few others: (score, cheapest, next)."""
    first, second, v1, v2 = np.inf, np.inf, -1, -1
    for v in range(len(cost)):
        if cost[v] < first:
            first, second, v1, v2 = cost[v], first, v, v1
        elif cost[v] < second:
            second, v2 = cost[v], v
    if v1 < 0:
        return -1.0, -1, -1
    regret = 1.0 if second == np.inf else 1.0 - max(first, 1.0) / max(second, 1.0)
    return x.weight[-1, d] / max(first, 1.0) * (1.0 + 0.5 * regret), v1, v2


@njit(cache=True)
def _insert(x: Instance, s: Draft) -> None:
    """Each round inserts the demand with the best score; only what the changed route may alter is computed again."""
    teams, demands = s.routes.shape[0], len(x.place)
    cost, at = np.empty((demands, teams)), np.empty((demands, teams), np.int64)
    score, first, second = np.empty(demands), np.empty(demands, np.int64), np.empty(demands, np.int64)
    for d in range(demands):
        for v in range(teams):
            cost[d, v], at[d, v] = _price_of(x, s, d, v)
        score[d], first[d], second[d] = _score(x, d, cost[d])
    for _ in range(demands):
        chosen = int(np.argmax(score))
        if score[chosen] < 0:
            break
        team = first[chosen]
        full = s.in_area[x.area[chosen]] >= x.most_in[x.area[chosen]]
        score[chosen] = -1.0
        if full or not put_in(x, s, team, chosen, at[chosen, team]):
            continue
        for d in range(demands):
            if score[d] >= 0 and cost[d, team] < np.inf:
                cost[d, team], at[d, team] = _price_of(x, s, d, team)
                known = first[d] == team or second[d] == team
                if known or second[d] < 0 or cost[d, team] < cost[d, second[d]]:
                    score[d], first[d], second[d] = _score(x, d, cost[d])
