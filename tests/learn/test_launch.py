"""Which rank a process is, by what launchers set."""

import pytest

from pipeline.errors import PipelineError
from pipeline.learn.launch import World, find


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, World()),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_JOB_ID": "7"}, World()),  # the script of a job: no step
        ({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "3"}, World(3, 8, 3, "torchrun")),
        ({"PMI_RANK": "1", "PMI_SIZE": "2", "MPI_LOCALRANKID": "1"}, World(1, 2, 1, "PMI")),
        (
            {"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "8", "SLURM_LOCALID": "1", "PMI_SIZE": "1", "PMI_RANK": "0"},
            World(5, 8, 1, "SLURM"),
        ),
        (
            {"PMI_RANK": "6", "PMI_SIZE": "8", "SLURM_LOCALID": "2", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"},
            World(6, 8, 2, "PMI"),
        ),
        (
            {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_RANK": "0"},
            World(1, 4, 0, "Open MPI"),
        ),
    ],
)
def test_rank_and_size(environment, expected):
    assert find(environment) == expected


def test_every_item_has_one_rank():
    dealt = [World(rank, 3, 0, "SLURM").share(list(range(8))) for rank in range(3)]
    assert dealt == [[0, 3, 6], [1, 4, 7], [2, 5]]
    assert World().share([1, 2]) == World().gather([1, 2]) == [1, 2] and World().broadcast(5) == 5


def test_a_launcher_that_mpi_does_not_know_is_named():
    pytest.importorskip("mpi4py")
    with pytest.raises(PipelineError, match="each would do the whole job"):
        World(0, 64, 0, "SLURM").gather([1])
