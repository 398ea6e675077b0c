"""Generate baby names by label, length and pattern.

This example shows how to train one model on labelled names. The model generates names for a label,
predicts the label of a name, and finds the most probable names that are not in the list.

    python examples/baby_names.py
"""

# %%
import argparse

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, NameClassifier, load_names
from sknamegen.metrics import constraint_probability, novelty

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="smoke test with fewer names and epochs")
arguments = parser.parse_args()

# %%
# Load labelled names. A name that is in both lists occurs twice, once with each label.
names, labels = load_names(return_X_y=True)
if arguments.quick:
    names, labels = names[::10], labels[::10]
lstm = CharLSTMGenerator(max_epochs=2 if arguments.quick else "auto", random_state=SEED)
pipe = Pipeline([("windows", CharSequenceVectorizer()), ("lstm", lstm)]).fit(names, labels)
generator = pipe[-1]
print(f"{len(names)} training names")

# %%
# Generate distinct novel names for each label.
for i, label in enumerate(generator.classes_):
    new_names = generator.sample(
        temperature=0.8, n_samples=8, label=label, novel=True, unique=True, random_state=SEED + i
    )
    print(f"\nNew {label} names: {'  '.join(new_names)}")

# %%
# Constrain the length, the pattern or the letters, and estimate how many names qualify.
constraints = {
    "four to six letters": {"min_length": 4, "max_length": 6},
    "L…a or M…e": {"pattern": "L.*a|M.*e"},
    "without r and th": {"banned": ["r", "th"]},
    "double letters": {"pattern": r".*(aa|ee|ll|nn|rr|ss|tt).*"},
}
for i, (title, constraint) in enumerate(constraints.items()):
    options = {"temperature": 0.7, "label": "female"} | constraint
    samples = generator.sample(n_samples=6, random_state=SEED + i, **options)
    share, _ = constraint_probability(generator, random_state=SEED, **options)
    print(f"\n{title}: {'  '.join(samples)}")
    print(f"  {share:.1%} of unconstrained names satisfy the constraint")

# %%
# Measure the share of novel names at three temperatures.
print()
for temperature in (0.5, 0.8, 1.1):
    samples = generator.sample(temperature=temperature, n_samples=400, random_state=SEED)
    print(f"At temperature {temperature}, {novelty(samples, names):.0%} of 400 names are novel")

# %%
# Find the most probable names that are not in the list.
for label in generator.classes_:
    candidates, log_probs = generator.most_likely(6, label=label, novel=True, pattern=".{4,}")
    print(f"\nMost probable new {label} names: {'  '.join(candidates)}  ({log_probs[0]:.1f} nats)")

# %%
# Predict the label of a name. The fitted pipeline is frozen, so that it is not trained again.
classifier = NameClassifier(FrozenEstimator(pipe)).fit()
for name in ("Noelani", "Brock", "Robin"):
    proba = dict(zip(classifier.classes_, classifier.predict_proba([name])[0], strict=True))
    print(f"{name}: {', '.join(f'{label} {p:.0%}' for label, p in proba.items())}")
