"""How large a run is: objects, shards, batches, bricks, and where the number comes from."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import graph
from pipeline.cluster.measured import catalogued
from pipeline.cluster.rates import Rates
from pipeline.errors import PipelineError
from pipeline.settings.run import RunSettings

# Of DR9, a brick of 0.0625 deg^2: what Stein et al. 2021, section 2.1, cut out, over their area.
ARCMIN2_A_PIXEL = (0.262 / 60) ** 2


@dataclass(frozen=True)
class Size:
    """What a run consists of.

    Attributes
    ----------
    objects, shards, batches, tranches : int
    bricks : float
        Bricks that the ingest reads, 0 where it reads none.
    source : str
        Where the number of objects comes from.
    """

    objects: int
    shards: int
    batches: int
    tranches: int
    bricks: float
    source: str

    @property
    def of_a_batch(self) -> float:
        """Mean number of objects of a batch."""
        return self.objects / self.batches


def _brick_objects(rates: Rates) -> float:
    """Return the objects a brick of DR9."""
    return (rates.get("dr9_south") + rates.get("dr9_north")) / rates.get("dr9_bricks")


def _shard_objects(settings: RunSettings, rates: Rates) -> float:
    """Return the objects of a shard when the settings divide a survey like the paper's."""
    survey = settings.survey
    if survey.kind == "legacy":
        return survey.bricks_per_shard * _brick_objects(rates)
    return survey.images_per_shard


def _simulated(settings: RunSettings) -> int:
    """Return the expected objects of a simulated survey, before cuts other than the magnitude's."""
    survey = settings.survey
    twice = 1 if settings.ingest.selection and settings.ingest.selection.resolve_overlap else 2
    areas = survey.tiles_south + survey.tiles_north + twice * survey.tiles_overlap
    arcmin2 = areas * survey.tranches * survey.bricks_per_tile * survey.sky.brick_pixels**2 * ARCMIN2_A_PIXEL
    return round(arcmin2 * survey.population.density)


def _listed(settings: RunSettings, rows: list[graph.Row], rates: Rates) -> tuple[float, str]:
    """Return the objects of a list of shards, exactly where the list tells them."""
    tails = [row.sources.rpartition("=")[2] for row in rows]
    kind = settings.survey.kind
    if kind == "legacy":
        bricks = sum(len(tail.split(",")) for tail in tails)
        return bricks * _brick_objects(rates), f"{bricks} bricks of the list of shards, as full as those of DR9"
    if kind == "stein":
        ends = [tail.split(":") for tail in tails]
        return sum(int(stop) - int(start) for start, stop in ends), "rows of the list of shards"
    return sum(len(tail.split(",")) for tail in tails), "files of the list of shards"


def _published(settings: RunSettings, rates: Rates) -> int:
    return round(sum(rates.get(f"dr9_{region}") for region in settings.survey.regions))


def size_of(settings: RunSettings, results: Path, config: str, objects: int | None, rates: Rates) -> Size:
    """Return the size of a run.

    With `objects`, a survey of that many that is not indexed yet: shards as large as the settings make them where
    galaxies are as dense as in DR9. Otherwise the objects of the catalogue if the ingest is finished, else those that
    the list of shards or the settings promise, else (DR9, not indexed) those that Stein et al. 2021 counted.

    Raises
    ------
    PipelineError
        A survey that is neither simulated nor DR9 has no list of shards, and `objects` is not given; or there is no
        survey of images.
    """
    survey, path = settings.survey, results / "shards.tsv"
    if survey is None:
        raise PipelineError(
            "the estimate knows the image half of a run alone, and this one has none",
            where=config,
            next=f"snakemake -n --configfile {config}: its closing table has the hours that jobs ask for",
        )
    if objects is None and (survey.kind == "simulated" or path.is_file()):
        rows = graph.image_shards(settings, results, [config])
        exact = catalogued(results)
        if survey.kind == "simulated":
            found, source = _simulated(settings), "density times area of the settings, before cuts on passes and masks"
            bricks = len(rows) * survey.bricks_per_tile
        else:
            found, source = _listed(settings, rows, rates)
            bricks = found / _brick_objects(rates) if survey.kind == "legacy" else 0
        whole = Size(
            round(found),
            len(rows),
            len({row.batch for row in rows}),
            len({row.tranche for row in rows}),
            bricks,
            source,
        )
        complete = exact is not None and len(list((results / "images" / "catalogue").glob("*.json"))) == whole.batches
        return replace(whole, objects=exact, source="the run's catalogue") if complete else whole
    source = "--objects"
    if objects is None:
        if survey.kind != "legacy" or survey.data_release != "dr9":
            raise PipelineError(
                "how many objects this survey has is not known yet",
                where=path,
                next=f"skysieve index {config}, or skysieve plan {config} --objects N",
            )
        objects = _published(settings, rates)
        source = f"counted by Stein et al. 2021 in DR9, {' and '.join(survey.regions)}; {path} is not there yet"
    if survey.kind == "simulated":
        raise PipelineError(
            "a simulated survey has the objects that its settings make",
            where=config,
            value=f"--objects {objects}",
            next=f"skysieve plan {config}",
        )
    shards = math.ceil(objects / _shard_objects(settings, rates))
    bricks = min(objects / _brick_objects(rates), rates.get("dr9_bricks")) if survey.kind == "legacy" else 0
    return Size(objects, shards, math.ceil(shards / settings.ingest.shards_per_job), 1, bricks, source)
