"""What a run costs, rule by rule: jobs, hours of GPUs and cores, bytes, files."""

from collections import Counter
from dataclasses import dataclass

from pipeline.cluster.networks import (
    CONTRASTIVE_PASSES,
    TRAINING_PASSES,
    encoder_cost,
    encoder_key,
    finder_cost,
)
from pipeline.cluster.rates import Rates
from pipeline.cluster.size import Size
from pipeline.settings.run import RunSettings

# Declared outputs of a job; one where a rule is not named.
OUTPUTS = {"simulate_catalogues": 6, "ingest": 2, "fit_augmentation": 2, "pretrain": 2, "init_encoder": 2,
           "train_probe": 2, "train_finder": 2, "grading_batch": 3, "release_lenses": 7, "lens_figures": 19,
           "lens_report": 2}  # fmt: skip
# Beside its outputs a job leaves log, record, lock, and Snakemake's record of each output.
OF_A_JOB = 3
FILES_OF_A_BRICK = 6  # of a simulated survey: image and inverse variance in three bands
LISTS = 12  # bytes of an id and a similarity, or of an id and a score


@dataclass(frozen=True)
class Row:
    """The cost of one rule.

    Attributes
    ----------
    rule : str
    jobs : int
    threads : int
        Cores of a job.
    gpu_hours, core_hours : float
        A job with a GPU counts there alone; its cores come with the GPU.
    network_hours : float
        Of the hours of GPUs, those of the networks; in the others they wait for images.
    longest_hours : float
        Wall time of one job.
    read, written : float
        Bytes.
    files : int
        Files that stay, with logs and records.
    folder : int
        Files in the fullest folder of its products.
    """

    rule: str
    jobs: int
    threads: int
    gpu_hours: float
    core_hours: float
    network_hours: float
    longest_hours: float
    read: float
    written: float
    files: int
    folder: int


class _Run:
    """A run of a size, with its rates: what the parts of the estimate share."""

    def __init__(self, settings: RunSettings, size: Size, rates: Rates, gpus: bool):
        self.settings, self.size, self.rates, self.gpus = settings, size, rates, gpus
        self.rows: list[Row] = []
        self.rounds = len(settings.grading.rounds) if settings.grading else 0
        pixels, compression = settings.ingest.cutout_pixels, settings.ingest.compression
        self.image = 12 * pixels**2 * rates.get(f"bytes/{compression}")
        self.readers = rates.get(f"read/{compression}")
        self.catalogue = size.objects * rates.get("catalogue_bytes")

    def add(
        self,
        rule: str,
        jobs: int,
        seconds: float = 0.0,
        *,
        threads: int = 1,
        gpu: float | None = None,
        network: float = 0.0,
        read: float = 0.0,
        written: float = 0.0,
        shards: int = 0,
        records: bool = True,
        folders: int = 1,
        others: int = 0,
    ) -> None:
        """Add a rule.

        Parameters
        ----------
        rule : str
        jobs : int
        seconds : float
            Of cores, of all jobs together.
        threads : int
            Cores of a job.
        gpu : float or None
            Seconds of GPUs of all jobs together, instead of those of cores; `network`: those of networks alone.
        read, written : float
            Bytes of all jobs together.
        shards : int
            Files that the jobs' manifests name; `records`: a record of each stays in the work folder.
        folders : int
            Folders that share these shards.
        others : int
            Files beside those that any job leaves.
        """
        if not jobs:
            return
        start = self.rates.get("start") * jobs
        wall = start + (seconds / threads if gpu is None else gpu)
        named = shards * (2 if rule == "ingest" else 1)
        files = others + jobs * (2 * OUTPUTS.get(rule, 1) + OF_A_JOB) + named + (shards if records else 0)
        self.rows.append(
            Row(
                rule=rule,
                jobs=jobs,
                threads=threads,
                gpu_hours=0.0 if gpu is None else wall / 3600,
                core_hours=(seconds + start) / 3600 if gpu is None else 0.0,
                network_hours=network / 3600,
                longest_hours=wall / jobs / 3600,
                read=read,
                written=written,
                files=files,
                folder=(shards + jobs) // folders,
            )
        )

    def light(self, rule, jobs, objects=None, **amounts) -> None:
        """Add a rule whose seconds a job lie on a line through those of finished runs."""
        if jobs:
            of_a_job = self.size.objects if objects is None else objects
            self.add(rule, jobs, jobs * self.rates.seconds(rule, of_a_job), **amounts)

    def encoders(self, *kinds: str) -> dict:
        """Return the encoders of some kinds, by name."""
        return {name: encoder for name, encoder in self.settings.encoders.items() if encoder.kind in kinds}

    def models(self, kind: str) -> dict:
        """Return the models of a kind, by name."""
        return {name: model for name, model in self.settings.models.items() if model.kind == kind}

    def of_network(self, kind: str, key: str, work: float, images: float, readers: int) -> dict[str, float]:
        """Return `seconds` of cores; or `gpu` and `network`, where a GPU waits for images that come more slowly."""
        if not self.gpus:
            return {"seconds": work / self.rates.of_network(kind, key)}
        alone = work / self.rates.of_network(f"{kind}_gpu", key)
        return {"gpu": max(alone, images / (self.readers * max(1, readers))), "network": alone}

    @property
    def lenses(self) -> float:
        """Clear known lenses."""
        survey = self.settings.survey
        return survey.lenses.share * self.size.objects if survey.kind == "simulated" else self.rates.get("known_lenses")

    def training(self, tier: int | None) -> float:
        """Return how many objects the training set of a tier has: lenses, and its ratio of non-lenses."""
        sample, train = self.settings.sample, self.settings.splits.shares.train
        ratio = sample.ratios[-1 if tier is None else tier] if sample else 0.0
        return min(train * self.size.objects, train * self.lenses * (1 + ratio))


