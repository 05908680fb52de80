"""What the columns of the published redshifts are, for the writer of `data.catalogue`."""

from functools import cache
from importlib import resources

import yaml

from pipeline.data.catalogue import Registry

HEADER = {
    "CATNAME": "name that sky viewers show",
    "RADESYS": "frame of RA and DEC",
    "RUN": "name of the run",
    "SURVEY": "kind of the survey",
    "SIMULATE": "spectra are simulated",
    "SETTINGS": "sha256 of the settings",
    "CODE": "sha256 of the code",
    "MODELS": "estimators of the redshifts",
    "FLAGBITS": "names of the bits of ZWARN and FLAGS",
}


@cache
def registry() -> Registry:
    """Return the registry of `redshift_columns.yaml`."""
    text = resources.files("pipeline.data").joinpath("redshift_columns.yaml").read_text(encoding="utf-8")
    return Registry("src/pipeline/data/redshift_columns.yaml", yaml.safe_load(text), HEADER)
