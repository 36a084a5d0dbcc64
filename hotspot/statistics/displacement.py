"""The weighted displacement difference: did a place with patrols change otherwise than places like it?

Wheeler, A. P., Ratcliffe, J. H. (2018). A simple weighted displacement difference test to evaluate place based crime
interventions. Crime Science 7, 11, doi:10.1186/s40163-018-0085-5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hotspot.errors import ConfigError
from hotspot.tails import normal_quantile, normal_upper


@dataclass(frozen=True)
class WddResult:
    """`estimate`: incidents fewer (below 0) or more than the control's change would have it; its standard `error`, `z`,
    two-sided `p_value`, and 95 % interval. A difference is no proof of an effect: places weren't chosen by lot."""

    estimate: float
    error: float
    z: float
    p_value: float
    lower: float
    upper: float

    def summary(self) -> str:
        return f"{self.estimate:+.1f} incidents (95 % interval {self.lower:+.1f} to {self.upper:+.1f}), p = {self.p_value:.3f}"


def wdd(
    treated: tuple[float, float],
    control: tuple[float, float],
    *,
    displacement: tuple[float, float] = (0.0, 0.0),
    displacement_control: tuple[float, float] = (0.0, 0.0),
) -> WddResult:
    """Each argument: counts before and after, periods of one length. Displacement areas are optional.

    The estimate is the treated area's change less the control's, plus the same for displacement; counts are Poisson. With
    no incident at all z is NaN and p 1. Raises ConfigError for counts that are negative or missing.

    >>> found = wdd((100, 80), (100, 90))
    >>> found.estimate, round(found.error, 2)
    (-10.0, 19.24)
    """
    pairs = np.array([treated, control, displacement, displacement_control], dtype=np.float64)
    if pairs.shape != (4, 2) or not np.isfinite(pairs).all() or (pairs < 0).any():
        raise ConfigError("counts before and after must be numbers of 0 or more; fix: give (before, after)")
    change = pairs[:, 1] - pairs[:, 0]
    estimate = float(change[0] - change[1] + change[2] - change[3])
    error = float(np.sqrt(pairs.sum()))
    z = estimate / error if error else float("nan")
    p = float(2 * normal_upper(abs(z))) if error else 1.0
    half = normal_quantile(0.975) * error
    return WddResult(estimate, error, z, p, estimate - half, estimate + half)
