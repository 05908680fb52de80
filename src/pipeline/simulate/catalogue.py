"""The sweep columns of a brick, its photometric redshifts, and the truth about each row."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.data.ids import pack_object_id
from pipeline.data.random import normal, uniform
from pipeline.images.extinction import COEFFICIENTS
from pipeline.settings.simulation import Simulated
from pipeline.simulate import detector, dr9, lenses
from pipeline.simulate.conditions import RELEASES, Conditions, transmission
from pipeline.simulate.layout import Brick
from pipeline.simulate.measure import Measured, crowding, measure, variances
from pipeline.simulate.profiles import FWHM_PER_SIGMA, aperture_fraction
from pipeline.simulate.scenes import Scene

_BRIGHT, _MEDIUM, _ALLMASK, _SATUR = 1 << 1, 1 << 11, (1 << 5, 1 << 6, 1 << 7), (1 << 2, 1 << 3, 1 << 4)
_SYMBOLS = ("G", "R", "Z")
# Depths of unWISE (nanomaggies^-2) and the colours z - W1, W1 - W2 of galaxies and of stars, AB magnitudes.
_WISE = {"W1": (3.0, 0.9, -1.5), "W2": (0.8, 0.4, -2.2), "W3": (8e-4, 0.4, -3.0), "W4": (1e-5, 0.4, -3.5)}


@dataclass(frozen=True)
class Brickful:
    """The catalogue of one brick: sweep and photometric redshift columns, and the truth, row by row."""

    sweep: dict[str, np.ndarray]
    photoz: dict[str, np.ndarray]
    truth: pd.DataFrame


def stars(scene: Scene, brick: Brick, conditions: Conditions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pixel coordinates (S,), (S,) and fluxes (S, 3) of a scene's stars."""
    objects = scene.objects
    rows = objects.kind == "star"
    x, y = brick.pixel(*scene.field.sky(objects.east[rows], objects.north[rows]))
    through = transmission(scene.dust.ebv(objects.east[rows], objects.north[rows]))
    return x, y, conditions.filtered(objects.flux[rows] * through)


def brickful(
    scene: Scene,
    brick: Brick,
    conditions: Conditions,
    trails: list[detector.Bleed],
    settings: Simulated,
    seed: int,
    tranche: int,
) -> Brickful:
    """Return the catalogue of a brick."""
    found = measure(scene, brick, conditions, settings, seed)
    sweep = _sweep(scene, brick, conditions, trails, found, seed)
    return Brickful(
        sweep, _photoz(scene, found, sweep, settings, seed), _truth(scene, found, sweep, conditions, settings, tranche)
    )


