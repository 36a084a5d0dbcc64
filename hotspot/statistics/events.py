"""Events as plain arrays of places and times, checked, in one order whatever the order of their rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hotspot.errors import ConfigError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_DEGREES = (180.0, 90.0)


def events_of(xy: npt.ArrayLike, t: npt.ArrayLike) -> tuple[Floats, Floats, Ints]:
    """(m, 2) places, (m,) times and (m,) rows of the events that are known, by time, then x, then y.

    Rows with NaN are left out; times may be numbers or instants (days since 1970 then). Raises ConfigError for shapes that
    don't fit, and for places that look like degrees while their distances are meant in metres.
    """
    places, times = np.asarray(xy, dtype=np.float64), np.asarray(t)
    if times.dtype.kind == "M":
        missing = np.isnat(times)
        times = np.where(missing, np.nan, times.astype("datetime64[us]").astype(np.int64) / 86_400_000_000)
    times = times.astype(np.float64)
    if places.size == 0 and times.size == 0:
        return np.empty((0, 2)), np.empty(0), np.empty(0, dtype=np.int64)
    if places.ndim != 2 or places.shape[1] != 2 or times.shape != (len(places),):
        raise ConfigError(f"places are {places.shape} and times {times.shape}; fix: give (n, 2) metres and (n,) times")
    known = np.flatnonzero(np.isfinite(places).all(axis=1) & np.isfinite(times))
    order = known[np.lexsort((places[known, 1], places[known, 0], times[known]))]
    refuse_degrees(places[order])
    return np.ascontiguousarray(places[order]), np.ascontiguousarray(times[order]), order.astype(np.int64)


def refuse_degrees(places: Floats) -> None:
    """Raises ConfigError for many places that can only be longitudes and latitudes."""
    if len(places) < 2:
        return
    fractions = (places != np.round(places, 2)).any(axis=1).mean()
    spread = np.ptp(places, axis=0)
    if (
        (np.abs(places) <= _DEGREES).all()
        and fractions > 0.9
        and (spread < 5).all()
        and (np.abs(places) > 5).any(axis=1).all()
    ):
        lon, lat = places.mean(axis=0)
        zone = (32600 if lat >= 0 else 32700) + int((lon + 180) // 6) + 1
        raise ConfigError(
            f"places look like degrees ({lon:.3f}, {lat:.3f}), but distances are metres; fix: project them, to EPSG:{zone}"
        )
