"""Train on a file larger than memory.

This example shows how to read a file in chunks with `iter_names` and train on each chunk with
`partial_fit`. Memory use does not grow with the file, except for eight bytes per distinct name. The
plot shows the loss on names in the next chunk, before the model is trained on them.

    pip install -e '.[plot]' && python examples/train_from_large_file.py [N_NAMES] [FILE]

If the file does not exist, the script creates it with random names of four syllables. The script
requires Linux to measure peak memory.
"""

# %%
import argparse
import resource
import sys
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

if find_spec("matplotlib") is None:
    sys.exit("This example requires matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

import matplotlib.pyplot as plt
import numpy as np

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, iter_names

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument(
    "n_names", nargs="?", type=int, default=200_000, help="number of names (default: 200000)"
)
parser.add_argument("file", nargs="?", help="text file (default: names_N_NAMES.txt)")
parser.add_argument("--quick", action="store_true", help="smoke test with 5,000 names")
arguments = parser.parse_args()
n_names = 5000 if arguments.quick else arguments.n_names
chunk_size = min(100_000, 1 + n_names // 20)
path = Path(arguments.file or f"names_{n_names}.txt")

# %%
if not path.exists():
    rng = np.random.default_rng(SEED)
    syllables = np.array([c + v for c in "BDFGKLMNRST" for v in "aeiou"])
    with open(path, "w", encoding="utf-8") as file:
        for first in range(0, n_names, 100_000):
            parts = rng.integers(len(syllables), size=(min(100_000, n_names - first), 4))
            rows = ["".join(row) for row in syllables[parts].tolist()]
            file.writelines(f"{row.capitalize()}\n" for row in rows)
print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")

# %%
# Train both generators in one pass. The first chunk determines the alphabet.
vectorizer = CharSequenceVectorizer()
sizes = {"init": None, "num_networks": 1, "hidden_size": 32, "embedding_dim": 16}
generators = {
    "n-grams": CharNGramGenerator(order=4),
    "LSTM": CharLSTMGenerator(**sizes, batch_size=512, random_state=SEED),
}
losses = {name: [] for name in generators}
start = perf_counter()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
n_read = 0
for names in iter_names(path, chunk_size=chunk_size, verbose=1):
    windows = vectorizer.fit_transform(names)
    for name, generator in generators.items():
        if n_read:
            losses[name].append((n_read / 1000, -generator.score(windows[:1000])))
        generator.partial_fit(windows)
    n_read += len(names)
seconds = perf_counter() - start

# %%
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(f"{n_read} names in {seconds:.1f} s, {1e6 * seconds / n_read:.1f} µs per name")
print(f"peak memory {peak:.2f} GB, {peak - before:.2f} GB more than before training")
for name, generator in generators.items():
    samples = generator.sample(n_samples=5, random_state=SEED)
    print(f"{name}: {-generator.score(windows):.3f} nats/char, {'  '.join(samples)}")

# %%
# Plot both losses. N-grams need fewer names, but the LSTM reaches a lower loss.
fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
for name, curve in losses.items():
    ax.plot(*zip(*curve, strict=True), marker=".", label=name)
ax.set(xlabel="thousands of names read", ylabel="loss on the next chunk\n(nats per character)")
ax.legend()
fig.savefig("train_from_large_file.png", dpi=120)
