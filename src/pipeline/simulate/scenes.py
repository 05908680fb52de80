"""Scenes: what stands in a field of sky, whoever observes it. A pure function of settings, seed, area and field."""

from dataclasses import dataclass

import numpy as np

from pipeline.data.random import stream
from pipeline.settings.simulation import Simulated
from pipeline.simulate import population, structure
from pipeline.simulate.conditions import Dust, dust
from pipeline.simulate.layout import Field, tile_number
from pipeline.simulate.lenses import Systems, draw

_SYSTEMS_PER_FIELD = 1_000_000


@dataclass(frozen=True)
class Objects:
    """All sources of a field (N), each an array (N,) unless a shape is given.

    Attributes
    ----------
    system : int64, unique in the survey and the same for both regions
    kind : class of the population, or member (of a group), blue_companion, faint, star
    host : row of the host for members and companions, else the row itself
    east, north : arcsec in the field's plane
    flux : (N, 3) nanomaggies in the southern g, r, z, without dust: the whole object
    main : (N, 3) the part in the smooth main profile
    radius, sersic, e1, e2, type : of the main profile (sersic 0: a point)
    redshift, absolute : NaN for stars
    lens : bool; control : "zero_flux", "never_lensed" or "" (of hosts that are no lenses)
    """

    system: np.ndarray
    kind: np.ndarray
    host: np.ndarray
    east: np.ndarray
    north: np.ndarray
    flux: np.ndarray
    main: np.ndarray
    radius: np.ndarray
    sersic: np.ndarray
    e1: np.ndarray
    e2: np.ndarray
    type: np.ndarray
    redshift: np.ndarray
    absolute: np.ndarray
    lens: np.ndarray
    control: np.ndarray

    def __len__(self) -> int:
        return len(self.system)


@dataclass(frozen=True)
class Scene:
    """Objects, their second profiles and blobs, the dust, and the systems of the galaxies in rows 0 .. len - 1."""

    field: Field
    objects: Objects
    profiles: structure.Profiles
    blobs: structure.Blobs
    systems: Systems
    dust: Dust

    def deflecting(self, row: int) -> np.ndarray:
        """Return (C, 3) offsets east and north (arcsec) and Einstein radii of group members within 8 arcsec."""
        objects = self.objects
        member = (objects.host == row) & (objects.kind == "member")
        rows = np.flatnonzero(member)
        east, north = objects.east[rows] - objects.east[row], objects.north[rows] - objects.north[row]
        near = np.hypot(east, north) < 8
        # Deflection goes as velocity dispersion squared, which goes as the root of the luminosity (Faber-Jackson).
        ratio = 10 ** (-0.2 * (objects.absolute[rows] - objects.absolute[row]))
        theta = self.systems.theta_e[row] * ratio.clip(0, 1)
        return np.stack([east, north, theta], axis=-1)[near]


def scene(settings: Simulated, seed: int, ra0: int, dec0: int, field: Field) -> Scene:
    """Return what stands in a field of the area with lower corner (ra0, dec0)."""
    rng = stream(seed, "simulate.scene", ra0, dec0, field.index)
    people = settings.population
    bright, faint = population.draw_magnitudes(rng, people, field.area)
    stars = population.draw_stars(rng, people, field.area)

    weights = np.cumsum(population.class_weights(people, bright), axis=1)
    place = (rng.random(len(bright))[:, None] > weights).sum(axis=1).clip(0, len(population.CLASSES) - 1)
    names = np.array(population.CLASSES)[place]
    east, north = _positions(rng, field, len(bright))
    drawn = population.draw_galaxies(rng, names, bright)
    flux = population.fluxes(bright, drawn["gr"], drawn["rz"])
    main, profiles, blobs = structure.dress(rng, names, east, north, drawn, flux)

    host = names == "host"
    chance = settings.lenses.share / population.host_share(people)
    lottery = rng.random((2, len(names)))
    lens = host & (lottery[0] < chance)
    never = host & ~lens & (lottery[1] < settings.lenses.never_lensed_share)
    control = np.select([never, host & ~lens], ["never_lensed", "zero_flux"], "").astype("<U12")
    lens_rng = stream(seed, "simulate.lenses", ra0, dec0, field.index)
    systems = draw(lens_rng, settings.lenses, drawn, host, lens)

    first = {
        "kind": names, "host": np.arange(len(names)), "east": east, "north": north, "flux": flux, "main": main,
        **{key: drawn[key] for key in ("radius", "sersic", "e1", "e2", "type", "redshift", "absolute")},
        "lens": lens, "control": control,
    }  # fmt: skip
    parts = [first, _members(rng, people, first, host), _companions(rng, first), _faint(rng, field, faint)]
    parts.append(_stars(rng, field, stars))
    joined = {key: np.concatenate([part[key] for part in parts]) for key in first}
    offset = np.cumsum([0, *(len(part["east"]) for part in parts)])
    for k, part in enumerate(parts):
        if not len(part["host"]) or part["host"][0] < 0:
            joined["host"][offset[k] : offset[k + 1]] = np.arange(offset[k], offset[k + 1])
    base = (tile_number(ra0, dec0) * settings.bricks_per_tile + field.index) * _SYSTEMS_PER_FIELD
    system = base + np.arange(len(joined["east"]), dtype=np.int64)
    objects = Objects(system=system, **joined)
    return Scene(field, objects, profiles, blobs, systems, dust(settings.sky, seed, ra0, dec0, field.index))


