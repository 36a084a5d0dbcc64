"""Who goes where, when: teams at patrol points become timed routes through the hotspots."""

import logging

from planning.assembly import build_problem
from planning.checking import check
from planning.demand import make_demands
from planning.force import read_points, read_teams
from planning.network import Streets, read_streets
from planning.output.mapping.plan_page import save_map
from planning.plan import Plan
from planning.problem import Problem
from planning.release import __version__
from planning.solving.search import solve

logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "Plan",
    "Problem",
    "Streets",
    "__version__",
    "build_problem",
    "check",
    "make_demands",
    "read_points",
    "read_streets",
    "read_teams",
    "save_map",
    "solve",
]
