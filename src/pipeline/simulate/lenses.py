"""Lensed light: systems drawn from stated distributions, rays shot by lenstronomy once a system for all bands.

Every galaxy brighter than the limit has a deflector here, and its rays are shot in the same way; what makes a lens is
that the flux of the source behind it is not zero.
"""

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from scipy.special import gamma

from pipeline.settings.simulation import Lenses
from pipeline.simulate.population import colours, fluxes
from pipeline.simulate.profiles import PIXEL_SCALE

CONFIGURATIONS = ("arc", "double", "quad", "ring")
REACH = 8.0  # arcsec: lensed light ends here, so that nothing farther out can tell a lens from its control
_SUPERSAMPLING = 3
_COMPACT = 0.1  # a source is compact when its half-light radius is below this many Einstein radii
_COUNTING_GRID = 120
_RING = 0.1  # a source that lies within this many Einstein radii of the axis makes a ring


@dataclass(frozen=True)
class Systems:
    """Deflectors and sources of N galaxies, each an array (N,) unless a shape is given.

    Attributes
    ----------
    theta_e, slope : Einstein radius (arcsec) and logarithmic slope of the density (2: isothermal)
    power_law : bool, whether the deflector is an elliptical power law (EPL) instead of an isothermal ellipsoid (SIE)
    e1, e2, shear1, shear2 : lenstronomy's ellipticity and shear; x points east, y north
    beta_x, beta_y : position of the source behind the deflector, arcsec
    z_source, source_mag : redshift and unlensed r magnitude of the source
    radius, sersic, se1, se2 : half-light radius (arcsec), Sersic index and ellipticity of the source
    clump_x, clump_y, clump_radius : a knot of star formation, relative to the source, arcsec
    flux, clump_flux : (N, 3) unlensed fluxes in nanomaggies, zero where there is no source
    """

    theta_e: np.ndarray
    slope: np.ndarray
    power_law: np.ndarray
    e1: np.ndarray
    e2: np.ndarray
    shear1: np.ndarray
    shear2: np.ndarray
    beta_x: np.ndarray
    beta_y: np.ndarray
    z_source: np.ndarray
    source_mag: np.ndarray
    radius: np.ndarray
    sersic: np.ndarray
    se1: np.ndarray
    se2: np.ndarray
    clump_x: np.ndarray
    clump_y: np.ndarray
    clump_radius: np.ndarray
    flux: np.ndarray
    clump_flux: np.ndarray

    def of(self, row: int) -> dict:
        """Return one system as numbers and arrays (3,)."""
        return {field.name: getattr(self, field.name)[row] for field in fields(self)}


