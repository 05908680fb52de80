"""The quasar catalogue of a tranche, in the columns of DR16Q, and the truth about its spectra."""

import numpy as np

from pipeline.data.random import stream
from pipeline.settings.spectra.simulation import Catalogue
from pipeline.simulate.spectra.absorption import balnicity
from pipeline.simulate.spectra.identity import identity
from pipeline.simulate.spectra.pipeline_fit import Fit
from pipeline.simulate.spectra.shard import Spectrum
from pipeline.spectra.lines import C

# Columns and types of DR16Q (Lyke et al. 2020, Table D1) that readers use; TARGETID and EBV are added for DESI.
DTYPE = np.dtype([
    ("SDSS_NAME", "S18"), ("RA", "<f8"), ("DEC", "<f8"), ("PLATE", "<i4"), ("MJD", "<i4"), ("FIBERID", "<i2"),
    ("TARGETID", "<i8"), ("THING_ID", "<i8"), ("AUTOCLASS_PQN", "S6"), ("AUTOCLASS_DR14Q", "S6"),
    ("IS_QSO_QN", "<i2"), ("Z_QN", "<f8"), ("RANDOM_SELECT", "<i2"), ("Z_10K", "<f8"), ("Z_CONF_10K", "<i2"),
    ("PIPE_CORR_10K", "<i2"), ("IS_QSO_10K", "<i2"), ("PRIM_REC", "<i2"), ("IS_QSO_FINAL", "<i2"), ("Z_VI", "<f8"),
    ("Z_CONF", "<i2"), ("CLASS_PERSON", "<i2"), ("Z_DR12Q", "<f8"), ("IS_QSO_DR12Q", "<i2"), ("Z_DR7Q_SCH", "<f8"),
    ("IS_QSO_DR7Q", "<i2"), ("Z", "<f8"), ("SOURCE_Z", "S12"), ("Z_PIPE", "<f8"), ("ZWARN_PIPE", "<i4"),
    ("Z_PCA", "<f8"), ("ZWARN_PCA", "<i8"), ("DELTACHI2_PCA", "<f8"), ("Z_LYAWG", "<f4"), ("BAL_PROB", "<f4"),
    ("BI_CIV", "<f8"), ("ERR_BI_CIV", "<f8"), ("AI_CIV", "<f8"), ("Z_DLA", "<f8", (5,)), ("NHI_DLA", "<f8", (5,)),
    ("SN_MEDIAN_ALL", "<f8"), ("EBV", "<f4"), ("SPEC_SURVEY", "S4"),
])  # fmt: skip
_PERSON = {"star": 1, "quasar": 3, "galaxy": 4, "sky": 1}
_BAL_PERSON = 30


