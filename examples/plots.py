"""Look at a generator: its training, what it expects, and what temperature does.

What is learned here: the displays follow scikit-learn's, `from_estimator` computes and plots;
a preview shows names while the training goes on. The pictures are written to a folder.

    pip install '.[plot]' && python examples/plots.py [FOLDER]
"""

# %%
import sys
from pathlib import Path

import matplotlib

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, SamplePreview, load_names
from sknamegen.display import LossCurveDisplay, NextCharDisplay, TemperatureDisplay

matplotlib.use("Agg")
SEED = 0
folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")

# %%
# Names are printed during the training, as the notebook did that this project began with.
windows = CharSequenceVectorizer().fit_transform(load_names("female"))
generator = CharLSTMGenerator(
    early_stopping=True, callbacks=[SamplePreview(every=4)], random_state=SEED
).fit(windows)

# %%
displays = {
    "loss": LossCurveDisplay.from_estimator(generator),
    "next_char": NextCharDisplay.from_estimator(generator, "Marianne"),
    "temperature": TemperatureDisplay.from_estimator(generator, windows, random_state=SEED),
}
for name, display in displays.items():
    display.figure_.savefig(folder / f"{name}.png", dpi=70)
    print(f"{folder / name}.png")
