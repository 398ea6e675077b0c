"""Put generated names into a pandas frame, in place of real ones or for a test.

What is learned here: a column of names is filled with new ones for each sex; and real names are
replaced by pseudonyms, the same one wherever the same name stands, in every table and every run,
as long as the key is the same. Without the key nobody can tell which name became which.

    pip install -e '.[examples]' && python examples/generated_names_in_pandas.py

A pseudonym hides a name, not a person: the other columns may still tell who it is.
"""

# %%
import argparse
import hmac
import sys

import numpy as np
from sklearn.pipeline import make_pipeline

from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names

try:
    import pandas as pd
except ImportError:
    sys.exit("This needs pandas. In a clone of sknamegen: pip install -e '.[examples]'")

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="a smoke run: fewer rows")
arguments = parser.parse_args()
n_rows = 100 if arguments.quick else 500

# %%
# Counting learns in a moment, and always the same; so every run has the same model.
names, sexes = load_names(return_X_y=True)
pipe = make_pipeline(CharSequenceVectorizer(), CharNGramGenerator()).fit(names, sexes)
generator = pipe[-1]
OPTIONS = {"temperature": 0.7, "min_length": 4, "max_length": 9, "novel": True}

# %%
# A frame of test data: a new name in each row, to the sex that stands there.
rng = np.random.default_rng(SEED)
people = pd.DataFrame({"sex": rng.choice(["female", "male"], 6), "age": rng.integers(18, 90, 6)})
for i, (sex, rows) in enumerate(people.groupby("sex").groups.items()):
    people.loc[rows, "name"] = generator.sample(
        n_samples=len(rows), label=sex, unique=True, random_state=SEED + i, **OPTIONS
    )
print(f"Test data\n{people.to_string(index=False)}\n")


# %%
# A name and the key make the seed of its pseudonym. A pseudonym that another name has already, or
# that is somebody's name, is drawn again: so it depends, now and then, on the names beside it.
# Tables that come later are therefore given the pseudonyms of the earlier ones.
def pseudonyms(column, key, earlier=None):
    """Return a dict from each name of a column to its pseudonym."""
    found = dict(earlier or {})
    new = set(column.dropna()) - found.keys()
    seeds = {name: hmac.digest(key, name.encode(), "sha256") for name in new}
    taken = {*found, *found.values(), *new}
    for name in sorted(new, key=seeds.get):
        rng = np.random.default_rng(int.from_bytes(seeds[name]))
        (sex,) = pipe.predict([name])
        pseudonym = name
        while pseudonym in taken:
            pseudonym = generator.sample(label=sex, random_state=rng, **OPTIONS)
        taken.add(pseudonym)
        found[name] = pseudonym
    return found


# %%
# Two tables with the same people.
patients = rng.choice(names, n_rows // 5, replace=False)
visits = pd.DataFrame({"name": rng.choice(patients, n_rows), "days": rng.integers(1, 30, n_rows)})
labs = pd.DataFrame({"name": rng.choice(patients, n_rows), "iron": rng.integers(50, 180, n_rows)})
key = b"keep this secret"
book = pseudonyms(visits["name"], key)
book = pseudonyms(labs["name"], key, book)
hidden_visits = visits.assign(name=visits["name"].map(book))
hidden_labs = labs.assign(name=labs["name"].map(book))

print("Visits, as they are and as they may be shown")
print(pd.concat([visits, hidden_visits], axis=1, keys=["real", "shown"]).head(6).to_string())

# %%
# What one would check.
joined = visits.merge(labs, on="name"), hidden_visits.merge(hidden_labs, on="name")
other = pseudonyms(visits["name"], b"another secret")
print(f"\nNames and pseudonyms:                 {len(book)} and {len(set(book.values()))}")
print(f"Pseudonyms that are a known name:     {len(set(book.values()) & set(names))}")
print(f"Rows of the two tables joined by it:  {len(joined[0])} and {len(joined[1])}")
again = pseudonyms(labs["name"], key, pseudonyms(visits["name"], key))
print(f"The same again with the same key:     {again == book}")
print(f"Unchanged with another key:           {sum(other[n] == book[n] for n in other)}")
