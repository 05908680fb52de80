"""What images already have, from the catalogue."""

import numpy as np
import pytest

from pipeline.errors import PipelineError
from pipeline.images.own import COLUMNS, Own, check_known
from pipeline.settings.augmentation import Augmentation


def settings(**sources) -> Augmentation:
    fit = {"sets": ["train"], "band": "z", "limit": 20.0, "n": 1000}
    still = {"flip": False, "rotation": False, "scale": None, "jitter": 0, "pixel_scale": 0.262}
    return Augmentation.parse({"fit": fit, "extinction": "off", "psf": "off", "noise": "off", **still, **sources})


def test_own_values_come_from_the_catalogue():
    columns = {name: np.array([1.3, 1.3]) for name in COLUMNS if "size" in name}
    columns |= {name: np.array([1000.0, 0.0]) for name in COLUMNS if "depth" in name}
    columns["ebv"] = np.array([0.1, np.nan], dtype=np.float32)
    found = Own.of(columns, 0.262)
    assert found.noise[0] == pytest.approx([0.00423357] * 3, abs=1e-8) and np.isnan(found.noise[1]).all()
    assert found.psf == pytest.approx(np.full((2, 3), 1.3 / 2.3548 / 0.262))
    assert found[1:].ebv.shape == (1,) and np.isnan(found[1:].ebv[0])


def test_unknown_values_of_some_are_counted_and_of_all_are_an_error():
    some = Own(np.full(6, 0.05), np.full((6, 3), 1.5), np.full((6, 3), 0.004))
    some.ebv[2], some.psf[3, 1], some.noise[4] = np.nan, np.nan, np.nan
    on = settings(extinction="fit", psf="fit", noise="fit")
    assert check_known(some, on) == {"extinction": 1, "psf": 1, "noise": 1}
    some.ebv[:] = np.nan
    with pytest.raises(PipelineError, match="(?s)augmentation.extinction.*allowed: off"):
        check_known(some, on)
    assert check_known(some, settings(psf="fit")) == {"psf": 1}
