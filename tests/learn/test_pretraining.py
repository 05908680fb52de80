"""Pre-training on small shards: it learns, resumes to the bit, and does not depend on workers or shards."""

import dataclasses
import io

import numpy as np
import pytest
import torch

from pipeline.data.shards import write_image_shard
from pipeline.errors import PipelineError
from pipeline.images.distributions import PAPER_EXTINCTION, PAPER_NOISE, PAPER_PSF, Distributions
from pipeline.images.own import Own
from pipeline.learn.checkpoints import Checkpoints
from pipeline.learn.image_loader import find
from pipeline.learn.pretraining import Sample, Training, check_size, epoch_order, group_order, learning_rate, pretrain
from pipeline.settings.augmentation import Augmentation
from pipeline.settings.encoders import MocoEncoder

AUGMENTATION = Augmentation.parse(
    {
        "fit": {"sets": ["train"], "band": "z", "limit": 20.0, "n": 1000},
        "pixel_scale": 0.262,
        "extinction": "paper",
        "psf": "paper",
        "noise": "paper",
        "flip": True,
        "rotation": True,
        "scale": [0.9, 1.1],
        "jitter": 2,
    }
)
LAWS = Distributions(PAPER_NOISE, PAPER_PSF, PAPER_EXTINCTION, 0.262)
IDS = 10**15 + 7 * np.arange(50)


def encoder(**changes) -> MocoEncoder:
    training = {
        "epochs": 3,
        "batch": 16,
        "group": 8,
        "queue": 16,
        "temperature": 0.2,
        "key_momentum": 0.9,
        "projection": 8,
        "learning_rate": 0.05,
        "sgd_momentum": 0.9,
        "weight_decay": 1e-4,
        "threads": 1,
        "workers": 0,
    }
    return MocoEncoder.parse(
        {
            "kind": "moco",
            "network": {"name": "resnet18", "width": 4, "stem": "small"},
            "view": {"crop": 32, "pixels": 16, "transform": {"kind": "asinh", "scale": [0.01, 0.01, 0.02]}},
            "training": training | changes,
        }
    )


def images_of(ids: np.ndarray) -> np.ndarray:
    """Each object is a blob with a shape, size and colour of its own."""
    rng = np.random.default_rng(8)
    shape, flux = rng.uniform([2, 0.3, 0], [6, 1, np.pi], (50, 3)), rng.uniform(0.05, 1.0, (50, 3))
    index = (ids - IDS[0]) // 7
    y, x = np.indices((60, 60)) - 29.5
    out = np.empty((len(ids), 3, 60, 60), dtype=np.float32)
    for row, (sigma, ratio, angle) in enumerate(shape[index]):
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        out[row] = np.exp(-((along / sigma) ** 2 + (across / sigma / ratio) ** 2) / 2) * flux[index[row], :, None, None]
    return out


def sample_in(folder, parts) -> Sample:
    paths = []
    for number, ids in enumerate(parts):
        paths.append(folder / f"s{number}.h5")
        attrs = {"bands": ["g", "r", "z"], "pixel_scale": 0.262, "psf": "FWHM"}
        write_image_shard(paths[-1], images_of(ids), {"object_id": ids}, attrs, "none")
    places, pixel_scale = find(paths, IDS)
    assert pixel_scale == 0.262
    own = Own(np.full(50, 0.05), np.full((50, 3), 2.0), np.full((50, 3), 0.004))
    return Sample(paths, places, own)


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Sample:
    torch.set_num_threads(1)
    return sample_in(tmp_path_factory.mktemp("one"), [IDS])


class Events:
    """A log that keeps its events."""

    def __init__(self):
        self.lines = []

    def event(self, text, **fields):
        self.lines.append((text, fields))

    def progress(self, iterable, **fields):
        return iterable


def trained(sample, setting, folder, *, seed=5, seconds=3600.0, laws=LAWS, augmentation=AUGMENTATION, log=None):
    state, rows = pretrain(
        sample,
        setting,
        augmentation,
        laws,
        seed=seed,
        device=torch.device("cpu"),
        checkpoints=Checkpoints(folder, "test", seconds),
        log=log or Events(),
    )
    buffer = io.BytesIO()
    torch.save({name: value.contiguous() for name, value in state.items()}, buffer)
    return buffer.getvalue(), rows


@pytest.fixture(scope="module")
def whole(sample, tmp_path_factory):
    return trained(sample, encoder(), tmp_path_factory.mktemp("whole"))


