"""Let Optuna choose what to try next, in several processes that share one study.

What is learned here: OptunaSearchCV takes the Pipeline as GridSearchCV does, with
distributions instead of lists; its study lies in a file, so further processes, started
with the same line, help with the same search.

    pip install '.[search]'
    python examples/optuna_search.py [STUDY.db] [N_TRIALS]
"""

# %%
import sys
import warnings

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna_integration import OptunaSearchCV
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names

SEED = 0
path = sys.argv[1] if len(sys.argv) > 1 else "study.db"
n_trials = int(sys.argv[2]) if len(sys.argv) > 2 else 10

# %%
optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(
    study_name="names", storage=f"sqlite:///{path}", direction="maximize", load_if_exists=True
)
pipe = Pipeline(
    [
        ("windows", CharSequenceVectorizer()),
        ("lstm", CharLSTMGenerator(max_epochs=3, random_state=SEED)),
    ]
)
distributions = {
    "windows__window_length": IntDistribution(2, 12),
    "lstm__hidden_size": CategoricalDistribution([32, 64, 128]),
    "lstm__lr": FloatDistribution(0.003, 0.1, log=True),
}

# %%
# The list is sorted, so the folds are shuffled. What other processes have tried is known too.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ExperimentalWarning)
    warnings.simplefilter("ignore", FutureWarning)  # of a part of optuna that it uses itself
    search = OptunaSearchCV(
        pipe,
        distributions,
        cv=KFold(3, shuffle=True, random_state=SEED),
        n_trials=n_trials,
        study=study,
    )
    search.fit(load_names("female"))

# %%
print(f"{n_trials} trials here, {len(study.trials)} in the study")
print(f"Best: {-search.best_score_:.3f} nats/char with {search.best_params_}")
print("From 'Mar':", *search.best_estimator_[-1].sample("Mar", 0.5, 6, random_state=SEED))
