"""Tests of reading weights of QuasarNET in the published layout, from files that the tests write in it."""

import h5py
import numpy as np
import pytest
import torch

from pipeline.models import quasarnet
from pipeline.surveys.quasarnet_weights import read_weights
from pipeline.surveys.unreadable import UnreadableFile


def network(layers, same, pixels, filters=6):
    """A small network whose batch norms have seen something."""
    draw = torch.Generator().manual_seed(3)
    size = {"layers": layers, "same": same, "filters": filters, "dense": 8, "dropout": 0.0}
    made = quasarnet.build(size, pixels, draw)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            for values in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                values.copy_(torch.rand(values.shape, generator=draw) + 0.5)
        elif getattr(module, "bias", None) is not None:
            module.bias.data.copy_(torch.randn(module.bias.shape, generator=draw))
    return made.eval()


def write(path, made, first=1, skip=(), rescaled=True, attrs=None):
    """Write a network's weights as Keras does."""

    def put(file, layer, **arrays):
        if layer in skip:
            return
        group = file.create_group(f"model_weights/{layer}/{layer}")
        for name, values in arrays.items():
            group[f"{name}:0"] = values.detach().numpy()

    def norm(file, number, module):
        name = "batch_normalization" if number + first == 0 else f"batch_normalization_{number + first}"
        put(file, name, gamma=module.weight, beta=module.bias, moving_mean=module.running_mean,
            moving_variance=module.running_var)  # fmt: skip

    with h5py.File(path, "w") as file:
        for name, value in (attrs or {}).items():
            file.attrs[name] = value
        for number, (convolution, after) in enumerate(zip(made.convolutions, made.norms, strict=True)):
            put(file, f"conv_{number + 1}", kernel=convolution.weight.permute(2, 1, 0), bias=convolution.bias)
            norm(file, number, after)
        put(file, "fc_common", kernel=made.dense.weight.T, bias=made.dense.bias)
        norm(file, len(made.norms), made.norm)
        for head in range(7):
            for half, part in enumerate(("box", "offset")):
                rows = slice((2 * head + half) * 13, (2 * head + half + 1) * 13)
                put(file, f"fc_{part}_{head}", kernel=made.head.weight[rows].T, bias=made.head.bias[rows])
        file.create_group("model_weights/input_1")
        if rescaled:
            file.create_group("model_weights/lambda")
    return path


def numpy_forward(path, x, layers, same):
    """Keras's arithmetic in numpy, (N, pixels) to (7, N, 26): positions before channels, as the file has them."""
    sigmoid = lambda values: 1 / (1 + np.exp(-values))  # noqa: E731
    with h5py.File(path) as file:
        get = lambda layer, name: file[f"model_weights/{layer}/{layer}/{name}:0"][()].astype(np.float64)  # noqa: E731

        def norm(layer, values):
            scale = get(layer, "gamma") / np.sqrt(get(layer, "moving_variance") + 1e-3)
            return np.maximum((values - get(layer, "moving_mean")) * scale + get(layer, "beta"), 0)

        values = x.astype(np.float64)[..., None]
        for number in range(1, layers + 1):
            if same:  # TensorFlow's rule: as much as is needed, the odd one on the right
                total = max((-(-values.shape[1] // 2) - 1) * 2 + 10 - values.shape[1], 0)
                values = np.pad(values, ((0, 0), (total // 2, total - total // 2), (0, 0)))
            windows = np.lib.stride_tricks.sliding_window_view(values, 10, axis=1)[:, ::2]
            values = np.einsum("npck,kco->npo", windows, get(f"conv_{number}", "kernel"))
            values = norm(f"batch_normalization_{number}", values + get(f"conv_{number}", "bias"))
        values = values.reshape(len(x), -1) @ get("fc_common", "kernel") + get("fc_common", "bias")
        values = norm(f"batch_normalization_{layers + 1}", values)
        heads = []
        for head in range(7):
            box, offset = (
                sigmoid(values @ get(f"fc_{part}_{head}", "kernel") + get(f"fc_{part}_{head}", "bias"))
                for part in ("box", "offset")
            )
            heads.append(np.concatenate([box, -0.1 + 1.2 * offset], axis=1))
    return np.stack(heads)


@pytest.mark.parametrize("layers, same, pixels", [(4, False, 443), (6, True, 443), (6, True, 458), (4, False, 458)])
def test_a_file_gives_back_the_networks_output(tmp_path, layers, same, pixels):
    made = network(layers, same, pixels)
    attrs = {"grid_spacing": "linear" if pixels == 458 else "logarithmic"}
    path = write(tmp_path / "weights.h5", made, attrs=attrs)
    found = read_weights(path)
    assert found.size == {"layers": layers, "same": same, "filters": 6, "dense": 8} and found.pixels == pixels
    again = quasarnet.QuasarNet(found.pixels, **found.size).eval()
    again.load_state_dict(found.state)
    x = torch.randn(3, pixels, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        raw = again(x)
        assert torch.equal(raw, made(x))
    ours = torch.cat(quasarnet.boxes_of(raw), dim=2).permute(1, 0, 2).numpy()
    np.testing.assert_allclose(ours, numpy_forward(path, x.numpy(), layers, same), atol=1e-5)


def test_batch_norms_may_be_counted_from_none(tmp_path):
    made = network(4, False, 443)
    one, other = (read_weights(write(tmp_path / f"{first}.h5", made, first=first)) for first in (0, 1))
    assert all(torch.equal(one.state[name], other.state[name]) for name in one.state)


def test_what_is_refused(tmp_path):
    made = network(4, False, 443)
    with pytest.raises(UnreadableFile, match="not found"):
        read_weights(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(UnreadableFile, match="cannot be read"):
        read_weights(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["flux"] = np.ones(3)
    with pytest.raises(UnreadableFile, match="no weights of QuasarNET"):
        read_weights(tmp_path / "other.h5")
    with pytest.raises(UnreadableFile, match="fc_offset_3"):
        read_weights(write(tmp_path / "missing.h5", made, skip=("fc_offset_3",)))
    with pytest.raises(UnreadableFile, match="lambda"):
        read_weights(write(tmp_path / "plain.h5", made, rescaled=False))
    with pytest.raises(UnreadableFile, match="neither variant"):
        read_weights(write(tmp_path / "pixels.h5", network(4, False, 400)))
    path = write(tmp_path / "broken.h5", made)
    with h5py.File(path, "a") as file:
        file["model_weights/conv_2/conv_2/bias:0"][3] = np.nan
    with pytest.raises(UnreadableFile, match=r"not finite\n.*conv_2/bias"):
        read_weights(path)
    with h5py.File(path, "a") as file:
        del file["model_weights/conv_2/conv_2/bias:0"]
        file["model_weights/conv_2/conv_2/bias:0"] = np.zeros(5)
    with pytest.raises(UnreadableFile, match="another shape"):
        read_weights(path)