def _positions(rng, field: Field, n: int) -> tuple[np.ndarray, np.ndarray]:
    flat = rng.random((2, n))
    return (2 * flat[0] - 1) * field.half_width, field.south + flat[1] * (field.north - field.south)


def _part(kind: str, n: int, **given) -> dict[str, np.ndarray]:
    """Return the columns of a part of the scene without lenses; `host` of -1 means the object itself."""
    filled = {
        "kind": np.full(n, kind), "host": np.full(n, -1), "lens": np.zeros(n, bool), "control": np.full(n, ""),
        "sersic": np.ones(n), "e1": np.zeros(n), "e2": np.zeros(n), "type": np.full(n, "EXP"),
        "redshift": np.full(n, np.nan), "absolute": np.full(n, np.nan), "radius": np.zeros(n),
    }  # fmt: skip
    filled.update(given)
    filled.setdefault("main", filled["flux"])
    return filled


def _members(rng, people, hosts: dict, is_host: np.ndarray) -> dict:
    """Return groups around a share of the hosts and of their look-alikes: early types at the same redshift."""
    rows = np.flatnonzero(is_host | (hosts["kind"] == "companion"))
    in_group = rng.random(len(rows)) < people.group_share
    number = np.where(in_group, 1 + rng.poisson(people.group_members - 1, len(rows)), 0)
    owner = np.repeat(rows, number)
    n = len(owner)
    distance, direction = 3 + rng.gamma(1.5, 8.0, n), rng.uniform(0, 2 * np.pi, n)
    fainter = 0.4 + rng.gamma(2.0, 0.7, n)
    magnitude = population.magnitude_of(hosts["redshift"][owner], hosts["absolute"][owner] + fainter)
    drawn = population.draw_galaxies(rng, np.full(n, "early"), magnitude)
    gr, rz = population.colours("old", hosts["redshift"][owner])
    flux = population.fluxes(magnitude, gr + rng.normal(0, 0.05, n), rz + rng.normal(0, 0.05, n))
    size = 10 ** (0.62 - 0.22 * fainter + 0.12 * rng.standard_normal(n))
    return _part(
        "member", n, host=owner, flux=flux,
        east=hosts["east"][owner] + distance * np.cos(direction),
        north=hosts["north"][owner] + distance * np.sin(direction),
        radius=(size / population.angular_scale(hosts["redshift"][owner])).clip(0.15, 5),
        redshift=hosts["redshift"][owner], absolute=hosts["absolute"][owner] + fainter,
        **{key: drawn[key] for key in ("sersic", "e1", "e2", "type")},
    )  # fmt: skip


def _companions(rng, hosts: dict) -> dict:
    """Return the blue companions of the class that has them."""
    rows = np.flatnonzero(hosts["kind"] == "companion")
    drawn = structure.blue_companions(rng, hosts["east"][rows], hosts["north"][rows], hosts["redshift"][rows])
    owner = rows[drawn["owner"]]
    absolute = drawn["magnitude"] - population.magnitude_of(drawn["redshift"], 0.0)
    keys = ("east", "north", "flux", "radius", "e1", "e2", "redshift")
    return _part("blue_companion", len(owner), host=owner, absolute=absolute, **{key: drawn[key] for key in keys})


def _faint(rng, field: Field, magnitude: np.ndarray) -> dict:
    drawn = population.draw_faint(rng, magnitude)
    east, north = _positions(rng, field, len(magnitude))
    flux = population.fluxes(magnitude, drawn["gr"], drawn["rz"])
    keys = ("radius", "sersic", "e1", "e2", "type", "redshift", "absolute")
    return _part("faint", len(magnitude), east=east, north=north, flux=flux, **{key: drawn[key] for key in keys})


def _stars(rng, field: Field, magnitude: np.ndarray) -> dict:
    n = len(magnitude)
    east, north = _positions(rng, field, n)
    flux = population.fluxes(magnitude, *population.draw_star_colours(rng, n))
    return _part("star", n, east=east, north=north, flux=flux, sersic=np.zeros(n), type=np.full(n, "PSF"))
