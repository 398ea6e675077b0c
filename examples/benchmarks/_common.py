"""What the benchmarks share: the machine, the clock, the data."""

import argparse
import gc
import os
import platform
import statistics
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from sknamegen import load_names, read_names


def parse_arguments(description, takes_names=True, protocol=None, **switches):
    """Read the options that benchmarks take, and switches with what they mean."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run, its figures mean nothing"
    )
    if takes_names:
        parser.add_argument(
            "--names", metavar="FILE", help="names, one a line, instead of the bundled"
        )
    for name, meaning in switches.items():
        parser.add_argument(f"--{name}", action="store_true", help=meaning)
    if protocol:
        parser.add_argument("--protocol", choices=protocol, help="how names are held out")
    return parser.parse_args()


def print_machine(*packages):
    """Print what the figures depend on."""
    gc.freeze()  # what is imported by now is not looked through before each measurement
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = found[0].split(":")[1].strip() if found else model
    print(f"Machine: {model}, {os.cpu_count()} cores, {platform.system()}")
    versions = []
    for package in ("torch", "skorch", "scikit-learn", "numpy", *packages):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} not installed")
    print(f"Python {platform.python_version()}, {', '.join(versions)}")
    print(f"sgemm, 1 thread: {sgemm_rate() / 1e9:.0f} GFLOP/s\n")


def sgemm_rate(size=1024, repeat=10):
    """Measure the floating-point operations a second of a product of float32 matrices."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        a = torch.rand(size, size)
        return 2 * size**3 / median_seconds(lambda: a @ a, repeat)
    finally:
        torch.set_num_threads(n_threads)


def seconds(function):
    """Time one call."""
    gc.collect()
    start = perf_counter()
    function()
    return perf_counter() - start


def median_seconds(function, repeat):
    """Return the median time of some calls, after one to warm up."""
    function()
    return statistics.median(seconds(function) for _ in range(repeat))


def lstm_operations(hidden_size, n_characters, n_steps, input_size=0):
    """Count the floating-point operations of a forward pass over some steps.

    The products of the gates with the input, of `input_size`, and with the state, and the
    softmax layer. In sampling the input's product is a table, so it has no size.
    """
    gates = 4 * hidden_size * (input_size + hidden_size)
    return 2 * n_steps * (gates + hidden_size * n_characters)


def split_names(names, quick, n_test=500, seed=0):
    """Return training and held-out names, shuffled, without duplicates."""
    names = list(dict.fromkeys(names))
    order = np.random.default_rng(seed).permutation(len(names))
    names = [names[i] for i in order]
    if quick:
        names, n_test = names[:300], 30
    return names[n_test:], names[:n_test]


def given_names(arguments):
    """Return the names of the file that was given, or the bundled female names."""
    return read_names(arguments.names) if arguments.names else load_names("female")


def many_names(n, seed=0):
    """Make a list of names of any length: real ones, with two letters of their own appended."""
    rng = np.random.default_rng(seed)
    names = load_names("all")
    picked = rng.integers(len(names), size=n).tolist()
    letters = [chr(97 + i) for i in rng.integers(26, size=2 * n)]
    return [names[i] + letters[2 * k] + letters[2 * k + 1] for k, i in enumerate(picked)]
