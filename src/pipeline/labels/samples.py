"""The sample of lenses and non-lenses: the same in whatever order the objects come."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.data import random, sky
from pipeline.data.flags import bit
from pipeline.errors import PipelineError
from pipeline.images.photometry import magnitudes
from pipeline.labels.splits import assign, roles
from pipeline.settings.sample import Confusers, Sample
from pipeline.settings.splits import Splits

COLUMNS = {"object_id": np.int64, "label": np.int8, "set": object, "tier": np.int16, "confuser": object}
_OF_BANDS = tuple(f"{quantity}_{band}" for quantity in ("flux", "nobs") for band in "grz")
CATALOGUE_COLUMNS = ("ra", "dec", "region", "flags", "tranche", *_OF_BANDS)
GRADED = "graded"  # class of the non-lenses that graders of an earlier round rejected


@dataclass(frozen=True)
class Known:
    """What is known before the draw.

    `labels`: table of labels (`object_id`, `label`, `known_ra`, `known_dec`), with the `radius_arcsec` around known
    objects in which there are no non-lenses. `graded`: `object_id`, `label` of examples from earlier rounds.
    `confusers`: class of confusers by object_id.
    """

    labels: pd.DataFrame
    radius_arcsec: float
    graded: pd.DataFrame
    confusers: dict[int, str]


def draw(
    catalogue: pd.DataFrame, known: Known, table: pd.DataFrame, sample: Sample, splits: Splits, seed: int
) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Return the sample and the counts of each set.

    Lenses are the known ones whose features are clear. Non-lenses are drawn at random from what lies further than the
    radius from every known object (also from unclear ones, and from those without a source). In the training set a
    larger ratio contains the smaller ones: `tier` is the index of the smallest ratio with that non-lens (0 for all
    others). Graded objects of earlier rounds join the training set; in the other sets graded lenses are left out, so
    that no model's own choice enters a judgement. In the papers' mode, one row stands for each role of an object.

    Parameters
    ----------
    catalogue : DataFrame
        `object_id` and `CATALOGUE_COLUMNS`.
    table : DataFrame
        From `splits.deal`.

    Returns
    -------
    sample : DataFrame
        `object_id`, `label` (1 lens, 0 non-lens), `set`, `tier`, `confuser`, sorted by object_id.
    counts : dict
        set -> lenses, non_lenses, wanted (non-lenses asked for), of the last ratio.

    Raises
    ------
    PipelineError
        There is no lens to train on.
    """
    catalogue = catalogue[catalogue.tranche.isin(sample.tranches)]
    catalogue = catalogue.sort_values("object_id", kind="stable", ignore_index=True)
    ids = catalogue.object_id.to_numpy(dtype=np.int64)
    sets = assign(catalogue.ra, catalogue.dec, table, splits.nside, splits.margin_arcsec)
    usable = _usable(catalogue, sample) & (sets != "")
    lens = np.isin(ids, known.labels.object_id[known.labels.label == "lens"])
    new_lens, rejected = (np.isin(ids, known.graded.object_id[known.graded.label == label]) for label in (1, 0))
    settled = _near_known(catalogue, known)
    new_lens &= ~settled
    beside_new = sky.nearest(
        catalogue.ra, catalogue.dec, catalogue.ra[new_lens], catalogue.dec[new_lens], known.radius_arcsec
    )[0]
    pool = usable & ~settled & (beside_new < 0)
    classes = np.array([known.confusers.get(value, "") for value in ids.tolist()], dtype=object)
    rank = random.ranks(seed, "sample", 0, ids)
    stratum = _strata(catalogue, sample)

    rows, counts = [], {}
    for name, members in roles(sets, table):
        inside = np.zeros(len(ids), dtype=bool)
        inside[members] = True
        train = name == "train"
        positives = np.flatnonzero(inside & usable & (lens | new_lens if train else lens))
        given = np.flatnonzero(inside & pool & rejected) if train else np.zeros(0, dtype=np.int64)
        others = inside & pool
        others[given] = False
        ratios = sample.ratios if train else [sample.held_out_ratio]
        shares = sample.confusers.shares if train and sample.confusers else {}
        chosen, tier, wanted = _nested(np.flatnonzero(others), positives, ratios, shares, classes, stratum, rank, ids)
        rows.append(_rows(ids[positives], 1, name, 0, ""))
        rows.append(_rows(ids[given], 0, name, 0, GRADED))
        rows.append(_rows(ids[chosen], 0, name, tier, classes[chosen] if shares else ""))
        counts[name] = {"lenses": len(positives), "non_lenses": len(chosen) + len(given), "wanted": wanted + len(given)}
    if not counts["train"]["lenses"]:
        raise PipelineError(
            "there is no lens to train on",
            value=f"{int(lens.sum())} clear known lens(es) in the catalogue, {int((lens & usable).sum())} usable",
            next="see labels.lists, sample.regions, sample.magnitude, or give the set train more sky (splits.shares)",
        )
    drawn = pd.concat(rows, ignore_index=True).astype(COLUMNS)
    return drawn.sort_values(["object_id", "set"], kind="stable", ignore_index=True), counts


