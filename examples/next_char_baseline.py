"""Compare the LSTM with a logistic regression on the same windows.

What is learned here: ``X[X[..., -1] != 0]`` are flat pairs of ten characters and the
next one, which any scikit-learn estimator can learn from; the held-out loss per
character is the same measure for both, which a picture compares.

    pip install -e '.[plot]' && python examples/next_char_baseline.py
"""

# %%
import argparse
import sys
from importlib.util import find_spec
from time import perf_counter

if find_spec("matplotlib") is None:
    sys.exit("This needs matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

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
parser.add_argument("--quick", action="store_true", help="a smoke run: fewer names")
arguments = parser.parse_args()

# %%
# Windows of each side; the names stay apart.
names = list(dict.fromkeys(load_names("female")))[:: 10 if arguments.quick else 1]
train, test = train_test_split(names, test_size=50 if arguments.quick else 500, random_state=SEED)
vectorizer = CharSequenceVectorizer(window_length=10)
X_train = vectorizer.fit_transform(train)
X_test = vectorizer.transform(test)

# %%
# The flat pairs: contexts and the characters that follow.
pairs_train = X_train[X_train[..., -1] != 0]
pairs_test = X_test[X_test[..., -1] != 0]
print(f"{len(pairs_train)} pairs to learn from, {len(pairs_test)} held out")

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
