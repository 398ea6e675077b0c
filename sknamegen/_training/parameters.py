"""Validate the parameters of `CharLSTMGenerator`."""

import inspect
import platform
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from skorch.callbacks import Callback, LRScheduler

from .._types import Data, RandomStateLike
from .._validation import check_int, check_option, check_real, checked_by, is_auto
from .recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Checked parameters of a `CharLSTMGenerator`.

    Attributes
    ----------
    given : dict of str to object
        `num_networks` and the fields of `Recipe`, unless they are "auto".
    uses_init : bool
        Whether `init` is explicit, so that all networks start from it.
    similar : object
        The parameter, which `find_candidates` checks.
    bfloat16 : bool
        Whether to train in bfloat16.
    """

    given: Data
    uses_init: bool
    similar: object
    ngram_counts: bool | Literal["auto"] = checked_by(check_option, options=("auto", True, False))
    optimizer: type[torch.optim.Optimizer]
    lr_schedule: str = checked_by(check_option, options=("one_cycle", "constant"))
    early_stopping: bool = checked_by(check_option)
    validation_fraction: float = checked_by(
        check_real, expected="in (0, 1)", accepts=lambda share: 0 < share < 1
    )
    n_iter_no_change: int = checked_by(check_int, low=1)
    callbacks: tuple[object, ...]
    net_params: Data
    device: str | torch.device | None
    bfloat16: bool
    accelerator: Any
    warm_start: bool = checked_by(check_option)
    verbose: int = checked_by(
        lambda name, v: int(v) if isinstance(v, (bool, np.bool_)) else check_int(name, v, 0)
    )
    random_state: RandomStateLike


def _checks(kind: type[Settings | Recipe]) -> dict[str, Callable[[str, object], object]]:
    """Return the check of each parameter among the fields of a dataclass."""
    return {field.name: field.metadata["check"] for field in fields(kind) if field.metadata}


def check_params(params: Data) -> Settings:
    """Return the parameters of a `CharLSTMGenerator`, or raise an error if one is invalid."""
    given = _checks(Recipe) | {"num_networks": partial(check_int, low=1, high=100, or_auto=True)}
    checks = _checks(Settings) | given
    checked = params | {name: check(name, params[name]) for name, check in checks.items()}
    precision = check_option("precision", params["precision"], ("auto", "float32", "bfloat16"))
    items = () if params["callbacks"] is None else params["callbacks"]
    callbacks = list(map(_callback, items)) if isinstance(items, (list, tuple)) else [None]
    if not all(isinstance(callback, Callback) for callback in callbacks):
        raise TypeError(
            f"callbacks must be a list of skorch callbacks or None. Got {params['callbacks']!r}."
        )
    if not params["early_stopping"]:
        for callback in callbacks:
            _check_without_validation(callback)
    if not isinstance(params["net_params"], (dict, type(None))):
        raise TypeError(f"net_params must be a dict or None. Got {params['net_params']!r}.")
    device, accelerator = params["device"], params["accelerator"]
    if is_auto(device):
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=torch.device(device)).item()
    except Exception:  # of many types, including ModuleNotFoundError
        raise ValueError(
            f"device must be 'auto' or a usable torch device, such as 'cpu'. Got {device!r}."
        ) from None
    if accelerator is not None and not hasattr(accelerator, "num_processes"):
        raise TypeError(f"accelerator must be None or an Accelerator. Got {accelerator!r}.")
    actual_device = torch.device(accelerator.device if accelerator else device)
    checked |= {
        "given": {name: checked[name] for name in given if not is_auto(checked[name])},
        "uses_init": not is_auto(params["init"]),
        "optimizer": _optimizer_class(params["optimizer"]),
        "bfloat16": uses_bfloat16(precision, actual_device),
        "callbacks": tuple(items),
        "net_params": params["net_params"] or {},
        "device": None if accelerator else device,
    }
    if any(isinstance(callback, LRScheduler) for callback in callbacks):
        checked["lr_schedule"] = "constant"
    return Settings(**{field.name: checked[field.name] for field in fields(Settings)})


def _check_without_validation(callback: object) -> None:
    """Raise an error if a callback requires held-out names."""
    monitor = str(getattr(callback, "monitor", None))
    is_monitor = monitor.startswith("valid_loss")
    if is_monitor or getattr(callback, "on_train", None) is False:
        train_monitor = monitor.replace("valid", "train")
        setting = f"monitor={train_monitor!r}" if is_monitor else "on_train=True"
        raise ValueError(
            f"{type(callback).__name__} requires held-out names. Set early_stopping=True, or pass "
            f"it {setting} to use the training names."
        )


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether to train in bfloat16. Raise an error if the device does not support `precision`."""
    if precision == "float32":
        return False
    is_supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    # On Intel processors with AVX-512 but without AMX, bfloat16 is slower than float32.
    has_avx512 = torch.cpu._is_avx512_bf16_supported() and _is_amd()
    is_fast = is_supported and (torch.cpu._is_amx_tile_supported() or has_avx512)
    if device.type == "cuda":
        is_fast = is_supported = torch.cuda.is_bf16_supported(including_emulation=False)
    if precision == "bfloat16" and not is_supported:
        raise ValueError(
            f"precision must be 'auto' or 'float32' on this {device.type}. Got 'bfloat16'."
        )
    return precision == "bfloat16" or (is_fast and device.type in ("cpu", "cuda"))


@cache
def _is_amd() -> bool:
    cpuinfo = Path("/proc/cpuinfo")  # only on Linux
    description = cpuinfo.read_text() if cpuinfo.exists() else platform.processor()
    return "AuthenticAMD" in description


def _optimizer_class(optimizer: object) -> type[torch.optim.Optimizer]:
    """Return a torch.optim optimizer class, given the class or its name."""
    kind = getattr(torch.optim, optimizer, None) if isinstance(optimizer, str) else optimizer
    base = torch.optim.Optimizer
    if not (inspect.isclass(kind) and issubclass(kind, base)) or kind is base:
        raise ValueError(
            f"optimizer must be a torch.optim class or its name, such as 'SGD'. Got {optimizer!r}."
        )
    return kind


def _callback(item: object) -> object:
    """Return the callback in an item of `callbacks`: an object, a class, or a pair with a name."""
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        item = item[1]
    return item() if inspect.isclass(item) and issubclass(item, Callback) else item
