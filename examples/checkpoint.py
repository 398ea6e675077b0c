"""Go on with a training that was killed.

What is learned here: a skorch callback saves the Pipeline after every epoch; with
``warm_start=True``, another `fit` goes on from what was saved. Kill it and run it again; a picture
shows where it went on:

    pip install -e '.[plot]' && python examples/checkpoint.py
"""

# %%
import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import joblib
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names
from sknamegen.display import LossCurveDisplay

if find_spec("matplotlib") is None:
    sys.exit("This needs matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

SEED = 0
N_EPOCHS = 12
CHECKPOINT = Path("checkpoint.joblib")
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="a smoke run: fewer names")
arguments = parser.parse_args()


# %%
# During a training `pipe` stays as it was; `net.generator()` is fitted as far as the training has
# come. The file is replaced in one step, so it is whole whenever the process dies.
class SaveEachEpoch(Callback):
    """Save the Pipeline after each epoch."""

    def on_epoch_end(self, net, **kwargs):
        steps = [("windows", pipe[0]), ("lstm", net.generator())]
        joblib.dump(Pipeline(steps), CHECKPOINT.with_suffix(".tmp"))
        os.replace(CHECKPOINT.with_suffix(".tmp"), CHECKPOINT)


# %%
# What was saved, or a new Pipeline.
if CHECKPOINT.exists():
    pipe = joblib.load(CHECKPOINT)
    print(f"Going on after epoch {pipe[-1].n_iter_} of {N_EPOCHS}")
else:
    # One network: each has copies of the callbacks, and generates by itself while it trains.
    options = {"num_networks": 1, "init": None, "warm_start": True, "verbose": 1}
    generator = CharLSTMGenerator(callbacks=[SaveEachEpoch()], random_state=SEED, **options)
    pipe = Pipeline([("windows", CharSequenceVectorizer()), ("lstm", generator)])

# %%
# The epochs that are left.
names = load_names("female")[:: 10 if arguments.quick else 1]
train, test = [name for i, name in enumerate(names) if i % 10], names[::10]
n_left = N_EPOCHS - getattr(pipe[-1], "n_iter_", 0)
if n_left:
    pipe.set_params(lstm__max_epochs=n_left).fit(train)
print(f"Trained for {pipe[-1].n_iter_} epochs. Held out: {-pipe.score(test):.3f} nats/char")

# %%
# Where it went on, if it was killed.
display = LossCurveDisplay.from_estimator(pipe[-1])
if 0 < n_left < N_EPOCHS:
    killed = N_EPOCHS - n_left + 0.5
    display.ax_.axvline(killed, color="tab:red", ls="--", label="killed, and run again")
    display.ax_.legend()
display.figure_.savefig("checkpoint.png", dpi=120)
