"""Find names that are probably mistyped, and what was meant.

What is learned here: a low score finds rare names, not wrong ones. What gives a typo away is that
another name, one edit away, is far more probable (the noisy channel). A model takes for right what
it has learned, so each fold of the names is judged by a model of the others. To see how well that
works, fifty typos are added to the list first; a picture shows how far they stand out.

    pip install -e '.[plot]' && python examples/typos.py [FILE]
"""

# %%
import argparse
import sys
from importlib.util import find_spec
from time import perf_counter

if find_spec("matplotlib") is None:
    sys.exit("This needs matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

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
parser.add_argument("file", nargs="?", metavar="FILE", help="names, one a line")
parser.add_argument("--quick", action="store_true", help="a smoke run: fewer names")
arguments = parser.parse_args()

names = read_names(arguments.file) if arguments.file else load_names()
names = sorted(set(names))[:: 4 if arguments.quick else 1]


# %%
# Typos: a letter left out, put in or replaced, or two that change places, behind the first one.
def mistype(name, rng):
    """Return a name with one typo."""
    place, letter = int(rng.integers(1, len(name) - 1)), LETTERS[rng.integers(len(LETTERS))]
    before, here, behind = name[:place], name[place], name[place + 1 :]
    others = [behind, letter + here + behind, letter + behind, behind[0] + here + behind[1:]]
    return before + others[rng.integers(len(others))]


rng = np.random.default_rng(SEED)
long_enough = [name for name in names if len(name) > 3]
chosen = rng.choice(long_enough, N_TYPOS, replace=False).tolist()
typos = {mistype(name, rng): name for name in chosen}
typos = {typo: name for typo, name in typos.items() if typo not in names}
checked = [*names, *typos]
print(f"{len(names):,} names, and {len(typos)} typos of them")

# %%
# Out of fold, which `cross_val_predict` does for predictions only.
pipe = make_pipeline(CharSequenceVectorizer(), CharNGramGenerator())
scores, log_likelihood = np.empty((2, len(checked)))
corrections = np.empty(len(checked), dtype=object)
start = perf_counter()
for others, fold in KFold(5, shuffle=True, random_state=SEED).split(checked):
    model = clone(pipe).fit([checked[i] for i in others])
    windows = model[0].transform([checked[i] for i in fold])
    scores[fold], corrections[fold] = likely_typos(model[-1], windows)
    log_likelihood[fold] = model[-1].score_samples(windows)
print(f"{len(checked) / (perf_counter() - start):,.0f} names a second, learning included\n")

# %%
worst = np.argsort(-scores)[:N_TYPOS]
for i in worst[:12]:
    told = "planted" if checked[i] in typos else ""
    print(f"{scores[i]:5.1f}  {checked[i]:14s} {corrections[i]:14s} {told}")
found = np.mean([checked[i] in typos for i in worst])
rare = np.mean([checked[i] in typos for i in np.argsort(log_likelihood)[:N_TYPOS]])
mended = [corrections[len(names) + k] == name for k, name in enumerate(typos.values())]
print(f"\nOf the {N_TYPOS} most suspicious {found:.0%} were planted, of the rarest {rare:.0%}.")
print(f"{np.mean(mended):.0%} of the typos have their own name as the correction.")

# %%
# The scale is logarithmic, as there are far more right names than typos.
fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
bins = np.linspace(scores.min(), scores.max(), 30)
ax.hist(scores[: len(names)], bins, color="silver", label="names of the list")
ax.hist(scores[len(names) :], bins, color="tab:red", label="planted typos")
ax.set(xlabel="what the correction is more probable by (nats)", ylabel="names", yscale="log")
ax.legend()
fig.savefig("typos.png", dpi=120)
