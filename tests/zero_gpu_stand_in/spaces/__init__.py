"""A stand-in for Hugging Face's `spaces` package on ZeroGPU, after what its version 0.51.3 does, without a GPU.

It insists on what the real one insists on: it is imported before torch; coroutines are refused; there is a decorated function by the time
of `Blocks.launch`; a call forks a process, into which arguments go pickled and out of which results come pickled; an error in there is
Gradio's own error with the class's name; whose quota pays is read from the calling event's context. A line of JSON for each event goes to
the file that ZERO_GPU_STAND_IN_LOG names; ZERO_GPU_STAND_IN_REFUSES is the message of a scheduler that lends nothing.
"""

import inspect
import json
import multiprocessing
import os
import pickle
import sys
from functools import wraps

fork = multiprocessing.get_context("fork")
decorated = []


def note(event, **facts):
    if path := os.environ.get("ZERO_GPU_STAND_IN_LOG"):
        with open(path, "a", encoding="utf-8") as log:
            log.write(json.dumps({"event": event, **facts}) + "\n")


note("imported", torch="torch" in sys.modules, gradio="gradio" in sys.modules)
if "torch" in sys.modules and os.environ.get("ZERO_GPU_STAND_IN_LOG"):
    raise RuntimeError("CUDA has been initialized before importing the `spaces` package.")


def GPU(task=None, *, duration=None, size=None):  # noqa: N802 - the name of the real one
    if task is None:
        return lambda function: GPU(function, duration=duration, size=size)
    if inspect.iscoroutinefunction(task):
        raise NotImplementedError
    assert inspect.isgeneratorfunction(task), "the arena decorates a generator"
    decorated.append(task)

    @wraps(task)
    def call(*args, **kwargs):
        declared = duration(*args, **kwargs) if callable(duration) else duration
        note("call", seconds=declared, payer=_payer())
        if refusal := os.environ.get("ZERO_GPU_STAND_IN_REFUSES"):
            raise _error(refusal)
        given, results = fork.SimpleQueue(), fork.SimpleQueue()
        process = fork.Process(target=_work, args=(task, given, results), daemon=True)
        process.start()
        given.put(pickle.dumps((args, kwargs)))
        try:
            while True:
                kind, value = results.get()
                if kind == "end":
                    return
                if kind == "error":
                    raise _error(value)
                yield pickle.loads(value)
        finally:
            process.kill()
            process.join()

    return call


def _work(task, given, results):
    """In the forked process."""
    try:
        args, kwargs = pickle.loads(given.get())
        note("forked", pid=os.getpid())
        for result in task(*args, **kwargs):
            results.put(("result", pickle.dumps(result)))
    except Exception as problem:  # noqa: BLE001 - as the real one
        results.put(("error", type(problem).__name__))
    else:
        results.put(("end", None))


def _payer():
    """What stands in the header by which the real one knows a visitor; None where the event's context was lost."""
    if "gradio" not in sys.modules:
        return None
    from gradio.context import LocalContext

    request = LocalContext.request.get(None)
    return request.headers.get("x-ip-token", "") if request is not None else None


def _error(message):
    import gradio

    return gradio.Error(message, print_exception=False)


def _note_launch():
    import gradio

    launch = gradio.Blocks.launch

    @wraps(launch)
    def noted(*args, **kwargs):
        note("launched", decorated=len(decorated))
        gradio.Blocks.launch = launch
        return gradio.Blocks.launch(*args, **kwargs)

    gradio.Blocks.launch = noted


if os.environ.get("ZERO_GPU_STAND_IN_LOG"):
    _note_launch()