def _sweep(scene, brick, conditions, trails, found: Measured, seed) -> dict[str, np.ndarray]:
    table, n = found.table, len(found.ra)
    out = dr9.empty(dr9.SWEEP, n)
    out["RELEASE"][:], out["BRICKID"][:], out["BRICKNAME"][:] = RELEASES[conditions.region], brick.number, brick.name
    out["OBJID"][:], out["TYPE"][:], out["RA"][:], out["DEC"][:] = np.arange(n), table.type, found.ra, found.dec
    spread = np.square(3600 / found.astrometry)
    out["RA_IVAR"][:], out["DEC_IVAR"][:] = spread * np.cos(np.radians(found.dec)) ** 2, spread
    ebv = scene.dust.ebv(table.east, table.north)
    out["EBV"][:] = ebv
    depth, passes = conditions.depth_at(found.x, found.y), conditions.passes_at(found.x, found.y)
    crowded, masked = crowding(table, conditions), detector.allmask(trails, found.x, found.y)
    draw = normal(seed, f"simulate.sweep.{conditions.region}", 0, table.key, 12)
    one = ~table.duplicate
    mixture = {}
    for k, band in enumerate(_SYMBOLS):
        out[f"FLUX_{band}"][:] = found.flux[:, k]
        out[f"FLUX_IVAR_{band}"][:] = np.where(one, found.error[:, k] ** -2.0, 0)
        out[f"MW_TRANSMISSION_{band}"][:] = 10 ** (-0.4 * ebv * COEFFICIENTS[band.lower()])
        out[f"NOBS_{band}"][:] = passes[:, k]
        out[f"RCHISQ_{band}"][:] = np.where(one, 1.02 + 0.03 * draw[:, k], 0)
        out[f"FRACFLUX_{band}"][:] = np.where(one, crowded[:, k], 0)
        out[f"FRACMASKED_{band}"][:] = np.where(masked[:, k] > 0, 0.6, (0.004 * np.abs(draw[:, 3 + k])).clip(0, 1))
        out[f"FRACIN_{band}"][:] = np.where(one, (1 - 0.01 * np.abs(draw[:, 6 + k])).clip(0.6, 1), 0)
        out[f"ANYMASK_{band}"][:] = out[f"ALLMASK_{band}"][:] = masked[:, k]
        out[f"PSFSIZE_{band}"][:] = conditions.psfsize[k]
        out[f"PSFDEPTH_{band}"][:] = depth[:, k]
        # A round exponential of 0.45 arcsec adds its variance to the PSF's.
        width = (conditions.psfsize[k] / FWHM_PER_SIGMA) ** 2
        out[f"GALDEPTH_{band}"][:] = depth[:, k] * width / (width + 0.45**2)
        # A fibre of 1.5 arcsec diameter in Gaussian seeing of 1 arcsec.
        mixture = variances(table.sersic, table.radius, table.e1, table.e2, 0.0, band.lower())
        fibre = aperture_fraction(mixture[0], mixture[1] + (1 / FWHM_PER_SIGMA) ** 2, 0.75)
        out[f"FIBERFLUX_{band}"][:] = np.where(one, found.flux[:, k] * fibre, 0)
        out[f"FIBERTOTFLUX_{band}"][:] = out[f"FIBERFLUX_{band}"] * (1 + 0.5 * crowded[:, k])
    _wise(out, scene, found, ebv, draw)
    _gaia(out, scene, found, seed)
    galaxy = ~np.isin(table.type, ["PSF", "DUP"])
    shape = np.square(1 / (0.02 + 0.6 / np.maximum(found.flux[:, 1] / found.error[:, 1], 3)))
    out["SHAPE_R"][:], out["SHAPE_E1"][:], out["SHAPE_E2"][:] = np.where(galaxy, table.radius, 0), table.e1, table.e2
    out["SHAPE_R_IVAR"][:] = np.where(galaxy, shape / np.square(np.maximum(table.radius, 0.05)), 0)
    for name in ("SHAPE_E1_IVAR", "SHAPE_E2_IVAR"):
        out[name][:] = np.where(galaxy & (table.type != "REX"), shape, 0)
    out["SERSIC"][:] = np.select([table.type == "DEV", table.type == "SER", galaxy], [4.0, table.sersic, 1.0], 0.0)
    out["SERSIC_IVAR"][:] = np.where(table.type == "SER", shape / 4, 0)
    gains = np.square(found.flux / found.error).sum(axis=1)
    better = np.array([0.9, 0.96, 0.985, 0.99, 1.0]) * gains[:, None]
    out["DCHISQ"][:] = np.where(one[:, None], np.where(galaxy[:, None], better, gains[:, None]), 0)
    out["WISE_COADD_ID"][:] = brick.name
    out["MASKBITS"][:] = _maskbits(scene, brick, conditions, found, masked)
    return out


