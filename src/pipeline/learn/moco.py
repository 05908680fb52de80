"""Momentum contrast, version 2 (He et al. 2020; Chen, X. et al. 2020), as Stein et al. 2021 §3.1 use it."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.learn.batchnorm import in_groups
from pipeline.learn.ranks import ALONE, Ranks


def contrastive_logits(
    query: torch.Tensor, key: torch.Tensor, queue: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return logits (N, 1 + K): the similarity of each query to its own key first, then to the K keys of the queue.

    Parameters
    ----------
    query, key : tensor (N, D)
        Unit vectors of two views of the same objects.
    queue : tensor (K, D)
        Unit vectors of other objects.
    temperature : float
    """
    positive = (query * key).sum(dim=1, keepdim=True)
    return torch.cat([positive, query @ queue.T], dim=1) / temperature


class Queue:
    """The last K keys, oldest overwritten first. It starts with random unit vectors."""

    def __init__(self, size: int, dimension: int, generator: torch.Generator, device: torch.device):
        self.keys = F.normalize(torch.randn(size, dimension, generator=generator), dim=1).to(device)
        self.start = 0

    def enqueue(self, keys: torch.Tensor) -> None:
        """Replace the oldest keys by `keys` (N, D); N divides the size.

        Raises
        ------
        ValueError
            It does not: a batch would be split by the end of the queue.
        """
        if len(self.keys) % len(keys):
            raise ValueError(f"a queue of {len(self.keys)} does not take batches of {len(keys)}")
        self.keys[self.start : self.start + len(keys)] = keys
        self.start = (self.start + len(keys)) % len(self.keys)


class Moco:
    """Query network, its slowly following copy, the queue, and one step of training.

    Parameters
    ----------
    query : Module
        Images (n, 3, H, W) to unit vectors (n, D): encoder and projection.
    queue : Queue
    temperature, momentum : float
    group : int
        Batch-norm statistics are those of groups of this many images.
    ranks : Ranks
        Those that train together: each holds the same part of every batch, N / size images, and the whole queue.
    """

    def __init__(
        self,
        query: nn.Module,
        queue: Queue,
        temperature: float,
        momentum: float,
        group: int,
        ranks: Ranks = ALONE,
    ):
        self.query, self.queue, self.ranks = query, queue, ranks
        self.key = copy.deepcopy(query)
        self.key.requires_grad_(False)
        self.query.train()
        self.key.train()
        self.temperature, self.momentum, self.group = temperature, momentum, group

    @torch.no_grad()
    def follow(self) -> None:
        """Move every parameter of the key network towards the query network's: k = m k + (1 - m) q."""
        for key, query in zip(self.key.parameters(), self.query.parameters(), strict=True):
            key.mul_(self.momentum).add_(query, alpha=1 - self.momentum)

    @torch.no_grad()
    def keys(self, images: torch.Tensor, permutation: torch.Tensor) -> torch.Tensor:
        """Return the keys (N, D) of a batch from this rank's images of it, normalised in groups of the permuted batch.

        The permutation keeps a query from being told its key by what both groups share (He et al. 2020, §3.3).
        """
        permuted = self.ranks.gather(images)[permutation][self.ranks.part(len(permutation))]
        permuted = permuted.contiguous(memory_format=torch.channels_last)
        shuffled = self.ranks.gather(in_groups(self.key, permuted, self.group))
        keys = torch.empty_like(shuffled)
        keys[permutation] = shuffled
        return keys

    def backward(self, queries: torch.Tensor, keys: torch.Tensor) -> tuple[float, int]:
        """Add the gradients of the batch's mean loss to the query network, group by group; then enqueue the keys.

        Parameters
        ----------
        queries : tensor (N / size, 3, H, W)
            One view of each object of this rank.
        keys : tensor (N, D)
            Keys of the other view, of all ranks.

        Returns
        -------
        (sum of the loss over the batch, number of objects whose own key is the most similar)
        """
        total, right = 0.0, 0
        statistics = self.ranks.statistics(self.query, len(queries) // self.group)
        parts = zip(queries.split(self.group), keys[self.ranks.part(len(keys))].split(self.group), strict=True)
        for images, own in parts:
            logits = contrastive_logits(self.query(images), own, self.queue.keys, self.temperature)
            loss = F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long), reduction="sum")
            (loss / len(keys)).backward()
            total += loss.item()
            right += int((logits.argmax(dim=1) == 0).sum())
        self.ranks.sum_gradients(self.query.parameters())
        statistics.combine()
        self.queue.enqueue(keys)
        total, right = self.ranks.sum([total, right], keys.device)
        return total, int(right)

    def state(self) -> dict:
        """Return all that a resumed training needs."""
        return {
            "query": self.query.state_dict(),
            "key": self.key.state_dict(),
            "queue": self.queue.keys,
            "start": self.queue.start,
        }

    def restore(self, state: dict) -> None:
        """Take over what `state` returned."""
        self.query.load_state_dict(state["query"])
        self.key.load_state_dict(state["key"])
        self.queue.keys.copy_(state["queue"])
        self.queue.start = state["start"]
