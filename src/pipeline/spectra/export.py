"""The papers' matrices from spectra on a shard's grid: FNet's HDF5 columns and the slides' fluxes and redshifts."""

from collections.abc import Mapping

import numpy as np

from pipeline.settings.spectra.inputs import Input
from pipeline.spectra.grids import Grid, grid
from pipeline.spectra.inputs import make_input, on_input_grid

_INTERPOLATED = {"rebin": 1, "resample": "interp", "clip_sigma": None}
FNET_INPUT = Input(grid="fnet", normalise="fnet", **_INTERPOLATED)
SLIDES_INPUT = Input(grid="rnet", normalise="rnet", **_INTERPOLATED)

# Columns of the published file (dr16q-log-zvi-quasar.h5), and the catalogue's that fill them; None where a run does
# not know them: then -1, NaN or "".
FNET_INTEGERS = {
    "thing_id": None, "plate": "plate", "mjd": "mjd", "fiberid": "fiber", "class_person": "class_vi",
    "is_qso_dr12q": "in_dr12q", "is_qso_final": None, "is_qso_qn": None, "z_conf": "z_conf", "zwarn_pca": None,
}  # fmt: skip
FNET_FLOATS = {
    "sn_median_all": "sn_median", "bal_prob": None, "z_vi": "z_vi", "z_dr12q": None, "z_pipe": "z_pipe",
    "z_pca": "z_pca", "z_qn": "z_qn", "deltachi2_pca": None,
}  # fmt: skip
FNET_TEXTS = ("autoclass_pqn", "autoclass_dr14q", "url")
_QUASARS_OF_INSPECTION = (3, 30)  # DR16Q's CLASS_PERSON (Lyke et al. 2020): quasar, BAL quasar


def sdss_name(ra: float, dec: float) -> str:
    """Return hhmmss.ss+ddmmss.s of a position in degrees, truncated as the SDSS prescribes; "" where it is unknown."""
    if not (np.isfinite(ra) and np.isfinite(dec)):
        return ""
    # A millionth of the last digit: positions are decimal numbers, and truncation must not see their rounding.
    time, arc = int(ra / 15 * 360_000 + 1e-6), int(abs(dec) * 36_000 + 1e-6)
    hours = f"{time // 360_000:02d}{time // 6000 % 60:02d}{time // 100 % 60:02d}.{time % 100:02d}"
    degrees = f"{arc // 36_000:02d}{arc // 600 % 60:02d}{arc // 10 % 60:02d}.{arc % 10}"
    return f"{hours}{'-' if dec < 0 else '+'}{degrees}"


def fnet_columns(columns: Mapping[str, np.ndarray], first: int) -> dict[str, np.ndarray]:
    """Return the catalogue part of FNet's file, each (n,): int64, float32 or text.

    Parameters
    ----------
    columns : mapping
        Columns of a spectrum shard.
    first : int
        Number of the first row in the file: `index` counts on.

    `z` is that of the visual inspection where there is one, else the pipeline's.
    """
    rows = len(columns["spectrum_id"])
    out = {"index": np.arange(first, first + rows, dtype=np.int64)}
    for name, source in FNET_INTEGERS.items():
        out[name] = (np.full(rows, -1) if source is None else columns[source]).astype(np.int64)
    for name, source in FNET_FLOATS.items():
        out[name] = (np.full(rows, np.nan) if source is None else columns[source]).astype(np.float32)
    z_vi = columns["z_vi"]
    out["z"] = np.where(np.isfinite(z_vi), z_vi, columns["z_pipe"]).astype(np.float32)
    out["sdss_name"] = np.array([sdss_name(*place) for place in zip(columns["ra"], columns["dec"], strict=True)])
    return {**out, **{name: np.full(rows, "") for name in FNET_TEXTS}}


def fnet_fluxes(flux, ivar, mask, own: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return interpolated and normalised fluxes (n, 4618) float32 as the published code makes them."""
    plain = on_input_grid(flux, ivar, mask, own, FNET_INPUT)[0].astype(np.float32)
    return plain, make_input(flux, ivar, mask, own, FNET_INPUT)[0]


def fnet_wavelengths() -> tuple[np.ndarray, np.ndarray]:
    """Return wavelengths (4618,) in Å and their log10, float32."""
    wavelength = grid("fnet").wavelength
    return wavelength.astype(np.float32), np.log10(wavelength).astype(np.float32)


def slides_matrices(
    flux, ivar, mask, own: Grid, columns: Mapping[str, np.ndarray], low: float, high: float, label: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return normalised fluxes (n, 2000) float32 and redshifts (n,) float64 of quasars with low <= z <= high.

    Parameters
    ----------
    flux, ivar, mask : array (N, P)
    own : Grid
    columns : mapping
        Columns of the shard.
    low, high : float
    label : {"z_pipe", "z_vi"}
        The redshift: the slides take the pipeline's. The class is of the same origin; with `z_vi`, where nobody has
        inspected the spectrum, the pipeline's.
    """
    z, quasar = columns[label], columns["class_pipe"] == "QSO"
    if label == "z_vi":
        person = columns["class_vi"]
        quasar = np.where(person > 0, np.isin(person, _QUASARS_OF_INSPECTION), quasar)
    with np.errstate(invalid="ignore"):
        keep = quasar & (z >= low) & (z <= high)
    return make_input(flux[keep], ivar[keep], mask[keep], own, SLIDES_INPUT)[0], z[keep]
