"""Two processes over loopback take the same steps as one."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rich.console import Console

from mmim_live.model.mmim import MMIM
from mmim_train.commands import train_command
from mmim_train.training.distributed import World, world_from_environment
from mmim_train.training.options import TrainOptions
from mmim_train.training.trainer import TrainResult, train
from tests.conftest import REPOSITORY
from tests.train.corpus import RECIPE, write_data, write_encoder
from tests.train.synthetic import CPU, MOSI, Synthetic, no_dropout, small_model

TRAIN = """
import sys, torch
torch.set_num_threads(1)
from tests.train.training.test_distributed import trained
from mmim_train.training.distributed import world_from_environment
with world_from_environment(torch.device("cpu")) as world:
    model, result = trained(world)
    content = {"weights": model.state_dict(), "losses": [e.parts for e in result.epochs], "valid": result.valid}
    torch.save(content, f"{sys.argv[1]}/{world.rank}-of-{world.size}.pt")
"""

COMMAND = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
from tests.train.training.test_distributed import run
run(Path(sys.argv[1]), "two")
"""


def run(folder: Path, name: str) -> None:
    train_command(
        folder / "data",
        recipe=str(folder / "tiny.toml"),
        text_encoder=str(folder / "encoder"),
        output=folder / name,
        device="cpu",
        console=Console(file=io.StringIO()),
    )


def trained(world: World) -> tuple[MMIM, TrainResult]:
    model = small_model(modality_dropout=0.3, **no_dropout())
    options = TrainOptions(epochs=2, batch_size=10, lr_main=3e-3)  # 33 = 3 x 10 + 3: unequal shards, too
    return model, train(
        model, Synthetic(33, absent=0.2), Synthetic(11, 1), options, seed=1, device=CPU, measure=MOSI, world=world
    )


def launch(folder: Path, text: str) -> None:
    root = REPOSITORY
    script = folder / "script.py"
    script.write_text(text)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    command += ["--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", str(script), str(folder)]
    paths = os.pathsep.join((str(root), str(root / "train")))
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        _, errors = process.communicate(timeout=240)
    finally:
        process.terminate()  # the launcher then ends its workers
        process.wait()
    assert process.returncode == 0, errors[-2000:]


@pytest.mark.slow
def test_two_processes_reach_the_same_loss_as_one(tmp_path: Path) -> None:
    launch(tmp_path, TRAIN)
    both = [torch.load(tmp_path / f"{rank}-of-2.pt", weights_only=True) for rank in range(2)]
    for name, value in both[0]["weights"].items():
        assert torch.equal(value, both[1]["weights"][name]), name  # bit-identical across processes
    model, result = trained(World())
    for mine, theirs in zip([e.parts for e in result.epochs], both[0]["losses"], strict=True):
        assert theirs == pytest.approx(mine, rel=1e-3, abs=1e-4)
    assert both[0]["valid"]["mae"] == pytest.approx(result.valid["mae"], rel=1e-3)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(both[0]["weights"][name], value, rtol=5e-2, atol=1e-3, msg=name)


@pytest.mark.slow
def test_the_command_runs_in_two_processes(tmp_path: Path) -> None:
    write_encoder(tmp_path / "encoder")
    write_data(tmp_path / "data")
    (tmp_path / "tiny.toml").write_text(RECIPE)
    launch(tmp_path, COMMAND)
    run(tmp_path, "one")
    one, two = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("one", "two"))
    assert two["summary"]["test"]["mae"]["mean"] == pytest.approx(one["summary"]["test"]["mae"]["mean"], abs=0.1)
    assert (tmp_path / "two" / "checkpoint" / "config.json").is_file()


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [0, 1, 4, 7, 32])
def test_shards_cover_everything_once(size: int, count: int) -> None:
    shards = [World(rank, size).shard(count) for rank in range(size)]
    assert [i for shard in shards for i in shard] == list(range(count))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_without_a_launcher_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with world_from_environment(CPU) as world:
        assert (world.rank, world.size, world.is_main) == (0, 1, True)
