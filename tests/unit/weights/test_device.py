"""What is chosen on this machine, where nothing is said."""

import os
from types import MappingProxyType

import pytest
import torch

from langchain_metaaligner.models.spec import CheckpointSpec
from langchain_metaaligner.weights import device as device_module
from langchain_metaaligner.weights.device import (
    best_device,
    best_dtype,
    best_threads,
    compute_plan,
    usable_cores,
    use_best_threads,
)


@pytest.mark.parametrize(
    ("cuda", "mps", "best"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_the_device_is_the_fastest_that_is_there(monkeypatch, cuda, mps, best):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert best_device() == best


@pytest.fixture
def processor(monkeypatch):
    """Makes the processor one that can do what is named."""

    def able_to(*names):
        can = MappingProxyType(dict.fromkeys(names, True))
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can, raising=False)

    return able_to


class TestDtype:
    @pytest.mark.parametrize(
        ("device", "able_to", "dtype"),
        [
            ("cuda:1", (), "bfloat16"),
            ("mps", (), "float32"),
            ("cpu", (), "float32"),
            ("cpu", ("avx512_bf16",), "float32"),
            ("cpu", ("avx512_bf16", "amx_bf16"), "bfloat16"),
            ("cpu:0", ("bf16",), "bfloat16"),
        ],
    )
    def test_is_the_faster_of_a_device(self, processor, device, able_to, dtype):
        processor(*able_to)
        assert best_dtype(device)[0] == dtype

    def test_of_a_torch_that_does_not_tell_is_float32(self, monkeypatch):
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
        assert best_dtype("cpu")[0] == "float32"

    def test_of_small_weights_is_float32_everywhere(self, processor, tmp_path):
        processor("amx_bf16")
        weights = tmp_path / "model.safetensors"
        weights.touch()
        for size, dtype in ((49_000_000, "float32"), (51_000_000, "bfloat16")):
            os.truncate(weights, size)
            assert CheckpointSpec(str(tmp_path), device="cpu").placed().dtype == dtype
        assert CheckpointSpec("org/model", device="cpu").placed().dtype == "bfloat16"
        assert CheckpointSpec("org/model", device="cpu", dtype="fp32").placed().dtype == "float32"


class TestCores:
    @pytest.fixture
    def grant(self, tmp_path):
        """Writes the files of a cgroup, and gives the cores that are found."""

        def cores(own, files):
            for name, text in files.items():
                path = tmp_path / "cgroup" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            (tmp_path / "own").write_text(own)
            return usable_cores(tmp_path / "cgroup", tmp_path / "own")

        return cores

    def test_are_all_without_a_quota(self, grant, tmp_path):
        number = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        assert number is None or usable_cores(tmp_path, tmp_path / "none") == number
        assert grant("0::/a/b\n", {"a/b/cpu.max": "max 100000"}) >= 1

    @pytest.mark.parametrize(
        ("own", "files"),
        [
            ("0::/\n", {"cpu.max": "50000 100000\n"}),
            ("0::/a/b\n", {"a/cpu.max": "50000 100000\n", "a/b/cpu.max": "max 100000\n"}),
            (
                "3:cpu,cpuacct:/job\n1:memory:/job\n",
                {"cpu/job/cpu.cfs_quota_us": "50000\n", "cpu/job/cpu.cfs_period_us": "100000\n"},
            ),
        ],
    )
    def test_are_those_of_the_narrowest_quota(self, grant, own, files):
        assert grant(own, files) == 0.5

    @pytest.mark.parametrize("text", ["", "max", "-1 100000", "many few"])
    def test_what_says_nothing_grants_all(self, grant, text):
        assert grant("0::/\n", {"cpu.max": text}) >= 1


class TestThreads:
    @pytest.fixture(autouse=True)
    def machine(self, monkeypatch):
        """Sixteen threads, as torch would choose them, and nothing in the environment."""
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "WEB_CONCURRENCY"):
            monkeypatch.delenv(name, raising=False)
        self.threads = 16
        monkeypatch.setattr(torch, "get_num_threads", lambda: self.threads)
        monkeypatch.setattr(torch, "set_num_threads", lambda n: setattr(self, "threads", n))

    def cores(self, monkeypatch, number):
        monkeypatch.setattr(device_module, "usable_cores", lambda: number)

    @pytest.mark.parametrize(("cores", "threads"), [(16, 16), (4, 4), (2.5, 2), (0.5, 1)])
    def test_are_as_many_as_cores(self, monkeypatch, cores, threads):
        self.cores(monkeypatch, cores)
        use_best_threads()
        assert self.threads == threads

    @pytest.mark.parametrize(("workers", "threads"), [("4", 4), ("32", 1), ("0", 16), ("no", 16)])
    def test_are_shared_among_the_workers_of_a_server(self, monkeypatch, workers, threads):
        self.cores(monkeypatch, 16)
        monkeypatch.setenv("WEB_CONCURRENCY", workers)
        assert best_threads()[0] == threads

    def test_that_somebody_chose_stay(self, monkeypatch):
        self.cores(monkeypatch, 2)
        monkeypatch.setenv("OMP_NUM_THREADS", "16")
        assert best_threads() == (16, "OMP_NUM_THREADS is set")
        monkeypatch.delenv("OMP_NUM_THREADS")
        self.threads = 1  # by torch.set_num_threads
        assert best_threads()[0] == 1


def test_the_plan_says_all_of_it(processor, monkeypatch):
    processor("amx_bf16")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    plan = compute_plan()
    assert (plan.device, plan.dtype) == ("cpu", "bfloat16")
    assert "AMX" in plan.why_dtype
    assert plan.threads >= 1
    assert plan.cores > 0
    assert plan.why_threads
