import pytest
import torch

from mmim_live.errors import DeviceError
from mmim_live.model.device import choose_device


def test_auto_prefers_an_accelerator() -> None:
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device("auto").type == expected
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "", "meta", "cuda:99", "xpu"])
def test_an_unavailable_device_is_rejected_in_one_line(name: str) -> None:
    with pytest.raises(DeviceError) as caught:
        choose_device(name)
    assert "\n" not in str(caught.value)
    assert "cpu" in str(caught.value) or "cuda" in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_the_error_for_missing_cuda_says_what_to_do() -> None:
    with pytest.raises(DeviceError, match="--device auto or cpu"):
        choose_device("cuda:1")
