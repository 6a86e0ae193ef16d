// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IScoringRounds} from "./interfaces/IScoringRounds.sol";
import {IScreening} from "./interfaces/IScreening.sol";
import {IScreeningEngine} from "./interfaces/IScreeningEngine.sol";
import {ScreeningContext} from "./libraries/ScreeningContext.sol";
import {ScreeningMoves} from "./libraries/ScreeningMoves.sol";
import {ScreeningReader} from "./libraries/ScreeningReader.sol";
import {ScreeningRisk} from "./libraries/ScreeningRisk.sol";
import {ScreeningRules} from "./libraries/ScreeningRules.sol";
import {ScreeningSort} from "./libraries/ScreeningSort.sol";
import {ScreeningState} from "./libraries/ScreeningState.sol";

/// @title How a screening goes on
/// @notice See {IScreeningEngine}. What a run finds out is three things: the pack in the order of risk, as batches of code; a
/// state with the cuts through that order; and how those cuts moved. What it says of an asset is derived from them; nothing
/// is kept for each asset.
contract ScreeningEngine is IScreeningEngine, GovernedContract {
    using ScreeningContext for ScreeningContext.Context;
    using ScreeningMoves for ScreeningMoves.Log;
    using ScreeningReader for ScreeningReader.Source;
    using ScreeningSort for ScreeningSort.SortBatch;
    using ScreeningState for ScreeningState.State;

    /// @dev Gas of a call that sorts, apart from keeping the state and from its chunks; more for each slot and limit.
    uint256 private constant _SORT_GAS = 160_000;
    uint256 private constant _SORT_SLOT_GAS = 900;
    uint256 private constant _SORT_LIMIT_GAS = 40_000;
    /// @dev Gas of sorting and keeping one chunk; more for each rule of eligibility and limit.
    uint256 private constant _CHUNK_GAS = 405_000;
    uint256 private constant _CHUNK_RULE_GAS = 26_000;
    uint256 private constant _CHUNK_LIMIT_GAS = 102_000;
    /// @dev Least gas with which steps 3 and 4 get further, beyond what keeping the state takes.
    uint256 private constant _PROGRESS_GAS = 200_000;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IScreeningEngine
    function advance(Task calldata task) external view returns (Progress memory progress) {
        ScreeningContext.Context memory context = ScreeningContext.open(
            task, IAssetPackRegistry(_addressOf("AssetPackRegistry")), IScoringRounds(_addressOf("ScoringRounds"))
        );
        // A batch has no address before this call is over, so that steps 3 and 4 begin in the one after the last batch.
        if (context.run.phase == IScreening.Phase.Sorting) progress.batch = _sort(context);
        else progress.moves = _proceed(context, task.batches);
        if (context.run.phase == IScreening.Phase.Unreachable) context.state.restore();
        context.run.keptCount = uint32(context.state.removed[0] >> 64);
        (progress.run, progress.state) = (context.run, context.state.encode());
    }

    /// @dev Reads and sorts as many chunks as the gas reaches for.
    function _sort(ScreeningContext.Context memory context) private view returns (bytes memory sorted) {
        IScreening.Run memory run = context.run;
        uint256 slotCount = ScreeningRisk.slotCountOf(context.riskTable);
        uint256 end = _endOfBatch(context, slotCount);
        ScreeningSort.SortBatch memory batch = ScreeningSort.open(context.criteria, slotCount, end - run.sortedCount);
        for (uint256 index = run.sortedCount; index < end; index += 256) {
            uint256 count = context.source.load(index);
            if (run.previousRunId != 0) {
                IScreening screening = IScreening(_addressOf("Screening"));
                context.source.takeOut(screening.broughtDown(run.previousRunId, index / 256));
            }
            batch.add(context.source.data, context.source.words, count);
        }
        context.state.add(batch, context.riskTable, context.policy.emphasis);
        run.sortedCount = uint32(end);
        if (end == run.assetCount) _endSorting(run, context.state);
        return batch.close();
    }

    function _endOfBatch(ScreeningContext.Context memory context, uint256 slotCount) private view returns (uint256) {
        IScreening.Run memory run = context.run;
        uint256 limitCount = context.policy.limits.length;
        uint256 fixedGas = _SORT_GAS + _SORT_SLOT_GAS * slotCount + _SORT_LIMIT_GAS * limitCount
            + ScreeningState.keepGas(limitCount);
        uint256 chunkGas =
            _CHUNK_GAS + _CHUNK_RULE_GAS * context.policy.eligible.length + _CHUNK_LIMIT_GAS * limitCount;
        uint256 available = gasleft();
        if (available < fixedGas + chunkGas) {
            revert IScreening.ScreeningGasTooLow(available, fixedGas + chunkGas);
        }
        uint256 count = (available - fixedGas) / chunkGas * 256;
        uint256 countMax = ScreeningSort.countMax(slotCount, limitCount);
        if (count > countMax) count = countMax;
        uint256 left = run.assetCount - run.sortedCount;
        return run.sortedCount + (count < left ? count : left);
    }

    /// @dev Goes on with steps 3 and 4, and fills in the figures when they end.
    function _proceed(ScreeningContext.Context memory context, uint256[] memory batches)
        private
        view
        returns (bytes memory moves)
    {
        ScreeningRules.Walk memory walk;
        ScreeningState.State memory state = context.state;
        (walk.policy, walk.riskTable) = (context.policy, context.riskTable);
        walk.reserveGas = state.reserveGas();
        walk.reader =
            ScreeningSort.newReader(ScreeningRisk.slotCountOf(context.riskTable), context.policy.limits.length);
        walk.entrySize = walk.reader.entrySize;
        walk.log = ScreeningMoves.open(state.cuts.length);
        uint256 available = gasleft();
        if (available < walk.reserveGas + _PROGRESS_GAS) {
            revert IScreening.ScreeningGasTooLow(available, walk.reserveGas + _PROGRESS_GAS);
        }
        IScreening.Run memory run = context.run;
        (run.phase, run.binding) = ScreeningRules.proceed(walk, state, batches, run.phase);
        run.lowestReachablePpm = uint32(state.lowestPpm);
        run.roundCount = uint32(state.roundCount);
        if (run.phase == IScreening.Phase.Done) context.setAfter();
        return walk.log.close();
    }

    function _endSorting(IScreening.Run memory run, ScreeningState.State memory state) private pure {
        run.beforeBalancePpm = uint32(ScreeningRisk.divideUp(state.numerator, state.denominator));
        run.beforeCountPpm = uint32(ScreeningRisk.divideUp(state.numeratorByCount, state.denominatorByCount));
        (run.afterBalancePpm, run.afterCountPpm) = (run.beforeBalancePpm, run.beforeCountPpm);
        run.lowestReachablePpm = uint32(state.lowestPpm);
        run.phase = IScreening.Phase.Limiting;
        state.roundCount = 1;
        if (state.removed[0] == 0) {
            (run.phase, run.binding) = (IScreening.Phase.Unreachable, IScreening.Binding.Eligibility);
        }
    }
}