def estimate(settings: RunSettings, size: Size, rates: Rates, gpus: bool) -> list[Row]:
    """Return the cost of every rule of a run, all its rounds graded, in the order of the graph.

    Parameters
    ----------
    settings : RunSettings
    size : Size
    rates : Rates
    gpus : bool
        Networks run on GPUs; without, on cores.
    """
    run = _Run(settings, size, rates, gpus)
    _survey(run)
    _labels(run)
    _encoders(run)
    _models(run)
    _grading(run)
    return run.rows


def _survey(run: _Run) -> None:
    settings, size, rates = run.settings, run.size, run.rates
    kind, objects, compression = settings.survey.kind, size.objects, settings.ingest.compression
    run.add("write_settings", 1)
    bricks = size.bricks * rates.get("brick_bytes") if size.bricks else objects * 12 * settings.ingest.cutout_pixels**2
    seconds = objects * rates.get(f"ingest/{kind if f'ingest/{kind}' in rates else 'legacy'}")
    if kind == "simulated":
        run.add("list_shards", 1)
        run.light("simulate_catalogues", size.tranches, objects / size.tranches)
        bricks *= (settings.survey.sky.brick_pixels / 3600) ** 2
        drawn = objects * rates.get("simulate_survey/simulated")
        run.add("simulate_survey", size.batches, drawn, written=bricks, shards=size.shards,
                others=round(size.bricks * FILES_OF_A_BRICK))  # fmt: skip
    elif size.bricks:
        seconds += size.bricks * rates.get("ingest_brick")
    if compression != "none":
        # The rates of the ingest are those of images that are not compressed.
        seconds += objects * (rates.get(f"write/{compression}") - rates.get("write/none"))
    written = objects * run.image + run.catalogue
    run.add("ingest", size.batches, seconds, read=bricks, written=written, shards=size.shards)


def _labels(run: _Run) -> None:
    run.light("splits", 1)
    if run.settings.labels:
        run.light("labels", 1, read=run.catalogue)
        run.light("sample", max(1, run.rounds), read=run.catalogue * max(1, run.rounds))
        run.light("leak_audit", 1, read=run.catalogue)
    if run.encoders("moco") or (run.models("finder") and run.rounds):
        run.light("fit_augmentation", 1, read=run.catalogue)


def _encoders(run: _Run) -> None:
    settings, size, rates = run.settings, run.size, run.rates
    objects = size.objects
    sampled = sum(settings.splits.shares.plain()[name] for name in settings.pretraining.sets) * objects
    sampled = min(sampled, settings.pretraining.n or sampled)
    for encoder in run.encoders("moco").values():
        key, (cost, _) = encoder_key(encoder.network), encoder_cost(encoder.network, encoder.view.pixels)
        plan = encoder.training
        images = sampled // plan.batch * plan.batch * plan.epochs
        work = images * cost * CONTRASTIVE_PASSES
        spent = run.of_network("train", key, work, images, plan.workers)
        run.add("pretrain", 1, **spent, threads=plan.threads, read=images * run.image)
    for encoder in run.encoders("untrained").values():
        key, (cost, _) = encoder_key(encoder.network), encoder_cost(encoder.network, encoder.view.pixels)
        spent = run.of_network("forward", key, sampled * cost, sampled, 1)
        run.add("init_encoder", 1, **spent, threads=encoder.threads, read=sampled * run.image)
    run.add("import_encoder", len(run.encoders("published_weights")))
    dimensions = []
    networks = run.encoders("moco", "untrained", "published_weights")
    spent, written = Counter(), 0.0
    for name, encoder in networks.items():
        cost, dimension = encoder_cost(encoder.network, encoder.view.pixels)
        spent.update(run.of_network("forward", encoder_key(encoder.network), objects * cost, objects, 1))
        written += objects * (2 * dimension + LISTS)
        dimensions += [dimension] if settings.encoders[name].kind != "untrained" else []
    run.add(
        "embed",
        len(networks) * size.batches,
        **spent,
        threads=settings.embed.threads,
        read=len(networks) * objects * run.image,
        written=written,
        shards=len(networks) * size.shards,
        folders=len(networks),
    )
    given = len(run.encoders("published_embeddings"))
    run.light("import_embeddings", given * size.batches, size.of_a_batch, shards=given * size.shards, folders=given)
    if settings.similarity and dimensions:
        how = settings.similarity
        share = 1 - 10 ** (-rates.get("counts_slope") * how.delta_mag)
        seconds = sum(objects**2 * share * size_ / rates.of_dimension(size_) for size_ in dimensions)
        read = sum(objects * 2 * size_ for size_ in dimensions)
        # The vectors once more, in the order of magnitude, and the lists.
        written = read + len(dimensions) * objects * (8 + LISTS * how.neighbours)
        run.add("similarity", len(dimensions), seconds, threads=how.threads, read=read, written=written,
                shards=len(dimensions) * size.shards, records=False, folders=len(dimensions))  # fmt: skip


