"""Make up names for products, from a list that is made here.

What is learned here: nothing ties the generators to names of people. A few hundred words made
of syllables are enough for counting; weights say which of them matter; and a short look at
what comes out says how new it is.

    python examples/product_names.py
"""

# %%
from itertools import product

import numpy as np

from sknamegen import CharNGramGenerator, CharSequenceVectorizer
from sknamegen.metrics import (
    expected_novelty,
    length_divergence,
    ngram_divergence,
    novelty,
    uniqueness,
)

SEED = 0

# %%
# The list: beginnings, middles and ends of words for cleaning agents, drugs and software.
kinds = {
    "clean": (
        ["Bri", "Spa", "Klea", "Fre", "Shi"],
        ["l", "rk", "n", "sh"],
        ["o", "ix", "ol", "ex"],
    ),
    "drug": (
        ["Zo", "Xa", "Pra", "Lo", "Vi"],
        ["va", "lo", "pre", "ra"],
        ["din", "prol", "fen", "xa"],
    ),
    "software": (
        ["Data", "Cloud", "Net", "Pix", "Log"],
        ["i", "o", ""],
        ["fy", "ly", "hub", "grid"],
    ),
}
words, labels = [], []
for kind, parts in kinds.items():
    words += ["".join(syllables) for syllables in product(*parts)]
    labels += [kind] * (len(words) - len(labels))
print(f"{len(words)} words, for example {', '.join(words[::40])}")

# %%
# Short ones count twice.
weights = np.where(np.array([len(word) for word in words]) <= 6, 2, 1)
vectorizer = CharSequenceVectorizer(window_length=6)
windows = vectorizer.fit_transform(words)
generator = CharNGramGenerator(order=4).fit(windows, labels, sample_weight=weights)

# %%
for kind in kinds:
    written = generator.sample(
        temperature=0.6,
        n_samples=6,
        label=kind,
        novel=True,
        unique=True,
        max_length=9,
        random_state=SEED,
    )
    print(f"{kind}: {'  '.join(written)}")

# %%
# No letters that are hard to say in a row, and nothing rude.
tame = {"pattern": r"(?i)(?:[^aeiou]{0,2}[aeiou])+[^aeiou]{0,2}", "banned": ["shi", "ass"]}
written = generator.sample("", 0.6, 8, novel=True, random_state=SEED, **tame)
print(f"easy to say: {'  '.join(written)}")
best, _ = generator.most_likely(8, novel=True, **tame)
print(f"most likely: {'  '.join(best)}")

# %%
written = generator.sample(n_samples=1000, random_state=SEED)
print(f"new: {novelty(written, words):.2f}, expected {expected_novelty(generator, windows):.2f}")
print(f"different: {uniqueness(written):.2f}")
print(
    f"Jensen-Shannon divergence from the list, nats: of pairs of letters "
    f"{ngram_divergence(written, words):.3f}, of lengths {length_divergence(written, words):.3f}"
)
