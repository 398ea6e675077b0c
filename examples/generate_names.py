"""Train on a list and generate names.

This example shows how to train a vectorizer and an LSTM in a scikit-learn Pipeline and sample names
at several temperatures. Higher temperatures give more varied names. The loss on held-out
names measures how well the model predicts names that it has not seen.

Run it on the bundled list of female names, or on your own file with one name per line:

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
parser.add_argument("file", nargs="?", metavar="FILE", help="text file with one name per line")
parser.add_argument("--quick", action="store_true", help="smoke test with fewer names and epochs")
arguments = parser.parse_args()

# %%
# Load the names without duplicates, which could end up in both the training and the test set.
names = read_names(arguments.file) if arguments.file else load_names("female")
names = list(dict.fromkeys(names))[:: 20 if arguments.quick else 1]
train, test = names, []
if len(names) > 1:
    train, test = train_test_split(names, test_size=0.1, random_state=SEED)
print(f"{len(train)} training names, for example {', '.join(train[:3])}")

# %%
# Train. At every step of the Pipeline, each row of the data is one name.
epochs = {"max_epochs": 2} if arguments.quick else {}
pipe = Pipeline(
    [
        ("windows", CharSequenceVectorizer()),
        ("lstm", CharLSTMGenerator(random_state=SEED, verbose=1, **epochs)),
    ]
)
start = perf_counter()
pipe.fit(train)
print(f"\nTrained in {perf_counter() - start:.1f} s.")
if test:
    print(f"Held-out loss: {-pipe.score(test):.3f} nats per character on {len(test)} names")
print(f"Training loss: {-pipe.score(train):.3f} nats per character")

# %%
# Sample names. They are more typical below temperature 1 and more varied above it. Each temperature
# has its own seed, because names sampled with the same seed would start alike.
generator = pipe[-1]
training_names = set(names)
for i, temperature in enumerate([0.2, 0.5, 1.0, 1.2]):
    samples = generator.sample(temperature=temperature, n_samples=8, random_state=SEED + i)
    marked = [name if name in training_names else f"{name}*" for name in samples]
    print(f"\nTemperature {temperature}:  {'  '.join(marked)}")
print("\n* not in the list")

# %%
# Sample names that start with a given prefix.
prefix = train[0][:3]
samples = generator.sample(prefix, temperature=0.7, n_samples=8, random_state=SEED)
print(f"\nStarting with {prefix!r}:  {'  '.join(samples)}")
