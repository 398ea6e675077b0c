"""Compare the LSTM with logistic regression.

This example shows how to train any scikit-learn classifier on the vectorizer's windows.
``X[X[..., -1] != 0]`` is a flat array of pairs: ten characters and the next character. The loss on
held-out names, in nats per character, is comparable between the models.

    pip install -e '.[plot]' && python examples/next_char_baseline.py
"""

# %%
import argparse
import sys
from importlib.util import find_spec
from time import perf_counter

if find_spec("matplotlib") is None:
    sys.exit("This example requires matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="smoke test with fewer names")
arguments = parser.parse_args()

# %%
# Split the names before cutting windows, so that no name is in both sets.
names = list(dict.fromkeys(load_names("female")))[:: 10 if arguments.quick else 1]
train, test = train_test_split(names, test_size=50 if arguments.quick else 500, random_state=SEED)
vectorizer = CharSequenceVectorizer(window_length=10)
X_train = vectorizer.fit_transform(train)
X_test = vectorizer.transform(test)

# %%
# Flatten the windows into pairs of a context and the next character.
pairs_train = X_train[X_train[..., -1] != 0]
pairs_test = X_test[X_test[..., -1] != 0]
print(f"{len(pairs_train)} training pairs, {len(pairs_test)} held-out pairs")

# %%
baseline = make_pipeline(
    OneHotEncoder(handle_unknown="ignore"), LogisticRegression(C=1.0, tol=1e-3, max_iter=200)
)
start = perf_counter()
baseline.fit(pairs_train[:, :-1], pairs_train[:, -1])
seconds = perf_counter() - start
proba = baseline.predict_proba(pairs_test[:, :-1])
losses = [log_loss(pairs_test[:, -1], proba, labels=baseline.classes_)]
print(f"logistic regression: {losses[0]:.3f} nats per character, fitted in {seconds:.1f} s")

# %%
lstm = CharLSTMGenerator(random_state=SEED)
start = perf_counter()
lstm.fit(X_train)
seconds = perf_counter() - start
losses.append(-lstm.score(X_test))
print(f"LSTM:                {losses[1]:.3f} nats per character, fitted in {seconds:.1f} s")

# %%
fig, ax = plt.subplots(figsize=(5, 2.2), layout="constrained")
bars = ax.barh(["LSTM", "logistic\nregression"], losses[::-1], color=["tab:blue", "gray"])
ax.bar_label(bars, fmt=" %.2f", label_type="center", color="white")
ax.set(xlabel="loss on held-out names (nats per character)")
fig.savefig("next_char_baseline.png", dpi=120)
