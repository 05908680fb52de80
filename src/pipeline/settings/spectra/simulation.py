"""Settings of the simulated spectroscopic survey: its plates and pixels, its objects, its spectrographs, its tables."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class Normal(Section):
    """A normal distribution, cut at `range`."""

    mean: float
    scatter: NotNegative
    range: Pair

    @model_validator(mode="after")
    def _ordered(self):
        if not self.range[0] <= self.mean <= self.range[1]:
            raise ValueError("range must be [low, high] about the mean")
        return self


class Classes(Section):
    """Shares of the classes in a shard; they need not add up to one."""

    quasar: NotNegative
    galaxy: NotNegative
    star: NotNegative
    sky: NotNegative

    @model_validator(mode="after")
    def _some(self):
        if not self.quasar + self.galaxy + self.star + self.sky > 0:
            raise ValueError("one share at least must be positive")
        return self


class Magnitudes(Section):
    """Fibre magnitudes (AB): normal about a mean that is interpolated in redshift between `knots` [z, mean].

    The band is r; for quasars beyond z = 3.6 it is i.
    """

    knots: Annotated[list[Pair], Field(min_length=1)]
    scatter: NotNegative
    range: Pair


class Continuum(Section):
    """Quasar continua: power laws in frequency, and what reddens them.

    `slope` is the index alpha of f_nu below `break_wavelength`, `red_change` what is added to the index of f_lambda
    above it, `far_uv_change` what is added to the index of f_lambda below 1200 A. `balmer` is the strength of the
    Balmer continuum at 3646 A relative to the power law. A share `red_share` is reddened by SMC dust with
    exponentially distributed E(B-V) of mean `red_ebv`, the others with mean `blue_ebv`.
    """

    slope: Normal
    break_wavelength: Positive = Field(description="Angstrom, rest frame")
    red_change: Normal
    far_uv_change: Normal
    balmer: Normal
    red_share: Share
    red_ebv: Positive
    blue_ebv: NotNegative


class Emission(Section):
    """Emission lines of quasars; scatters are in dex.

    Each equivalent width is scattered for all lines together, for its family, and alone. `baldwin` scales the slopes
    of the Baldwin effect. Along eigenvector 1 (a standard normal deviate) Fe II grows by `iron_e1`, [O III] by
    `oiii_e1` and the broad width by `width_e1`, each in dex. `width` is log10 of the FWHM of broad H beta in km/s.
    `blueshift` is the shift of C IV in km/s. `double_share` of the broad lines have two peaks. A share
    `obscured_share` of the quasars below z = 1 has dust before continuum and broad lines only, with E(B-V) within
    `obscured_ebv`. `weak_share` are weak-line quasars.
    """

    common_scatter: NotNegative
    family_scatter: NotNegative
    line_scatter: NotNegative
    baldwin: NotNegative
    iron_e1: float
    oiii_e1: float
    width_e1: float
    width: Normal
    blueshift: Normal
    double_share: Share
    weak_share: Share
    iron_uv_width: Normal = Field(description="log10 of the equivalent width of Fe II at 2200-3090 A")
    iron_optical_width: Normal = Field(description="log10 of the equivalent width of Fe II at 4434-4684 A")
    oiii_width: Normal = Field(description="log10 of the equivalent width of [O III] 5008")
    narrow_fwhm: Normal = Field(description="log10 of km/s")
    obscured_share: Share
    obscured_ebv: Pair


class Host(Section):
    """Light of the host galaxy in the fibre: absolute r magnitude at z = 0, its growth with redshift, largest share.

    A share `faded_share` of the quasars below z = 0.8 has faded, by a number of dex within `faded`, since the light of
    its narrow lines and their like was emitted: changing-look quasars in their faint state.
    """

    magnitude: Normal
    evolution: float
    largest_share: Annotated[float, Field(ge=0, lt=1)]
    faded_share: Share
    faded: Pair


class Absorbers(Section):
    """What absorbs quasars' light: shares of quasars, or mean numbers per unit redshift.

    The forest's effective optical depth is `forest_depth` (1 + z)^`forest_slope` (Faucher-Giguere et al. 2008) with
    `forest_sigma` the standard deviation of the logarithm of the optical depth in a pixel.
    """

    forest_depth: Positive
    forest_slope: Positive
    forest_sigma: Positive
    dla_rate: NotNegative
    lls_rate: NotNegative = Field(description="at z = 3.5; Lyman limit systems")
    metal_rate: NotNegative
    bal_share: Share
    lobal_share: Share = Field(description="of the broad absorption line quasars")


class Quasars(Section):
    """Quasars: their redshifts, as [z, relative density] knots between which densities are interpolated, and spectra.

    `variability` is the scatter (dex) of the nucleus between two observations of one object.
    """

    redshift: Annotated[list[Pair], Field(min_length=2)]
    magnitudes: Magnitudes
    continuum: Continuum
    emission: Emission
    host: Host
    absorbers: Absorbers
    variability: NotNegative

    @model_validator(mode="after")
    def _ascending(self):
        z = [knot[0] for knot in self.redshift]
        if z != sorted(set(z)) or z[0] <= 0 or z[-1] > 7:
            raise ValueError("redshifts of the knots must ascend, from above 0 to at most 7")
        if min(knot[1] for knot in self.redshift) < 0 or max(knot[1] for knot in self.redshift) <= 0:
            raise ValueError("densities must be at least 0, and one positive")
        return self


class Galaxies(Section):
    """Galaxies: redshifts (as of the quasars), magnitudes, shares of star-forming, post-starburst and Seyfert 2."""

    redshift: Annotated[list[Pair], Field(min_length=2)]
    magnitudes: Magnitudes
    star_forming_share: Share
    post_starburst_share: Share
    seyfert_share: Share


class Stars(Section):
    """Stars: shares of the kinds, which need not add up to one."""

    magnitudes: Magnitudes
    velocity: Positive = Field(description="km/s, scatter of the radial velocities")
    shares: dict[Literal["O", "B", "A", "F", "G", "K", "M", "WD", "carbon", "CV"], NotNegative]


class Spectrograph(Section):
    """One spectrograph: exposure relative to its typical one, and what is wrong with its spectra.

    `depth` is lognormal: median, scatter (natural logarithm). `sky_residual` is the error of sky subtraction as a share
    of the sky that the reported inverse variance does not know, `correlation` the share of a pixel's noise that it
    gives to each neighbour when exposures are put on one grid (the inverse variance ignores that, too), `calibration`
    the scatter of the flux calibration, `bad_share` the share of pixels without data, `spikes` the mean number of
    unmasked cosmic rays a spectrum.
    """

    depth: Pair
    sky_residual: NotNegative
    correlation: Annotated[float, Field(ge=0, lt=0.3)]
    calibration: NotNegative
    bad_share: Share
    spikes: NotNegative
    dead_share: Share = Field(description="spectra of which a tenth to a half has no data")


class Spectrographs(Section):
    """The three spectrographs."""

    sdss: Spectrograph
    boss: Spectrograph
    desi: Spectrograph


class Catalogue(Section):
    """The quasar catalogue.

    A share `listed_share` of the quasars and `contaminant_share` of the other objects stand in it; a share
    `inspected_share` of its rows has a visual inspection, of which `inspection_error` are wrong; redshifts of
    inspections scatter by `inspection_scatter` km/s, those of the pipeline by `pipeline_scatter` km/s. At S/N 1 a share
    `pipeline_failures` of the pipeline's redshifts is a wrong one. A share `dr12_share` counts as known in DR12Q.
    """

    listed_share: Share
    contaminant_share: Share
    inspected_share: Share
    inspection_error: Share
    inspection_scatter: NotNegative
    pipeline_scatter: NotNegative
    pipeline_failures: Share
    dr12_share: Share


class SimulatedSpectra(Section):
    """A spectroscopic survey that the pipeline simulates, in the file formats of SDSS, BOSS and DESI.

    Each tranche has `sdss_plates` + `boss_plates` plates and `desi_pixels` HEALPix pixels, each a shard of
    `spectra_per_shard` spectra. The pixels lie on the tranche's plates; `repeat_share` of a shard's spectra are of
    objects that the other spectrograph observes too. E(B-V) of the Galaxy is exponential with mean `ebv`.
    """

    kind: Literal["simulated"]
    tranches: Annotated[int, Field(ge=1)]
    sdss_plates: Count
    boss_plates: Count
    desi_pixels: Count
    spectra_per_shard: Annotated[int, Field(ge=1, le=1000)]
    repeat_share: Share
    ebv: Positive
    classes: Classes
    quasars: Quasars
    galaxies: Galaxies
    stars: Stars
    spectrographs: Spectrographs
    catalogue: Catalogue

    @model_validator(mode="after")
    def _fits(self):
        if not 0 < self.sdss_plates + self.boss_plates + self.desi_pixels:
            raise ValueError("no plate and no pixel: nothing to simulate")
        if max(self.sdss_plates + self.boss_plates, self.desi_pixels) > 1000 or self.tranches > 32:
            raise ValueError("at most 1000 plates and 1000 pixels of DESI in a tranche, and 32 tranches")
        return self
