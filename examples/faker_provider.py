"""Add invented people to Faker.

This example shows how to train a generator on Faker's names for a locale and use it in a Faker
provider. The provider does not run out of names and excludes all names in `known_names`.
`Faker.seed` makes it reproducible.

    pip install -e '.[base]' && python examples/faker_provider.py [--locale nl_NL]
"""

# %%
import argparse
import sys
from importlib import import_module
from time import perf_counter

from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer
from sknamegen.datasets import known_names
from sknamegen.metrics import novelty, uniqueness

try:
    from faker import Faker
    from faker.providers import BaseProvider
except ImportError:
    sys.exit("This example requires faker. In a clone of sknamegen: pip install -e '.[base]'")

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--locale", default="it_IT", help="a locale that has names in Faker")
parser.add_argument("--quick", action="store_true", help="smoke test with fewer names and epochs")
arguments = parser.parse_args()

# %%
# Load Faker's names, with the kind of name as the label.
person = import_module(f"faker.providers.person.{arguments.locale}").Provider
names_of_kind = {
    "female": list(dict.fromkeys(person.first_names_female)),
    "male": list(dict.fromkeys(person.first_names_male)),
    "last": list(dict.fromkeys(person.last_names)),
}
if arguments.quick:
    names_of_kind = {kind: names[::5] for kind, names in names_of_kind.items()}
names = [name for kind in names_of_kind for name in names_of_kind[kind]]
kinds = [kind for kind in names_of_kind for _ in names_of_kind[kind]]
start = perf_counter()
lstm = CharLSTMGenerator(max_epochs=1 if arguments.quick else "auto", random_state=SEED)
model = make_pipeline(CharSequenceVectorizer(), lstm).fit(names, kinds)[-1]
print(f"Trained on {len(names):,} names for {arguments.locale} in {perf_counter() - start:.1f} s")


# %%
# Define the provider. Faker's random generator seeds the sampler, so `Faker.seed` controls both.
class InventedPersonProvider(BaseProvider):
    """Provider of invented names."""

    def invented_names(self, n, kind):
        """Return n distinct invented names."""
        return model.sample(
            temperature=0.6,
            n_samples=n,
            label=kind,
            min_length=3,
            pattern="[A-Z].*",
            novel=True,
            exclude=known_names(),
            unique=True,
            random_state=self.generator.random.getrandbits(32),
        )

    def invented_person(self):
        """Return an invented first name and surname."""
        kinds = self.random_element(["female", "male"]), "last"
        return " ".join(self.invented_names(1, kind)[0] for kind in kinds)


fake = Faker(arguments.locale)
fake.add_provider(InventedPersonProvider)


# %%
# Combine invented names with Faker's other providers.
def people(n):
    """Return n rows with a name, an e-mail address and a phone number."""
    names = [fake.invented_person() for _ in range(n)]
    emails = [f"{name.lower().replace(' ', '.')}@{fake.safe_domain_name()}" for name in names]
    return [(name, email, fake.phone_number()) for name, email in zip(names, emails, strict=True)]


Faker.seed(SEED)
rows = people(8)
for row in rows:
    print("  {:20} {:33} {}".format(*row))
Faker.seed(SEED)
print(f"Same rows with the same seed: {people(8) == rows}")

# %%
# Compare the uniqueness and novelty of both sources. Names drawn from a list soon repeat.
n = 100 if arguments.quick else 2000
faker_surnames = [fake.last_name() for _ in range(n)]
invented = fake.invented_names(n, "last")
print(f"{n:,} surnames       unique  novel")
for title, surnames in {"Faker": faker_surnames, "invented": invented}.items():
    shares = uniqueness(surnames), novelty(surnames, person.last_names)
    print("{:18} {:6.0%} {:6.0%}".format(title, *shares))
