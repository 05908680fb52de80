"""Where the plates and pixels of the simulated spectroscopic survey lie. Standard library only: read while parsing."""

import math

from pipeline.errors import PipelineError

NSIDE = 64  # of DESI's spectra grouped by HEALPix, nested order
PLATE_RADIUS = 1.5  # degrees
FIRST_PLATE = {"sdss": 300, "boss": 3600}  # plates of SDSS-I/II have lower numbers than those of BOSS
_PIXEL_STEP = 5000  # place of the first pixel that lies on no plate
# Steps of the two-dimensional sequence of low discrepancy with the plastic number (Roberts 2018).
_STEPS = (0.7548776662466927, 0.5698402909980532)
_DEC = (-8.0, 70.0)
# Ring and longitude of the southernmost corner of HEALPix's 12 faces (Gorski et al. 2005).
_FACE_RING = (2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4)
_FACE_PHI = (1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7)


def shards(survey) -> list[tuple[str, int, str, str]]:
    """Return (shard, tranche, sources, region) of all shards of `SimulatedSpectra`: plates, then pixels."""
    found = []
    for tranche in range(1, survey.tranches + 1):
        plates = []
        for region, number in (("sdss", survey.sdss_plates), ("boss", survey.boss_plates)):
            first = FIRST_PLATE[region] + (tranche - 1) * number
            plates += [(region, first + k) for k in range(number)]
        found += [(f"t{tranche}-{region}-{n:05d}", tranche, f"plate={n}", region) for region, n in plates]
        places = [place_of_plate(number) for _, number in plates][: survey.desi_pixels]
        left = survey.desi_pixels - len(places)
        places += [_PIXEL_STEP + (tranche - 1) * left + k for k in range(left)]
        for pixel in [pixel_at(*_position(place)) for place in places]:
            found.append((f"t{tranche}-desi-{pixel:05d}", tranche, f"healpix={pixel}", "desi"))
    names = [name for name, *_ in found]
    if len(set(names)) < len(names):
        raise PipelineError(
            "two DESI pixels of the simulated spectra fall on one place of the sky",
            where="desi_pixels",
            value=survey.desi_pixels,
            next="take fewer",
        )
    return found


def place_of_plate(plate: int) -> int:
    """Return the number in the sequence of places at which a plate lies."""
    return (
        plate
        - FIRST_PLATE["boss" if plate >= FIRST_PLATE["boss"] else "sdss"]
        + (2500 if plate >= FIRST_PLATE["boss"] else 0)
    )


def number(sources: str) -> tuple[str, int]:
    """Return ("plate" or "healpix", its number) from the `sources` of a row.

    Raises
    ------
    PipelineError
        The text is something else.
    """
    what, _, value = sources.partition("=")
    if what not in ("plate", "healpix") or not value.isdigit():
        raise PipelineError("not the place of a simulated shard", value=sources, allowed="plate=N or healpix=N")
    return what, int(value)


def centre(sources: str) -> tuple[float, float]:
    """Return the position (ra, dec) in degrees of the centre of a plate or pixel."""
    what, value = number(sources)
    return _position(place_of_plate(value)) if what == "plate" else in_pixel(value, 0.5, 0.5)


def _position(place: int) -> tuple[float, float]:
    low, high = (math.sin(math.radians(dec)) for dec in _DEC)
    u, v = ((0.5 + place * step) % 1.0 for step in _STEPS)
    return 360.0 * u, math.degrees(math.asin(low + (high - low) * v))


def in_pixel(pixel: int, u: float, v: float) -> tuple[float, float]:
    """Return (ra, dec) in degrees at fractions (u, v) in [0, 1) of a pixel, along whose axes area is uniform."""
    face, inside = divmod(pixel, NSIDE * NSIDE)
    x = sum((inside >> 2 * bit & 1) << bit for bit in range(6)) + u
    y = sum((inside >> 2 * bit + 1 & 1) << bit for bit in range(6)) + v
    x, y = x / NSIDE, y / NSIDE
    ring = _FACE_RING[face] - x - y  # 0 at the north pole, 4 at the south pole
    reach = min(ring, 4 - ring, 1.0)
    sine = 1 - ring**2 / 3 if ring < 1 else (4 - ring) ** 2 / 3 - 1 if ring > 3 else (2 - ring) * 2 / 3
    phi = math.pi / 4 * (_FACE_PHI[face] + (x - y) / max(reach, 1e-12))
    return math.degrees(phi) % 360.0, math.degrees(math.asin(sine))


def pixel_at(ra: float, dec: float) -> int:
    """Return the pixel (nested order) that holds a position in degrees at |sin dec| <= 2/3 or beyond."""
    sine, turn = math.sin(math.radians(dec)), (ra % 360.0) / 90.0
    if abs(sine) <= 2 / 3:
        up, down = NSIDE * (0.5 + turn - 0.75 * sine), NSIDE * (0.5 + turn + 0.75 * sine)
        rising, falling = int(up), int(down)
        first, second = rising // NSIDE, falling // NSIDE
        face = first % 4 + 4 if first == second else (first % 4 if first < second else second % 4 + 8)
        x, y = falling % NSIDE, NSIDE - rising % NSIDE - 1
    else:
        quarter, inside = min(int(turn), 3), turn % 1.0
        reach = NSIDE * math.sqrt(3 * (1 - abs(sine)))
        rising = min(int(inside * reach), NSIDE - 1)
        falling = min(int((1 - inside) * reach), NSIDE - 1)
        north = sine > 0
        face = quarter if north else quarter + 8
        x, y = (NSIDE - falling - 1, NSIDE - rising - 1) if north else (rising, falling)
    spread = sum((x >> bit & 1) << 2 * bit | (y >> bit & 1) << 2 * bit + 1 for bit in range(6))
    return face * NSIDE * NSIDE + spread
