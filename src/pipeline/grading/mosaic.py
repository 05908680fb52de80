"""The command `skysieve search`: the neighbours of one object, as lines and as a picture."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.atomic import atomic
from pipeline.data.datasets import read_tables
from pipeline.data.flags import bit
from pipeline.data.ids import name as designation
from pipeline.data.manifests import shard_paths
from pipeline.data.shards import ImageShard
from pipeline.data.tables import read_ecsv
from pipeline.errors import PipelineError
from pipeline.grading.pictures import Cutout, cutouts, picture
from pipeline.search import index, queries
from pipeline.search.objects import NONE

# A position that someone types or reads off a picture; about the size of a galaxy in a cutout.
QUERY_RADIUS_ARCSEC = 10.0


def search_command(
    run_dir: Path,
    *,
    name: str | None,
    ra: float | None,
    dec: float | None,
    encoder: str | None,
    k: int,
    png: Path | None,
) -> list[str]:
    """Return one line a neighbour of one object, most similar first, and draw them when `png` is given.

    Parameters
    ----------
    run_dir : Path
        results/<run>.
    name : str or None
        An object_id, a designation (`DESI-RRR.rrrr+DD.dddd`) or the name of a known object.
    ra, dec : float or None
        Degrees; used when there is no name.
    encoder : str or None
        None takes the only one.
    k : int
    png : Path or None

    Raises
    ------
    PipelineError
        No query, or two; no such object; no neighbours of that encoder; more neighbours than were kept.
    """
    images = Path(run_dir) / "images"
    manifest = _neighbours(images, encoder)
    catalogue = read_tables(sorted((images / "catalogue").glob("*.json")), ["object_id", "ra", "dec", "flags"])
    query = _query(images, catalogue, name, ra, dec)
    lists = index.read_lists(manifest, query)
    if lists is None:
        raise PipelineError("this object has no embedding", where=manifest, value=query)
    ids, similarity = lists
    if not 0 < k <= len(ids):
        raise PipelineError("that many neighbours were not kept", where="-k", value=k, allowed=f"1 to {len(ids)}")
    there = ids[:k] != NONE
    ids, similarity = ids[:k][there], similarity[:k][there]
    shown = np.concatenate([[query], ids])
    rows = catalogue.set_index("object_id").loc[shown]
    names = designation(rows["ra"].to_numpy(), rows["dec"].to_numpy())
    lines = [f"query  {names[0]}  object_id {query}  encoder {manifest.parent.name}"]
    for place, (identity, cosine, label) in enumerate(zip(ids, similarity, names[1:], strict=True), start=1):
        lines.append(f"{place:5d}  {label}  object_id {identity}  similarity {cosine:.4f}")
    if not len(ids):
        lines.append("no neighbours: the object has no magnitude, or none lies within the window")
    if png is not None:
        manifests = sorted((images / "shards").glob("*.json"))
        found = cutouts([ImageShard(path) for one in manifests for _, path in shard_paths(one)], shown)
        titles = [f"query\n{names[0]}", *(f"{c:.3f}\n{n}" for c, n in zip(similarity, names[1:], strict=True))]
        mark = "SIMULATED" if (rows["flags"] & bit("SIMULATED")).any() else ""
        draw([found[int(value)] for value in shown], titles, mark, png)
        lines.append(f"picture: {png}")
    return lines


def _neighbours(images: Path, encoder: str | None) -> Path:
    """Return the manifest of the neighbours of an encoder."""
    known = sorted(path.parent.name for path in (images / "neighbours").glob("*/manifest.json"))
    if not known:
        raise PipelineError("this run has no neighbours yet", where=images / "neighbours", next="snakemake --cores all")
    if encoder is None and len(known) > 1:
        raise PipelineError("which encoder?", where="--encoder", allowed=", ".join(known))
    if encoder is not None and encoder not in known:
        raise PipelineError("no neighbours of that encoder", where="--encoder", value=encoder, allowed=", ".join(known))
    return images / "neighbours" / (encoder or known[0]) / "manifest.json"


def _query(images: Path, catalogue: pd.DataFrame, name: str | None, ra: float | None, dec: float | None) -> int:
    """Return the id of the object that the options name."""
    if (name is None) == (ra is None and dec is None) or (ra is None) != (dec is None):
        raise PipelineError("which object?", allowed="--name NAME, or --ra DEGREES --dec DEGREES")
    if name is None:
        return queries.object_at(catalogue, ra, dec, QUERY_RADIUS_ARCSEC, "--ra, --dec")
    if name.isdigit():
        if int(name) not in set(catalogue["object_id"]):
            raise PipelineError("no object with this id", where="--name", value=name)
        return int(name)
    position = queries.parse_designation(name)
    if position is not None:
        return queries.object_at(catalogue, *position, QUERY_RADIUS_ARCSEC, "--name")
    labels = images / "labels.ecsv"
    if labels.is_file():
        table = read_ecsv(labels)
        for row in table[table["object_id"] != 0]:
            if str(row["known_name"]).casefold() == name.casefold():
                return int(row["object_id"])
    raise PipelineError(
        "no object of this name",
        where="--name",
        value=name,
        allowed="an object_id, DESI-RRR.rrrr+DD.dddd, or the name of a known object of this run",
    )


def draw(images: list[Cutout], titles: list[str], mark: str, path: Path) -> None:
    """Draw cutouts in viewer colours under a mark ("" for none), as a PNG whose bytes hold no date or version."""
    from matplotlib.figure import Figure

    columns = min(6, len(images))
    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(2.0 * columns, 2.35 * rows), layout="constrained")
    if mark:
        figure.suptitle(mark, fontsize=9)
    for number, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if number < len(images):
            image = images[number].image
            axes.imshow(picture(image, 1.0, max(image.shape[1:])), interpolation="nearest")
            axes.set_title(titles[number], fontsize=7)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120, metadata={"Software": None})
