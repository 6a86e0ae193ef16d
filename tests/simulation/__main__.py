"""Temporary."""
import sys, time, logging
import structlog
from tests.simulation.scenario import *
from tests.simulation.signatures import known_signatures
from tests.simulation.world import World
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
with known_signatures():
    for seed in range(3):
        t = time.time()
        w = World(Scenario(seed=seed, validators=4, timeout_seconds=1), is_traced=True)
        try:
            print(w.run(), time.time() - t)
        except BaseException as e:
            print("\n".join(w.trace[-60:]))
            raise
