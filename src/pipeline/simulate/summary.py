"""Tables about a survey: a row a brick and region, and the spectroscopic redshifts."""

import numpy as np

from pipeline.images.extinction import COEFFICIENTS
from pipeline.simulate import dr9
from pipeline.simulate.observe import Observation
from pipeline.simulate.profiles import PIXEL_SCALE

_TYPES = ("PSF", "SIMP", "REX", "EXP", "DEV", "COMP", "SER", "DUP")


def brick_row(seen: Observation) -> dict[str, np.ndarray]:
    """Return the row of a brick in survey-bricks-dr9-<region> (columns as in `dr9.REGION_BRICKS`)."""
    brick, sweep, conditions = seen.brick, seen.catalogue.sweep, seen.conditions
    out = dr9.empty(dr9.REGION_BRICKS, 1)
    values = {name: getattr(brick, name) for name in ("ra", "dec", "ra1", "ra2", "dec1", "dec2")}
    values |= {"brickname": brick.name, "brickid": brick.number, "nobjs": len(sweep["TYPE"]), "wise_nobs": 120}
    values |= {f"n{kind.lower()}": np.sum(sweep["TYPE"] == kind) for kind in _TYPES}
    # Dust at the brick's middle stands for the median over its objects.
    ebv = float(seen.scene.dust.ebv(0.0, 3600 * brick.offset))
    middle = [(brick.pixels - 1) / 2]
    depth = conditions.depth_at(middle, middle)[0]
    values |= {"ebv": ebv, "survey_primary": (brick.dec > 32.375) == (conditions.region == "north"), "in_desi": True}
    for k, band in enumerate("grz"):
        passes = conditions.passes[k].image()
        values[f"nexp_{band}"] = np.median(passes)
        values[f"nexphist_{band}"] = [*(np.sum(passes == n) for n in range(5)), np.sum(passes >= 5)]
        values[f"psfsize_{band}"] = conditions.psfsize[k]
        values[f"psfdepth_{band}"] = 22.5 - 2.5 * np.log10(5 / np.sqrt(depth[k]))
        width = (conditions.psf_sigma[k] * PIXEL_SCALE) ** 2
        values[f"galdepth_{band}"] = 22.5 - 2.5 * np.log10(5 / np.sqrt(depth[k] * width / (width + 0.45**2)))
        values[f"trans_{band}"] = 10 ** (-0.4 * ebv * COEFFICIENTS[band])
        values[f"ext_{band}"] = ebv * COEFFICIENTS[band]
    values |= {f"ext_w{k}": ebv * COEFFICIENTS[f"W{k}"] for k in (1, 2, 3, 4)}
    values["trans_wise"] = [10 ** (-0.4 * values[f"ext_w{k}"]) for k in (1, 2, 3, 4)]
    height = np.degrees(np.sin(np.radians(brick.dec2)) - np.sin(np.radians(brick.dec1)))
    values["area"] = (brick.ra2 - brick.ra1) * height
    for name, value in values.items():
        out[name][0] = value
    return out


def spectra(seen: Observation) -> dict[str, np.ndarray]:
    """Return the spectroscopic redshifts of a brick (columns as in `dr9.SPEC_Z`), with the system of each."""
    sweep, photoz, truth = seen.catalogue.sweep, seen.catalogue.photoz, seen.catalogue.truth
    rows = np.flatnonzero(photoz["Z_SPEC"] > -99)
    out = dr9.empty(dr9.SPEC_Z, len(rows))
    out["RA"][:], out["DEC"][:] = sweep["RA"][rows], sweep["DEC"][rows]
    out["Z"][:] = truth["redshift"].to_numpy()[rows]
    out["ZERR"][:], out["SPECTYPE"][:], out["SURVEY"][:] = 5e-5 * (1 + out["Z"]), "GALAXY", "SIMUL"
    return out | {"system": truth["system"].to_numpy()[rows]}


def distinct_spectra(parts: list[dict]) -> dict[str, np.ndarray]:
    """Return one row a system, sorted by position."""
    joined = dr9.concatenate(dr9.SPEC_Z, parts)
    systems = np.concatenate([np.zeros(0, dtype=np.int64), *(part["system"] for part in parts)])
    _, first = np.unique(systems, return_index=True)
    first = first[np.lexsort((joined["DEC"][first], joined["RA"][first]))]
    return {name: values[first] for name, values in joined.items()}
