"""Blend the names of two languages.

This example shows how to train one model on first names from two languages and generate names that
combine both. In a blend of labels, each character is drawn from the weighted geometric mean of the
labels' distributions. Blended names therefore resemble both languages from the first letter on. All
constraints also apply to blends. The plot shows which language the model predicts for each blend.

    pip install -e '.[base,plot]' && python examples/blends.py
"""

# %%
import argparse
import sys
from importlib.util import find_spec

import numpy as np

if not (find_spec("faker") and find_spec("matplotlib")):
    sys.exit(
        "This example requires faker and matplotlib. In a clone of sknamegen: "
        "pip install -e '.[base,plot]'"
    )

import matplotlib.pyplot as plt
from faker.providers.person.it_IT import Provider as Italian
from faker.providers.person.ja_JP import Provider as Japanese
from sklearn.frozen import FrozenEstimator

from sknamegen import (
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    NameClassifier,
)

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="smoke test with n-grams")
quick = parser.parse_args().quick

# %%
# Load first names in Latin letters. Repeating the Japanese names gives both languages equal weight.
italian = sorted({*Italian.first_names})
japanese = sorted({latin for *_, latin in Japanese.first_name_pairs})
rng = np.random.default_rng(SEED)
italian = rng.permutation(italian)[: 3 * len(japanese)].tolist()
names = italian + 3 * japanese
labels = ["Italian"] * len(italian) + ["Japanese"] * 3 * len(japanese)
print(f"{len(italian)} Italian names, {len(japanese)} Japanese names")

# %%
# Train one model on both languages and sample from blends. Training starts from random weights,
# because the differences between the lists matter here, not general knowledge of names.
vectorizer = CharSequenceVectorizer()
generator = CharNGramGenerator() if quick else CharLSTMGenerator(init=None, random_state=SEED)
generator.fit(vectorizer.fit_transform(names), labels)
for weight in (0, 0.25, 0.5, 0.75, 1):
    blend = {"Italian": 1 - weight, "Japanese": weight}
    blend = {label: share for label, share in blend.items() if share}
    samples = generator.sample(
        n_samples=6, label=blend, min_length=4, novel=True, unique=True, random_state=SEED
    )
    print(f"{weight:4.0%} Japanese: {', '.join(samples)}")

# %%
# Combine a blend with a prefix, a pattern and a minimum length.
half = {"Italian": 0.5, "Japanese": 0.5}
print(generator.sample("Mi", 0.7, 5, label=half, novel=True, random_state=SEED))
print(generator.sample(n_samples=5, label=half, pattern=".*(ko|ella)", random_state=SEED))
print(generator.most_likely(5, label=half, novel=True, min_length=5)[0])

# %%
# Classify names from each blend with the same model. It is frozen, so that it is not trained again.
classifier = NameClassifier(FrozenEstimator(generator)).fit()
weights = np.linspace(0, 1, 5 if quick else 21)
japanese_proba, ambiguous_share = [], []
for weight in weights:
    blend = {"Italian": 1 - weight, "Japanese": weight}
    blend = {label: share for label, share in blend.items() if share}
    samples = generator.sample(n_samples=100 if quick else 1000, label=blend, random_state=SEED)
    p = classifier.predict_proba(vectorizer.transform(samples))[:, 1]
    japanese_proba.append(p.mean())
    ambiguous_share.append(((p > 0.1) & (p < 0.9)).mean())

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(weights, japanese_proba, label="mean probability of Japanese")
ax.plot(weights, ambiguous_share, label="ambiguous names (0.1 to 0.9)")
ax.set(xlabel="weight of Japanese", ylabel="share", ylim=(0, 1))
ax.legend(loc="upper center")
fig.savefig("blends.png", dpi=120)
middle = ambiguous_share[len(ambiguous_share) // 2]
pure = (ambiguous_share[0] + ambiguous_share[-1]) / 2
print(f"Ambiguous: {middle:.0%} of the names at equal weights, {pure:.0%} of unblended names")
