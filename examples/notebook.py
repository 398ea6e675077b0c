"""Reproduce a classic Keras notebook step by step.

This example follows a Keras notebook on character-level LSTMs. The names are joined into one text
and cut into windows of ten characters, with the next character as the target. An LSTM with 128
units is trained on one-hot encoded windows with RMSprop. Between epochs, the model continues text
from a random position in the corpus at four "diversities" (temperatures), one character at a time.
At the end, the loss is plotted.

Run it on the bundled list of female names, or on your own file with one name per line:

    pip install -e '.[plot]' && python examples/notebook.py [FILE]
"""

# %%
import argparse
import random
import sys
from importlib.util import find_spec

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names
from sknamegen.display import LossCurveDisplay

if find_spec("matplotlib") is None:
    sys.exit("This example requires matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

SEED = 0
WINDOW_LENGTH = 10
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("file", nargs="?", metavar="FILE", help="text file with one name per line")
parser.add_argument("--quick", action="store_true", help="smoke test with fewer names")
arguments = parser.parse_args()

# %%
# 1. Read the lines with their newlines and join them with spaces.
if arguments.file:
    with open(arguments.file, encoding="utf-8") as file:
        lines = file.readlines()
else:
    lines = [f"{name}\n" for name in load_names("female")]
text = " ".join(lines[:: 20 if arguments.quick else 1])
print(repr(text[:100]))

# %%
# 2. Cut the running text into windows, without boundaries between names.
vectorizer = CharSequenceVectorizer(window_length=WINDOW_LENGTH, step=1, boundary=False)
windows = vectorizer.fit_transform([text])
print("total chars:", len(vectorizer.alphabet_))
print("Number of sequences:", windows.shape[1])

pairs = ["".join(map(chr, window)) for window in windows[0, 7:15]]
print([pair[:-1] for pair in pairs])
print([pair[-1] for pair in pairs])

# %%
# 3. Build the model: one-hot input, one LSTM layer, softmax, and RMSprop with the Keras defaults.
model = CharLSTMGenerator(
    num_networks=1,
    hidden_size=128,
    embedding_dim=None,
    dropout=0,
    ngram_weight=0,
    ngram_counts=False,
    optimizer="RMSprop",
    lr=0.01,
    lr_schedule="constant",
    weight_decay=0,
    batch_size=128,
    max_epochs=2,
    net_params={"optimizer__alpha": 0.9, "optimizer__eps": 1e-7},
    warm_start=True,
    verbose=1,
    random_state=SEED,
)

# %%
# 4. Train for two epochs at a time and generate text after each pair of epochs.
rng = random.Random(SEED)
for iteration in range(1, 5):
    print("\n" + "-" * 50)
    print("Iteration", iteration)
    model.fit(windows)

    start = rng.randint(0, len(text) - WINDOW_LENGTH - 1)
    seed = text[start : start + WINDOW_LENGTH]
    for diversity in [0.2, 0.5, 1.0, 1.2]:
        print("\n----- diversity:", diversity)
        print(f'----- Generating with seed: "{seed}"')
        print("\nGenerated")
        print(seed, end="")
        for character in model.stream(seed, diversity, max_length=len(seed) + 20):
            print(character, end="", flush=True)
        print()

# %%
# 5. Plot the loss over all epochs.
LossCurveDisplay.from_estimator(model).figure_.savefig("notebook.png", dpi=120)
