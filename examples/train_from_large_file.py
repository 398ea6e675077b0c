"""Train on a file that is larger than memory, in one pass.

What is learned here: `iter_names` reads the file in pieces, `partial_fit` learns from each, and
what is kept does not grow with the file, apart from eight bytes for each different name. A picture
shows what they have learned by each place: names that come next are scored before they are learned.

    pip install -e '.[plot]' && python examples/train_from_large_file.py [N_NAMES] [FILE]

The file is made first if it does not exist: names of four syllables. For Linux, which tells how
much memory was needed.
"""

# %%
import argparse
import resource
import sys
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

if find_spec("matplotlib") is None:
    sys.exit("This needs matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

import matplotlib.pyplot as plt
import numpy as np

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, iter_names

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("n_names", nargs="?", type=int, default=200_000, help="200,000 by default")
parser.add_argument("file", nargs="?", help="names_200000.txt by default")
parser.add_argument("--quick", action="store_true", help="a smoke run: 5,000 names")
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
# One pass over the file for both; the first piece tells the characters to expect.
vectorizer = CharSequenceVectorizer()
sizes = {"num_networks": 1, "hidden_size": 32, "embedding_dim": 16}
generators = {
    "counting": CharNGramGenerator(order=4),
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
spent = perf_counter() - start

# %%
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(f"{n_read} names in {spent:.1f} s, {1e6 * spent / n_read:.1f} µs each")
print(f"at most {peak:.2f} GB, {peak - before:.2f} more than before")
for name, generator in generators.items():
    written = generator.sample(n_samples=5, random_state=SEED)
    print(f"{name}: {-generator.score(windows):.3f} nats/char, {'  '.join(written)}")

# %%
# Counting is quicker to learn, the LSTM learns more.
fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
for name, curve in losses.items():
    ax.plot(*zip(*curve, strict=True), marker=".", label=name)
ax.set(xlabel="thousands of names read", ylabel="loss of what comes next\n(nats per character)")
ax.legend()
fig.savefig("train_from_large_file.png", dpi=120)
