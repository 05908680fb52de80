"""One shard of a simulated survey: the scenes of an area, and what a region makes of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.settings.simulation import Simulated
from pipeline.simulate import detector, layout, render
from pipeline.simulate.catalogue import Brickful, brickful, stars
from pipeline.simulate.conditions import Conditions, conditions
from pipeline.simulate.layout import Brick
from pipeline.simulate.scenes import Scene, scene


@dataclass(frozen=True)
class Observation:
    """One brick in one region: its scene, its conditions, its bleed trails and its catalogue."""

    scene: Scene
    brick: Brick
    conditions: Conditions
    trails: list[detector.Bleed]
    catalogue: Brickful

    def coadds(self, settings: Simulated, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return image and inverse variance, (3, rows, columns) float32."""
        light = render.light(self.scene, self.brick, self.conditions)
        return detector.expose(light, self.conditions, self.trails, settings.blemishes, seed, self.brick.number)


def observations(
    settings: Simulated, seed: int, tranche: int, region: str, ra0: int, dec0: int
) -> Iterator[Observation]:
    """Yield the bricks of an area of 10 by 5 degrees as a region observes them, in the order of their numbers."""
    for field in layout.fields(settings.sky, settings.bricks_per_tile, seed, ra0, dec0):
        seen = scene(settings, seed, ra0, dec0, field)
        for brick in field.bricks:
            under = conditions(region, getattr(settings.regions, region), brick.pixels, seed, brick.number)
            x, y, flux = stars(seen, brick, under)
            trails = detector.bleeds(x, y, flux, under, settings.blemishes, brick.pixels)
            yield Observation(seen, brick, under, trails, brickful(seen, brick, under, trails, settings, seed, tranche))
