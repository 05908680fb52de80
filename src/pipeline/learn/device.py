"""Where and how torch computes: one device, a stated number of threads, deterministic kernels."""

import os

import torch


def set_up(threads: int) -> torch.device:
    """Fix the number of torch threads, ask for deterministic kernels, and return the GPU if there is one, else the CPU.

    The bits of a result depend on the number of threads, so it is a setting and never the cores at hand.
    """
    torch.set_num_threads(threads)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic products of matrices need it
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda")


def generator(words) -> torch.Generator:
    """Return a torch generator on the CPU, seeded by a numpy generator (see `data.random.stream`)."""
    made = torch.Generator()
    made.manual_seed(int(words.integers(2**63)))
    return made
