"""Settings `survey` of a simulated survey: the sky, its galaxies, its lenses, its two regions, its lists of lenses."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]


class Lognormal(Section):
    """A lognormal in scipy's convention, exp(shape x) scale + loc with x normal; draws are clipped to [low, high]."""

    shape: Positive
    loc: float
    scale: Positive
    low: Annotated[float, Field(ge=0)]
    high: Positive

    @model_validator(mode="after")
    def _ordered(self):
        if self.low >= self.high:
            raise ValueError("low must lie below high")
        return self


class Sky(Section):
    """Where the bricks lie, and the dust before them.

    Bricks lie singly, or in pairs adjacent in declination, near the centres of HEALPix cells of `cell_nside`.
    An image reaches `margin_pixels` beyond the area that belongs to its brick. At the boundary that a pair shares, the
    image of the lower brick reaches only `pair_reach_pixels[0]` across, that of the upper one `pair_reach_pixels[1]`,
    so that sources of the lower brick near the boundary are whole in the upper image alone.
    """

    cell_nside: Literal[16, 32, 64, 128]
    brick_pixels: Annotated[int, Field(ge=200, le=3600)]
    margin_pixels: Annotated[int, Field(ge=0)]
    pair_share: Share
    pair_reach_pixels: Annotated[list[Count], Field(min_length=2, max_length=2)]
    ebv: Lognormal

    @model_validator(mode="after")
    def _area_left(self):
        if 2 * max(self.margin_pixels, *self.pair_reach_pixels) >= self.brick_pixels:
            raise ValueError("margin_pixels and pair_reach_pixels must leave more than half of a brick")
        return self


class Classes(Section):
    """Shares of the classes among galaxies at z = 19 mag; they need not add up to one.

    `host`: massive early types, the galaxies that can be lenses. `companion`: the same galaxies with blue companions
    that are not lensed. `early`, `disc`, `spiral` (with arms), `ring`, `merger`, `dwarf`: what their names say.
    """

    host: Positive
    companion: Positive
    early: Positive
    disc: Positive
    spiral: Positive
    ring: Positive
    merger: Positive
    dwarf: Positive


class Population(Section):
    """Numbers of sources.

    `density` galaxies per arcmin^2 are brighter than z = `limit`; their numbers grow as 10^(slope m), those of fainter
    ones down to z = `faint_limit` as 10^(faint_slope m). `stars` per arcmin^2 are brighter than `limit`. A share
    `group_share` of the hosts has a group with `group_members` members on average.
    """

    limit: float
    density: Positive
    slope: Positive
    faint_limit: float
    faint_slope: Positive
    stars: Positive
    star_slope: Positive
    classes: Classes
    group_share: Share
    group_members: Annotated[float, Field(ge=1)]


class Configurations(Section):
    """Shares of the arrangements for which source positions are drawn; they need not add up to one."""

    arc: Positive
    double: Positive
    quad: Positive
    ring: Positive


class Lenses(Section):
    """Strong lenses.

    `share` is the expected share of lenses among the galaxies brighter than `population.limit`. A share
    `never_lensed_share` of the hosts is rendered without the lens code. Einstein radii (arcsec) are lognormal around
    `theta_e_median` with scatter `theta_e_scatter` (natural logarithm), within `theta_e`. Sources have unlensed r
    magnitudes normal around `source_mag` with `source_mag_scatter` within `source_mag_range`. A share `epl_share` of
    the deflectors has an elliptical power law instead of an isothermal ellipsoid; the external shear is Rayleigh with
    mode `shear`. Lensed images are `visible` when their signal-to-noise ratio is at least `visible_snr` and the
    Einstein radius at least `visible_theta` times the r-band PSF width. The catalogue lists a share `catalogued_share`
    of the images that stand apart from the host.
    """

    share: Annotated[float, Field(ge=0, lt=0.5)]
    never_lensed_share: Share
    theta_e: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    theta_e_median: Positive
    theta_e_scatter: Positive
    epl_share: Share
    shear: Positive
    configurations: Configurations
    source_mag: float
    source_mag_scatter: Positive
    source_mag_range: Annotated[list[float], Field(min_length=2, max_length=2)]
    visible_snr: Positive
    visible_theta: Positive
    catalogued_share: Share

    @model_validator(mode="after")
    def _within_window(self):
        if not self.theta_e[0] < self.theta_e[1] <= 4:
            raise ValueError("theta_e must be [low, high] with high at most 4 arcsec: images end within 8 arcsec")
        return self


