// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IRiskModelRegistry} from "./interfaces/IRiskModelRegistry.sol";
import {IScoringRounds} from "./interfaces/IScoringRounds.sol";
import {IScreening} from "./interfaces/IScreening.sol";
import {IScreeningTerms} from "./interfaces/IScreeningTerms.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {ScreeningPolicy} from "./libraries/ScreeningPolicy.sol";
import {ScreeningRisk} from "./libraries/ScreeningRisk.sol";

/// @title On what terms a screening begins
/// @notice See {IScreeningTerms}.
contract ScreeningTerms is IScreeningTerms, GovernedContract {
    /// @dev Status of a scoring round whose scores can be read.
    uint8 private constant _ROUND_FINAL = 3;
    /// @dev A challenger's scores are for comparison; those of monitoring come after the issue.
    uint8 private constant _ROUND_UNDERWRITING = 1;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IScreeningTerms
    function validate(IScreening.Policy calldata policy) external view {
        (uint256 dimensionCount,) = _packs().layout(policy.layoutId);
        ScreeningPolicy.validate(policy, dimensionCount);
    }

    /// @inheritdoc IScreeningTerms
    function begin(uint256 packId, uint256 roundId, address policy)
        external
        view
        returns (IScreening.Run memory run, bytes memory riskTable)
    {
        IScreening.Policy memory rules = abi.decode(ChunkStore.read(policy), (IScreening.Policy));
        IScoringRounds.Round memory round = IScoringRounds(_addressOf("ScoringRounds")).round(roundId);
        if (round.packId != packId || round.status != _ROUND_FINAL || round.kind != _ROUND_UNDERWRITING) {
            revert IScreening.ScreeningWrongRound(roundId, packId);
        }
        _requireSuiting(rules, packId, roundId, round.policyId);
        (run.packId, run.roundId, run.modelId) = (packId, roundId, round.modelId);
        (run.phase, run.roundCount, run.assetCount) = (IScreening.Phase.Sorting, 1, round.assetCount);
        IRiskModelRegistry models = IRiskModelRegistry(_addressOf("RiskModelRegistry"));
        riskTable = ScreeningRisk.encode(rules, models.pdTable(round.modelId), models.model(round.modelId).marginPpm);
    }

    function _requireSuiting(IScreening.Policy memory rules, uint256 packId, uint256 roundId, uint256 scoredById)
        private
        view
    {
        uint32 layoutId = _packs().pack(packId).layoutId;
        if (rules.layoutId != layoutId) revert IScreening.ScreeningWrongLayout(rules.layoutId, layoutId);
        IScreening.Policy memory scoredBy = IScreening(_addressOf("Screening")).policy(scoredById);
        bool suits = rules.freshDays == scoredBy.freshDays && rules.maxAgeDays == scoredBy.maxAgeDays
            && rules.sourcesId == scoredBy.sourcesId
            && (rules.relationFactorPpm == 0) == (scoredBy.relationFactorPpm == 0);
        if (!suits) revert IScreening.ScreeningRecordRulesDiffer(roundId, scoredById);
    }

    function _packs() private view returns (IAssetPackRegistry) {
        return IAssetPackRegistry(_addressOf("AssetPackRegistry"));
    }
}
