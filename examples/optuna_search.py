"""Let Optuna choose what to try next, in several processes that share one study.

What is learned here: OptunaSearchCV takes the Pipeline as GridSearchCV does, with
distributions instead of lists; its study lies in a file, so further processes, started
with the same line, help with the same search. A picture shows how it went.

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
        "This needs optuna, optuna-integration and matplotlib. In a clone of sknamegen: "
        "pip install -e '.[plot,search]'"
    )

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("study", nargs="?", default="study.db", help="its file (study.db)")
parser.add_argument("n_trials", nargs="?", type=int, default=10, help="how many here (10)")
parser.add_argument("--quick", action="store_true", help="a smoke run: fewer names and epochs")
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
    "windows__window_length": IntDistribution(4, 20),
    "lstm__hidden_size": CategoricalDistribution([128, 240, 320]),
    "lstm__lr": FloatDistribution(0.005, 0.05, log=True),
    "lstm__dropout": FloatDistribution(0.1, 0.4),
}
# What the default is for so many names comes first, so the search ends at least as good.
default = {"windows__window_length": 10, "lstm__hidden_size": 240, "lstm__lr": 0.02}
study.enqueue_trial(default | {"lstm__dropout": 0.2}, skip_if_exists=True)

# %%
# The list is sorted, so the folds are shuffled. What other processes have tried is known too.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ExperimentalWarning)
    warnings.simplefilter("ignore", FutureWarning)  # of a part of optuna that it uses itself
    search = OptunaSearchCV(
        pipe,
        distributions,
        cv=KFold(3, shuffle=True, random_state=SEED),
        n_trials=arguments.n_trials,
        study=study,
    )
    search.fit(load_names("female")[:: 20 if arguments.quick else 1])

# %%
print(f"{arguments.n_trials} trials here, {len(study.trials)} in the study")
first = study.trials[0]
if first.value is not None:  # another process may still be at it
    print(f"The default: {-first.value:.3f} nats/char")
print(f"Best: {-search.best_score_:.3f} nats/char with {search.best_params_}")
print("From 'Mar':", *search.best_estimator_[-1].sample("Mar", 0.5, 6, random_state=SEED))

# %%
# The trials in the order in which they began, and the best so far.
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
