"""Names between two languages: a little Italian, a little Japanese.

What is learned here: one model learns surnames of both, each with its language as a label. A blend
of labels is a weighted mean of what they say of the next character, so its names sound like both
from the first letter on, rather than beginning as one and ending as the other. Everything else that
can be asked of names goes together with it. How the weight leads from one language to the other is
seen by asking the model itself which language it takes the names for.

    pip install -e '.[base,plot]' && python examples/blends.py
"""

# %%
import argparse
import sys
from importlib.util import find_spec

import numpy as np

if not (find_spec("faker") and find_spec("matplotlib")):
    sys.exit(
        "This needs faker and matplotlib. In a clone of sknamegen: pip install -e '.[base,plot]'"
    )

import matplotlib.pyplot as plt
from faker.providers.person.fi_FI import Provider as Finnish
from faker.providers.person.it_IT import Provider as Italian
from faker.providers.person.ja_JP import Provider as Japanese
from sklearn.base import clone

from sknamegen import (
    CharAverageGenerator,
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
)

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="a smoke run: by counting, fewer names")
quick = parser.parse_args().quick

# %%
# The lists: first names of both languages in Latin letters, as many of each.
italian = sorted({*Italian.first_names})
japanese = sorted({latin for *_, latin in Japanese.first_name_pairs})
rng = np.random.default_rng(SEED)
italian = rng.permutation(italian)[: 3 * len(japanese)].tolist()
names = italian + 3 * japanese  # so that both weigh alike
labels = ["Italian"] * len(italian) + ["Japanese"] * 3 * len(japanese)
print(f"{len(italian)} Italian names, {len(japanese)} Japanese ones")

# %%
# Learning both, and writing between them. What sets the two lists apart matters here, not what they
# have in common with other names; so the training starts from random weights.
vectorizer = CharSequenceVectorizer()
generator = CharNGramGenerator() if quick else CharLSTMGenerator(init=None, random_state=SEED)
generator.fit(vectorizer.fit_transform(names), labels)
for weight in (0, 0.25, 0.5, 0.75, 1):
    blend = {"Italian": 1 - weight, "Japanese": weight}
    blend = {label: share for label, share in blend.items() if share}
    written = generator.sample(
        n_samples=6, label=blend, min_length=4, novel=True, unique=True, random_state=SEED
    )
    print(f"{weight:4.0%} Japanese: {', '.join(written)}")

# %%
# What a blend begins with, ends in and is made of can be asked for as ever.
half = {"Italian": 0.5, "Japanese": 0.5}
print(generator.sample("Mi", 0.7, 5, label=half, novel=True, random_state=SEED))
print(generator.sample(n_samples=5, label=half, pattern=".*(ko|ella)", random_state=SEED))
print(generator.most_likely(5, label=half, novel=True, min_length=5)[0])

# %%
# The passage from one to the other: which language the model takes names of each blend for.
weights = np.linspace(0, 1, 5 if quick else 21)
japanese_share, doubt = [], []
for weight in weights:
    blend = {"Italian": 1 - weight, "Japanese": weight}
    blend = {label: share for label, share in blend.items() if share}
    written = generator.sample(n_samples=100 if quick else 1000, label=blend, random_state=SEED)
    p = generator.predict_proba(vectorizer.transform(written))[:, 1]
    japanese_share.append(p.mean())
    doubt.append(((p > 0.1) & (p < 0.9)).mean())

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(weights, japanese_share, label="probability of Japanese, mean")
ax.plot(weights, doubt, label="names in doubt (0.1 to 0.9)")
ax.set(xlabel="weight of Japanese", ylabel="share", ylim=(0, 1))
ax.legend(loc="upper center")
fig.savefig("blends.png", dpi=120)
middle, pure = doubt[len(doubt) // 2], (doubt[0] + doubt[-1]) / 2
print(f"in doubt: {middle:.0%} of the names at one half, {pure:.0%} of pure ones")

# %%
# Two generators that know nothing of each other can be averaged, too, whatever they are made of:
# here a network that has learned Italian names, and counts of Finnish ones.
finnish = sorted({*Finnish.first_names})
counts = CharNGramGenerator().fit(CharSequenceVectorizer().fit_transform(finnish))
italian_alone = clone(generator).fit(vectorizer.transform(italian))
for weights in ([3, 1], [1, 1], [1, 3]):
    average = CharAverageGenerator([italian_alone, counts], weights=weights).fit()
    written = average.sample(n_samples=6, min_length=4, novel=True, unique=True, random_state=SEED)
    print(f"{weights[0]} parts Italian, {weights[1]} Finnish: {', '.join(written)}")
