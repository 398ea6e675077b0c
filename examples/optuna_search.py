"""Hyperparameter search with Optuna.

This example shows how OptunaSearchCV tunes a Pipeline, like GridSearchCV but with distributions
instead of lists of values. The study is stored in a file. To use several processes, start the same
command several times. The plot shows the progress of the search.

    pip install -e '.[plot,search]'
    python examples/optuna_search.py [STUDY.db] [N_TRIALS]
"""

# %%
import argparse
import sys
import warnings

import numpy as np
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names

try:
    import matplotlib.pyplot as plt
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.exceptions import ExperimentalWarning
    from optuna_integration import OptunaSearchCV
except ImportError:
    sys.exit(
        "This example requires optuna, optuna-integration and matplotlib. In a clone of sknamegen: "
        "pip install -e '.[plot,search]'"
    )

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("study", nargs="?", default="study.db", help="study file (default: study.db)")
parser.add_argument(
    "n_trials",
    nargs="?",
    type=int,
    default=10,
    help="number of trials in this process (default: 10)",
)
parser.add_argument("--quick", action="store_true", help="smoke test with fewer names and epochs")
arguments = parser.parse_args()

# %%
optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(
    study_name="names",
    storage=f"sqlite:///{arguments.study}",
    direction="maximize",
    load_if_exists=True,
)
epochs = 1 if arguments.quick else "auto"
lstm = CharLSTMGenerator(max_epochs=epochs, random_state=SEED)
pipe = Pipeline([("windows", CharSequenceVectorizer()), ("lstm", lstm)])
distributions = {
    "windows__window_length": IntDistribution(4, 32),
    "lstm__hidden_size": CategoricalDistribution([128, 240, 320]),
    "lstm__lr": FloatDistribution(0.005, 0.05, log=True),
    "lstm__dropout": FloatDistribution(0.1, 0.4),
}
# Try the default settings first, so that the best trial is at least as good.
default = {"windows__window_length": 32, "lstm__hidden_size": 240, "lstm__lr": 0.02}
study.enqueue_trial(default | {"lstm__dropout": 0.2}, skip_if_exists=True)

# %%
# Shuffle the folds, because the list is sorted. The study includes trials from other processes.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ExperimentalWarning)
    warnings.simplefilter("ignore", FutureWarning)  # raised inside optuna
    search = OptunaSearchCV(
        pipe,
        distributions,
        cv=KFold(3, shuffle=True, random_state=SEED),
        n_trials=arguments.n_trials,
        study=study,
    )
    search.fit(load_names("female")[:: 100 if arguments.quick else 1])

# %%
print(f"{arguments.n_trials} trials in this process, {len(study.trials)} in the study")
first = study.trials[0]
if first.value is not None:  # None if another process is still running this trial
    print(f"Default: {-first.value:.3f} nats/char")
print(f"Best: {-search.best_score_:.3f} nats/char with {search.best_params_}")
print("Starting with 'Mar':", *search.best_estimator_[-1].sample("Mar", 0.5, 6, random_state=SEED))

# %%
# Plot the loss of all trials in the order they started, and the best loss so far.
trials = [trial for trial in study.trials if trial.value is not None]
numbers, losses = [trial.number + 1 for trial in trials], [-trial.value for trial in trials]
fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
ax.plot(numbers, losses, "o", label="trial")
ax.step(numbers, np.minimum.accumulate(losses), where="post", label="best so far")
if first.value is not None:
    ax.axhline(-first.value, color="gray", ls="--", label="default")
ax.set(xlabel="trial", ylabel="loss (nats per character)")
ax.legend()
fig.savefig("optuna_search.png", dpi=120)
