"""Generate names from a list of thirty.

This example compares training from scratch with training from the pretrained base. Thirty names are
too few to train a network from scratch. The base was trained on people, towns and brands in many
languages, so training only has to capture the style of your list. The default list contains
invented village names. The plot shows the loss curves of both runs.

    pip install -e '.[plot]' && python examples/few_names.py [FILE]
"""

# %%
import argparse
import re
import sys
from importlib.util import find_spec
from time import perf_counter

from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, read_names
from sknamegen.datasets import known_names
from sknamegen.display import LossCurveDisplay

if find_spec("matplotlib") is None:
    sys.exit("This example requires matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

NAMES = """
    Ambermoor Ashwick Brackenfell Brindlehow Cairnbeck Coldharrow Dunmarsh Eldermere Fallowby
    Fennick Gorsedale Grimthwaite Hallowick Harrowmere Heatherlow Kestrelby Larkmoor Longbarrow
    Marrowdale Mirebeck Oakhollow Ravensby Rowanthwaite Saltmarrow Sedgewick Stonebarrow Thistlehow
    Underfell Wexbarrow Withermoor
""".split()  # noqa: SIM905
SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("file", nargs="?", metavar="FILE", help="text file with one name per line")
parser.add_argument("--quick", action="store_true", help="smoke test with fewer epochs")
arguments = parser.parse_args()

# %%
names = read_names(arguments.file) if arguments.file else NAMES
print(f"{len(names)} names, such as {', '.join(names[:4])}")

# %%
# Train twice with the same settings but different initial weights. The default, init="auto",
# averages a network of each kind.
generators = {}
for title, init in {"from scratch": None, "from the base": "base"}.items():
    start = perf_counter()
    epochs = 2 if arguments.quick else "auto"
    lstm = CharLSTMGenerator(init=init, max_epochs=epochs, random_state=SEED)
    pipe = make_pipeline(CharSequenceVectorizer(), lstm).fit(names)
    generators[title] = pipe[-1]
    print(f"\nTrained {title} in {perf_counter() - start:.1f} s")
    for i, temperature in enumerate((0.5, 1.0)):
        options = {"unique": True, "novel": True, "exclude": known_names()}
        options |= {"random_state": SEED + i}
        samples = pipe[-1].sample("", temperature, 8, **options)
        print(f"  temperature {temperature}: {'  '.join(samples)}")

# %%
# Generate names with a given prefix, length or ending.
prefix, ending = names[0][:2], names[-1][-2:]
length = sorted(map(len, names))[len(names) // 2]
constraints = {
    f"prefix {prefix!r}": {"seed": prefix},
    f"{length} letters": {"min_length": length, "max_length": length},
    f"ending in {ending!r}": {"pattern": f".+{re.escape(ending)}"},
}
generator = generators["from the base"]
print()
for i, (title, constraint) in enumerate(constraints.items()):
    options = {"temperature": 0.7, "n_samples": 6, "unique": True, "exclude": known_names()}
    samples = generator.sample(**options | constraint, random_state=SEED + i)
    print(f"From the base, {title}: {'  '.join(samples)}")

# %%
# Plot both loss curves. The base starts at a lower loss.
ax = None
for title, generator in generators.items():
    display = LossCurveDisplay.from_estimator(generator, ax=ax, label=title)
    ax = display.ax_
ax.legend()
ax.figure.savefig("few_names.png", dpi=120)
