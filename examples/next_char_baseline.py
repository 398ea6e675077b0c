"""Compare the LSTM with a logistic regression on the same windows.

What is learned here: ``X[X[..., -1] != 0]`` are flat pairs of ten characters and the
next one, which any scikit-learn estimator can learn from; the held-out loss per
character is the same measure for both.

    python examples/next_char_baseline.py
"""

# %%
import argparse
from time import perf_counter

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
loss = log_loss(pairs_test[:, -1], proba, labels=baseline.classes_)
print(f"logistic regression: {loss:.3f} nats per character, fitted in {seconds:.1f} s")

# %%
lstm = CharLSTMGenerator(random_state=SEED)
start = perf_counter()
lstm.fit(X_train)
seconds = perf_counter() - start
print(
    f"LSTM:                {-lstm.score(X_test):.3f} nats per character, fitted in {seconds:.1f} s"
)