def entry(settings: Catalogue, seed: int, row: dict, spectrum: Spectrum, result: Fit) -> np.ndarray | None:
    """Return the row (1,) of a spectrum in the catalogue; None for one that does not stand in it."""
    rng = stream(seed, "simulate.spectra.catalogue", row["tranche"], row["shard"], spectrum.row)
    u = rng.random(8)
    quasar = spectrum.kind == "quasar"
    if spectrum.kind == "sky" or u[0] >= (settings.listed_share if quasar else settings.contaminant_share):
        return None
    out, who, z = np.zeros(1, dtype=DTYPE), identity(row, spectrum), spectrum.z
    for name in DTYPE.names:
        if DTYPE[name].base.kind == "f":
            out[name] = -1.0
    scatter = lambda width: (1 + z) * width / C * rng.standard_normal()  # noqa: E731
    inspected = u[1] < settings.inspected_share
    early = quasar and u[2] < settings.dr12_share
    wrong = u[3] < settings.inspection_error
    z_vi, person, confidence = -1.0, 0, -1
    if inspected:
        bal = quasar and spectrum.source.bal is not None
        person = _BAL_PERSON if bal and u[4] < 0.8 else _PERSON[spectrum.kind]
        confidence = 3 if spectrum.observed.sn > 1.5 else 2
        z_vi = z + scatter(settings.inspection_scatter)
        if wrong:
            z_vi, confidence = rng.uniform(0.1, 4.0), 1
        if person == 1:
            z_vi = 0.0
    other = rng.random(2) < np.minimum(0.5 * settings.pipeline_failures * max(spectrum.observed.sn, 0.3) ** -1.2, 0.8)
    z_other = [rng.uniform(0.1, 4.0) if bad else z + scatter(300.0) for bad in other]
    bi = balnicity(z, spectrum.source.bal) if quasar and 1.57 < z < 5.6 else 0.0
    damped = spectrum.source.values["damped"][:5] if quasar else []
    values = {
        "SDSS_NAME": sdss_name(spectrum.ra, spectrum.dec), "RA": spectrum.ra, "DEC": spectrum.dec, "PLATE": who.plate,
        "MJD": who.mjd, "FIBERID": who.fiber, "TARGETID": who.targetid, "THING_ID": who.thing_id,
        "AUTOCLASS_PQN": "QSO" if quasar else "UNK", "IS_QSO_QN": int(quasar), "Z_QN": z_other[0],
        "IS_QSO_10K": -1, "Z_CONF_10K": -1, "PIPE_CORR_10K": -1, "PRIM_REC": 1, "IS_QSO_FINAL": int(quasar),
        "Z_VI": z_vi, "Z_CONF": confidence, "CLASS_PERSON": person, "IS_QSO_DR12Q": int(early),
        "Z_DR12Q": z + scatter(settings.inspection_scatter) if early else -1.0, "IS_QSO_DR7Q": -1,
        "Z": z_vi if inspected else result.z, "SOURCE_Z": "VI" if inspected else "PIPE", "Z_PIPE": result.z,
        "ZWARN_PIPE": result.zwarn, "Z_PCA": z_other[1], "DELTACHI2_PCA": result.delta_chi2,
        "BAL_PROB": float(np.clip((0.9 if bi > 0 else 0.05) + 0.1 * rng.standard_normal(), 0, 1)), "BI_CIV": bi,
        "ERR_BI_CIV": 0.1 * bi, "SN_MEDIAN_ALL": spectrum.observed.sn, "EBV": spectrum.ebv,
        "SPEC_SURVEY": row["region"],
    }  # fmt: skip
    for name, value in values.items():
        out[name] = value
    for k, (place, column) in enumerate(damped):
        out["Z_DLA"][0, k], out["NHI_DLA"][0, k] = place, column
    return out


def sdss_name(ra: float, dec: float) -> str:
    """Return hhmmss.ss+ddmmss.s of a position in degrees, truncated as the SDSS prescribes."""
    seconds, arcseconds = int(ra / 15 * 360000), int(abs(dec) * 36000)
    hours, minutes = divmod(seconds // 6000, 60)
    degrees, arcminutes = divmod(arcseconds // 600, 60)
    sign = "-" if dec < 0 else "+"
    return (f"{hours:02d}{minutes:02d}{seconds % 6000 / 100:05.2f}{sign}"
            f"{degrees:02d}{arcminutes:02d}{arcseconds % 600 / 10:04.1f}")  # fmt: skip


def truth(row: dict, spectrum: Spectrum) -> dict:
    """Return what is true of a spectrum, as a row of the truth table; NaN where a property does not apply."""
    who, source, nan = identity(row, spectrum), spectrum.source, float("nan")
    quasar = spectrum.kind == "quasar"
    damped = source.values["damped"] if quasar else []
    return {
        "spectrum_id": who.spectrum_id, "object_id": who.object_id, "plate": who.plate, "mjd": who.mjd,
        "fiber": who.fiber, "targetid": who.targetid,
        "object": "/".join(str(part) for part in spectrum.key), "kind": spectrum.kind, "z": spectrum.z,
        "sn": spectrum.observed.sn, "ra": spectrum.ra, "dec": spectrum.dec, "survey": row["region"],
        "subclass": source.subclass if source is not None and not quasar else "",
        "mag_r": source.mag if source is not None else nan, "galactic_ebv": spectrum.ebv,
        "luminosity": source.luminosity if quasar else nan, "slope": source.slope if quasar else nan,
        "host_share": source.host_share if quasar else nan, "dust": source.ebv if quasar else nan,
        "obscured": source.obscured if quasar else nan, "fwhm": source.fwhm if quasar else nan,
        "blueshift": source.shift if quasar else nan, "weak": bool(quasar and source.values["weak"]),
        "bal": bool(quasar and source.bal is not None), "bi_civ": balnicity(source.z, source.bal) if quasar else nan,
        "dla_logn": max((column for _, column in damped), default=nan),
    }  # fmt: skip
