"""Plot training and predictions.

This example shows the package's displays, which follow the interface of scikit-learn:
`from_estimator` computes and plots. A callback prints sample names during training. The plots are
saved in a folder.

    pip install -e '.[plot]' && python examples/plots.py [FOLDER]
"""

# %%
import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, SamplePreview, load_names
from sknamegen.display import LossCurveDisplay, NextCharDisplay

if find_spec("matplotlib") is None:
    sys.exit("This example requires matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument(
    "folder", nargs="?", default=".", help="output folder (default: the current folder)"
)
parser.add_argument("--quick", action="store_true", help="smoke test with fewer names")
arguments = parser.parse_args()
folder = Path(arguments.folder)

# %%
# Print sample names every four epochs.
names = load_names("female")[:: 20 if arguments.quick else 1]
windows = CharSequenceVectorizer().fit_transform(names)
generator = CharLSTMGenerator(
    init=None,
    num_networks=1,  # each network would print its own samples
    early_stopping=True,
    max_epochs=12,
    callbacks=[SamplePreview(every=4)],
    random_state=SEED,
).fit(windows)

# %%
displays = {
    "loss": LossCurveDisplay.from_estimator(generator),
    "next_char": NextCharDisplay.from_estimator(generator, "Marianne"),
}
for name, display in displays.items():
    display.figure_.savefig(folder / f"{name}.png", dpi=70)
    print(f"{folder / name}.png")
