import os
import signal
import subprocess
import sys

import pytest
import torch

from lstm_units.errors import ConfigurationError, UserError
from lstm_units.runtime import devices
from lstm_units.runtime.devices import (
    choose_device,
    exact_matrix_products,
    job_device,
    lease_device,
)

HOLDER = """
import sys, time
from lstm_units.runtime.devices import lease_device
with lease_device(sys.argv[1], int(sys.argv[2])) as index:
    print(index, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def no_visible_devices(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def hold(tmp_path):
    """Start another process that leases a device; return it with the index it got."""
    started = []

    def start(count, **environment):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path), str(count)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_auto_takes_cuda_where_there_is_one():
    assert choose_device("auto", 0) == torch.device("cpu")
    assert choose_device("auto", 2) == torch.device("cuda", 0)
    assert choose_device("cpu", 2) == torch.device("cpu")
    assert choose_device("cuda", 1) == torch.device("cuda", 0)
    assert choose_device("cuda:1", 2) == torch.device("cuda", 1)


@pytest.mark.parametrize("setting", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "", "auto:1"])
def test_unknown_settings_are_refused(setting):
    with pytest.raises(ConfigurationError, match=r"device: found"):
        choose_device(setting, 4)


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    with pytest.raises(ConfigurationError, match="sees 0 CUDA devices"):
        choose_device("cuda", 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    with pytest.raises(ConfigurationError, match=r"sees 2 CUDA devices .*'3,4'"):
        choose_device("cuda:2", 2)


def test_exact_products_turn_tf32_off():
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        exact_matrix_products()
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cuda.matmul.allow_tf32
        assert not torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision(before)


def test_leases_are_exclusive_within_a_process_too(tmp_path):
    with lease_device(tmp_path, 2) as first, lease_device(tmp_path, 2) as second:
        assert {first, second} == {0, 1}
        expected = pytest.raises(UserError, match="no CUDA device became free within 0 s: all 2")
        with expected, lease_device(tmp_path, 2, timeout=0):
            pytest.fail("a third lease on two devices")
    with lease_device(tmp_path, 2, timeout=0) as again:
        assert again == 0


def test_a_lease_ends_with_an_exception(tmp_path):
    with pytest.raises(RuntimeError), lease_device(tmp_path, 1):
        raise RuntimeError
    with lease_device(tmp_path, 1, timeout=0) as index:
        assert index == 0


def test_another_process_gets_another_device(tmp_path, hold):
    _, index = hold(2)
    with lease_device(tmp_path, 2, timeout=0) as mine:
        assert {index, mine} == {0, 1}


def test_the_death_of_the_holder_frees_the_device(tmp_path, hold):
    process, _ = hold(1)
    with pytest.raises(UserError), lease_device(tmp_path, 1, timeout=0):
        pytest.fail("the device is taken")
    messages = []
    process.send_signal(signal.SIGKILL)
    with lease_device(tmp_path, 1, poll=0.02, timeout=600, on_wait=messages.append) as index:
        assert index == 0
    assert len(messages) <= 1


def test_a_waiting_job_says_so_once_and_then_gets_the_device(tmp_path, hold):
    process, _ = hold(1)
    messages = []

    def release(message):
        messages.append(message)
        process.kill()

    with lease_device(tmp_path, 1, poll=0.02, timeout=600, on_wait=release) as index:
        assert index == 0
    assert messages == ["all 1 CUDA devices are leased; waiting for one"]


def test_locks_name_the_physical_device(tmp_path, monkeypatch, hold):
    # The other process sees device 5 as its number 0; here 5 is the second visible one.
    _, index = hold(1, CUDA_VISIBLE_DEVICES="5")
    assert index == 0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,3")
    with lease_device(tmp_path, 2, timeout=0) as mine:
        assert mine == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    with pytest.raises(UserError), lease_device(tmp_path, 1, timeout=0):
        pytest.fail("device 5 is taken")


@pytest.mark.parametrize(
    ("visible", "count", "names"),
    [
        (None, 2, ["0", "1"]),
        ("", 2, []),
        ("-1", 2, []),
        ("2, 0", 2, ["2", "0"]),
        ("1,-1,0", 1, ["1"]),
        ("GPU-8932f937,1", 2, ["GPU-8932f937", "1"]),
    ],
)
def test_visible_devices_are_read_as_cuda_reads_them(monkeypatch, visible, count, names):
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices._device_names(count) == names


def test_no_device_and_no_place_for_locks_are_told(tmp_path):
    with pytest.raises(UserError, match="no CUDA device to lease"), lease_device(tmp_path, 0):
        pytest.fail("there is no device")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="lock file"), lease_device(tmp_path / "file" / "x", 1):
        pytest.fail("no place for the lock")


def test_a_job_leases_a_device_for_auto_and_cuda_and_takes_the_one_it_names(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "_cuda_device_count", lambda: 2)
    with job_device("auto", tmp_path) as first, job_device("cuda", tmp_path) as second:
        assert [first, second] == [torch.device("cuda", 0), torch.device("cuda", 1)]
        with job_device("cuda:1", tmp_path) as named, job_device("cpu", tmp_path) as cpu:
            assert [named, cpu] == [torch.device("cuda", 1), torch.device("cpu")]
    with job_device("auto", tmp_path) as again:
        assert again == torch.device("cuda", 0)
    monkeypatch.setattr(devices, "_cuda_device_count", lambda: 0)
    with job_device("auto", tmp_path) as device:
        assert device == torch.device("cpu")
    wanted = "device: found 'cuda:1', but PyTorch sees 0"
    with pytest.raises(ConfigurationError, match=wanted), job_device("cuda:1", "."):
        pass
