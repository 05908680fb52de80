"""What the ranks of one training exchange: gradients, keys, statistics of batch norms. One alone exchanges nothing."""

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import nn

from pipeline.errors import PipelineError


class Ranks:
    """The ranks of a training; each holds an equal, contiguous part of every batch.

    Parameters
    ----------
    rank, size : int
        With a size above 1, torch.distributed is connected (`learn.launch.join`).
    """

    def __init__(self, rank: int = 0, size: int = 1):
        self.rank, self.size = rank, size

    def check(self, batch: int, group: int, where: str) -> None:
        """Raise PipelineError unless every rank gets the same number of whole groups of a batch."""
        if batch % (group * self.size):
            raise PipelineError(
                "the groups of a batch cannot be dealt evenly to the ranks",
                where=where,
                value=f"{batch // group} groups of {group} images, {self.size} ranks",
                allowed="a number of ranks that divides the number of groups",
                next="set tasks (and gpu) of this rule in the profile",
            )

    def part(self, n: int) -> slice:
        """Return which of n items in a row are this rank's; the size divides n."""
        own = n // self.size
        return slice(self.rank * own, (self.rank + 1) * own)

    def gather(self, own: torch.Tensor) -> torch.Tensor:
        """Return the tensors (n, ...) of all ranks as one (n * size, ...)."""
        if self.size == 1:
            return own
        parts = [torch.empty_like(own, memory_format=torch.contiguous_format) for _ in range(self.size)]
        dist.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradient of each parameter by its sum over ranks, in one message."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        joined = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(joined)
        for gradient, part in zip(gradients, joined.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def sum(self, values: list[float], device: torch.device) -> list[float]:
        """Return the sums of numbers over ranks."""
        if self.size == 1:
            return values
        joined = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(joined)
        return joined.tolist()

    def any(self, flag: bool, device: torch.device) -> bool:
        """Tell whether any rank says yes."""
        return self.sum([float(flag)], device)[0] > 0

    def statistics(self, network: nn.Module, groups: int) -> "Statistics":
        """Remember the running statistics of the batch norms before a step of `groups` groups a rank."""
        return Statistics(self, network, groups)

    def check_equal(self, network: nn.Module, device: torch.device) -> None:
        """Check that every rank holds the same weights.

        Raises
        ------
        RuntimeError
            They have drifted apart: a result would depend on the rank that writes it.
        """
        sums = [float(parameter.detach().double().sum()) for parameter in network.parameters()]
        own = torch.tensor(sums, dtype=torch.float64, device=device)
        every = self.gather(own[None])
        if not bool((every == own).all()):
            raise RuntimeError("the ranks of this training hold different weights")


# A training of one process.
ALONE = Ranks()


class Statistics:
    """Running statistics as if one process had seen the groups of all ranks, in their order.

    A batch norm with momentum m moves its mean and variance by r <- (1 - m) r + m b at each group. That is linear: rank
    k of R, which starts from the same r as all and sees g groups, adds (r_k - (1 - m)^g r) (1 - m)^(g (R - 1 - k)).
    """

    def __init__(self, ranks: Ranks, network: nn.Module, groups: int):
        self.ranks, self.groups = ranks, groups
        self.norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        if ranks.size > 1:
            self.before = [self._of(norm).clone() for norm in self.norms]

    @staticmethod
    def _of(norm: nn.BatchNorm2d) -> torch.Tensor:
        return torch.stack([norm.running_mean, norm.running_var])

    def combine(self) -> None:
        """Give every rank the statistics of all groups."""
        size, rank = self.ranks.size, self.ranks.rank
        if size == 1 or not self.norms:
            return
        added = []
        for norm, before in zip(self.norms, self.before, strict=True):
            keep = (1 - norm.momentum) ** self.groups
            added.append(((self._of(norm) - keep * before) * keep ** (size - 1 - rank)).flatten())
        joined = torch.cat(added)
        dist.all_reduce(joined)
        parts = joined.split([part.numel() for part in added])
        for norm, before, part in zip(self.norms, self.before, parts, strict=True):
            mean, variance = before * (1 - norm.momentum) ** (self.groups * size) + part.view_as(before)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.num_batches_tracked += self.groups * (size - 1)
