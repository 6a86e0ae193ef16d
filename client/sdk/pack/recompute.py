"""What a round's report is made of, read as one entitled account reads it, so that it can be computed again.

An oracle computes its report with it, the exchange checks a product, a judge of a dispute finds who is right: they read
the same rows and the same records, so they get the same bytes. Source: docs/protocol.md, 7.
"""

from dataclasses import dataclass

from client.sdk.chain import ChainClient
from client.sdk.keystore import Identity
from client.sdk.pack.assessment import ScoringModel, assess
from client.sdk.pack.on_chain import read_policy, record_rules, round_block
from client.sdk.pack.reader import BlobSource, CreditRecords, PackFile, read_credit, read_pack
from client.sdk.screening import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundInputs:
    """Rows, records and policy of a round."""

    pack: PackFile
    records: CreditRecords
    """Those that count as of the round's block."""
    block: int
    """In which the round was opened."""
    policy: Policy

    def report(self, model: ScoringModel) -> bytes:
        """Return the report that follows from them."""
        return assess(
            model,
            self.pack.rows,
            self.records.by_handle,
            cut_off_day=self.pack.cut_off_day,
            fresh_days=self.policy.fresh_days,
            age_days_max=self.policy.age_days_max,
            allows_relations=self.policy.relation_factor_ppm > 0,
        )


def read_inputs(chain: ChainClient, vault: BlobSource, identity: Identity, round_id: int) -> RoundInputs:
    """Read what the report of a round is computed from.

    Raises:
        RefusedError: rows or records are not sealed to this account, or the vault does not have them.
        TamperedError: they are not those that were committed to.
    """
    scoring = chain.call("ScoringRounds", "round", round_id)
    block = round_block(chain, round_id)
    policy = read_policy(chain, scoring.policyId)
    pack = read_pack(chain, vault, identity, scoring.packId)
    rules = record_rules(chain, policy, cut_off_day=pack.cut_off_day)
    records = read_credit(chain, vault, identity, scoring.queryId, rules=rules, as_of_block=block)
    return RoundInputs(pack=pack, records=records, block=block, policy=policy)
