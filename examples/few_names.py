"""Names from a list of thirty: from scratch, and from a model that knows what names are.

What is learned here: thirty names are too few to learn what a name is. So the
training starts from a base model that comes with the package and knows people, towns and brands of
many languages; it then learns only what is special about yours. The names below are invented, of
villages in a novel; put your own in their place. A picture shows how both trainings went.

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
    sys.exit("This needs matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

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
parser.add_argument("file", nargs="?", metavar="FILE", help="names, one a line")
parser.add_argument("--quick", action="store_true", help="a smoke run: fewer epochs")
arguments = parser.parse_args()

# %%
names = read_names(arguments.file) if arguments.file else NAMES
print(f"{len(names)} names, such as {', '.join(names[:4])}")

# %%
# The same settings but for what the training starts from. The default, init="auto", averages a
# network of each kind.
generators = {}
for title, init in {"from scratch": None, "from the base": "base"}.items():
    start = perf_counter()
    epochs = 2 if arguments.quick else "auto"
    lstm = CharLSTMGenerator(init=init, max_epochs=epochs, random_state=SEED)
    pipe = make_pipeline(CharSequenceVectorizer(window_length=12), lstm).fit(names)
    generators[title] = pipe[-1]
    print(f"\nLearned {title} in {perf_counter() - start:.1f} s")
    for i, temperature in enumerate((0.5, 1.0)):
        options = {"unique": True, "novel": True, "exclude": known_names()}
        options |= {"random_state": SEED + i}
        written = pipe[-1].sample("", temperature, 8, **options)
        print(f"  temperature {temperature}: {'  '.join(written)}")

# %%
# Constraints work as always.
beginning, ending = names[0][:2], names[-1][-2:]
length = sorted(map(len, names))[len(names) // 2]
constraints = {
    f"from {beginning!r}": {"seed": beginning},
    f"of {length} letters": {"min_length": length, "max_length": length},
    f"ending in {ending!r}": {"pattern": f".+{re.escape(ending)}"},
}
generator = generators["from the base"]
print()
for i, (title, constraint) in enumerate(constraints.items()):
    options = {"temperature": 0.7, "n_samples": 6, "unique": True, "exclude": known_names()}
    written = generator.sample(**options | constraint, random_state=SEED + i)
    print(f"From the base, {title}: {'  '.join(written)}")

# %%
# What the base knows shows from the first epoch on.
ax = None
for title, generator in generators.items():
    display = LossCurveDisplay.from_estimator(generator, ax=ax, label=title)
    ax = display.ax_
ax.legend()
ax.figure.savefig("few_names.png", dpi=120)
