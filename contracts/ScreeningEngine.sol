// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IRiskModelRegistry} from "./interfaces/IRiskModelRegistry.sol";
import {IScoringRounds} from "./interfaces/IScoringRounds.sol";
import {IScreening} from "./interfaces/IScreening.sol";
import {IScreeningEngine} from "./interfaces/IScreeningEngine.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {ScreeningPolicy} from "./libraries/ScreeningPolicy.sol";
import {ScreeningReader} from "./libraries/ScreeningReader.sol";
import {ScreeningRisk} from "./libraries/ScreeningRisk.sol";
import {ScreeningRules} from "./libraries/ScreeningRules.sol";
import {ScreeningSort} from "./libraries/ScreeningSort.sol";
import {ScreeningState} from "./libraries/ScreeningState.sol";

/// @title What the Screening contract has computed
/// @notice See {IScreeningEngine}. What a run finds out is two things: the pack in the order of risk, as batches of code, and
/// a state with the cuts through that order. Reasons and histograms are derived from them; nothing is kept for each asset.
contract ScreeningEngine is IScreeningEngine, GovernedContract {
    using ScreeningReader for ScreeningReader.Source;
    using ScreeningSort for ScreeningSort.Batch;
    using ScreeningState for ScreeningState.State;

    /// @dev Everything of a task, read into memory.
    struct Context {
        IScreening screening;
        uint256 runId;
        IScreening.Run run;
        IScreening.Policy policy;
        bytes riskTable;
        ScreeningState.State state;
        ScreeningReader.Source source;
    }

    /// @dev Gas of a call that sorts, apart from its chunks: tables, directory, creation.
    uint256 private constant _SORT_GAS = 520_000;
    /// @dev Gas of sorting and keeping one chunk.
    uint256 private constant _CHUNK_GAS = 430_000;
    /// @dev Least gas with which steps 3 and 4 get further, beyond what keeping the state takes.
    uint256 private constant _PROGRESS_GAS = 150_000;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IScreeningEngine
    function riskTable(address policy, uint256 modelId) external view returns (bytes memory table) {
        IRiskModelRegistry models = IRiskModelRegistry(_addressOf("RiskModelRegistry"));
        return ScreeningRisk.encode(_policy(policy), models.pdTable(modelId), models.model(modelId).marginPpm);
    }

    /// @inheritdoc IScreeningEngine
    function advance(Task calldata task) external view returns (Progress memory progress) {
        Context memory context = _context(task);
        // A batch has no address before this call is over, so that steps 3 and 4 begin in the one after the last batch.
        if (context.run.phase == IScreening.Phase.Sorting) progress.batch = _sort(context);
        else _proceed(context, task.batches);
        if (context.run.phase == IScreening.Phase.Unreachable) context.state.restore();
        context.run.keptCount = uint32(context.state.removed[0] >> 64);
        (progress.run, progress.state) = (context.run, context.state.encode());
    }

    /// @inheritdoc IScreeningEngine
    function bringDown(Task calldata task, uint32[] calldata indices)
        external
        view
        returns (Progress memory progress, bool met)
    {
        Context memory context = _context(task);
        for (uint256 i = 0; i < indices.length; ++i) {
            uint32 index = indices[i];
            if (i != 0 && index <= indices[i - 1]) revert IScreening.ScreeningNotAscending(indices[i - 1], index);
            bool exists = index < context.run.assetCount;
            if (!exists || _reasonOf(context, index) != 0) revert IScreening.ScreeningAssetNotKept(index);
            _takeOut(context, index);
        }
        _setAfter(context);
        context.run.keptCount = uint32(context.state.removed[0] >> 64);
        (progress.run, progress.state) = (context.run, context.state.encode());
        met = ScreeningRules.isReached(context.policy, context.state);
    }

    /// @inheritdoc IScreeningEngine
    function reasonOf(Task calldata task, uint256 index) external view returns (uint8 reason) {
        return _reasonOf(_context(task), index);
    }

    /// @inheritdoc IScreeningEngine
    function reasons(Task calldata task, uint256 chunkIndex) external view returns (bytes memory reasons_) {
        Context memory context = _context(task);
        uint256 first = chunkIndex * 256;
        uint256 left = context.run.assetCount > first ? context.run.assetCount - first : 0;
        reasons_ = new bytes(left < 256 ? left : 256);
        for (uint256 i = 0; i < reasons_.length; ++i) {
            reasons_[i] = bytes1(_reasonOf(context, first + i));
        }
    }

    /// @inheritdoc IScreeningEngine
    function histogram(Task calldata task, bool afterwards)
        external
        view
        returns (uint32[100] memory counts, uint64[100] memory classes)
    {
        Context memory context = _context(task);
        uint256 buffer = ScreeningSort.newBuffer();
        for (uint256 i = 0; i < task.batches.length; ++i) {
            for (uint256 slot = 0; slot < ScreeningRisk.SLOT_COUNT; ++slot) {
                uint256 count = ScreeningSort.readSlot(address(uint160(task.batches[i])), slot, buffer);
                for (uint256 k = 0; k < count; ++k) {
                    uint256 entry = ScreeningSort.entryAt(buffer, k);
                    if (afterwards && _hasLeft(context, slot, uint32(task.batches[i] >> 160), entry)) continue;
                    ++counts[99 - slot / 2];
                    classes[99 - slot / 2] += uint16(entry >> 8);
                }
            }
        }
    }

    /// @inheritdoc IScreeningEngine
    function tallies(address state)
        external
        view
        returns (uint256[] memory bridge, uint256[] memory before, uint256[] memory kept)
    {
        ScreeningState.State memory decoded = ScreeningState.decode(ChunkStore.read(state));
        return (decoded.removed, decoded.before, decoded.levels);
    }

    /// @dev Reads and sorts as many chunks as the gas reaches for.
    function _sort(Context memory context) private view returns (bytes memory sorted) {
        IScreening.Run memory run = context.run;
        ScreeningState.State memory state = context.state;
        uint256 end = _endOfBatch(run);
        uint256 limits = ScreeningPolicy.limits(context.policy);
        ScreeningSort.Batch memory batch = ScreeningSort.open(context.riskTable, limits, end - run.sortedCount);
        uint256 gone = 0;
        for (uint256 index = run.sortedCount; index < end; index += 256) {
            uint256 count = context.source.load(index);
            if (run.previousRunId != 0) {
                uint256 bits = context.screening.broughtDown(run.previousRunId, index / 256);
                gone += context.source.takeOut(bits, count);
            }
            batch.add(context.source.data, context.source.scores, count);
        }
        state.add(batch, context.riskTable, context.policy.emphasis);
        // What is brought down was counted as without record.
        state.removed[2] -= gone;
        state.removed[5] += gone;
        run.sortedCount = uint32(end);
        if (end == run.assetCount) _endSorting(run, state);
        return batch.close();
    }

    function _endOfBatch(IScreening.Run memory run) private view returns (uint256) {
        uint256 fixedGas = _SORT_GAS + ScreeningState.keepGas();
        uint256 available = gasleft();
        if (available < fixedGas + _CHUNK_GAS) {
            revert IScreening.ScreeningGasTooLow(available, fixedGas + _CHUNK_GAS);
        }
        uint256 count = (available - fixedGas) / _CHUNK_GAS * 256;
        if (count > ScreeningSort.COUNT_MAX) count = ScreeningSort.COUNT_MAX;
        uint256 left = run.assetCount - run.sortedCount;
        return run.sortedCount + (count < left ? count : left);
    }

    /// @dev Goes on with steps 3 and 4, and fills in the figures when they end.
    function _proceed(Context memory context, uint256[] memory batches) private view {
        ScreeningRules.Walk memory walk;
        (walk.policy, walk.riskTable) = (context.policy, context.riskTable);
        walk.reserveGas = context.state.reserveGas();
        walk.buffer = ScreeningSort.newBuffer();
        uint256 available = gasleft();
        if (available < walk.reserveGas + _PROGRESS_GAS) {
            revert IScreening.ScreeningGasTooLow(available, walk.reserveGas + _PROGRESS_GAS);
        }
        IScreening.Run memory run = context.run;
        (run.phase, run.binding) = ScreeningRules.proceed(walk, context.state, batches, run.phase);
        run.lowestReachablePpm = uint32(context.state.lowestPpm);
        run.roundCount = uint32(context.state.cuts.length);
        if (run.phase == IScreening.Phase.Done) _setAfter(context);
    }

    function _takeOut(Context memory context, uint256 index) private view {
        uint256 slot = context.source.codeOf(index, context.riskTable, ScreeningPolicy.limits(context.policy));
        uint256 level = ScreeningRisk.levelOf(slot);
        uint256 pdPpm = ScreeningRisk.pdPpmOf(context.riskTable, slot);
        context.state.bringDown(
            context.policy.emphasis[level], pdPpm, level, context.source.class, context.source.group
        );
    }

    /// @dev Reason by number; the asset must exist.
    function _reasonOf(Context memory context, uint256 index) private view returns (uint8) {
        if (_isBroughtDown(context, index)) return 5;
        uint256 code = context.source.codeOf(index, context.riskTable, ScreeningPolicy.limits(context.policy));
        if (code == ScreeningRisk.NOT_ELIGIBLE) return 1;
        if (code == ScreeningRisk.NO_RECORD) return 2;
        return uint8(context.state.reasonOf(code, index, context.source.group, context.policy.mode == 1));
    }

    /// @dev Whether an entry of a batch is not kept.
    function _hasLeft(Context memory context, uint256 slot, uint256 first, uint256 entry) private view returns (bool) {
        uint256 index = first + (entry >> 24);
        return context.state.reasonOf(slot, index, entry & 0xff, context.policy.mode == 1) != 0
            || _isBroughtDown(context, index);
    }

    function _isBroughtDown(Context memory context, uint256 index) private view returns (bool) {
        if (context.state.removed[5] == 0) return false;
        return context.screening.broughtDown(context.runId, index / 256) >> (index & 0xff) & 1 == 1;
    }

    function _context(Task calldata task) private view returns (Context memory context) {
        context.screening = IScreening(_addressOf("Screening"));
        context.runId = task.runId;
        context.run = task.run;
        context.policy = _policy(task.policy);
        context.riskTable = ChunkStore.read(task.riskTable);
        context.state = ScreeningState.decode(ChunkStore.read(task.state));
        ScreeningReader.Source memory source = context.source;
        source.packs = IAssetPackRegistry(_addressOf("AssetPackRegistry"));
        source.rounds = IScoringRounds(_addressOf("ScoringRounds"));
        (source.packId, source.roundId, source.assetCount) = (task.run.packId, task.run.roundId, task.run.assetCount);
        source.open();
    }

    function _policy(address pointer) private view returns (IScreening.Policy memory) {
        return abi.decode(ChunkStore.read(pointer), (IScreening.Policy));
    }

    function _endSorting(IScreening.Run memory run, ScreeningState.State memory state) private pure {
        run.beforeBalancePpm = uint32(ScreeningRisk.divideUp(state.numerator, state.denominator));
        run.beforeCountPpm = uint32(ScreeningRisk.divideUp(state.numeratorByCount, state.denominatorByCount));
        (run.afterBalancePpm, run.afterCountPpm) = (run.beforeBalancePpm, run.beforeCountPpm);
        run.lowestReachablePpm = uint32(state.lowestPpm);
        run.phase = IScreening.Phase.Limiting;
        state.addRow();
        if (state.removed[0] == 0) {
            (run.phase, run.binding) = (IScreening.Phase.Unreachable, IScreening.Binding.Eligibility);
        }
    }

    function _setAfter(Context memory context) private pure {
        ScreeningState.State memory state = context.state;
        IScreening.Run memory run = context.run;
        run.afterBalancePpm = uint32(ScreeningRisk.divideUp(state.numerator, state.denominator));
        run.afterCountPpm = uint32(ScreeningRisk.divideUp(state.numeratorByCount, state.denominatorByCount));
        run.lowestReachablePpm = context.policy.byCount ? run.afterCountPpm : run.afterBalancePpm;
    }
}
