"""Generated names and pseudonyms in pandas.

This example shows how to fill a column with invented names that match the sex in each row, and how
to replace real names with pseudonyms. A name has the same pseudonym in all tables, and in every run
with the same names and key.

    pip install -e '.[examples]' && python examples/generated_names_in_pandas.py

A pseudonym hides a name, not a person: other columns may still identify the person.
"""

# %%
import argparse
import sys

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from sknamegen import CharNGramGenerator, CharSequenceVectorizer, NamePseudonymizer, load_names
from sknamegen.datasets import known_names

try:
    import pandas as pd
except ImportError:
    sys.exit("This example requires pandas. In a clone of sknamegen: pip install -e '.[examples]'")

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="smoke test with fewer rows")
arguments = parser.parse_args()
n_rows = 100 if arguments.quick else 500

# %%
# Generate test data with an invented name that matches the sex in each row. `exclude` rejects known
# names.
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
# Create two tables with the same patients. The pseudonymizer is fitted to the names in both tables,
# with the sex as the label, so that female names get female pseudonyms. The tables are too short to
# learn from, so the pseudonyms come from the generator above.
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
all_rows = pd.concat([visits, labs])
options = {"key": b"keep this secret", "exclude": known_names()}
pseudonymizer = NamePseudonymizer(FrozenEstimator(pipe), **options)
pseudonymizer.fit(all_rows[["name"]], all_rows["sex"])
hidden_visits = visits.assign(name=pseudonymizer.transform(visits[["name"]]).ravel())
hidden_labs = labs.assign(name=pseudonymizer.transform(labs[["name"]]).ravel())
print("Visits with real names and with pseudonyms")
print(
    pd.concat([visits, hidden_visits], axis=1, keys=["real", "pseudonymized"]).head(6).to_string()
)

# %%
# The pseudonymizer is a transformer and works in a `ColumnTransformer`.
transformer = make_column_transformer(
    (NamePseudonymizer(key=b"keep this secret"), ["name"]),
    remainder="passthrough",
    verbose_feature_names_out=False,
).set_output(transform="pandas")
print(
    f"\nIn a ColumnTransformer\n{transformer.fit_transform(labs).head(3).to_string(index=False)}\n"
)

# %%
# Check that pseudonyms are unique, new and the same in both tables.
pseudonyms = pseudonymizer.mapping()
joined = visits.merge(labs, on="name")
hidden_joined = hidden_visits.merge(hidden_labs, on="name")
print(
    f"Names and pseudonyms:                 {len(pseudonyms)} and {len(set(pseudonyms.values()))}"
)
n_existing = sum(name in known_names() for name in pseudonyms.values())
print(f"Pseudonyms that exist elsewhere:      {n_existing}")
print(f"Rows after joining, real and hidden:  {len(joined)} and {len(hidden_joined)}")
