"""What the pack is and the few figures to read first."""

from client.report.document import Block, Cards, Cell, Row, Table
from client.report.figures import Figure, Figures
from client.report.reading.data import ReportData
from client.sdk.pack.status import PackStatus

_PACK = "AssetPackRegistry.pack"
_RUN = "Screening.run"


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return the headline figures and the identity of the pack."""
    pack = data.pack_id
    offered = figures.call("offered", "count", _PACK, pack, path="count")
    principal = figures.call("principal", "cents", _PACK, pack, path="totalPrincipalCents")
    cards = [("loans offered", offered), (f"principal offered, {data.currency}", principal)]
    if data.screening:
        cards += _screening_cards(data, figures)
    word = PackStatus(data.pack.status).word
    rows: list[tuple[str, Cell]] = [
        ("status", figures.of("chain", "status", "text", word, f"{_PACK} status as a word", pack)),
        ("cut-off", figures.call("cut_off", "day", _PACK, pack, path="cutOff")),
        ("closing", figures.call("closing", "day", _PACK, pack, path="closing")),
        ("originator", figures.call("originator", "text", _PACK, pack, path="originator")),
        ("risk control", figures.call("risk_control", "text", _PACK, pack, path="riskControl")),
        ("root of the loans", figures.call("root", "text", _PACK, pack, path="root")),
    ]
    if data.screening:
        rows += _screening_rows(data, figures)
    return [
        Cards(cards=tuple(cards)),
        Table(
            title="The pack on the chain",
            label_head="what",
            heads=("value",),
            rows=tuple(Row(label=label, cells=(cell,)) for label, cell in rows),
        ),
    ]


def _screening_cards(data: ReportData, figures: Figures) -> list[tuple[str, Figure]]:
    run, policy = data.screened.run_id, data.screened.run.policyId
    return [
        ("loans kept", figures.call("kept", "count", _RUN, run, path="keptCount")),
        ("bad rate before, by balance", figures.call("before", "ppm", _RUN, run, path="beforeBalancePpm")),
        ("bad rate after, by balance", figures.call("after", "ppm", _RUN, run, path="afterBalancePpm")),
        ("target", figures.call("target", "ppm", "Screening.policy", policy, path="expectedBadRatePpm")),
    ]


def _screening_rows(data: ReportData, figures: Figures) -> list[tuple[str, Cell]]:
    screening = data.screened
    run, model = screening.run_id, screening.run.modelId
    registered = "RiskModelRegistry.model"
    return [
        ("screening run", figures.call("run", "number", "Screening.runOf", data.pack_id)),
        ("scoring round", figures.call("round", "number", _RUN, run, path="roundId")),
        ("policy", figures.call("policy", "number", _RUN, run, path="policyId")),
        ("model version", figures.call("model", "number", _RUN, run, path="modelId")),
        ("model file, keccak256", figures.call("model_hash", "text", registered, model, path="modelHash")),
        ("bad rate before, by count", figures.call("before_by_count", "ppm", _RUN, run, path="beforeCountPpm")),
        ("bad rate after, by count", figures.call("after_by_count", "ppm", _RUN, run, path="afterCountPpm")),
    ]
