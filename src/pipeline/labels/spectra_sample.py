"""The sample of spectra: labels, sets and folds. Spectra of one object are never parted."""

import numpy as np
import pandas as pd

from pipeline.data import random, sky
from pipeline.data.redshift_bits import bit
from pipeline.errors import PipelineError
from pipeline.labels.splits import assign_as_dealt, is_papers
from pipeline.settings.spectra.sample import CatalogueDeal, SpectraSample

COLUMNS = {
    "spectrum_id": np.int64,
    "object_id": np.int64,
    "group": np.int64,
    "set": object,
    "label_class": object,
    "label_z": np.float64,
    "bal": np.int16,
    "fold": np.int16,
}
CATALOGUE_COLUMNS = (
    *("spectrum_id", "ra", "dec", "class_pipe", "z_pipe", "zwarn_pipe", "class_vi", "z_vi", "z_conf", "in_dr12q"),
    *("bal_flag", "bi_civ", "flags", "tranche"),
)
# DR16Q (Lyke et al. 2020): CLASS_PERSON. Blazars (50) have no lines, and belong to no class here.
_INSPECTED = {1: "star", 3: "quasar", 4: "galaxy", 30: "quasar"}
_BAL = 30
_PIPELINE = {"QSO": "quasar", "GALAXY": "galaxy", "STAR": "star"}
SKY = "sky"


