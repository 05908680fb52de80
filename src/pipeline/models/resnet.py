"""Residual networks of He et al. 2016 with a free width; parameters have torchvision's names, so its weights load.

torchvision itself is not imported: its import takes longer than that of torch, its networks have one width, and its
compiled operators do not load beside every build of torch. The tests compare the two.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (ResNet18)."""

    expansion = 1

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(channels, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut, the stride in the 3x3 one (ResNet50, version 1.5)."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        out = width * self.expansion
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = _shortcut(channels, out, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def _shortcut(channels: int, out: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and channels == out:
        return None
    return nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))


class ResNet(nn.Module):
    """Features of images: (N, 3, H, W) float32 to (N, `features`), the mean over the last map.

    Parameters
    ----------
    name : str
        "resnet18" (512 features at width 64) or "resnet50" (2048; 23,508,032 parameters).
    width : int
        Channels of the first stage; the published networks have 64.
    stem : str
        "standard": 7x7 convolution with stride 2, then 3x3 max pooling with stride 2. "small": 3x3 convolution with
        stride 2 and no pooling, so that an input of half the size leaves maps of the same size.
    generator : torch.Generator or None
        Where the weights are drawn from.
    """

    def __init__(self, name: str, width: int, stem: str, generator: torch.Generator | None = None):
        super().__init__()
        block = BasicBlock if name == "resnet18" else Bottleneck
        kernel = 7 if stem == "standard" else 3
        self.conv1 = nn.Conv2d(3, width, kernel, stride=2, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pooled = stem == "standard"
        channels = width
        for stage, depth in enumerate(DEPTHS[name]):
            planes = width * 2**stage
            blocks = []
            for index in range(depth):
                blocks.append(block(channels, planes, 2 if stage and not index else 1))
                channels = planes * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.features = channels
        for convolution in _convolutions(self):
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu", generator=generator)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn1(self.conv1(images)))
        if self.pooled:
            x = F.max_pool2d(x, 3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean(dim=(2, 3))


def _convolutions(network: nn.Module) -> Iterator[nn.Conv2d]:
    return (module for module in network.modules() if isinstance(module, nn.Conv2d))
