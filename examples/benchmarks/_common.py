"""Shared helpers for the benchmarks: arguments, machine, timing and data."""

import argparse
import gc
import json
import os
import platform
import statistics
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from sknamegen import load_names, read_names
from sknamegen._training.parameters import uses_bfloat16

# Invented names of several words.
BEERS = """
Harbour Lantern Porter, Old Mill Bitter, Golden Thistle Ale, Midnight Raven Stout, Copper Fox Lager,
Winter Hearth Ale, Black Anchor Porter, Honey Meadow Wheat, Smoky Barn Saison, River Stone Pilsner,
Wild Orchard Cider, Iron Bridge Stout, Amber Field Ale, Northern Gale Lager, Dusty Road Brown,
Lucky Hound Bitter, Summer Hay Saison, Crooked Barrel Porter, Silver Pine Pilsner, Blind Owl Stout,
Cherry Dusk Lambic, Old Smithy Ale, White Cliff Wheat, Two Ferrymen Bitter, Burning Peat Porter,
Blue Heron Lager, Grandfather's Clock, Autumn Leaf Brown, Salty Breeze Gose, Red Kettle Ale
"""
TAVERNS = """
The Rusty Anchor, The Drunken Goat, Silver Stag Inn, The Laughing Monk, Old Oak Alehouse,
The Blind Raven, Three Barrels, The Prancing Mule, Crown and Candle, The Broken Oar,
Black Kettle Tavern, The Wandering Bard, Golden Sheaf, The Salty Mermaid, Fox and Lantern,
The Iron Tankard, Red Rooster Inn, The Sleeping Giant, Hearth and Hound, The Crooked Spoon,
White Hart, The Merry Widow, Miller's Rest, The Hanged Man, Green Dragon, The Copper Cup,
Boar's Head, The Lost Shepherd, Queen's Arms, The Gilded Swan
"""
LISTS_OF_WORDS = {
    title: names.replace("\n", " ").strip().split(", ")
    for title, names in {"beers": BEERS, "taverns": TAVERNS}.items()
}


def parse_arguments(description, takes_names=True, protocol=None, takes_seed=False, **switches):
    """Parse the options common to all benchmarks, and switches with their help texts."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="smoke test with meaningless figures")
    if takes_names:
        parser.add_argument(
            "--names", metavar="FILE", help="file of names, one per line (default: bundled list)"
        )
    for name, text in switches.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    if takes_seed:
        parser.add_argument("--seed", type=int, default=0, help="random state (default: 0)")
    if protocol:
        parser.add_argument("--protocol", choices=protocol, help="how to hold out names")
    return parser.parse_args()


def print_machine(*packages):
    """Print the machine and the versions that the figures depend on."""
    gc.freeze()  # lets `gc.collect` skip the imported modules
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].split(":")[1].strip() if lines else model
    kind, system = torch.backends.cpu.get_cpu_capability(), platform.system()
    number = "bfloat16" if uses_bfloat16("auto", torch.device("cpu")) else "float32"
    print(f"Machine: {model} ({kind}, trains in {number}), {os.cpu_count()} cores, {system}")
    versions = []
    for package in ("torch", "skorch", "scikit-learn", "numpy", *packages):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} not installed")
    print(f"Python {platform.python_version()}, {', '.join(versions)}")
    print(f"sgemm, 1 thread: {sgemm_rate() / 1e9:.0f} GFLOP/s\n")


def print_row(*cells):
    """Print a row of a Markdown table."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def sgemm_rate(size=1024, repeat=5):
    """Return the floating-point operations per second in a float32 matrix product."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        a = torch.rand(size, size)
        return 2 * size**3 / median_seconds(lambda: a @ a, repeat)
    finally:
        torch.set_num_threads(n_threads)


def seconds(function):
    """Return the seconds that one call takes."""
    gc.collect()
    start = perf_counter()
    function()
    return perf_counter() - start


def median_seconds(function, repeat):
    """Return the median seconds per call, after a warm-up call."""
    function()
    return statistics.median(seconds(function) for _ in range(repeat))


def lstm_operations(hidden_size, n_characters, n_steps, input_size=0):
    """Return the number of floating-point operations in a forward pass over `n_steps` steps.

    The operations are the gates' products with the input and the state, and the softmax layer. In
    sampling, a table replaces the product with the input, so `input_size` is 0.
    """
    gates = 4 * hidden_size * (input_size + hidden_size)
    return 2 * n_steps * (gates + hidden_size * n_characters)


def split_names(names, quick, n_test=500, seed=0):
    """Return shuffled training names and held-out names, without duplicates."""
    names = list(dict.fromkeys(names))
    order = np.random.default_rng(seed).permutation(len(names))
    names = [names[i] for i in order]
    if quick:
        names, n_test = names[:300], 30
    return names[n_test:], names[:n_test]


def unseen_lists():
    """Return lists that the bundled collection does not contain, by kind and title."""
    return json.loads(Path(__file__).with_name("unseen.json").read_text("utf-8"))


def input_names(arguments):
    """Return the names in the file `arguments.names`, or the bundled female names."""
    return read_names(arguments.names) if arguments.names else load_names("female")


def many_names(n, seed=0):
    """Return `n` real names, each with two random letters appended."""
    rng = np.random.default_rng(seed)
    names = load_names("all")
    indices = rng.integers(len(names), size=n).tolist()
    letters = [chr(97 + i) for i in rng.integers(26, size=2 * n)]
    return [names[i] + letters[2 * k] + letters[2 * k + 1] for k, i in enumerate(indices)]
