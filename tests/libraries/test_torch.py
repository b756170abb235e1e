"""torch, as Debian has it: PyPI's brings gigabytes that are of no use without a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_survive import Session

PYTHON = "/usr/bin/python3"
DEFINITIONS = """
import torch
from torch.utils.data import DataLoader, Dataset
class Squares(Dataset):
    def __len__(self): return 8
    def __getitem__(self, i): return torch.tensor(i * i)
def collate(items): return sum(int(i) for i in items)
def load(how):
    batches = DataLoader(Squares(), 2, num_workers=2, multiprocessing_context=how, collate_fn=collate)
    return [int(batch) for batch in batches]
"""
PEAK = "def peak(): return int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"  # KiB


@pytest.fixture(params=["--survive", "--ipython=never"])
def session(request):
    """With --survive and without."""
    session = Session(PYTHON, request.param)
    session.value(DEFINITIONS)
    yield session
    session.process.stdin.close()
    session.process.stdout.read()
    assert session.process.wait(60) == 0


@pytest.mark.parametrize("how", ["spawn", "forkserver", "fork"])
def test_workers_of_a_data_loader_know_the_classes_of_the_session(session, how):
    assert session.value(f"load({how!r})") == [1, 13, 41, 85]


def test_tensors_and_models_are_saved(session, tmp_path: Path):
    session.value("a = torch.arange(1e6); view = a[::2]; model = torch.nn.Linear(3, 2); said = model(torch.ones(3))")
    session.save(tmp_path / "file", {"a", "view", "said", "model"})
    session.value("before = a, view, said; del a, view, said, model")
    session.load(tmp_path / "file")
    session.value("said = model(torch.ones(3))")
    assert session.value("[torch.equal(*each) for each in zip(before, (a, view, said))]") == [True] * 3


def test_a_tensor_is_saved_without_a_copy_of_its_data(session, tmp_path: Path):
    """What torch itself does takes three times the memory."""
    session.value(PEAK + "a = torch.ones(256, 1 << 20, dtype=torch.uint8)")
    before = session.value("peak()")
    session.save(tmp_path / "file", {"a"})
    assert session.value("peak()") - before < 64 << 10
    session.value("del a")
    session.load(tmp_path / "file")
    assert session.value("a[3, 4] = 2; [*a.shape], int(a[3].sum())") == [[256, 1 << 20], (1 << 20) + 1]


@pytest.mark.parametrize(
    "code",
    [
        "torch.tensor([1 + 2j]).conj()",
        "torch.arange(6.).reshape(2, 3).t()",
        "torch.ones(3, dtype=torch.bfloat16)",
        "torch.ones(3, requires_grad=True)",
        "torch.tensor(3)",
        "torch.empty(0, 3)",
        "torch.eye(3).to_sparse().to_dense()",
        "torch.tensor([True, False])",
    ],
)
def test_each_kind_of_tensor_is_what_it_was(session, tmp_path: Path, code):
    session.value(f"a = {code}")
    session.save(tmp_path / "file", {"a"})
    session.value("was = a; del a")
    session.load(tmp_path / "file")
    assert session.value("(was == a).all().item() and (was.dtype, was.shape) == (a.dtype, a.shape)") is True
    assert session.value("was.requires_grad == a.requires_grad and a is not was") is True


def test_named_tensors_are_refused_as_torch_does(session, tmp_path: Path):
    """Their data alone would come back without the names."""
    session.value("a = torch.ones(2, 3, names=('row', 'column'))")
    reply = session.request("save", path=str(tmp_path / "file"), names=["a"])
    [skipped] = reply["skipped"]
    assert "amed tensors" in skipped["reason"]


def test_without_numpy_tensors_are_saved_as_torch_does(session, tmp_path: Path):
    session.value("def fail(self): raise RuntimeError('Numpy is not available')\ntorch.Tensor.numpy = fail\na = torch.arange(3)")
    session.save(tmp_path / "file", {"a"})
    session.value("del a")
    session.load(tmp_path / "file")
    assert session.value("a.tolist()") == [0, 1, 2]


def test_a_tensor_without_data_is_saved(session, tmp_path: Path):
    session.value("a = torch.ones(3, 4, device='meta')")
    session.save(tmp_path / "file", {"a"})
    session.value("del a")
    session.load(tmp_path / "file")
    assert session.value("[*a.shape], str(a.device)") == [[3, 4], "meta"]
