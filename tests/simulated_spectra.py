"""A very small simulated spectroscopic survey for tests."""

import copy
from pathlib import Path

import yaml

from pipeline.graph import simulated_spectra
from pipeline.settings.spectra.simulation import SimulatedSpectra

VALUES = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())


def changed(**values) -> dict:
    """Return the section with other values at dotted keys (a double underscore is the dot)."""
    new = copy.deepcopy(VALUES)
    for dotted, value in values.items():
        *path, last = dotted.split("__")
        node = new
        for key in path:
            node = node[key]
        node[last] = value
    return new


def parsed(**values) -> SimulatedSpectra:
    """Return that section, validated."""
    return SimulatedSpectra.parse(changed(**values))


def rows(settings: SimulatedSpectra) -> list[dict]:
    """Return the rows of its shards, as a stage's `--rows` has them."""
    return [vars(one) for one in simulated_spectra(settings, 100)]


def row(settings: SimulatedSpectra, region: str) -> dict:
    """Return the first row of a region."""
    return next(one for one in rows(settings) if one["region"] == region)


def ideal(region: str) -> dict:
    """Return settings of a spectrograph without noise worth mention and without blemishes."""
    return {f"spectrographs__{region}": {
        "depth": [1e8, 0.0], "sky_residual": 0.0, "correlation": 0.0, "calibration": 0.0, "bad_share": 0.0,
        "spikes": 0.0, "dead_share": 0.0,
    }}  # fmt: skip
