"""QuasarNET's output: for each line the box in which it stands and its place there (Busca & Balland 2018, §3)."""

import numpy as np
import torch
import torch.nn.functional as F

from pipeline.data.redshift_bits import bit
from pipeline.learn.redshift.labels import Labels, scatter
from pipeline.learn.redshift.tasks import Targets
from pipeline.models.quasarnet import boxes_of
from pipeline.spectra.grids import grid
from pipeline.spectra.quasarnet_boxes import BAL, BOXES, HEADS, decode, encode, is_quasar

EPSILON = 1e-7  # of the published loss: keeps sums over nothing from dividing by zero
LEAST = 10  # lines of the select set from which a scatter is taken


class LineBoxes:
    """Boxes of seven heads on a grid.

    Spectra of other classes have no line in any box. The head of broad absorption learns from spectra that are known to
    have it or to lack it.

    Parameters
    ----------
    grid_name : str
    lines, confidence
        The rule by which a spectrum shows a quasar.
    sigma : list of 6 float, optional
        Scatter of dz / (1 + z) of each emission line.
    """

    def __init__(self, grid_name: str, lines: int, confidence: float, sigma: list[float] | None = None):
        self.grid_name, self.grid = grid_name, grid(grid_name)
        self.lines, self.confidence = lines, confidence
        # Anywhere within a box, before anything is measured.
        width = np.log(self.grid.wavelength[-1] / self.grid.wavelength[0]) / BOXES
        self.sigma = list(sigma) if sigma is not None else [float(width / np.sqrt(12))] * BAL

    def about(self) -> dict:
        """Return what makes the task anew."""
        return {"kind": "lines", "grid": self.grid_name, "sigma": self.sigma}

    def trains_on(self, labels: Labels) -> np.ndarray:
        """Tell which spectra (N,) have what is learnt: all but quasars without a redshift."""
        return labels.known

    def targets(self, labels: Labels) -> Targets:
        """Return `box` (N, 7, 13), 1 for a line's box, `offset` (N, 7), and weights (N, 7)."""
        box, offset = encode(np.where(labels.quasar, labels.z, np.nan), self.grid)
        box[labels.bal != 1, BAL] = -1
        one_hot = (box[..., None] == np.arange(BOXES)).astype(np.float32)
        weight = np.repeat(labels.weight[:, None], len(HEADS), axis=1)
        weight[labels.quasar & (labels.bal == 0), BAL] = 0
        return {
            "box": torch.from_numpy(one_hot),
            "offset": torch.from_numpy(offset).float(),
            "weight": torch.from_numpy(weight).float(),
        }

    def scale(self, targets: Targets) -> torch.Tensor:
        """Return for each head the weight of boxes with a line, and of those without, (2, 7)."""
        weight = targets["weight"][..., None]
        with_line = (weight * targets["box"]).sum(dim=(0, 2))
        without = (weight * (1 - targets["box"])).sum(dim=(0, 2))
        return torch.stack([with_line, without]) + EPSILON

    def loss(self, raw: torch.Tensor, targets: Targets, scale: torch.Tensor) -> torch.Tensor:
        """Return cross-entropies of the boxes with and without a line, and the squared error of the offset.

        Each is a mean of its own, so that the few boxes with a line weigh as much as the many without.
        """
        box, weight = targets["box"], targets["weight"][..., None]
        _, offset = boxes_of(raw)
        with_line = -F.logsigmoid(raw[:, :, 0]) + (offset - targets["offset"][..., None]) ** 2
        without = -F.logsigmoid(-raw[:, :, 0])
        with_line = (weight * box * with_line).sum(dim=(0, 2)) / scale[0]
        without = (weight * (1 - box) * without).sum(dim=(0, 2)) / scale[1]
        return (with_line + without).sum()

    def _lines(self, raw: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        confidence, offset = boxes_of(raw)
        return decode(confidence.numpy(), offset.numpy(), self.grid)

    def measure(self, raw: torch.Tensor, labels: Labels) -> None:
        """Take each line's scatter among its confident detections in the select set's quasars.

        A line with too few takes that of all lines.
        """
        confidence, z = self._lines(raw)
        true = labels.z[:, None]
        seen = (confidence[:, :BAL] > self.confidence) & labels.quasar[:, None]
        away = (z[:, :BAL] - true) / (1 + true)
        everything = away[seen]
        if len(everything) < LEAST:
            return
        for line in range(BAL):
            own = away[seen[:, line], line]
            self.sigma[line] = scatter(own if len(own) >= LEAST else everything)

    def read(self, raw: torch.Tensor) -> dict[str, np.ndarray]:
        """Return a candidate an emission line, the most confident first, and all seven heads."""
        confidence, z = self._lines(raw)
        order = np.argsort(-confidence[:, :BAL], axis=1, kind="stable")
        candidate_z = np.take_along_axis(z[:, :BAL], order, axis=1)
        quasar = is_quasar(confidence, self.lines, self.confidence)
        return {
            "candidate_z": candidate_z,
            "candidate_score": np.take_along_axis(confidence[:, :BAL], order, axis=1).astype(np.float32),
            "candidate_sigma": (np.array(self.sigma)[order] * (1 + candidate_z)).astype(np.float32),
            "bits": np.where(quasar, 0, bit("NO_LINES")).astype(np.int64),
            "line_confidence": confidence.astype(np.float32),
            "line_z": z,
        }
