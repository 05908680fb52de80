"""Feature matrices: values by hand, missing values, one-hot types, names."""

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import PipelineError
from pipeline.learn.features import assemble, catalogue_features, unit_length


def rows():
    return pd.DataFrame(
        {
            "object_id": [1, 2, 3],
            "flux_g": np.float32([10, -1, 5]),
            "flux_r": np.float32([100, 10, np.nan]),
            "flux_z": np.float32([1000, 10, 5]),
            "ebv": np.float32([0.1, 0.0, np.nan]),
            "type": ["DEV", "PSF", ""],
            "shape_r": np.float32([2.0, 0.0, np.nan]),
            "shape_e1": np.float32([0.3, 0, np.nan]),
            "shape_e2": np.float32([-0.4, 0, np.nan]),
            "sersic": np.float32([4, 0, np.nan]),
        }
    )


def test_magnitudes_colours_and_shapes_by_hand():
    features = catalogue_features(rows())
    # 22.5 - 2.5 log10(flux) - A, with A/E(B-V) = 3.214, 2.165, 1.211 (reference values of the Legacy Surveys).
    np.testing.assert_allclose(features["mag_g"][0], 20.0 - 0.3214, atol=1e-6)
    np.testing.assert_allclose(features["colour_g_r"][0], 2.5 - 0.3214 + 0.2165, atol=1e-6)
    np.testing.assert_allclose(features["colour_r_z"], [2.5 - 0.2165 + 0.1211, 0, np.nan], atol=1e-6)
    np.testing.assert_allclose(features["ellipticity"], [0.5, 0, np.nan], atol=1e-6)
    np.testing.assert_allclose(features["log_size"], [np.log10(2), -2, np.nan], atol=1e-6)


def test_what_is_missing_is_told():
    features = catalogue_features(rows())
    assert np.isnan(features["mag_g"][1]) and np.isnan(features["colour_g_r"][1])
    assert features["known_mag_g"].tolist() == [1, 0, 1]
    assert features["known_mag_r"].tolist() == [1, 1, 0]
    assert features["known_sersic"].tolist() == [1, 1, 0]


def test_types_are_one_column_each():
    features = catalogue_features(rows())
    assert features["type_DEV"].tolist() == [1, 0, 0]
    assert features["type_PSF"].tolist() == [0, 1, 0]
    assert sum(features[f"type_{kind}"][2] for kind in ("PSF", "REX", "EXP", "DEV", "COMP", "SER")) == 0


def test_sources_are_joined_in_order_and_named():
    embedding = np.arange(6, dtype=np.float16).reshape(3, 2)
    names, matrix = assemble(["colours", "embedding.moco"], rows(), {"moco": embedding}, normalize=False)
    assert names == [
        "colours.colour_g_r", "colours.colour_r_z", "colours.known_colour_g_r", "colours.known_colour_r_z",
        "embedding.moco.0", "embedding.moco.1",
    ]  # fmt: skip
    assert matrix.dtype == np.float32 and matrix.shape == (3, 6)
    np.testing.assert_array_equal(matrix[:, 4:], embedding)


def test_normalised_embeddings_have_length_one_and_zero_stays():
    vectors = np.array([[3, 4], [0, 0]], dtype=np.float32)
    np.testing.assert_allclose(unit_length(vectors), [[0.6, 0.8], [0, 0]])


@pytest.mark.parametrize("source", ["embedding.other", "catalog"])
def test_an_unknown_source_is_named(source):
    with pytest.raises(PipelineError, match=source):
        assemble([source], rows(), {"moco": np.zeros((3, 2), np.float16)}, normalize=True)
