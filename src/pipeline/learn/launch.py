"""One job, many processes: which of them this one is, and how they reach each other. It changes no product.

A launcher (`srun`, `mpiexec`, `torchrun`) tells each process its rank in the environment; without one there is a single
process. Stages that deal files to ranks talk through MPI; training talks through torch.distributed, whose address the
ranks exchange through MPI, so that no port and no node has to be named.
"""

import atexit
import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pipeline.errors import PipelineError

# Names of (rank, number of ranks, rank within the node) as launchers set them. PMI: MPICH's mpiexec, `srun --mpi=pmi2`.
LAUNCHERS = {
    "torchrun": ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    "Open MPI": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    "PMI": ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
    "SLURM": ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
}


@dataclass(frozen=True)
class World:
    """The processes that do one job together, seen from one of them.

    Attributes
    ----------
    rank, size : int
        This process is number `rank` of `size`.
    local_rank : int
        Its number among those on the same node.
    launcher : str
        Who started them; empty for a single process.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    launcher: str = ""

    @cached_property
    def communicator(self):
        """MPI's communicator of all ranks.

        Raises
        ------
        PipelineError
            mpi4py is missing, or its MPI does not see the ranks that the launcher started.
        """
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as error:
            raise PipelineError(
                "several ranks need mpi4py and an MPI library",
                where=self.launcher,
                value=error,
                next="pip install 'skysieve[mpi-local]', or build mpi4py against the MPI of the cluster",
            ) from None
        world = MPI.COMM_WORLD
        if world.Get_size() != self.size:
            raise PipelineError(
                "MPI does not see the ranks that the launcher started: each would do the whole job",
                where=self.launcher,
                value=f"{world.Get_size()} in MPI, {self.size} started",
                next="start them with the launcher of this MPI library (for MPICH wheels: srun --mpi=pmi2)",
            )
        return world

    def share(self, items: list) -> list:
        """Return the items of this rank: every size-th one."""
        return items[self.rank :: self.size]

    def gather(self, items: list) -> list:
        """Return on rank 0 the items of all ranks, in the order before `share` dealt them; nothing on the others."""
        if self.size == 1:
            return items
        parts = self.communicator.gather(items)
        if parts is None:
            return []
        joined = [None] * sum(len(part) for part in parts)
        for rank, part in enumerate(parts):
            joined[rank :: self.size] = part
        return joined

    def broadcast(self, value):
        """Return the value of rank 0 on every rank."""
        return value if self.size == 1 else self.communicator.bcast(value)

    def any(self, flag: bool) -> bool:
        """Tell whether any rank says yes."""
        return flag if self.size == 1 else any(self.communicator.allgather(flag))

    def wait(self) -> None:
        """Wait until every rank has come here."""
        if self.size > 1 and self.launcher != "torchrun":
            self.communicator.Barrier()

    def abort(self, status: int) -> None:
        """End all ranks: one that fails would leave the others waiting for ever."""
        if self.size > 1 and self.launcher != "torchrun":  # torchrun ends the others itself
            with contextlib.suppress(PipelineError):  # without MPI none of them waits for another
                self.communicator.Abort(status)


def find(environment: Mapping[str, str] = os.environ) -> World:
    """Return where this process stands, by the first launcher that speaks of more than one process.

    A job of a scheduler may have been started by one launcher (a single process) and start its ranks with another one.
    """
    for launcher, (rank, size, local_rank) in LAUNCHERS.items():
        if int(environment.get(size, "1")) > 1:
            local = environment.get(local_rank) or environment.get("SLURM_LOCALID") or "0"
            return World(int(environment[rank]), int(environment[size]), int(local), launcher)
    return World()


def join(world: World, backend: str) -> None:
    """Connect the ranks for torch.distributed until they end; `backend` is "nccl" (GPUs) or "gloo" (CPUs)."""
    import torch.distributed as dist

    atexit.register(dist.destroy_process_group)
    if world.launcher == "torchrun":
        dist.init_process_group(backend)
        return
    hosts = world.communicator.allgather(socket.gethostname())
    together = len(set(hosts)) == 1
    if together:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    host = "127.0.0.1" if together else hosts[0]
    with socket.socket() as free:  # a port that nobody uses; taken again at once
        free.bind(("", 0))
        port = world.communicator.bcast(free.getsockname()[1])
    store = dist.TCPStore(host, port, world.size, is_master=world.rank == 0)
    dist.init_process_group(backend, store=store, rank=world.rank, world_size=world.size)
