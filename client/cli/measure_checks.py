"""What a trustee's own computation says of a measure, from the rows of the packs concerned."""

from client.cli.session import Session
from client.sdk.measures.types import Measure, MeasureKind


def check_exactly(session: Session, measure: Measure, outgoing_balance_cents: int) -> list[str]:
    """Return what is wrong, in words; reads the rows of pool and reserve where the measure is a replacement.

    Args:
        session: of the trustee, whom the rows are sealed to.
        measure: a replacement or repurchase that was carried out.
        outgoing_balance_cents: outstanding principal of its assets, by the servicer's newest tape.
    """
    if measure.kind is MeasureKind.REPURCHASE:
        if measure.cash_cents == outgoing_balance_cents:
            return []
        return [f"{measure.cash_cents} cents were paid, par is {outgoing_balance_cents}"]
    from client.sdk.measures.candidates import place_of  # numpy
    from client.sdk.measures.exact import replacement_problems
    from client.sdk.pack.on_chain import read_reasons
    from client.sdk.pack.reader import read_pack
    from client.sdk.screening import Reason

    chain = session.chain
    places = [place_of(chain, measure.pack_id, index) for index in measure.assets]
    needed = {measure.pack_id, measure.reserve_pack_id, *(pack for pack, _ in places)}
    rows = {pack: read_pack(chain, session.vault, session.identity, pack).rows for pack in sorted(needed)}
    run_id = chain.call("Monitoring", "pool", measure.pack_id).closingRunId
    reasons = read_reasons(chain, run_id, len(rows[measure.pack_id]))
    return replacement_problems(
        [rows[pack][index] for pack, index in places],
        [rows[measure.reserve_pack_id][index] for index in measure.incoming],
        pool=[row for row, reason in zip(rows[measure.pack_id], reasons, strict=True) if reason == Reason.KEPT],
        outgoing_balance_cents=outgoing_balance_cents,
        cash_cents=measure.cash_cents,
    )
