"""Settings of the simulated spectra: what they refuse."""

import pytest
from simulated_spectra import changed

from pipeline.errors import PipelineError
from pipeline.settings.spectra.simulation import SimulatedSpectra


@pytest.mark.parametrize(("values", "fault"), [
    ({"sdss_plates": 0, "boss_plates": 0, "desi_pixels": 0}, "nothing to simulate"),
    ({"sdss_plates": 600, "boss_plates": 500}, "at most 1000 plates"),
    ({"quasars__redshift": [[1.0, 1.0], [0.5, 1.0]]}, "must ascend"),
    ({"quasars__redshift": [[0.1, 0.0], [0.5, 0.0]]}, "one positive"),
    ({"classes": {"quasar": 0.0, "galaxy": 0.0, "star": 0.0, "sky": 0.0}}, "one share"),
    ({"quasars__continuum__slope": {"mean": 2.0, "scatter": 0.1, "range": [0.0, 1.0]}}, "about the mean"),
    ({"quasars__host__largest_share": 1.0}, "less than 1"),
    ({"spectra_per_shard": 1001}, "1000"),
    ({"stars__shares": {"X": 1.0}}, "X"),
])  # fmt: skip
def test_faults_are_named(values, fault):
    with pytest.raises(PipelineError) as error:
        SimulatedSpectra.parse(changed(**values))
    assert fault in str(error.value)


def test_the_section_of_the_tests_is_valid():
    assert SimulatedSpectra.parse(changed()).spectra_per_shard == 40
