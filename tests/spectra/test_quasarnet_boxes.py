"""Tests of QuasarNET's boxes against published vectors."""

import numpy as np
import pytest

from pipeline.spectra.grids import grid
from pipeline.spectra.quasarnet_boxes import BAL, BOXES, HEADS, decode, encode, is_quasar

GRID = grid("quasarnet")
OFF = (-1, 0.0)
VECTORS = {
    0.5: [OFF, OFF, OFF, (1, 0.947951), (8, 0.999175), (12, 0.820342)],
    1.0: [OFF, OFF, (0, 0.747503), (5, 0.614326), (12, 0.665548), OFF],
    2.0: [(0, 0.165337), (3, 0.246975), (5, 0.914967), (10, 0.781788), OFF, OFF],
    2.5: [(2, 0.129915), (5, 0.211553), (7, 0.879545), (12, 0.746367), OFF, OFF],
    3.5: [(5, 0.332802), (8, 0.414440), (11, 0.082431), OFF, OFF, OFF],
}


def one_hot(box, offset):
    """What a network that is right would give: (N, 7, 13) confidences and offsets."""
    confidence, offsets = np.zeros((*box.shape, BOXES)), np.zeros((*box.shape, BOXES))
    rows, heads = np.nonzero(box >= 0)
    confidence[rows, heads, box[rows, heads]] = 1
    offsets[rows, heads, box[rows, heads]] = offset[rows, heads]
    return confidence, offsets


@pytest.mark.parametrize("z, expected", VECTORS.items())
def test_published_vectors(z, expected):
    box, offset = encode(np.array([z]), GRID)
    assert box[0, :BAL].tolist() == [pair[0] for pair in expected]
    np.testing.assert_allclose(offset[0, :BAL], [pair[1] for pair in expected], atol=1e-6)
    assert (box[0, BAL], offset[0, BAL]) == (box[0, 1], offset[0, 1])
    confidence, found = decode(*one_hot(box, offset), GRID)
    seen = box[0] >= 0
    np.testing.assert_allclose(found[0, seen], z, atol=1e-6)
    assert confidence[0].tolist() == seen.astype(float).tolist()


def test_edges_of_boxes():
    edges = np.interp(np.arange(BOXES) * GRID.pixels / BOXES, np.arange(GRID.pixels), GRID.wavelength)
    expected = [3600.00, 3893.85, 4211.69, 4555.47, 4927.32, 5329.51, 5764.54, 6235.07, 6744.01, 7294.49, 7889.91]
    np.testing.assert_allclose(edges, [*expected, 8533.92, 9230.51], atol=0.006)


def test_ranges_in_which_lines_are_seen():
    z = np.arange(-0.6, 7.5, 0.001)
    box, _ = encode(z, GRID)
    ranges = {name: z[box[:, head] >= 0][[0, -1]] for head, name in enumerate(HEADS)}
    expected = {"LYA": (1.961, 7.194), "CIV": (1.325, 5.434), "CIII": (0.886, 4.219), "MgII": (0.287, 2.562),
                "Hbeta": (-0.260, 1.049), "Halpha": (-0.452, 0.518), "BAL": (1.325, 5.434)}  # fmt: skip
    for name, found in ranges.items():
        np.testing.assert_allclose(found, expected[name], atol=0.0016)


def test_redshifts_come_back_on_both_grids():
    z = np.linspace(0.01, 5.5, 400)
    for name in ("quasarnet", "quasarnet_linear"):
        box, offset = encode(z, grid(name))
        _, found = decode(*one_hot(box, offset), grid(name))
        np.testing.assert_allclose(found[box >= 0], np.broadcast_to(z[:, None], box.shape)[box >= 0], atol=1e-9)


def test_no_redshift_has_no_box():
    assert (encode(np.array([np.nan]), GRID)[0] == -1).all()


def test_places_beyond_the_grid_are_its_end():
    confidence, offset = np.zeros((1, 7, BOXES)), np.zeros((1, 7, BOXES))
    confidence[..., BOXES - 1], offset[..., BOXES - 1] = 0.9, 1.1
    _, z = decode(confidence, offset, GRID)
    np.testing.assert_allclose(z[0, 0], 9960.989923 / 1215.67 - 1, atol=1e-6)


def test_a_quasar_has_enough_confident_lines_and_absorption_is_none():
    confidence = np.array([[0.9, 0.6, 0, 0, 0, 0, 0], [0.9, 0, 0, 0, 0, 0, 0.9], [0.5, 0.5, 0.5, 0, 0, 0, 0]])
    assert is_quasar(confidence, 1, 0.5).tolist() == [True, True, False]
    assert is_quasar(confidence, 2, 0.5).tolist() == [True, False, False]