def _wise(out, scene, found: Measured, ebv, draw) -> None:
    star = scene.objects.kind[found.table.row] == "star"
    total = found.flux[:, 2]
    for k, (band, (depth, galaxy, stellar)) in enumerate(_WISE.items()):
        dim = 10 ** (-0.4 * ebv * COEFFICIENTS[band])
        flux = np.maximum(total, 0) * 10 ** (0.4 * np.where(star, stellar, galaxy)) * dim
        out[f"FLUX_{band}"][:] = np.where(found.table.duplicate, 0, flux + draw[:, 8 + k] / np.sqrt(depth))
        out[f"FLUX_IVAR_{band}"][:] = np.where(found.table.duplicate, 0, depth)
        out[f"MW_TRANSMISSION_{band}"][:] = dim
        out[f"NOBS_{band}"][:] = 120 if band in ("W1", "W2") else 14
        out[f"RCHISQ_{band}"][:] = 1.0
        if band in ("W1", "W2"):
            out[f"PSFDEPTH_{band}"][:] = depth


def _gaia(out, scene, found: Measured, seed) -> None:
    """Fill Gaia's columns for stars brighter than 21 and for duplicates."""
    table = found.table
    gaia = (scene.objects.kind[table.row] == "star") & (table.image < 0)
    magnitude = 22.5 - 2.5 * np.log10(np.maximum(scene.objects.flux[table.row, 1], 1e-3))
    rows = np.flatnonzero((gaia & (magnitude < 21)) | table.duplicate)
    draw = normal(seed, "simulate.gaia", 0, table.key[rows], 3)
    out["REF_CAT"][rows], out["REF_EPOCH"][rows] = "G2", 2015.5
    out["REF_ID"][rows] = np.abs(table.key[rows]) * 1000 + 17
    for name, shift in (("G", 0.0), ("BP", 0.3), ("RP", -0.5)):
        out[f"GAIA_PHOT_{name}_MEAN_MAG"][rows] = magnitude[rows] + shift
        out[f"GAIA_PHOT_{name}_MEAN_FLUX_OVER_ERROR"][rows] = 1000 * 10 ** (-0.2 * (magnitude[rows] - 16))
    out["GAIA_ASTROMETRIC_PARAMS_SOLVED"][rows] = 31
    out["GAIA_PHOT_BP_RP_EXCESS_FACTOR"][rows] = 1.2
    for name, scale, values in (("PARALLAX", 0.4, draw[:, 0]), ("PMRA", 6.0, draw[:, 1]), ("PMDEC", 6.0, draw[:, 2])):
        out[name][rows], out[f"{name}_IVAR"][rows] = scale * values, 25.0


def _maskbits(scene, brick, conditions, found: Measured, masked) -> np.ndarray:
    """Return MASKBITS: BRIGHT and MEDIUM near stars, SATUR and ALLMASK on bleed trails."""
    objects = scene.objects
    star = np.flatnonzero(objects.kind == "star")
    magnitude = 22.5 - 2.5 * np.log10(objects.flux[star, 1])
    out = np.zeros(len(found.ra), dtype=np.int16)
    for limit, bit in ((13, _BRIGHT), (16, _MEDIUM)):
        for k in star[magnitude < limit]:
            own = 22.5 - 2.5 * np.log10(objects.flux[k, 1])
            # Radius of the Legacy Surveys' masks around Gaia stars: 1630 arcsec 1.396^(-G).
            radius = 1630.0 * 1.396**-own
            near = np.hypot(found.table.east - objects.east[k], found.table.north - objects.north[k]) < radius
            out[near] |= bit
    for band in range(3):
        out[masked[:, band] > 0] |= _ALLMASK[band] | _SATUR[band]
    return out


