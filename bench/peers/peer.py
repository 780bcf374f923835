"""One engine on one workload, in step with hushgrad's benchmark: python peer.py ENGINE WORKLOAD BATCH.

Speaks lines of JSON (src/bench/protocol.ts): says ready, or why it is skipped; then answers requests to take steps, or
to tell its peak memory, until its input ends. It waits without using the processor in between.
"""

import json
import os
import sys
import time
import warnings


def main():
    engine, workload, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
    say = _own_stdout()
    warnings.filterwarnings("ignore")
    from memory import watch_peak

    try:
        make = _import_engine(engine)
        peak = watch_peak()
        setup = make(engine, workload, batch)  # fastDP imports some of its packages only here
    except ImportError as error:
        return say({"kind": "skipped", "reason": _reason(engine, error)})
    say({"kind": "ready", "parameters": setup.parameters})
    for line in sys.stdin:
        request = json.loads(line)
        if request["kind"] == "run":
            say({"kind": "times", "ms": [_timed(setup.step) for _ in range(request["steps"])]})
        else:
            say({"kind": "memory", "peakBytes": peak()})


def _own_stdout():
    """Libraries print what they like: it goes to stderr, and stdout is for replies alone."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(message):
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    return say


def _import_engine(engine):
    """Imports all that the engine needs, so that memory counts from then on."""
    if engine == "jax-privacy":
        from jax_steps import JaxStep

        return JaxStep
    if engine.startswith("opacus"):
        import opacus  # noqa: F401
    if engine == "fastdp":
        # Not on PyPI: a checkout of github.com/awslabs/fast-differential-privacy.
        sys.path[:0] = [os.environ["FASTDP"]] if os.environ.get("FASTDP") else []
        import fastDP  # noqa: F401
    from torch_steps import TorchStep

    return TorchStep


def _reason(engine, error):
    hint = "FASTDP must name a checkout of it" if engine == "fastdp" else "see bench/peers/requirements.txt"
    return f"{error} in {sys.executable}; {hint}"


def _timed(step):
    start = time.perf_counter()
    step()
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
