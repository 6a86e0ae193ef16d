// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAssetPackRegistry} from "../interfaces/IAssetPackRegistry.sol";
import {IScoringRounds} from "../interfaces/IScoringRounds.sol";
import {IScreening} from "../interfaces/IScreening.sol";
import {IScreeningEngine} from "../interfaces/IScreeningEngine.sol";
import {ChunkStore} from "./ChunkStore.sol";
import {ScreeningPolicy} from "./ScreeningPolicy.sol";
import {ScreeningReader} from "./ScreeningReader.sol";
import {ScreeningRisk} from "./ScreeningRisk.sol";
import {ScreeningState} from "./ScreeningState.sol";

/// @title Everything of a task, read into memory
/// @notice What ScreeningEngine and ScreeningOutcome begin with.
library ScreeningContext {
    using ScreeningReader for ScreeningReader.Source;

    /// @notice A task in memory.
    /// @param run its figures
    /// @param policy the rules
    /// @param criteria what they ask of each asset
    /// @param riskTable level and pd by slot, slot by report word
    /// @param state what the run knows
    /// @param source of the pack's bytes
    struct Context {
        IScreening.Run run;
        IScreening.Policy policy;
        ScreeningPolicy.Criteria criteria;
        bytes riskTable;
        ScreeningState.State state;
        ScreeningReader.Source source;
    }

    /// @notice Reads a task.
    /// @param task as Screening keeps it
    /// @param packs registry of the pack
    /// @param rounds registry of the scores
    /// @return context ready for use
    function open(IScreeningEngine.Task calldata task, IAssetPackRegistry packs, IScoringRounds rounds)
        internal
        view
        returns (Context memory context)
    {
        context.run = task.run;
        context.policy = abi.decode(ChunkStore.read(task.policy), (IScreening.Policy));
        context.riskTable = ChunkStore.read(task.riskTable);
        context.state = ScreeningState.decode(ChunkStore.read(task.state), context.policy.limits.length);
        (uint256 dimensionCount,) = packs.layout(context.policy.layoutId);
        context.criteria =
            ScreeningPolicy.criteria(context.policy, dimensionCount, ScreeningRisk.wordsOf(context.riskTable));
        ScreeningReader.Source memory source = context.source;
        (source.packs, source.rounds, source.dimensionCount) = (packs, rounds, dimensionCount);
        (source.packId, source.roundId, source.assetCount) = (task.run.packId, task.run.roundId, task.run.assetCount);
        source.open();
    }

    /// @notice Fills in the figures of what is kept.
    /// @param context of a run that reached its target
    function setAfter(Context memory context) internal pure {
        ScreeningState.State memory state = context.state;
        IScreening.Run memory run = context.run;
        run.afterBalancePpm = uint32(ScreeningRisk.divideUp(state.numerator, state.denominator));
        run.afterCountPpm = uint32(ScreeningRisk.divideUp(state.numeratorByCount, state.denominatorByCount));
        run.lowestReachablePpm = context.policy.byCount ? run.afterCountPpm : run.afterBalancePpm;
    }

    /// @notice Key of an asset.
    /// @param slot of it
    /// @param index of it
    /// @return key see ScreeningState
    function keyOf(uint256 slot, uint256 index) internal pure returns (uint256 key) {
        return slot << ScreeningState.INDEX_BITS | index;
    }

    /// @notice Level whose cut applies to a slot.
    /// @param context of the run
    /// @param slot below the number of slots
    /// @return level 0 where one cut goes through the whole pack
    function cutLevelOf(Context memory context, uint256 slot) internal pure returns (uint256 level) {
        return context.policy.mode == 0 ? 0 : ScreeningRisk.levelOf(context.riskTable, slot);
    }
}
