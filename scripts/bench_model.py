"""The model on chain: gas of a score, and records that one node scores by `eth_call`."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

from bench_figure import Figure, median_figure
from demo_report import REGISTRY
from demo_stage import Demo

from client.model.manifest import ModelPackage
from client.model.program import rows_of
from client.model.sample import sample_columns
from client.sdk.chain import ChainClient
from client.sdk.chain_model import ROWS_PER_CALL, score_on_chain

ROWS = 2_000
MODEL = 1


def measure_model(running: AbstractContextManager[Demo]) -> dict[str, Figure]:
    """Give `score_gas` and `score_call_rows_per_s` of the committed model on a founded network."""
    package = ModelPackage.load()
    spec = package.feature_spec
    columns = sample_columns(spec, ROWS, seed=1)
    with running as demo:
        chain = ChainClient(demo.rpc, REGISTRY)
        rows = rows_of(spec, columns)
        size = len(rows) // ROWS
        one, many = (_gas(chain, part) for part in (rows[:size], rows[: 101 * size]))
        rates = list(_rates(chain, package))
    conditions = f"one eth_call for one asset, calldata and start included; {(many - one) // 100:,} in a call of many"
    pace = f"3 x {ROWS:,} made-up rows, {ROWS_PER_CALL} an eth_call over HTTP, one node, py-evm, equal to onnxruntime"
    return {
        "score_gas": median_figure([one], "gas", "<= 400000", conditions),
        "score_call_rows_per_s": median_figure(rates, "rows/s", "none", pace),
    }


def _gas(chain: ChainClient, rows: bytes) -> int:
    bound = chain.contract("RiskModel")
    return int(bound.functions.score(MODEL, rows).estimate_gas())


def _rates(chain: ChainClient, package: ModelPackage) -> Iterator[float]:
    for seed in range(3):
        columns = sample_columns(package.feature_spec, ROWS, seed=seed)
        begun = time.perf_counter()
        found = score_on_chain(chain, MODEL, package.feature_spec, columns)
        yield ROWS / (time.perf_counter() - begun)
        if not (found.scores == package.score(columns)).all():
            raise SystemExit("the contract scores other than onnxruntime")
