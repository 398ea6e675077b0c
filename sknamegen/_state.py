"""What a saved estimator carries to tell which versions can read it."""

# Raised by a change after which earlier files cannot be read.
_FORMAT = 1


class StateFormat:
    """Mixin that marks the state of an estimator with its format and refuses others."""

    def __getstate__(self):
        return super().__getstate__() | {"_format": _FORMAT}

    def __setstate__(self, state):
        found = state.get("_format")
        if found != _FORMAT:
            raise ValueError(
                f"This {type(self).__name__} was saved by another version of sknamegen, in state "
                f"format {found}; this version reads {_FORMAT}. Load it with the version that "
                "saved it, or fit it again."
            )
        super().__setstate__({name: value for name, value in state.items() if name != "_format"})