def _photoz(scene, found: Measured, sweep, settings: Simulated, seed) -> dict[str, np.ndarray]:
    """Return photometric redshifts: scatter grows with faintness, some fail; stars have meaningless ones."""
    table, n = found.table, len(found.ra)
    out = dr9.empty(dr9.PHOTO_Z, n)
    for name in ("RELEASE", "BRICKID", "OBJID"):
        out[name][:] = sweep[name]
    true = scene.objects.redshift[table.row]
    draw, flat = normal(seed, "simulate.photoz", 0, table.key, 2), uniform(seed, "simulate.photoz", 1, table.key, 3)
    magnitude = 22.5 - 2.5 * np.log10(np.maximum(found.flux[:, 2], 1e-3))
    spread = settings.photoz_scatter * (10 ** (0.25 * (magnitude - 18.5))).clip(0.6, 10) * (1 + np.nan_to_num(true))
    guess = np.where(flat[:, 0] < 0.03, 1.5 * flat[:, 1], np.nan_to_num(true, nan=0.4) + spread * draw[:, 0])
    centre = np.where(np.isnan(true), 1.2 * flat[:, 1], guess).clip(0.005, 3)
    known = (np.min([sweep[f"NOBS_{band}"] for band in _SYMBOLS], axis=0) > 1) & ~table.duplicate
    values = {"MEAN": centre + 0.1 * spread * draw[:, 1], "MEDIAN": centre, "STD": spread}
    values |= {"L68": centre - spread, "U68": centre + spread, "L95": centre - 2 * spread, "U95": centre + 2 * spread}
    for name, column in values.items():
        out[f"Z_PHOT_{name}"][:] = np.where(known, np.maximum(column, 0.001), -99)
    measured = with_spectrum(scene, found, settings, seed)
    out["Z_SPEC"][:] = np.where(measured, true, -99)
    out["SURVEY"][:] = np.where(measured, "SIMUL", "")
    out["TRAINING"][:] = measured & (flat[:, 2] < 0.5)
    return out


def with_spectrum(scene: Scene, found: Measured, settings: Simulated, seed: int) -> np.ndarray:
    """Return which rows have a spectroscopic redshift: a share of the bright objects, the same in both regions."""
    table = found.table
    lucky = uniform(seed, "simulate.spectra", 0, scene.objects.system[table.row], 1)[:, 0] < settings.specz_share
    bright = scene.objects.flux[table.row, 2] > 10 ** (-0.4 * (settings.population.limit - 22.5))
    return lucky & bright & (table.image < 0) & ~table.duplicate & np.isfinite(scene.objects.redshift[table.row])


def _truth(scene, found: Measured, sweep, conditions, settings: Simulated, tranche: int) -> pd.DataFrame:
    table, objects, systems = found.table, scene.objects, scene.systems
    row, arc = table.row, table.image >= 0
    lens = objects.lens[row] & ~arc & ~table.duplicate
    n = len(systems.theta_e)
    deflects = lens | arc
    place = np.where(row < n, row, 0)

    def of_lens(values, missing=np.nan):
        return np.where(deflects, values[place], missing)

    arrangement = np.full(len(row), "", dtype="<U6")
    for k in np.flatnonzero(deflects):
        arrangement[k] = lenses.configuration(systems.of(int(row[k])), scene.deflecting(int(row[k])))
    theta, snr = of_lens(systems.theta_e), np.where(deflects, table.snr, np.nan)
    limits = settings.lenses
    visible = (np.nan_to_num(snr) >= limits.visible_snr) & (
        np.nan_to_num(theta) >= limits.visible_theta * conditions.psfsize[1]
    )
    return pd.DataFrame({
        "object_id": pack_object_id(sweep["RELEASE"], sweep["BRICKID"], sweep["OBJID"]),
        "system": objects.system[row], "ra": found.ra, "dec": found.dec, "region": conditions.region,
        "kind": np.where(arc, "lensed_image", objects.kind[row]), "is_lens": lens, "visible": visible & lens,
        "configuration": arrangement, "theta_e": theta,
        "z_lens": np.where(np.isnan(theta), np.nan, objects.redshift[row]), "z_source": of_lens(systems.z_source),
        "source_mag_r": of_lens(systems.source_mag), "arc_snr": snr,
        "control": np.where(arc | table.duplicate, "", objects.control[row]), "catalogued_arc": arc,
        "redshift": objects.redshift[row], "tranche": np.int16(tranche),
    })  # fmt: skip
