"""Lognormals: draws against scipy, fits of drawn values, Table 2 of the paper, bounds, too few values."""

import io

import numpy as np
import pytest
from scipy import stats

from pipeline.errors import PipelineError
from pipeline.images.distributions import (
    PAPER_EXTINCTION,
    PAPER_NOISE,
    PAPER_PSF,
    Distributions,
    Lognormal,
)
from pipeline.images.lognormal_fit import draw_fits, fit_lognormal


def test_draws_follow_scipys_distribution_within_the_bounds():
    law = Lognormal(0.4, 1.0, 2.0, 1.8, 6.0)
    drawn = law.draw((np.arange(20000) + 0.5) / 20000)
    assert drawn.min() >= 1.8 and drawn.max() <= 6.0
    frozen = stats.lognorm(0.4, 1.0, 2.0)
    low, high = frozen.cdf([1.8, 6.0])
    statistic = stats.kstest(drawn, lambda x: (frozen.cdf(x) - low) / (high - low)).statistic
    assert statistic < 1e-3
    assert law.median() == pytest.approx(np.median(drawn), rel=1e-3)


@pytest.mark.parametrize("law", [*PAPER_NOISE, *PAPER_PSF, PAPER_EXTINCTION])
def test_fit_recovers_the_papers_table(law):
    frozen = stats.lognorm(law.shape, law.loc, law.scale)
    values = frozen.rvs(6000, random_state=np.random.default_rng(3))
    fitted = fit_lognormal(values, "psf in g")
    again = stats.lognorm(fitted.shape, fitted.loc, fitted.scale)
    # Shape and location trade with each other; the distribution itself must come back.
    quantiles = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    spread = np.diff(frozen.ppf([0.25, 0.75]))[0]
    assert again.ppf(quantiles) == pytest.approx(frozen.ppf(quantiles), abs=0.08 * spread)
    assert fitted.low > values.min() and fitted.high < values.max()


def test_fit_of_one_value_and_of_none():
    same = fit_lognormal(np.full(50, 1.7), "psf in g")
    assert same.draw(np.array([0.0, 0.5, 0.999])) == pytest.approx(1.7)
    with pytest.raises(PipelineError, match="(?s)too few objects.*augmentation.extinction.*0 of 50"):
        fit_lognormal(np.full(50, np.nan), "extinction")


def test_paper_bounds_lie_within_the_distributions():
    for law in (*PAPER_NOISE, *PAPER_PSF, PAPER_EXTINCTION):
        drawn = law.draw(np.linspace(0, 1, 1001)[:-1])
        assert (np.diff(drawn) >= 0).all() and drawn[0] == pytest.approx(law.low, rel=1e-6)
    assert PAPER_EXTINCTION.median() == pytest.approx(0.001146 + 0.03338, rel=1e-2)


def test_stored_and_read_again():
    used = Distributions(PAPER_NOISE, None, PAPER_EXTINCTION, 0.262)
    assert Distributions.parse(used.plain()) == used
    with pytest.raises(PipelineError, match="not a file of fitted distributions"):
        Distributions.parse({"noise": None})


def test_figure_is_drawn_and_its_bytes_repeat():
    rng = np.random.default_rng(0)
    used = Distributions(PAPER_NOISE, None, PAPER_EXTINCTION, 0.262)
    measured = {"noise": rng.lognormal(-5, 0.2, (300, 3)), "extinction": rng.lognormal(-3, 0.5, 300)}
    made = []
    for values in (measured, measured, {}):
        buffer = io.BytesIO()
        draw_fits(values, used, "SIMULATED").savefig(buffer, format="png", metadata={"Software": None})
        made.append(buffer.getvalue())
    assert made[0] == made[1] and made[0] != made[2] and made[0].startswith(b"\x89PNG")
