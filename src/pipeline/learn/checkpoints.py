"""Weights of finished networks, and checkpoints of training that goes on."""

import hashlib
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch

from pipeline.data.atomic import atomic
from pipeline.errors import PipelineError

# Long against the time that writing takes, short against what a kill may cost.
CHECKPOINT_SECONDS = 60.0


def _bytes(value) -> bytes:
    """Return a value as torch stores it. Through memory: torch writes a file's own name into the file."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def plain_state(state: dict) -> dict:
    """Return a state dict on the CPU in standard memory layout, so that its bytes depend on its values alone."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}


def save_weights(path: Path, state: dict, about: dict) -> None:
    """Write the weights of a network with what is needed to build it.

    Parameters
    ----------
    path : Path
        A temporary path (see `data.atomic`).
    state : dict
        Names and tensors.
    about : dict
        JSON-ready values: for an encoder `network` and `view`, the sections of its settings.
    """
    path.write_bytes(_bytes({"about": json.dumps(about, sort_keys=True), "state": plain_state(state)}))


def load_weights(path: Path) -> tuple[dict, dict]:
    """Read what `save_weights` wrote: (state, about).

    Raises
    ------
    PipelineError
        The file is missing, broken or something else.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return content["state"], json.loads(content["about"])
    except FileNotFoundError:
        raise PipelineError("weights not found", where=path, next="run snakemake again") from None
    except Exception as error:  # torch raises whatever its unpickler or zip reader meets
        raise PipelineError(
            "this file holds no weights of this pipeline",
            where=path,
            value=f"{type(error).__name__}: {error}".splitlines()[0],
            next="remove it and run snakemake; foreign weights come in as an encoder of kind `published_weights`",
        ) from None


class Checkpoints:
    """The newest state of one training, on disk; written by the clock, so that nothing of it may enter a result.

    Parameters
    ----------
    folder : Path
        In the work folder of the run.
    identity : object
        JSON-ready values that tell this training from any other: settings, code, inputs.
    seconds : float
        Least time between two checkpoints.
    writes : bool
        Of several ranks one writes; all read.
    """

    def __init__(self, folder: Path, identity, seconds: float = CHECKPOINT_SECONDS, writes: bool = True):
        self.writes = writes
        self.path = folder / "state.pt"
        self.identity = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self.seconds = seconds
        self._last = time.monotonic()

    def load(self) -> dict | None:
        """Return the newest state of this very training, or None."""
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except Exception:  # a checkpoint that cannot be read costs time only
            return None
        return content["state"] if content.get("identity") == self.identity else None

    def offer(self, state: Callable[[], dict], now: bool = False) -> bool:
        """Write state() when the last checkpoint is old enough, or at once; return whether it was written."""
        if not self.writes or (not now and time.monotonic() - self._last < self.seconds):
            return False
        with atomic(self.path) as temporary:
            temporary.write_bytes(_bytes({"identity": self.identity, "state": state()}))
        self._last = time.monotonic()
        return True

    def clear(self) -> None:
        """Remove the checkpoint of a training that has ended."""
        if self.writes:
            self.path.unlink(missing_ok=True)
