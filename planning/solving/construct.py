"""A first plan: regret insertion, the demand that would lose most by waiting goes first."""

from __future__ import annotations

import numpy as np
from numba import njit

from planning.problem import Floats, Ints
from planning.solving.improve import Search
from planning.solving.instance import Instance, cheapest_place, time_route


def insert_by_regret(search: Search) -> None:
    """Fill the search's empty routes; they also become its best."""
    if search.instance.value.size and search.routes.shape[0]:
        _insert(search.instance, search.routes, search.lengths)
        search.best[:], search.best_lengths[:] = search.routes, search.lengths


@njit(cache=True)
def _price_of(
    x: Instance, d: int, v: int, routes: Ints, lengths: Ints, start: Floats, latest: Floats
) -> tuple[float, int]:
    """Seconds that the demand costs this team, its dwell included."""
    if not x.able[v, d] or lengths[v] >= routes.shape[1]:
        return np.inf, -1
    cost, at = cheapest_place(x, v, d, routes[v], lengths[v], start[v], latest[v])
    return cost + x.dwell[d] + 1.0, at


@njit(cache=True)
def _insert(x: Instance, routes: Ints, lengths: Ints) -> None:
    """Each round inserts the demand with the most value per second, with a bonus for having few other teams."""
    teams, demands = routes.shape[0], x.value.size
    start, latest = np.zeros(routes.shape), np.zeros(routes.shape)
    cost, at = np.empty((demands, teams)), np.empty((demands, teams), np.int64)
    for d in range(demands):
        for v in range(teams):
            cost[d, v], at[d, v] = _price_of(x, d, v, routes, lengths, start, latest)
    served = np.zeros(demands, np.bool_)
    for _ in range(demands):
        chosen, team, top = -1, -1, -1.0
        for d in range(demands):
            if served[d]:
                continue
            first, second, v1 = np.inf, np.inf, -1
            for v in range(teams):
                if cost[d, v] < first:
                    first, second, v1 = cost[d, v], first, v
                elif cost[d, v] < second:
                    second = cost[d, v]
            if v1 < 0:
                continue
            regret = 1.0 if second == np.inf else 1.0 - max(first, 1.0) / max(second, 1.0)
            score = x.value[d] / max(first, 1.0) * (1.0 + 0.5 * regret)
            if score > top:
                chosen, team, top = d, v1, score
        if chosen < 0:
            break
        served[chosen] = True
        place = at[chosen, team]
        for j in range(lengths[team], place, -1):
            routes[team, j] = routes[team, j - 1]
        routes[team, place] = chosen
        lengths[team] += 1
        if not time_route(x, team, routes[team], lengths[team], start[team], latest[team]):
            for j in range(place, lengths[team] - 1):  # a rounding error made it late: leave it to the search
                routes[team, j] = routes[team, j + 1]
            lengths[team] -= 1
            time_route(x, team, routes[team], lengths[team], start[team], latest[team])
        for d in range(demands):
            if not served[d]:
                cost[d, team], at[d, team] = _price_of(x, d, team, routes, lengths, start, latest)