def draw(rng: np.random.Generator, settings: Lenses, galaxies: dict, host: np.ndarray, lens: np.ndarray) -> Systems:
    """Draw a deflector and a source for every galaxy; the draws do not depend on which are lenses.

    Parameters
    ----------
    galaxies : dict of arrays (N,)
        absolute, redshift, e1, e2 (Tractor's).
    host, lens : array (N,) bool
        Potential lenses, and those that have a source.
    """
    n = len(host)
    normal, flat = rng.standard_normal((14, n)), rng.random((10, n))
    low, high = settings.theta_e
    luminous = -(galaxies["absolute"] + 23.2)
    log_theta = np.log(settings.theta_e_median) + 0.15 * luminous + settings.theta_e_scatter * normal[0]
    # What falls outside the range is drawn evenly within it: no pile-up at its ends.
    theta = np.exp(log_theta)
    theta = np.where((theta < low) | (theta > high), low * (high / low) ** flat[0], theta)
    # Galaxies that are no hosts have the deflection that their light suggests (Faber-Jackson, 0.9 arcsec at -22).
    theta = np.where(host, theta, (0.9 * 10 ** (0.2 * (luminous - 1.2))).clip(0.1, 1.2))
    modulus = np.hypot(galaxies["e1"], galaxies["e2"])
    modulus = np.where(host, (modulus + 0.04 * normal[1]).clip(0.02, 0.4), modulus.clip(0.02, 0.4))
    # Tractor's angles run from north over east, lenstronomy's from x (east) over y (north).
    angle = np.pi / 2 - 0.5 * np.arctan2(galaxies["e2"], galaxies["e1"]) + 0.15 * normal[2]
    shear = settings.shear * np.hypot(normal[3], normal[4]).clip(0, 4)
    shear_angle = np.arctan2(normal[3], normal[4])
    weights = np.cumsum([getattr(settings.configurations, name) for name in CONFIGURATIONS])
    aim = np.minimum(np.searchsorted(weights / weights[-1], flat[1]), len(CONFIGURATIONS) - 1)
    cusp = theta * (0.9 * modulus + 2 * shear)
    distance = np.choose(aim, [
        theta * (0.10 + 0.32 * flat[2]), theta * (0.28 + 0.37 * flat[2]), cusp * (0.1 + 0.6 * flat[2]),
        theta * 0.08 * flat[2],
    ])  # fmt: skip
    direction = 2 * np.pi * flat[3]
    compact = (aim == 1) | (aim == 2)
    radius = np.where(compact, 0.09 * np.exp(0.25 * normal[5]), 0.27 * np.exp(0.35 * normal[5])).clip(0.06, 0.8)
    bright, faint = settings.source_mag_range
    magnitude = settings.source_mag + settings.source_mag_scatter * normal[6]
    magnitude = np.where((magnitude < bright) | (magnitude > faint), bright + (faint - bright) * flat[4], magnitude)
    z_source = (galaxies["redshift"] + 0.35 + 0.9 * np.exp(0.45 * normal[7]) * (0.5 + flat[5])).clip(0.6, 3.8)
    (young_gr, young_rz), (spiral_gr, spiral_rz) = colours("young", z_source), colours("spiral", z_source)
    # Sources have dust of their own; some are old.
    old, dust = np.where(flat[6] < 0.12, 0.9, 0.0), 0.1 + 0.3 * flat[6]
    gr = young_gr + old * (spiral_gr - young_gr) + dust + 0.1 * normal[8]
    rz = young_rz + old * (spiral_rz - young_rz) + 0.6 * dust + 0.1 * normal[9]
    flux = np.where(lens[:, None], fluxes(magnitude - rz, gr, rz), 0.0)
    share = (0.35 * flat[7])[:, None]
    power_law = host & (flat[8] < settings.epl_share)
    return Systems(
        theta, np.where(power_law, (2.08 + 0.12 * normal[10]).clip(1.7, 2.4), 2.0), power_law,
        modulus * np.cos(2 * angle), modulus * np.sin(2 * angle),
        shear * np.cos(shear_angle), shear * np.sin(shear_angle),
        distance * np.cos(direction), distance * np.sin(direction), z_source, magnitude, radius,
        np.where(compact, 1.0, (1.0 + 0.4 * normal[11]).clip(0.6, 2.0)),
        (0.15 * normal[12]).clip(-0.4, 0.4), (0.15 * normal[13]).clip(-0.4, 0.4),
        radius * (flat[9] - 0.5) * 2, radius * (flat[2] - 0.5) * 2, (0.3 * radius).clip(0.06, None),
        flux * (1 - share), flux * share,
    )  # fmt: skip


@cache
def _profiles() -> tuple[dict, object]:
    """Return lenstronomy's deflectors by name, and its light; single profiles import much faster than its models."""
    from lenstronomy.LensModel.Profiles.epl import EPL
    from lenstronomy.LensModel.Profiles.shear import Shear
    from lenstronomy.LensModel.Profiles.sie import SIE
    from lenstronomy.LensModel.Profiles.sis import SIS
    from lenstronomy.LightModel.Profiles.sersic import SersicElliptic

    return {"EPL": EPL(), "SHEAR": Shear(), "SIE": SIE(), "SIS": SIS()}, SersicElliptic()


def ray_shooting(x: np.ndarray, y: np.ndarray, kinds: tuple[str, ...], parameters: list[dict]) -> tuple:
    """Return the places (x, y) in the source plane from which light arrives at places in the image plane, arcsec."""
    profiles, _ = _profiles()
    source_x, source_y = x.copy(), y.copy()
    for kind, values in zip(kinds, parameters, strict=True):
        bent_x, bent_y = profiles[kind].derivatives(x, y, **values)
        source_x -= bent_x
        source_y -= bent_y
    return source_x, source_y


def deflector(system: dict, companions: np.ndarray) -> tuple[tuple[str, ...], list[dict]]:
    """Return lenstronomy's names and parameters of a deflector, its shear and its companions.

    Parameters
    ----------
    companions : array (C, 3)
        x, y (arcsec, relative to the deflector) and Einstein radius of group members nearby.
    """
    kinds = ["EPL" if system["power_law"] else "SIE", "SHEAR", *["SIS"] * len(companions)]
    main = {"theta_E": system["theta_e"], "e1": system["e1"], "e2": system["e2"], "center_x": 0.0, "center_y": 0.0}
    if system["power_law"]:
        main["gamma"] = system["slope"]
    shear = {"gamma1": system["shear1"], "gamma2": system["shear2"], "ra_0": 0.0, "dec_0": 0.0}
    members = [{"theta_E": theta, "center_x": x, "center_y": y} for x, y, theta in companions]
    return tuple(kinds), [main, shear, *members]


def half_size(theta_e: float) -> int:
    """Return the half-size in pixels of the stamp that holds a system's lensed light."""
    return int(np.ceil(min(2.0 * theta_e + 2.6, REACH) / PIXEL_SCALE))


