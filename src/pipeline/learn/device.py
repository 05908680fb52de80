"""Where and how torch computes: one device, a stated number of threads, deterministic kernels."""

import os

import torch

from pipeline.errors import PipelineError


def choose(wanted: str, local_rank: int = 0) -> torch.device:
    """Return the device of a process: "cuda", "cpu", or "auto" (a GPU where there is one, else the CPU).

    The ranks of one node take its GPUs in turn; where the scheduler shows each rank a single one, that is theirs.

    Raises
    ------
    PipelineError
        "cuda" is wanted and torch finds no GPU.
    """
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise PipelineError(
            "no GPU was found",
            where="device",
            value=f"cuda; CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES', '(not set)')}, torch is {built}",
            allowed="cuda, cpu, or auto (the CPU where there is no GPU)",
            next="ask the scheduler for a GPU, install with `make setup-gpu`, or set `device: auto`",
        )
    return torch.device("cuda", local_rank % torch.cuda.device_count())


def set_up(threads: int, device: torch.device) -> torch.device:
    """Fix the number of torch threads, ask for deterministic kernels, and return the device.

    The bits of a result depend on the number of threads, so it is a setting and never the cores at hand.
    """
    torch.set_num_threads(threads)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic products of matrices need it
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    return device


def generator(words) -> torch.Generator:
    """Return a torch generator on the CPU, seeded by a numpy generator (see `data.random.stream`)."""
    made = torch.Generator()
    made.manual_seed(int(words.integers(2**63)))
    return made
