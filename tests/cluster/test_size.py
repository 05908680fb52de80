"""How large a run is, from a list of shards, from settings, from a number."""

import pytest
import yaml

from pipeline import graph
from pipeline.cluster.rates import Rates
from pipeline.cluster.size import size_of
from pipeline.errors import PipelineError
from pipeline.graph import into_batches, shards_text


@pytest.fixture
def paper(root):
    """The settings of the paper's search; where its data lie is not asked."""
    content = yaml.safe_load((root / "config" / "legacy-dr9-stein2021.yaml").read_text())
    return graph.load(content, unset_is_error=False)


def _listed(folder, kind, sources):
    shards = [(f"s{number}", kind, 1, source, "south") for number, source in enumerate(sources)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shards.tsv").write_text(shards_text(into_batches(shards, 4)))


def _size(settings, folder, objects=None):
    return size_of(settings, folder, "config/mine.yaml", objects, Rates([]))


def test_dr9_has_what_the_paper_counted_until_it_is_indexed(paper, tmp_path):
    size = _size(paper, tmp_path)
    assert size.objects == 42_272_646 + 14_174_203 and "Stein et al. 2021" in size.source
    # 280 bricks of DR9 hold about 50,000 galaxies, as the configuration says.
    assert size.objects / size.shards == pytest.approx(50_000, rel=0.01)
    assert size.bricks == pytest.approx(315_536, rel=1e-6)


def test_a_list_of_shards_is_counted_brick_by_brick(paper, tmp_path):
    _listed(tmp_path, "images", ["sweep=a.fits;bricks=0001m002,0001m005", "sweep=a.fits;bricks=0001p000"])
    size = _size(paper, tmp_path)
    assert (size.shards, size.batches) == (2, 1) and size.bricks == pytest.approx(3)
    assert size.objects == round(3 * 56_446_849 / 315_536) and "3 bricks" in size.source


def test_a_number_of_objects_makes_shards_as_large_as_the_settings_make_them(paper, tmp_path):
    size = _size(paper, tmp_path, 1_000_000_000)
    assert size.shards == pytest.approx(20_000, rel=0.01) and size.batches == -(-size.shards // 25)
    assert size.bricks == 315_536  # the sky does not grow


def test_rows_and_files_of_other_surveys_are_counted_exactly(paper, tmp_path):
    stein = {"kind": "stein", "root": "/data", "files": "*.h5", "region": "south", "pixel_scale": 0.262}
    settings = graph.load({**paper.plain(), "survey": {**stein, "images_per_shard": 100}})
    _listed(tmp_path, "images", ["file=a.h5;rows=0:100", "file=a.h5;rows=100:137"])
    assert _size(settings, tmp_path).objects == 137
    cutouts = {"kind": "cutouts", "root": "/data", "files": "*.fits", "table": None, "class_column": None}
    cutouts |= {"bands": ["g", "r", "z"], "region": "", "pixel_scale": 0.262, "aperture_radius": 2.0}
    settings = graph.load({**paper.plain(), "survey": {**cutouts, "images_per_shard": 10}})
    _listed(tmp_path / "cutouts", "images", ["files=a.fits,b.fits,c.fits"])
    assert _size(settings, tmp_path / "cutouts").objects == 3
    with pytest.raises(PipelineError, match="skysieve index config/mine.yaml, or .* --objects N"):
        _size(settings, tmp_path / "no")


def test_a_simulated_survey_has_the_objects_of_its_settings(root, tmp_path):
    settings = graph.load(yaml.safe_load((root / "config" / "study.yaml").read_text()))
    size = _size(settings, tmp_path)
    # docs/results.md: 33,434 objects after the cuts on passes and masks, which take some tenth.
    assert 33_434 < size.objects < 1.25 * 33_434 and (size.shards, size.batches) == (12, 6)
    with pytest.raises(PipelineError, match="a simulated survey has the objects that its settings make"):
        _size(settings, tmp_path, 10**6)