def lensed_light(system: dict, companions: np.ndarray, shift_x: float, shift_y: float) -> list[tuple]:
    """Shoot rays and return the lensed images of the source and of its clump, before the PSF.

    Parameters
    ----------
    shift_x, shift_y : float
        Position of the deflector minus that of the stamp's central pixel, in pixels (columns, rows).

    Returns
    -------
    list of (image, flux)
        image (S, S) with S = 2 half_size + 1: surface brightness per pixel for unit unlensed flux, north up, east
        left; flux (3,) nanomaggies in g, r, z.
    """
    half = half_size(system["theta_e"])
    fine = (2 * half + 1) * _SUPERSAMPLING
    offset = (np.arange(fine) - (fine - 1) / 2) / _SUPERSAMPLING
    x = -(offset - shift_x) * PIXEL_SCALE
    y = (offset - shift_y) * PIXEL_SCALE
    # lenstronomy's power law is undefined at the exact centre of the deflector.
    x, y = np.where(np.abs(x) < 1e-6, 1e-6, x), np.where(np.abs(y) < 1e-6, 1e-6, y)
    kinds, parameters = deflector(system, companions)
    grid_x, grid_y = np.meshgrid(x, y)
    source_x, source_y = ray_shooting(grid_x.ravel(), grid_y.ravel(), kinds, parameters)
    source = {"R_sersic": system["radius"], "n_sersic": system["sersic"], "e1": system["se1"], "e2": system["se2"]}
    clump = {"R_sersic": system["clump_radius"], "n_sersic": 1.0, "e1": 0.0, "e2": 0.0}
    out = []
    for light, shift, flux in (
        (source, (0.0, 0.0), system["flux"]),
        (clump, (system["clump_x"], system["clump_y"]), system["clump_flux"]),
    ):
        amplitude = PIXEL_SCALE**2 / sersic_flux(light["R_sersic"], light["n_sersic"])
        centre = {"center_x": system["beta_x"] + shift[0], "center_y": system["beta_y"] + shift[1]}
        image = _profiles()[1].function(source_x, source_y, amplitude, **light, **centre)
        image = image.reshape(2 * half + 1, _SUPERSAMPLING, 2 * half + 1, _SUPERSAMPLING).mean(axis=(1, 3))
        out.append((image, flux))
    return out


def sersic_flux(radius: float, index: float) -> float:
    """Return the flux of a Sersic profile whose surface brightness at the half-light radius is one.

    lenstronomy's radius is that of the circle with the ellipse's area, and its b is 1.9992 n - 0.3271.
    """
    b = 1.9992 * index - 0.3271
    return 2 * np.pi * index * radius**2 * np.exp(b) * b ** (-2 * index) * gamma(2 * index)


def window(half: int, shift_x: float, shift_y: float) -> np.ndarray:
    """Return (S, S) weights that fall from one to zero over the last arcsec before the stamp's edge or `REACH`."""
    offset = np.arange(-half, half + 1)
    radius = np.hypot((offset - shift_x)[None, :], (offset - shift_y)[:, None]) * PIXEL_SCALE
    end = min(half * PIXEL_SCALE, REACH) - PIXEL_SCALE
    return 0.5 * (1 + np.cos(np.pi * np.clip(radius - end + 1, 0, 1)))


def count_images(system: dict) -> int:
    """Return the number of images of the source's centre, without companions of the deflector.

    A grid of triangles in the image plane is mapped to the source plane; each mapped triangle that holds the source
    holds an image. The singular centre of a deflector may add one.
    """
    reach = 2.2 * system["theta_e"]
    side = np.linspace(-reach, reach, _COUNTING_GRID) + 1e-4
    x, y = np.meshgrid(side, side)
    kinds, parameters = deflector(system, np.zeros((0, 3)))
    mapped = np.stack(ray_shooting(x.ravel(), y.ravel(), kinds, parameters), axis=-1)
    mapped = mapped.reshape(_COUNTING_GRID, _COUNTING_GRID, 2) - [system["beta_x"], system["beta_y"]]
    a, b, c, d = mapped[:-1, :-1], mapped[:-1, 1:], mapped[1:, 1:], mapped[1:, :-1]
    return int(_around_origin(a, b, c).sum() + _around_origin(a, c, d).sum())


def _around_origin(a, b, c) -> np.ndarray:
    """Return whether triangles (..., 2) hold the origin."""
    signs = [p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0] > 0 for p, q in ((a, b), (b, c), (c, a))]
    return (signs[0] == signs[1]) & (signs[1] == signs[2])


def configuration(system: dict, companions: np.ndarray) -> str:
    """Return "group", "ring", "quad", "double" or "arc" from the geometry of a lens."""
    if len(companions):
        return "group"
    distance = np.hypot(system["beta_x"], system["beta_y"]) / system["theta_e"]
    compact = system["radius"] < _COMPACT * system["theta_e"]
    if distance < _RING and not compact:
        return "ring"
    if not compact:
        return "arc"
    return "quad" if count_images(system) >= 4 else "double"