def draw(
    catalogue: pd.DataFrame, table: pd.DataFrame, sample: SpectraSample, seed: int
) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Return the sample and the number of spectra of each class in each set.

    Every spectrum of the tranches has a row; those without a label, of a class that takes no part, outside the range
    of redshift, with an excluded flag or without a set have the set "". A group is in a set only with all its members.

    Parameters
    ----------
    catalogue : DataFrame
        `object_id` and `CATALOGUE_COLUMNS`.
    table : DataFrame
        From `splits.deal`; read in mode `sky` alone.

    Returns
    -------
    sample : DataFrame
        `COLUMNS`, sorted by spectrum_id. `group` is the smallest spectrum_id of the object.
    counts : dict
        set -> label_class -> spectra.

    Raises
    ------
    PipelineError
        Two rows have the same spectrum_id, there is no quasar to train on, or the split is that of the papers.
    """
    catalogue = catalogue[catalogue.tranche.isin(sample.tranches)]
    catalogue = catalogue.sort_values("spectrum_id", kind="stable", ignore_index=True)
    ids = catalogue.spectrum_id.to_numpy(dtype=np.int64)
    if (ids[1:] == ids[:-1]).any():
        raise PipelineError("two spectra have the same identity", value=int(ids[1:][ids[1:] == ids[:-1]][0]))
    number = sky.groups(catalogue.ra, catalogue.dec, sample.object_arcsec)
    group = ids[np.unique(number, return_index=True)[1]][number] if len(ids) else ids
    label_class, label_z = labels(catalogue, sample)
    if isinstance(sample.deal, CatalogueDeal):
        sets = _by_catalogue(catalogue, group, sample.deal, seed)
    else:
        sets = _by_sky(catalogue, group, table)
    usable = np.isin(label_class, sample.classes)
    if sample.redshift is not None:
        outside = ~((label_z >= sample.redshift.lower) & (label_z <= sample.redshift.upper))
        usable &= ~(outside & (label_class == "quasar"))
    for name in sample.exclude_flags:
        usable &= (catalogue["flags"].to_numpy() & bit(name)) == 0
    sets[~usable] = ""
    drawn = pd.DataFrame(
        {
            "spectrum_id": ids,
            "object_id": catalogue.object_id,
            "group": group,
            "set": sets,
            "label_class": label_class,
            "label_z": label_z,
            "bal": broad_absorption(catalogue, label_class),
            "fold": _folds(group, sets, label_class, sample.folds, seed),
        }
    ).astype(COLUMNS)
    counts = {
        name: {kind: int(((drawn.set == name) & (drawn.label_class == kind)).sum()) for kind in sample.classes}
        for name in ("train", "select", "calibrate", "judge")
    }
    if not counts["train"].get("quasar", 0):
        raise PipelineError(
            "there is no quasar to train on",
            value=f"{int((label_class == 'quasar').sum())} quasars with a label among {len(ids)} spectra",
            next="see spectra.sample.label, redshift and deal, or give the set train more sky (splits.shares)",
        )
    return drawn, counts


def labels(catalogue: pd.DataFrame, sample: SpectraSample) -> tuple[np.ndarray, np.ndarray]:
    """Return class (N,), "" without a label, and redshift (N,), NaN for skies and unlabelled spectra.

    A quasar without a finite, positive redshift has no label; stars and galaxies are negatives with or without one.
    """
    pipeline, person = catalogue.class_pipe.to_numpy(dtype=object), catalogue.class_vi.to_numpy()
    kind, z = np.full(len(catalogue), "", dtype=object), np.full(len(catalogue), np.nan)
    if sample.label != "z_pipe":
        for code, name in _INSPECTED.items():
            kind[person == code] = name
        z = catalogue.z_vi.to_numpy(dtype=np.float64, copy=True)
        if sample.z_conf is not None:
            kind[catalogue.z_conf.to_numpy() < sample.z_conf] = ""
    if sample.label != "z_vi":
        trusted = np.full(len(catalogue), True)
        if sample.label == "either":  # what was inspected without a result has no label
            trusted = (person <= 0) & (catalogue.zwarn_pipe.to_numpy() == 0)
        for code, name in _PIPELINE.items():
            kind[trusted & (pipeline == code)] = name
        z[trusted] = catalogue.z_pipe.to_numpy()[trusted]
    kind[pipeline == "SKY"] = SKY  # the fibre pointed at nothing; nobody inspects it
    kind[(kind == "quasar") & ~(np.isfinite(z) & (z > 0))] = ""
    return kind, np.where(np.isin(kind, ("quasar", "galaxy", "star")), z, np.nan)


def broad_absorption(catalogue: pd.DataFrame, label_class: np.ndarray) -> np.ndarray:
    """Return for each quasar (N,) int16 1 with broad absorption, -1 without, 0 unknown; 0 for all others.

    Where the flag of inspection and the balnicity index contradict each other it is unknown, as in the training of
    QuasarNET (Busca & Balland 2018). Without a flag the class BAL of the inspection speaks, and the class 3 says
    nothing.
    """
    flag, index = catalogue.bal_flag.to_numpy(), catalogue.bi_civ.to_numpy(dtype=np.float64)
    found = np.zeros(len(catalogue), dtype=np.int16)
    found[(flag == 1) & ~(index <= 0)] = 1
    found[(flag == 0) & ~(index > 0)] = -1
    found[(flag == -1) & (catalogue.class_vi.to_numpy() == _BAL)] = 1
    found[label_class != "quasar"] = 0
    return found


def _by_sky(catalogue: pd.DataFrame, group: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    if is_papers(table):
        raise PipelineError(
            "objects dealt singly have no sets that select and calibrate",
            where="splits.mode",
            value="papers",
            allowed="cells; the split of the FNet paper is spectra.sample.deal: {mode: catalogue}",
        )
    sets = assign_as_dealt(catalogue.ra, catalogue.dec, table)
    names, code = np.unique(sets.astype(str), return_inverse=True)
    _, number = np.unique(group, return_inverse=True)
    lowest, highest = np.full(len(sets), len(names)), np.full(len(sets), -1)
    np.minimum.at(lowest, number, code)
    np.maximum.at(highest, number, code)
    sets[lowest[number] != highest[number]] = ""
    return sets


def _by_catalogue(catalogue: pd.DataFrame, group: np.ndarray, deal: CatalogueDeal, seed: int) -> np.ndarray:
    """An object with one spectrum in DR12Q belongs to it; of one that no catalogue knows nothing can be said."""
    known = catalogue.in_dr12q.to_numpy()
    early = np.isin(group, group[known == 1])
    late = np.isin(group, group[known == 0]) & ~early
    number = random.uniform(seed, "sample_spectra", 0, group, 1)[:, 0]
    sets = np.full(len(catalogue), "", dtype=object)
    sets[early] = "train"
    sets[early & (number < deal.select + deal.calibrate)] = "calibrate"
    sets[early & (number < deal.select)] = "select"
    sets[late] = "judge"
    return sets


def _folds(group: np.ndarray, sets: np.ndarray, label_class: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Deal groups to folds (N,), in each set and class as evenly as can be; the first member speaks for its group."""
    first, number = np.unique(group, return_index=True, return_inverse=True)[1:]
    members = group[first]
    rank = random.ranks(seed, "sample_spectra", 1, members)
    order = np.lexsort((members, rank, label_class[first].astype(str), sets[first].astype(str)))
    fold = np.empty(len(first), dtype=np.int16)
    fold[order] = np.arange(len(first)) % folds
    return fold[number]