def test_history_has_a_row_an_epoch_and_the_same_seed_the_same_bytes(sample, whole, tmp_path):
    content, rows = whole
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert [row["learning_rate"] for row in rows] == pytest.approx([0.05, 0.0375, 0.0125])
    assert all(0 <= row["accuracy"] <= 1 and row["loss"] > 0 for row in rows)
    assert trained(sample, encoder(), tmp_path / "a") == whole
    assert trained(sample, encoder(), tmp_path / "b", seed=6)[0] != content


class Killed(BaseException):
    pass


@pytest.mark.parametrize("last", [1, 3, 5])
def test_resumes_to_the_same_bytes(sample, whole, tmp_path, monkeypatch, last):
    advance = Training.advance

    def until(self, *arguments):
        if self.step == last:
            raise Killed
        advance(self, *arguments)

    monkeypatch.setattr(Training, "advance", until)
    with pytest.raises(Killed):
        trained(sample, encoder(), tmp_path, seconds=0.0)
    monkeypatch.undo()
    assert torch.load(tmp_path / "state.pt", weights_only=True)["state"]["step"] == last
    log = Events()
    assert trained(sample, encoder(), tmp_path, log=log) == whole
    assert log.lines[0] == ("resumed", {"step": f"{last}/9", "epoch": last // 3})


def test_workers_do_not_change_a_byte(sample, whole, tmp_path):
    assert trained(sample, encoder(workers=2), tmp_path) == whole


def test_shards_do_not_change_a_byte(whole, tmp_path):
    parts = [IDS[40:], IDS[1:20][::-1], IDS[:1], IDS[20:40]]
    assert trained(sample_in(tmp_path, parts), encoder(), tmp_path) == whole


def test_it_learns_to_tell_objects_apart(sample, tmp_path):
    mild = AUGMENTATION.plain() | {"extinction": "off", "psf": "off", "noise": "off", "scale": None, "rotation": False}
    setting = encoder(epochs=30, group=16, learning_rate=0.03)
    _, rows = trained(sample, setting, tmp_path, augmentation=Augmentation.parse(mild))
    chance = 1 / 17
    assert np.mean([row["accuracy"] for row in rows[-5:]]) > 5 * chance
    # The first epochs are easy: the queue still holds random vectors.
    assert rows[-1]["loss"] < rows[3]["loss"] - 0.4


def test_a_queue_beyond_half_of_the_sample_is_refused():
    setting = encoder(queue=32, batch=16).training
    check_size(64, setting)
    with pytest.raises(PipelineError, match="(?s)exceeds half.*32 keys, 63 objects.*at most 31"):
        check_size(63, setting)


def test_queue_and_groups_must_divide():
    with pytest.raises(PipelineError, match="queue must be a whole multiple of batch"):
        encoder(queue=24)
    with pytest.raises(PipelineError, match="batch must be a whole multiple of group"):
        encoder(group=6)


def test_a_loss_that_is_no_number_stops_the_training(sample, tmp_path):
    laws = dataclasses.replace(LAWS, noise=tuple(dataclasses.replace(law, scale=np.nan) for law in PAPER_NOISE))
    with pytest.raises(PipelineError, match="(?s)no longer a number.*epoch 0, step"):
        trained(sample, encoder(learning_rate=1e20), tmp_path, laws=laws)


def test_order_has_every_group_once_and_continues_in_the_middle(sample):
    setting = encoder().training
    every = list(group_order(sample.places, setting, 5, 0))
    assert len(every) == 3 * 3 * 2
    first = np.concatenate([positions for epoch, positions in every if epoch == 0])
    assert len(np.unique(first)) == 48 and (first == epoch_order(sample.places, setting, 5, 0).ravel()).all()
    for step in (1, 3, 4, 8, 9):
        rest = list(group_order(sample.places, setting, 5, step))
        assert [epoch for epoch, _ in rest] == [epoch for epoch, _ in every[2 * step :]]
        assert all((a[1] == b[1]).all() for a, b in zip(rest, every[2 * step :], strict=True))


def test_schedule_is_half_a_cosine():
    setting = encoder(learning_rate=0.4).training
    assert learning_rate(setting, 0, 100) == 0.4
    assert learning_rate(setting, 50, 100) == pytest.approx(0.2)
    assert learning_rate(setting, 99, 100) == pytest.approx(0.4 * 0.5 * (1 + np.cos(np.pi * 0.99)))


def test_objects_without_an_image_are_named(sample):
    with pytest.raises(PipelineError, match="(?s)1 of 2 objects of the sample are in no image shard.*object 3"):
        find(sample.paths, np.array([IDS[4], 3]))
