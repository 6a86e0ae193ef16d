"""The screening that a pack carries, and what the integer reference says beside it: all from the chain alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from client.report.reading.pinned import PinnedChain
from client.sdk.pack.on_chain import (
    ModelTables,
    brought_down_before,
    read_assets,
    read_policy,
    read_reasons,
    read_report,
    read_tables,
)
from client.sdk.pack.report import band_of, is_by_relation, score_of
from client.sdk.screening import Asset, Mode, Policy, Reason, ScreeningResult, bring_down, compare_modes, screen


@dataclass(frozen=True)
class Screening:
    """A finished run and what it was made of."""

    chain: PinnedChain
    run_id: int
    run: Any
    """The run as the contract has it."""

    @cached_property
    def policy(self) -> Policy:
        """The rules of the run."""
        return read_policy(self.chain, self.run.policyId)

    @cached_property
    def tables(self) -> ModelTables:
        """Probabilities of default and margins of the run's model."""
        return read_tables(self.chain, self.run.modelId)

    @cached_property
    def assets(self) -> Sequence[Asset]:
        """The assets as the chain has them."""
        return read_assets(self.chain, self.run.packId, read_report(self.chain, self.run.roundId, self.run.assetCount))

    @cached_property
    def reasons(self) -> tuple[Reason, ...]:
        """Why each asset left, as the chain says."""
        return tuple(Reason(each) for each in read_reasons(self.chain, self.run_id, self.run.assetCount))

    @cached_property
    def kept(self) -> tuple[int, ...]:
        """Indices of the assets that are in the security."""
        return tuple(index for index, reason in enumerate(self.reasons) if reason == Reason.KEPT)

    @cached_property
    def scores(self) -> tuple[int, ...]:
        """Score of each asset, 0 without a usable record."""
        takes_relations = self.policy.relation_factor_ppm > 0
        words = (asset.report_word for asset in self.assets)
        return tuple(score_of(word) if takes_relations or not is_by_relation(word) else 0 for word in words)

    @cached_property
    def by_relation(self) -> tuple[bool, ...]:
        """Whether each asset was scored from data spread by relations."""
        return tuple(is_by_relation(asset.report_word) for asset in self.assets)

    @cached_property
    def aged(self) -> tuple[bool, ...]:
        """Whether each asset was scored from an aged record."""
        return tuple(band_of(asset.report_word) > 0 for asset in self.assets)

    @cached_property
    def pd_ppm(self) -> tuple[int, ...]:
        """Probability of default of each asset without margin; 0 without a usable record."""
        return tuple(self.tables.pd_ppm[score - 1] if score else 0 for score in self.scores)

    @cached_property
    def result(self) -> ScreeningResult:
        """What the reference says after the bring-down."""
        excluded = brought_down_before(self.chain, self.run_id, len(self.assets))
        pd_ppm, margin_ppm = self.tables.pd_ppm, self.tables.margin_ppm
        screened = screen(self.assets, self.policy, pd_ppm, margin_ppm, brought_down=excluded)
        reported = self.chain.events("Screening", "AssetsBroughtDown", filters={"runId": self.run_id})
        indices = [int(index) for event in reported for index in event.args["indices"]]
        return bring_down(self.assets, self.policy, pd_ppm, margin_ppm, screened, indices)

    @cached_property
    def by_mode(self) -> dict[Mode, ScreeningResult]:
        """Both modes under the same policy, before the bring-down."""
        return compare_modes(self.assets, self.policy, self.tables.pd_ppm, self.tables.margin_ppm)


def read_screening(chain: PinnedChain, pack_id: int) -> Screening | None:
    """Return the screening that a pack carries; None before there is one."""
    run_id = int(chain.call("Screening", "runOf", pack_id))
    return Screening(chain, run_id, chain.call("Screening", "run", run_id)) if run_id else None