class Known(Section):
    """Lists of known lenses.

    `listed_visible` and `listed_hidden` are the shares of lenses with and without visible features that stand in a
    list. Among the entries, `wrong_position` is the share with a wrong position (3 arcsec to 2 arcmin off), `doubled`
    the share that stands twice in its list, `both` the share that stands in both lists. `mistaken` (a share of the
    entries) more entries are galaxies that are no lenses, `absent` more lie where the catalogue has nothing. The first
    grading errs with probability `grading_error`.
    """

    listed_visible: Share
    listed_hidden: Share
    wrong_position: Share
    doubled: Share
    both: Share
    mistaken: Share
    absent: Share
    grading_error: Share


class Band(Section):
    """One band of a region.

    `psf` is the width of the PSF as the Gaussian sigma in pixels with the same noise-equivalent area, `noise` the
    standard deviation of a pixel's noise in nanomaggies (both as in Stein et al. 2021, Table 2). `colour_term`:
    magnitude minus southern magnitude, per magnitude of g - r. `sky` is the sky's brightness (nanomaggies per pixel):
    the noise's variance grows by the factor 1 + signal / sky.
    """

    psf: Lognormal
    noise: Lognormal
    colour_term: float
    sky: Positive


class Region(Section):
    """One of the two releases; `passes` is the mean number of exposures in a band."""

    g: Band
    r: Band
    z: Band
    passes: Positive


class Regions(Section):
    """The southern (DECaLS, release 9010) and the northern (BASS and MzLS, release 9011) survey."""

    south: Region
    north: Region


class Blemishes(Section):
    """What coadds suffer from: probabilities a brick and band, and amplitudes in units of a pixel's noise.

    `correlation` is the kernel (centre, first and second neighbour along an axis) with which white noise is smoothed
    along both axes. `saturation` is the surface brightness (nanomaggies per pixel) at which stars bleed.
    """

    correlation: Annotated[list[float], Field(min_length=3, max_length=3)]
    sky_residual: Annotated[float, Field(ge=0)]
    satellites: Share
    saturation: Positive

    @model_validator(mode="after")
    def _unit_sum(self):
        centre, first, second = self.correlation
        if abs(centre + 2 * first + 2 * second - 1) > 1e-6:
            raise ValueError("centre + 2 first + 2 second must be 1, so that the noise of large apertures is kept")
        return self


class Simulated(Section):
    """A survey that the pipeline simulates, in the file formats of the Legacy Surveys DR9.

    Each tranche has `tiles_south` + `tiles_north` + `tiles_overlap` areas of 10 by 5 degrees with `bricks_per_tile`
    bricks each; an overlap area is observed by both regions.
    """

    kind: Literal["simulated"]
    tranches: Annotated[int, Field(ge=1)]
    tiles_south: Count
    tiles_north: Count
    tiles_overlap: Count
    # 1296 areas of 10 by 5 degrees cover the sky, and a brick's number has 20 bits.
    bricks_per_tile: Annotated[int, Field(ge=1, le=800)]
    sky: Sky
    population: Population
    lenses: Lenses
    known: Known
    regions: Regions
    blemishes: Blemishes
    photoz_scatter: Positive
    specz_share: Share
    compression_step: Annotated[float, Field(gt=0, le=1)]
