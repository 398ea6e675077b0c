"""Find and correct typos in names.

This example shows how to find probable typos. A low probability indicates a rare name, not a wrong
name. A name is suspicious if another name, one edit away, is far more probable (the noisy-channel
model). A model accepts its training names as correct, so each fold is checked by a model trained on
the other folds. To measure success, fifty typos are added to the list. The plot compares their
scores with the scores of the original names.

    pip install -e '.[plot]' && python examples/typos.py [FILE]
"""

# %%
import argparse
import sys
from importlib.util import find_spec
from time import perf_counter

if find_spec("matplotlib") is None:
    sys.exit("This example requires matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names, read_names
from sknamegen.metrics import likely_typos

SEED, N_TYPOS = 0, 50
LETTERS = "abcdefghijklmnopqrstuvwxyz"
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("file", nargs="?", metavar="FILE", help="text file with one name per line")
parser.add_argument("--quick", action="store_true", help="smoke test with fewer names")
arguments = parser.parse_args()

names = read_names(arguments.file) if arguments.file else load_names()
names = sorted(set(names))[:: 4 if arguments.quick else 1]


# %%
# A typo deletes, inserts or replaces a letter, or swaps two letters. The first letter is unchanged.
def mistype(name, rng):
    """Return a name with one typo."""
    position, letter = int(rng.integers(1, len(name) - 1)), LETTERS[rng.integers(len(LETTERS))]
    head, current, tail = name[:position], name[position], name[position + 1 :]
    endings = [tail, letter + current + tail, letter + tail, tail[0] + current + tail[1:]]
    return head + endings[rng.integers(len(endings))]


rng = np.random.default_rng(SEED)
long_enough = [name for name in names if len(name) > 3]
chosen = rng.choice(long_enough, N_TYPOS, replace=False).tolist()
typos = {mistype(name, rng): name for name in chosen}
typos = {typo: name for typo, name in typos.items() if typo not in names}
checked = [*names, *typos]
print(f"{len(names):,} names and {len(typos)} typos")

# %%
# Compute out-of-fold scores. `cross_val_predict` only supports predictions.
pipe = make_pipeline(CharSequenceVectorizer(), CharNGramGenerator())
scores, log_likelihood = np.empty((2, len(checked)))
corrections = np.empty(len(checked), dtype=object)
start = perf_counter()
for train, test in KFold(5, shuffle=True, random_state=SEED).split(checked):
    model = clone(pipe).fit([checked[i] for i in train])
    windows = model[0].transform([checked[i] for i in test])
    scores[test], corrections[test] = likely_typos(model[-1], windows)
    log_likelihood[test] = model[-1].score_samples(windows)
print(f"{len(checked) / (perf_counter() - start):,.0f} names per second, including training\n")

# %%
suspects = np.argsort(-scores)[:N_TYPOS]
for i in suspects[:12]:
    mark = "planted" if checked[i] in typos else ""
    print(f"{scores[i]:5.1f}  {checked[i]:14s} {corrections[i]:14s} {mark}")
suspects_share = np.mean([checked[i] in typos for i in suspects])
rare_share = np.mean([checked[i] in typos for i in np.argsort(log_likelihood)[:N_TYPOS]])
is_corrected = [corrections[len(names) + k] == name for k, name in enumerate(typos.values())]
print(f"\nPlanted typos among the {N_TYPOS} most suspicious names: {suspects_share:.0%}")
print(f"Planted typos among the {N_TYPOS} rarest names: {rare_share:.0%}")
print(f"Typos corrected to the original name: {np.mean(is_corrected):.0%}")

# %%
# Plot both distributions, on a logarithmic scale because typos are rare.
fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
bins = np.linspace(scores.min(), scores.max(), 30)
ax.hist(scores[: len(names)], bins, color="silver", label="original names")
ax.hist(scores[len(names) :], bins, color="tab:red", label="planted typos")
ax.set(xlabel="log-likelihood ratio of correction and name (nats)", ylabel="names", yscale="log")
ax.legend()
fig.savefig("typos.png", dpi=120)
