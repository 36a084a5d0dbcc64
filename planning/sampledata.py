"""Where the sample district lies: inside the installed package, or in the checkout."""

from __future__ import annotations

from pathlib import Path

from hotspot.errors import OutputError

_PACKAGE = Path(__file__).resolve().parent
DEMO_DATE = "2026-10-30"  # a Friday: all three planted clusters of the sample are awake in the evening
PLACES = (_PACKAGE / "sample" / "gaoxin", _PACKAGE.parent / "data" / "gaoxin")


def sample_folder() -> Path:
    """The folder of the synthetic sample district, with its `patrol.toml`.

    Raises:
        OutputError: neither the package nor a checkout around it holds the sample.
    """
    for place in PLACES:
        if (place / "patrol.toml").is_file():
            return place
    looked = " and ".join(str(place) for place in PLACES)
    fix = "fix: install hotspot-patrol again, or in a checkout run data/make_gaoxin.py"
    raise OutputError(f"the sample district isn't here; looked in {looked}; {fix}")
