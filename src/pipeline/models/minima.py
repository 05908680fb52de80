"""Minima of chi2(z): the best ones that differ, and the parabola through each (Redrock's scheme)."""

from math import log

import torch

LIGHT = 299792.458  # km/s


def local_minima(chi2: torch.Tensor, most: int) -> torch.Tensor:
    """Return the places (at most `most`,) of the lowest local minima of chi2 (S,), lowest first; ends count."""
    before = torch.cat([chi2.new_full((1,), torch.inf), chi2[:-1]])
    after = torch.cat([chi2[1:], chi2.new_full((1,), torch.inf)])
    places = torch.nonzero((chi2 < before) & (chi2 <= after))[:, 0]
    return places[torch.sort(chi2[places], stable=True).indices[:most]]


def distinct(log1z: list[float], chi2: list[float], separation: float, most: int) -> list[int]:
    """Return the places of the lowest minima, lowest first, each farther than `separation` (km/s) from lower ones.

    log1z is log10(1 + z), in which a distance is a velocity.
    """
    least = separation / (LIGHT * log(10))
    kept = []
    for place in sorted(range(len(chi2)), key=lambda place: chi2[place]):
        if all(abs(log1z[place] - log1z[other]) > least for other in kept):
            kept.append(place)
        if len(kept) == most:
            break
    return kept


def vertex(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return x0, xerr, y0 and success of y = y0 + ((x - x0) / xerr)^2 through three points (..., 3) each.

    Success: the curvature is positive and the vertex lies between the outer points. Where it is not, the middle point
    and an error that is not a number are returned.
    """
    left, right = x[..., 0] - x[..., 1], x[..., 2] - x[..., 1]
    rise_left, rise_right = y[..., 0] - y[..., 1], y[..., 2] - y[..., 1]
    curvature = (rise_left / left - rise_right / right) / (left - right)
    slope = rise_left / left - curvature * left
    good = torch.isfinite(curvature) & (curvature > 0)
    safe = torch.where(good, curvature, torch.ones_like(curvature))
    offset = -slope / (2 * safe)
    good &= (offset >= left) & (offset <= right)
    zero = torch.zeros_like(offset)
    x0 = x[..., 1] + torch.where(good, offset, zero)
    y0 = y[..., 1] - torch.where(good, safe * offset**2, zero)
    return x0, torch.where(good, safe.rsqrt(), torch.full_like(safe, torch.nan)), y0, good