def _models(run: _Run) -> None:
    settings, size, rates, rounds = run.settings, run.size, run.rates, run.rounds
    objects = size.objects
    probes, finders, given = run.models("probe"), run.models("finder"), run.models("published_scores")
    bytes_of = {name: _embedding_bytes(run, model) for name, model in probes.items()}
    for name, model in probes.items():
        width = max(1, bytes_of[name] // 2)
        # Function and gradient: two products an iteration, for each penalty.
        work = 2 * model.max_iterations * len(model.l2) * run.training(model.tier) * width
        read = rounds * run.training(model.tier) * bytes_of[name]
        seconds = rounds * (work / rates.get("probe") + rates.seconds("train_probe", 0))
        run.add("train_probe", rounds, seconds, threads=model.threads, read=read)
    scored = rounds * len(probes) * size.batches
    read = rounds * objects * sum(bytes_of.values())
    written = rounds * len(probes) * objects * LISTS
    run.light("score_probe", scored, size.of_a_batch, read=read, written=written,
              shards=rounds * len(probes) * size.shards, folders=rounds * len(probes))  # fmt: skip
    for model in finders.values():
        plan, cost = model.training, finder_cost(model.network, model.input.pixels)
        non_lenses = run.training(plan.tier)
        seen = min(non_lenses, plan.non_lenses_per_epoch or non_lenses) / (1 - plan.lens_fraction)
        images = rounds * seen * plan.epochs
        spent = run.of_network("train", model.network, images * cost * TRAINING_PASSES, images, 1)
        run.add("train_finder", rounds, **spent, threads=plan.threads, read=images * run.image)
    for model in finders.values():
        cost, images = finder_cost(model.network, model.input.pixels), rounds * objects
        spent = run.of_network("forward", model.network, images * cost, images, 1)
        run.add("score_finder", rounds * size.batches, **spent, threads=model.score_threads,
                read=images * run.image, written=images * LISTS,
                shards=rounds * size.shards, folders=rounds)  # fmt: skip
    run.light("import_scores", rounds * len(given) * size.batches, size.of_a_batch,
              written=rounds * len(given) * objects * LISTS, shards=rounds * len(given) * size.shards,
              folders=rounds * len(given))  # fmt: skip
    run.light("calibrate", rounds * len(settings.models), read=rounds * len(settings.models) * objects * LISTS)


def _embedding_bytes(run: _Run, model) -> int:
    """Return the bytes of the embeddings that a probe reads for an object."""
    chosen = [run.settings.encoders[name] for name in model.encoders]
    return sum(2 * encoder_cost(item.network, item.view.pixels)[1] for item in chosen if hasattr(item, "network"))


def _grading(run: _Run) -> None:
    settings, rounds, assess = run.settings, run.rounds, run.settings.assess
    simulated = settings.survey.kind == "simulated"
    scores = run.size.objects * LISTS
    run.light("assess_model", rounds * len(settings.models) if assess.ranking else 0, read=run.catalogue + scores)
    run.light("compare_models", rounds if assess.comparison else 0, read=run.catalogue + scores)
    run.light("training_ratios", rounds if assess.training_ratios else 0, read=run.catalogue)
    run.light("assess_survey", rounds if assess.survey and simulated else 0, read=run.size.objects * run.image)
    run.light("assess_classes", 1 if assess.classes else 0, read=run.catalogue)
    run.light("rank", rounds, read=rounds * (run.catalogue + scores * len(settings.models)))
    run.light("grading_batch", rounds)
    graders = [grader for item in (settings.grading.rounds if settings.grading else []) for grader in item.graders]
    run.light("simulated_grades", sum(grader.kind == "simulated" for grader in graders))
    run.light("import_grades", rounds)
    if settings.release and rounds:
        run.light("assess_candidates", 1, read=run.catalogue)
        run.light("release_lenses", 1, read=run.catalogue)
        run.light("lens_figures", 1, read=run.catalogue)
        run.light("lens_report", 1)
        run.light("release_index", 1)