def confuser_classes(confusers: Confusers, entries: pd.DataFrame, catalogue: pd.DataFrame) -> dict[int, str]:
    """Return the class of confusers by object_id. The source nearest to an entry takes its class.

    Parameters
    ----------
    entries : DataFrame
        `ra`, `dec` degrees, `kind`.

    Raises
    ------
    PipelineError
        A class of the settings is not in the table.
    """
    missing = sorted(set(confusers.shares) - set(entries.kind))
    if missing:
        raise PipelineError(
            "the table of confusers lacks a class",
            where=confusers.path,
            value=", ".join(missing),
            allowed=", ".join(sorted(set(entries.kind))),
        )
    catalogue = catalogue.sort_values("object_id", kind="stable")
    entries = entries[entries.kind.isin(confusers.shares)]
    index, distance = sky.nearest(entries.ra, entries.dec, catalogue.ra, catalogue.dec, confusers.radius_arcsec)
    found = index >= 0
    matched = pd.DataFrame(
        {
            "object_id": catalogue.object_id.to_numpy(dtype=np.int64)[index[found]],
            "kind": entries.kind.to_numpy(dtype=object)[found],
            "distance": distance[found],
        }
    ).sort_values(["object_id", "distance", "kind"], kind="stable")
    matched = matched.drop_duplicates("object_id")
    return dict(zip(matched.object_id.tolist(), matched.kind.tolist(), strict=True))


def _usable(catalogue: pd.DataFrame, sample: Sample) -> np.ndarray:
    """Return which objects (N,) the settings admit."""
    usable = np.ones(len(catalogue), dtype=bool)
    if sample.regions is not None:
        usable &= catalogue.region.isin(sample.regions).to_numpy()
    if sample.magnitude is not None:
        usable &= magnitudes(catalogue[f"flux_{sample.magnitude.band}"]) < sample.magnitude.limit
    for name in sample.exclude_flags:
        usable &= (catalogue["flags"].to_numpy() & bit(name)) == 0
    return usable


def _near_known(catalogue: pd.DataFrame, known: Known) -> np.ndarray:
    """Return which objects (N,) are labelled or lie within the radius of a known object, matched or not."""
    labels = known.labels
    placed = labels[np.isfinite(labels.known_ra)]
    index, _ = sky.nearest(catalogue.ra, catalogue.dec, placed.known_ra, placed.known_dec, known.radius_arcsec)
    return (index >= 0) | np.isin(catalogue.object_id, labels.object_id[labels.object_id != 0])


def _strata(catalogue: pd.DataFrame, sample: Sample) -> np.ndarray:
    """Return the stratum (N,) of passes in g, r and z; one for all when they are not matched."""
    if sample.match_passes is None:
        return np.zeros(len(catalogue), dtype=np.int64)
    edges = sample.match_passes.edges
    bins = [np.digitize(catalogue[f"nobs_{band}"], edges) for band in "grz"]
    return np.ravel_multi_index(bins, (len(edges) + 1,) * 3).astype(np.int64)


def _nested(pool, positives, ratios, shares, classes, stratum, rank, ids) -> tuple[np.ndarray, np.ndarray, int]:
    """Return non-lenses (M,) as places in the catalogue, their tier (M,) and how many were wanted.

    At a ratio r, a class of confusers with share f gives floor(f r L) non-lenses for L lenses; the others come at
    random, in each stratum as many as its share of the lenses asks for.
    """
    if ratios == [None]:
        return pool, np.zeros(len(pool), dtype=np.int16), len(pool)
    chosen, tiers, wanted = [], [], 0
    kind = classes[pool] if shares else np.zeros(len(pool), dtype=object)
    parts = [
        (pool[kind == name], [_whole(share * ratio * len(positives)) for ratio in ratios])
        for name, share in sorted(shares.items())
    ]
    rest = pool[kind == ""] if shares else pool
    left = 1 - sum(shares.values())
    for number, count in zip(*np.unique(stratum[positives], return_counts=True), strict=True):
        members = rest[stratum[rest] == number]
        parts.append((members, [-_whole(-left * ratio * int(count)) for ratio in ratios]))
    for members, quotas in parts:
        ordered = members[np.lexsort((ids[members], rank[members]))][: quotas[-1]]
        chosen.append(ordered)
        tiers.append(np.searchsorted(quotas, np.arange(len(ordered)), side="right"))
        wanted += quotas[-1]
    if not chosen:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int16), 0
    return np.concatenate(chosen), np.concatenate(tiers).astype(np.int16), wanted


def _whole(value: float) -> int:
    """Return the floor of a product of decimal fractions, which may lie a rounding error below a whole number."""
    return int(np.floor(round(value, 9)))


def _rows(object_id: np.ndarray, label: int, name: str, tier, confuser) -> pd.DataFrame:
    return pd.DataFrame({"object_id": object_id, "label": label, "set": name, "tier": tier, "confuser": confuser})
