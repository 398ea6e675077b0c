"""Support for the callbacks of scikit-learn 1.9, such as its `ProgressBar`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # an earlier version, in which no estimator has callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand-in for the mixin of scikit-learn 1.9."""

    with_callbacks = None

_Fit = TypeVar("_Fit", bound=Callable[..., object])


def fit_task(max_subtasks: int | None = 0) -> Callable[[_Fit], _Fit]:
    """Return a decorator for `fit` or `fit_transform`, which makes it a task of callbacks.

    `max_subtasks` is None if `fit` has subtasks, whose number is not known.
    """

    def decorate(method: _Fit) -> _Fit:
        @wraps(method)
        def fit(self: Any, *args: object, **kwargs: object) -> object:
            if not hasattr(self, "_skl_callbacks"):
                return method(self, *args, **kwargs)
            context = self._init_callback_context(max_subtasks=max_subtasks)
            data = dict(zip(("X", "y"), args, strict=False)) | kwargs
            data = {name: data.get(name) for name in ("X", "y")}
            context.call_on_fit_task_begin(estimator=self, **data)
            result = method(self, *args, **kwargs)
            context.call_on_fit_task_end(estimator=self, reconstruction_attributes={}, **data)
            return result

        return cast(_Fit, with_callbacks(fit)) if with_callbacks else method

    return decorate


@contextmanager
def subtask(estimator: object, sub_estimator: object) -> Iterator[None]:
    """Make the training of a sub-estimator a subtask of `fit`, which the same callbacks observe."""
    if not (context := getattr(estimator, "_callback_fit_ctx", None)):
        yield
        return
    task = context.subcontext("fit-generator")
    with task.propagate_callback_context(sub_estimator):
        task.call_on_fit_task_begin(estimator=estimator)
        yield
        task.call_on_fit_task_end(estimator=estimator)


class EpochTasks:
    """The epochs of training as subtasks of `fit`, for callbacks of the estimator."""

    def __init__(self, estimator: object):
        self._estimator, self._context = estimator, getattr(estimator, "_callback_fit_ctx", None)
        self._tasks: dict[int, Any] = {}  # by the number of the epoch. None: ended.

    def begin(self, number: int) -> None:
        """Begin an epoch, unless it has begun."""
        if self._context and number not in self._tasks:
            self._tasks[number] = self._context.subcontext("epoch")
            self._tasks[number].call_on_fit_task_begin(estimator=self._estimator)

    def end(self, number: int) -> bool:
        """End an epoch, unless it has ended. Return whether a callback stops training."""
        task, self._tasks[number] = self._tasks.get(number), None
        return bool(task and task.call_on_fit_task_end(estimator=self._estimator))
