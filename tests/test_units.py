"""Counts by hexagons, streets and other units; what the choice of cells changes; density along streets."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import hotspot as hs
from hotspot.areas import Areas
from hotspot.errors import ConfigError
from hotspot.incidents import Incidents
from planning.network import Snaps, from_lines, routable, snap, street_density, travel

CRS, ZONE = "EPSG:32649", "Asia/Shanghai"


def incidents_at(xy, times, zone=ZONE):
    places = gpd.GeoSeries.from_xy(*np.array(xy, dtype=float).reshape(-1, 2).T, crs=CRS)
    frame = gpd.GeoDataFrame(
        {"id": [f"I{i}" for i in range(len(places))], "time": pd.DatetimeIndex(times).tz_localize(zone)}
        | {"category": "theft", "source": "report"},
        geometry=places,
    )
    return Incidents.from_frame(frame, timezone=zone)


def test_shared_borders_count_once_and_the_rest_is_outside():
    units = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)], crs=CRS)
    found = hs.count_by_unit(incidents_at([(50, 50), (100, 50), (150, 50), (900, 50)], ["2024-03-01 10:00"] * 4), units)
    assert found.counts.tolist() == [[2], [1]] and found.outside == 1


def test_street_segments_take_what_is_near():
    streets = gpd.GeoDataFrame(
        geometry=[shapely.LineString([(0, 0), (500, 0)]), shapely.LineString([(0, 300), (500, 300)])], crs=CRS
    )
    times = ["2024-03-01 10:00", "2024-03-02 10:00", "2024-03-02 11:00"]
    found = hs.count_by_unit(incidents_at([(10, 20), (10, 290), (10, 150)], times), streets, max_m=100)
    assert found.counts.tolist() == [[1, 0], [0, 1]] and found.outside == 1


def test_days_of_23_and_25_hours_have_their_exposure():
    zone = "America/Vancouver"
    found = hs.count_by_unit(
        incidents_at([(0, 0)], ["2024-03-10 12:00"], zone=zone),
        gpd.GeoDataFrame(geometry=[shapely.box(-1, -1, 1, 1)], crs=CRS),
        start="2024-03-09",
        end="2024-03-12",
    )
    assert found.exposure_h.tolist() == [24, 23, 24] and found.counts.tolist() == [[0, 1, 0]]


def test_hexagons_cover_the_area_and_count_everything_well_inside():
    area = shapely.box(720_000, 4_230_000, 725_000, 4_235_000)
    frame = gpd.GeoDataFrame({"id": ["C"], "name": ["c"], "street": ["S"]}, geometry=[area], crs=CRS)
    cells = hs.hexagons(Areas(frame), resolution=9)
    assert 150 < len(cells) < 350 and cells["unit_id"].is_unique
    rng = np.random.default_rng(0)
    places = rng.uniform([721_000, 4_231_000], [724_000, 4_234_000], (300, 2))
    found = hs.count_by_unit(incidents_at(places, ["2024-03-01 10:00"] * 300), cells)
    assert found.counts.sum() == 300 and found.outside == 0
    with pytest.raises(ConfigError, match="resolution 99"):
        hs.hexagons(Areas(frame), resolution=99)


def test_a_true_hotspot_stays_hot_whatever_the_cells_and_noise_is_nowhere_hot():
    rng = np.random.default_rng(1)
    within = shapely.box(0, 0, 5000, 5000)
    noise = rng.uniform(0, 5000, (1500, 2))
    heap = rng.normal([2500, 2500], 250, (600, 2))
    found = hs.cell_sensitivity(np.concatenate([noise, heap]), within)
    assert len(found) == 12 and found["overlap"].iloc[0] == 1.0
    assert (found["hot_cells"] > 0).all() and found["overlap"].min() > 0.3
    quiet = hs.cell_sensitivity(noise, within)
    assert quiet["hot_cells"].sum() <= 3
    empty = hs.cell_sensitivity(np.empty((0, 2)), within, cells_m=[250])
    assert (empty["hot_cells"] == 0).all()


def streets_of(*lines):
    return from_lines(gpd.GeoDataFrame(geometry=[shapely.LineString(line) for line in lines], crs=CRS))


def test_an_event_on_a_lonely_street_has_the_published_kernel():
    network = routable(streets_of([(0, 0), (1000, 0)]), "walk")
    found = street_density(network, snap(network, [(500.0, 0.0)]), bandwidth_m=200, lixel_m=1.0)
    middle = found.lixels["density"].iloc[500]
    assert middle == pytest.approx(15 / 16 / 200, rel=1e-3)  # the quartic kernel's height on a line
    assert (found.lixels["density"] * found.lixels["length_m"]).sum() == pytest.approx(1)


def test_density_follows_streets_and_every_event_counts_one():
    rng = np.random.default_rng(2)
    spots = rng.uniform(0, 1500, (30, 2))
    ends = [pair for pair in rng.integers(0, 30, (70, 2)) if pair[0] != pair[1]]
    network = routable(streets_of(*[spots[pair] for pair in ends]), "walk")
    events = snap(network, rng.uniform(0, 1500, (5, 2)), max_snap_m=1000)
    found = street_density(network, events, bandwidth_m=300, lixel_m=20)
    mass = found.lixels["density"] * found.lixels["length_m"]
    assert mass.sum() == pytest.approx(5)
    one = street_density(network, events.take([0]), bandwidth_m=300, lixel_m=20).lixels
    shown = np.flatnonzero(network.core[one["edge_id"]])
    rows = one.iloc[shown]
    middles = shapely.get_coordinates(shapely.line_interpolate_point(rows.geometry.to_numpy(), 0.5, normalized=True))
    fraction = ((rows["start"] + rows["end"]) / 2).to_numpy()
    nothing, still = np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
    goals = Snaps(rows["edge_id"].to_numpy(), fraction, nothing, middles, middles, still)
    event = events.take([0])
    event = Snaps(event.edge, event.fraction, np.zeros(1), event.street_xy, event.street_xy, event.moved)
    metres = travel(network, event, goals).travel_m[0]
    slow = np.where(metres < 300, (1 - (metres / 300) ** 2) ** 2, 0)
    slow = slow / (slow * one["length_m"].to_numpy()[shown]).sum()
    np.testing.assert_allclose(one["density"].to_numpy()[shown], slow, rtol=0.02, atol=1e-6)
