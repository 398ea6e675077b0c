"""Train on a list of names and write new ones.

What is learned here: names go through a vectorizer and an LSTM in a scikit-learn
Pipeline; a temperature says how daring the new names are; names that were held out
tell how well the model knows what a name looks like.

Run it on the bundled list of female names, or on a file of your own, one name a line:

    python examples/generate_names.py [FILE]
"""

# %%
import argparse
from time import perf_counter

from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names, read_names

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("file", nargs="?", metavar="FILE", help="names, one a line")
parser.add_argument("--quick", action="store_true", help="a smoke run: fewer names and epochs")
arguments = parser.parse_args()

# %%
# The names, each once: a name that stood twice could be on both sides of the split.
names = read_names(arguments.file) if arguments.file else load_names("female")
names = list(dict.fromkeys(names))[:: 20 if arguments.quick else 1]
train, test = names, []
if len(names) > 1:
    train, test = train_test_split(names, test_size=0.1, random_state=SEED)
print(f"{len(train)} names to learn from, for example {', '.join(train[:3])}")

# %%
# Learn. One row is one name, all the way through.
epochs = {"max_epochs": 2} if arguments.quick else {}
pipe = Pipeline(
    [
        ("windows", CharSequenceVectorizer(window_length=10)),
        ("lstm", CharLSTMGenerator(random_state=SEED, verbose=1, **epochs)),
    ]
)
start = perf_counter()
pipe.fit(train)
print(f"\nLearned in {perf_counter() - start:.1f} s.")
if test:
    print(f"Held out:  {-pipe.score(test):.3f} nats per character on {len(test)} names")
print(f"Training:  {-pipe.score(train):.3f} on the names it learned from")

# %%
# Write new names: below temperature 1 they are more ordinary, above it more daring. With the same
# seed, those of each temperature would begin alike.
generator = pipe[-1]
known = set(names)
for i, temperature in enumerate([0.2, 0.5, 1.0, 1.2]):
    written = generator.sample(temperature=temperature, n_samples=8, random_state=SEED + i)
    marked = [name if name in known else f"{name}*" for name in written]
    print(f"\nTemperature {temperature}:  {'  '.join(marked)}")
print("\n* not in the list")

# %%
# Or from a beginning.
beginning = train[0][:3]
written = generator.sample(beginning, temperature=0.7, n_samples=8, random_state=SEED)
print(f"\nFrom {beginning!r}:  {'  '.join(written)}")
