"""Train one model in several processes.

This example shows how to train with accelerate. `accelerate launch` starts the processes. Each
process trains on its part of every batch, and all processes end with the same weights.

    pip install -e '.[distributed]'
    accelerate launch --multi_gpu --num_processes 2 examples/train_distributed.py

The option `--multi_gpu` starts several processes even on machines without GPUs. To use several
machines, run `accelerate config` first. The script needs no changes.
"""

# %%
import argparse
import hashlib
import sys

import torch
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names

try:
    from accelerate import Accelerator
except ImportError:
    sys.exit(
        "This example requires accelerate. In a clone of sknamegen: pip install -e '.[distributed]'"
    )

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="smoke test with fewer names and epochs")
arguments = parser.parse_args()

# %%
# All processes use the same names and the same seed.
accelerator = Accelerator(cpu=not torch.cuda.is_available())
names = load_names("female")[:: 20 if arguments.quick else 1]
train, test = train_test_split(names, test_size=0.1, random_state=SEED)
epochs = 4 if arguments.quick else 6
generator = CharLSTMGenerator(max_epochs=epochs, accelerator=accelerator, random_state=SEED)
pipe = Pipeline([("windows", CharSequenceVectorizer()), ("lstm", generator)]).fit(train)

# %%
weights = b"".join(
    weight.cpu().numpy().tobytes()
    for net in generator.nets_
    for weight in net.module_.state_dict().values()
)
print(
    f"process {accelerator.process_index} of {accelerator.num_processes}: weights "
    f"{hashlib.sha256(weights).hexdigest()[:12]}, held-out loss {-pipe.score(test):.3f} nats/char, "
    f"training loss {generator.loss_curve_[-1]:.6f}\n",
    end="",
    flush=True,
)
accelerator.end_training()
