"""Put generated names into a pandas frame, in place of real ones or for a test.

What is learned here: a column of names is filled with new ones for each sex, none of which exist
elsewhere; and real names are replaced by pseudonyms, the same one wherever the same name stands in
two tables, and the same in every run with the same names and key. Without the key nobody can tell
which name became which.

    pip install -e '.[examples]' && python examples/generated_names_in_pandas.py

A pseudonym hides a name, not a person: the other columns may still tell who it is.
"""

# %%
import argparse
import sys

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline

from sknamegen import CharNGramGenerator, CharSequenceVectorizer, NamePseudonymizer, load_names
from sknamegen.datasets import known_names

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
# A frame of test data: a new name in each row, of the sex that stands there. `exclude` leaves out
# names that exist, in whatever list.
names, sexes = load_names(return_X_y=True)
pipe = make_pipeline(CharSequenceVectorizer(), CharNGramGenerator()).fit(names, sexes)
options = {"temperature": 0.7, "min_length": 4, "max_length": 9, "exclude": known_names()}
rng = np.random.default_rng(SEED)
people = pd.DataFrame({"sex": rng.choice(["female", "male"], 6), "age": rng.integers(18, 90, 6)})
for i, (sex, rows) in enumerate(people.groupby("sex").groups.items()):
    people.loc[rows, "name"] = pipe[-1].sample(
        n_samples=len(rows), label=sex, unique=True, random_state=SEED + i, **options
    )
print(f"Test data\n{people.to_string(index=False)}\n")

# %%
# Two tables with the same people. The pseudonymizer learns the names of both, each with its sex, so
# that a woman's name becomes a woman's.
patients = rng.choice(len(names), n_rows // 5, replace=False)
visits = pd.DataFrame(
    {"patient": rng.choice(patients, n_rows), "days": rng.integers(1, 30, n_rows)}
)
labs = pd.DataFrame(
    {"patient": rng.choice(patients, n_rows), "iron": rng.integers(50, 180, n_rows)}
)
for table in (visits, labs):
    table.insert(0, "name", [names[i] for i in table["patient"]])
    table["sex"] = sexes[table.pop("patient")]
both = pd.concat([visits, labs])


def pseudonymizer(key):
    """Return one that has learned the names of both tables."""
    return NamePseudonymizer(key=key, exclude=known_names()).fit(both[["name"]], both["sex"])


pseudonyms = pseudonymizer(b"keep this secret")
hidden_visits = visits.assign(name=pseudonyms.transform(visits[["name"]]).ravel())
hidden_labs = labs.assign(name=pseudonyms.transform(labs[["name"]]).ravel())
print("Visits, as they are and as they may be shown")
print(pd.concat([visits, hidden_visits], axis=1, keys=["real", "shown"]).head(6).to_string())

# %%
# It is a transformer like others: here as a step for one column of a table.
shown = make_column_transformer(
    (NamePseudonymizer(key=b"keep this secret"), ["name"]),
    remainder="passthrough",
    verbose_feature_names_out=False,
).set_output(transform="pandas")
print(f"\nAs a step\n{shown.fit_transform(labs).head(3).to_string(index=False)}\n")

# %%
# What one would check.
book = pseudonyms.pseudonyms_
joined = visits.merge(labs, on="name"), hidden_visits.merge(hidden_labs, on="name")
again, other = (pseudonymizer(key).pseudonyms_ for key in (b"keep this secret", b"another one"))
print(f"Names and pseudonyms:                 {len(book)} and {len(set(book.values()))}")
print(
    f"Pseudonyms that exist:                {sum(name in known_names() for name in book.values())}"
)
print(f"Rows of the two tables joined by it:  {len(joined[0])} and {len(joined[1])}")
print(f"The same again with the same key:     {again == book}")
print(f"Unchanged with another key:           {sum(other[n] == book[n] for n in book)}")
