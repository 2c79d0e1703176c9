"""Where a process stands, by the variables of a launcher or of a cluster."""

import pytest

import minigrad as mg
from minigrad.distributed.variables import Place, first_host, place, place_on_cluster
from minigrad.errors import HyperparameterError

OURS = {"MINIGRAD_RANK": "1", "MINIGRAD_WORLD_SIZE": "4", "MINIGRAD_COORDINATOR": "10.0.0.1:29500"}
SLURM = {
    "SLURM_PROCID": "3",
    "SLURM_NTASKS": "8",
    "SLURM_JOB_ID": "123456",
    "SLURM_STEP_NODELIST": "gpu[017-019]",
}


def test_a_process_without_variables_is_alone():
    assert place({}) is None
    assert (mg.distributed.rank(), mg.distributed.size(), mg.distributed.start()) == (0, 1, False)


def test_a_place_is_what_its_variables_say():
    there = Place(1, 4, "10.0.0.1:29500", "10.0.0.1:29501", "a token", 20.0)
    assert place(there.variables()) == there


def test_this_process_is_what_its_variables_say(monkeypatch):
    for name, text in OURS.items():
        monkeypatch.setenv(name, text)
    assert (mg.distributed.rank(), mg.distributed.size()) == (1, 4)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"MINIGRAD_RANK": "4"}, "MINIGRAD_RANK=4 is not below MINIGRAD_WORLD_SIZE=4"),
        ({"MINIGRAD_RANK": "-1"}, "MINIGRAD_RANK='-1'"),
        ({"MINIGRAD_RANK": ""}, "MINIGRAD_RANK=''"),
        ({"MINIGRAD_WORLD_SIZE": "0", "MINIGRAD_RANK": "0"}, "MINIGRAD_WORLD_SIZE=0"),
        ({"MINIGRAD_WORLD_SIZE": "four"}, "MINIGRAD_WORLD_SIZE='four'"),
        ({"MINIGRAD_COORDINATOR": "10.0.0.1"}, "expected host:port"),
        ({"MINIGRAD_COORDINATOR": ""}, "expected host:port"),
        ({"MINIGRAD_TIMEOUT": "soon"}, "MINIGRAD_TIMEOUT='soon'"),
    ],
)
def test_variables_that_name_no_place_are_refused(changed, said):
    with pytest.raises(HyperparameterError, match="MINIGRAD") as caught:
        place({**OURS, **changed})
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["MINIGRAD_RANK", "MINIGRAD_WORLD_SIZE"])
def test_some_variables_without_the_others_are_refused(name):
    with pytest.raises(HyperparameterError, match="is not set, though others of its kind are"):
        place({name: OURS[name]})


def test_a_rank_of_slurm():
    found = place_on_cluster(SLURM)
    assert found == Place(3, 8, "gpu017:26912", "gpu017:26913", "123456")
    assert place_on_cluster({**SLURM, "SLURM_STEP_NUM_TASKS": "4"}).size == 4
    assert place_on_cluster({**SLURM, **OURS})[:3] == (1, 4, "10.0.0.1:29500")


@pytest.mark.parametrize("missing", ["SLURM_PROCID", "SLURM_NTASKS", "SLURM_JOB_ID", "SLURM_STEP_NODELIST"])
def test_slurm_without_one_of_its_variables_is_refused(missing):
    with pytest.raises(HyperparameterError):
        place_on_cluster({name: text for name, text in SLURM.items() if name != missing})


def test_the_first_host_of_an_empty_list_is_refused():
    with pytest.raises(HyperparameterError, match="no first host"):
        first_host("[]")
