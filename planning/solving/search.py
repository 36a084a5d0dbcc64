"""Solve a problem: construct, improve, generate, dive and pack, and say how good the plan provably is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from hotspot.errors import ConfigError
from planning.plan import Plan, make_plan
from planning.problem import Problem
from planning.solving.construct import insert_by_regret
from planning.solving.generate import SMOOTHING, Generation
from planning.solving.improve import Search, make_search, run, typical_value
from planning.solving.instance import Instance, Routes, is_plain, make_instance
from planning.solving.pack import Pool
from planning.solving.score import is_feasible_plan, score_of_plan
from planning.solving.second_engine import improve_with_pyvrp
from planning.solving.vary import Drawn, draw

Progress = Callable[[str, float, float | None], None]


@dataclass(frozen=True)
class Effort:
    """How much of each stage; counts, not seconds, so that a seed gives the same plan on any machine."""

    rounds: int  # of ruin and recreate before the first prices
    polish: int  # and after each dive
    pricings: int  # rounds of column generation
    labels: int  # partial routes that one pricing may hold
    dives: int
    nodes: int  # of the packing's branch and bound
    pyvrp: int  # iterations where routes are too long to price; 0 = leave it out


EFFORTS = {
    "quick": Effort(rounds=5_000, polish=5_000, pricings=40, labels=50_000, dives=1, nodes=1, pyvrp=0),
    "normal": Effort(rounds=40_000, polish=40_000, pricings=150, labels=150_000, dives=4, nodes=20, pyvrp=1_000),
    "thorough": Effort(
        rounds=200_000, polish=200_000, pricings=600, labels=600_000, dives=20, nodes=2_000, pyvrp=10_000
    ),
}
PYVRP_SHARE = 0.4  # of the time left
LONG = 15  # visits of a route, on average, from which prices take so long that searches find more in the time
PRICE_SHARE = {False: 0.55, True: 0.25}  # of the time left, by whether routes are long
FAR = 0.015  # gap after the first dive above which it is asked too
PYVRP_MOST = 40_000  # teams x demands above which its profiles cost more than they give
CHUNK = 1_000  # rounds between two looks at the clock
HOT, COLD = 1.0, 0.01  # temperatures of the search, in typical values of a demand
HOT_LONG = 0.3  # where routes are long and the best plan isn't to be left far behind
HOT_AGAIN = 0.05  # and of a polish
AGAIN_SHARE = {False: 0.6, True: 0.4}  # of the time left, for another search, by whether routes are long
DIVE_LABELS = 50_000
PACKED_MOST = 1_500  # columns: branch and bound over more finds no better plan in the same time
CONVERGED = {False: 1e-4, True: 3e-4}  # how near the LP the bound has to come, the second where a round takes long
PROVEN = 1e-9
INCOMPLETE_MOST = 1  # pricings that ran out of labels before prices are given up


def solve(
    problem: Problem,
    *,
    seed: int = 0,
    effort: str = "normal",
    time_limit_s: float | None = None,
    variety_loss: float = 0.0,
    start: Sequence[Sequence[int]] | None = None,
    progress: Progress | None = None,
) -> Plan:
    """The best plan found, with an upper bound on every plan.

    Without `time_limit_s` the same problem, seed and effort (quick, normal or thorough) give the same plan. With it,
    the work goes on until the time is over or the plan is proven best, whatever the effort; the bound stays valid.
    Ctrl-C ends the search and returns the best plan so far.

    `variety_loss` above 0 draws a plan, by `seed`, that loses at most this share of the best one's score, and its
    times inside the slack of its visits; `plan.variety` tells how hard it is to foresee.

    `start` are routes, one list of demands per team, that the search begins from if they hold and nothing it makes
    itself is better.

    `progress(stage, value, bound)` is called after each stage; the bound is None while nothing better than the sum of
    all values is known.

    >>> from planning.problem import Problem
    >>> problem = Problem.from_arrays(
    ...     travel_s=[[0, 300], [300, 0]], team_start=[0], team_end=[0], shift_s=[[0, 3600]],
    ...     demand_place=[1, 1], window_s=[[0, 3600], [0, 600]], dwell_s=[600, 600], value=[2, 1])
    >>> solve(problem, effort="quick").routes
    [[1, 0]]
    """
    if not 0 <= variety_loss < 1:
        raise ConfigError(
            f"variety_loss {variety_loss:g} isn't a share of 0 up to 1; fix: 0.005 gives up half a percent"
        )
    if effort not in EFFORTS:
        raise ConfigError(f"effort '{effort}' isn't known; fix: use one of {', '.join(EFFORTS)}")
    ends = None if time_limit_s is None else time.monotonic() + time_limit_s
    work = _Work(problem, EFFORTS[effort], seed, ends, progress, start)
    notes: tuple[str, ...] = ()
    drawn: Drawn | None = None
    try:
        work.all()
        if variety_loss > 0 and problem.teams and problem.demands:
            drawn = draw(problem, work.x, work.best, loss=variety_loss, seed=seed)
            work.best, work.score = drawn.routes, score_of_plan(problem, work.x, drawn.routes)
    except KeyboardInterrupt:
        notes = ("interrupted: the best plan so far",)
    return make_plan(
        problem,
        work.best,
        bound=work.value_bound(),
        certified=work.certified or work.gap() <= PROVEN,
        seed=seed,
        effort=effort,
        method="large-neighbourhood search, column generation with HiGHS, dives, PyVRP for long routes",
        notes=notes,
        start_s=drawn.start_s if drawn is not None else None,
        variety=drawn.variety if drawn is not None else None,
    )


@dataclass(eq=False)
class _Work:
    """One solve: the best plan and bound that are known so far are what an interruption leaves."""

    problem: Problem
    effort: Effort
    seed: int
    ends: float | None
    progress: Progress | None
    start: Sequence[Sequence[int]] | None
    x: Instance = field(init=False)
    best: Routes = field(init=False)
    score: float = field(init=False)
    bound: float = field(init=False)  # of the score
    certified: bool = False
    long: bool = False
    too_long: int = 0  # rounds in which some pricing ran out of labels

    def __post_init__(self) -> None:
        self.x = make_instance(self.problem)
        self.best = [[] for _ in range(self.problem.teams)]
        self.score = score_of_plan(self.problem, self.x, self.best)
        reachable = self.x.able.any(axis=0)
        self.bound = float(self.x.weight.max(axis=0)[reachable].sum()) if self.problem.teams else 0.0
        self.loosest = self.bound
        self.typical = typical_value(self.problem)
        self.plain = is_plain(self.problem, self.x)

    def all(self) -> None:
        if not self.problem.teams or not self.problem.demands:
            self.bound = self.score
            return
        search = make_search(self.problem, self.x, seed=self.seed)
        insert_by_regret(search)
        self._take(search.best_routes())
        if self.start is not None:
            self._take([list(route) for route in self.start])
            search.restart(self.best)
        self._tell("construct")
        pool = Pool(self.problem, self.x)
        self._anneal(search, pool, self.effort.rounds, HOT, self._until(0.08))
        self._tell("improve")
        self.long = sum(map(len, self.best)) > LONG * sum(map(bool, self.best))
        generation = Generation(pool, labels=self.effort.labels)
        generation.first_guess(self.best)
        left = self._price(generation, self.effort.pricings, PRICE_SHARE[self.long])
        self._tell("price")
        if self.too_long > INCOMPLETE_MOST:
            self._long_routes(search, pool)
        dived = idle = 0
        for number in range(self.effort.dives if self.ends is None else 10**6):
            if self._done():
                break
            before, rows = self.score, generation.master.rows
            if self.too_long <= INCOMPLETE_MOST and (number == 0 or rows > dived):
                self._dive(generation, search)
                dived = rows
                self._tell("dive")
            else:
                self._again(pool, search, HOT_AGAIN if generation.is_large else HOT_LONG if self.long else HOT)
                self._tell("improve")
            if self._done():
                break
            self._pack(generation)
            self._tell("pack")
            if number == 0 and self.gap() > FAR:
                self._second_engine(pool)
            left = self._cut(generation, left)
            self._tell("cut")
            idle = 0 if self.score > before or generation.master.rows > rows else idle + 1
            if idle > 1 and self.ends is None:
                break

    def gap(self) -> float:
        return (self.bound - self.score) / max(1.0, abs(self.bound))

    def value_bound(self) -> float:
        """The score's bound as a bound on the value of every plan that misses no more of the soft rules than the best."""
        value = self._value()
        kept = sum(
            float(self.x.weight[self.x.taste[v], d] - self.x.weight[-1, d]) for v, r in enumerate(self.best) for d in r
        )
        bound = value + kept + (self.bound - self.score if self.gap() > PROVEN else 0.0)
        whole = bool(np.all(self.problem.value == np.floor(self.problem.value)))
        bound = float(np.floor(bound + 1e-6)) if whole else bound
        return min(bound, float(self.problem.value.sum()))

    def _done(self) -> bool:
        whole = bool(np.all(self.x.weight == np.floor(self.x.weight))) and self.plain
        near = np.floor(self.bound + 1e-6) if whole else self.bound
        return near - self.score <= PROVEN * max(1.0, abs(self.bound)) or self._over()

    def _over(self) -> bool:
        return self.ends is not None and time.monotonic() > self.ends

    def _until(self, share: float, *, least_s: float = 0.0) -> float | None:
        """When this share of the time left is over."""
        now = time.monotonic()
        return None if self.ends is None else now + max(least_s, share * (self.ends - now))

    def _value(self) -> float:
        return float(sum(float(self.problem.value[d]) for route in self.best for d in route))

    def _anneal(self, search: Search, pool: Pool, rounds: int, hot: float, ends: float | None) -> None:
        """In chunks, so that the clock and Ctrl-C are heard; with a clock, it sets the temperature.

        The pool takes in the routes that were met.
        """
        begun, done = time.monotonic(), 0.0
        few = max(CHUNK, 10 * (1 + self.problem.teams) * self.problem.demands**2)  # few choices are soon all tried
        chunks = max(1, min(rounds, few) // CHUNK)
        step = 0
        while done < 1.0:
            step += 1
            now = step / chunks if ends is None else (time.monotonic() - begun) / max(ends - begun, 1e-9)
            now = min(1.0, max(now, step / (few // CHUNK)))
            heat = [self.typical * hot * (COLD / hot) ** at for at in (done, now)]
            run(search, CHUNK, hot=heat[0], cold=heat[1])
            done = now
            self._take(search.best_routes())
        pool.add_routes(search.met())
        pool.add_routes(list(enumerate(map(tuple, self.best))))

    def _price(self, generation: Generation, pricings: int, share: float) -> int:
        """Rounds of column generation until none helps; how many are left."""
        smoothing = SMOOTHING
        ends = self._until(share)
        while pricings > 0:
            new = generation.round(smoothing, ends=self.ends)
            pricings -= 1
            if generation.bound < self.bound:
                self.bound, self.certified = generation.bound, generation.certified
            if not generation.whole:
                self.too_long += 1
            if self._done() or self.too_long > INCOMPLETE_MOST or (ends is not None and time.monotonic() > ends):
                break
            near = CONVERGED[generation.is_large]
            if generation.bound - generation.lp <= near * abs(generation.bound) or (not new and smoothing == 0.0):
                break
            smoothing = SMOOTHING if new else 0.0
        return pricings

    def _dive(self, generation: Generation, search: Search) -> None:
        """A dive and a polish of what it finds."""
        search.restart(generation.dive(labels=DIVE_LABELS, ends=self.ends))
        self._anneal(search, generation.pool, self.effort.polish, HOT_AGAIN, self._until(0.15))

    def _again(self, pool: Pool, search: Search, hot: float) -> None:
        """Another search from the best plan."""
        search.restart(self.best)
        self._anneal(search, pool, self.effort.polish, hot, self._until(AGAIN_SHARE[self.long], least_s=1.0))

    def _pack(self, generation: Generation) -> None:
        """Branch and bound over the columns that lose least at the best prices."""
        pool = generation.pool
        if not pool.columns or generation.centre is None:
            return
        loss = generation.loss()
        order = np.argsort(loss, kind="stable")
        order = order[loss[order] <= self.bound - self.score + 1e-6][:PACKED_MOST]
        chosen = list(dict.fromkeys(pool.columns_of(self.best) + [pool.columns[i] for i in order]))
        rest = None if self.ends is None else max(0.1, 0.3 * (self.ends - time.monotonic()))
        nodes = self.effort.nodes if rest is None else 10**6
        self._take(generation.master.pack(self.best, chosen, nodes=nodes, time_limit_s=rest))

    def _cut(self, generation: Generation, pricings: int) -> int:
        if pricings <= 0 or self.too_long > INCOMPLETE_MOST or not generation.separate():
            return pricings
        return self._price(generation, pricings, 0.3)

    def _long_routes(self, search: Search, pool: Pool) -> None:
        """Where prices can't be proven, the search and PyVRP take turns."""
        self._again(pool, search, HOT)
        self._tell("improve")
        self._second_engine(pool)

    def _second_engine(self, pool: Pool) -> None:
        rest = None if self.ends is None else max(0.0, self.ends - time.monotonic())
        small = self.problem.teams * self.problem.demands <= PYVRP_MOST and self.plain
        if not self.effort.pyvrp or not small or self._over():
            return
        found = improve_with_pyvrp(
            self.problem, self.x, self.best, seed=self.seed, iterations=self.effort.pyvrp if rest is None else 10**9,
            time_limit_s=None if rest is None else PYVRP_SHARE * rest,
        )  # fmt: skip
        self._take(found)
        pool.add_routes(list(enumerate(map(tuple, found))))
        self._tell("PyVRP")

    def _take(self, routes: Routes) -> None:
        """An engine's word is checked on the exact problem before it counts."""
        score = score_of_plan(self.problem, self.x, routes)
        if score > self.score and is_feasible_plan(self.x, routes):
            self.best, self.score = [list(route) for route in routes], score

    def _tell(self, stage: str) -> None:
        if self.progress is not None:
            self.progress(stage, self._value(), self.value_bound() if self.bound < self.loosest else None)
