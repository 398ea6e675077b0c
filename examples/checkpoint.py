"""Resume training after an interruption.

This example shows how a skorch callback saves the Pipeline after every epoch. With
``warm_start=True``, the next `fit` continues from the saved state. Try it: kill the script and run
it again. The plot marks the epoch after which training resumed.

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
    sys.exit("This example requires matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

SEED = 0
N_EPOCHS = 12
CHECKPOINT = Path("checkpoint.joblib")
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="smoke test with fewer names")
arguments = parser.parse_args()


# %%
# Save a checkpoint after each epoch. During training, `pipe` does not change, and `net.generator()`
# returns a generator with the current weights. `os.replace` is atomic, so the file is complete even
# if the process is killed.
class SaveEachEpoch(Callback):
    """Save the Pipeline after each epoch."""

    def on_epoch_end(self, net, **kwargs):
        steps = [("windows", pipe[0]), ("lstm", net.generator())]
        joblib.dump(Pipeline(steps), CHECKPOINT.with_suffix(".tmp"))
        os.replace(CHECKPOINT.with_suffix(".tmp"), CHECKPOINT)


# %%
# Load the checkpoint if it exists.
if CHECKPOINT.exists():
    pipe = joblib.load(CHECKPOINT)
    print(f"Resuming after epoch {pipe[-1].n_iter_} of {N_EPOCHS}")
else:
    # With several networks, each network would overwrite the checkpoint with its own weights.
    options = {"num_networks": 1, "init": None, "warm_start": True, "verbose": 1}
    generator = CharLSTMGenerator(callbacks=[SaveEachEpoch()], random_state=SEED, **options)
    pipe = Pipeline([("windows", CharSequenceVectorizer()), ("lstm", generator)])

# %%
# Train for the remaining epochs.
names = load_names("female")[:: 10 if arguments.quick else 1]
train, test = [name for i, name in enumerate(names) if i % 10], names[::10]
n_remaining = N_EPOCHS - getattr(pipe[-1], "n_iter_", 0)
if n_remaining:
    pipe.set_params(lstm__max_epochs=n_remaining).fit(train)
print(f"Trained for {pipe[-1].n_iter_} epochs. Held-out loss: {-pipe.score(test):.3f} nats/char")

# %%
# Plot the loss and mark the interruption.
display = LossCurveDisplay.from_estimator(pipe[-1])
if 0 < n_remaining < N_EPOCHS:
    interruption = N_EPOCHS - n_remaining + 0.5
    display.ax_.axvline(interruption, color="tab:red", ls="--", label="killed and restarted")
    display.ax_.legend()
display.figure_.savefig("checkpoint.png", dpi=120)
