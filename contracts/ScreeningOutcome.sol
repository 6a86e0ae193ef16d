// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IScoringRounds} from "./interfaces/IScoringRounds.sol";
import {IScreening} from "./interfaces/IScreening.sol";
import {IScreeningEngine} from "./interfaces/IScreeningEngine.sol";
import {IScreeningOutcome} from "./interfaces/IScreeningOutcome.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {ScreeningContext} from "./libraries/ScreeningContext.sol";
import {ScreeningMoves} from "./libraries/ScreeningMoves.sol";
import {ScreeningReader} from "./libraries/ScreeningReader.sol";
import {ScreeningRisk} from "./libraries/ScreeningRisk.sol";
import {ScreeningRules} from "./libraries/ScreeningRules.sol";
import {ScreeningSort} from "./libraries/ScreeningSort.sol";
import {ScreeningState} from "./libraries/ScreeningState.sol";

/// @title What a screening says of its assets
/// @notice See {IScreeningOutcome}.
contract ScreeningOutcome is IScreeningOutcome, GovernedContract {
    using ScreeningContext for ScreeningContext.Context;
    using ScreeningMoves for ScreeningMoves.History;
    using ScreeningReader for ScreeningReader.Source;
    using ScreeningSort for ScreeningSort.Reader;
    using ScreeningState for ScreeningState.State;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IScreeningOutcome
    function bringDown(IScreeningEngine.Task calldata task, uint32[] calldata indices)
        external
        view
        returns (IScreeningEngine.Progress memory progress, bool met)
    {
        ScreeningContext.Context memory context = _context(task);
        for (uint256 i = 0; i < indices.length; ++i) {
            uint32 index = indices[i];
            if (i != 0 && index <= indices[i - 1]) revert IScreening.ScreeningNotAscending(indices[i - 1], index);
            _takeOut(context, task.runId, index);
        }
        context.setAfter();
        context.run.keptCount = uint32(context.state.removed[0] >> 64);
        (progress.run, progress.state) = (context.run, context.state.encode());
        met = ScreeningRules.isReached(context.policy, context.state);
    }

    /// @inheritdoc IScreeningOutcome
    function isKept(IScreeningEngine.Task calldata task, uint256 index) external view returns (bool kept) {
        ScreeningContext.Context memory context = _context(task);
        return _isLeft(context, context.source.grade(index, context.criteria), index)
            && !_isBroughtDown(context, task.runId, index);
    }

    /// @inheritdoc IScreeningOutcome
    function reasons(IScreeningEngine.Task calldata task, uint256 chunkIndex)
        external
        view
        returns (bytes memory reasons_)
    {
        ScreeningContext.Context memory context = _context(task);
        ScreeningMoves.History memory history = ScreeningMoves.read(task.moves, context.state.cuts.length);
        uint256 first = chunkIndex * 256;
        uint256 left = context.run.assetCount > first ? context.run.assetCount - first : 0;
        reasons_ = new bytes(left < 256 ? left : 256);
        for (uint256 i = 0; i < reasons_.length; ++i) {
            uint256 index = first + i;
            bool isGone = _isBroughtDown(context, task.runId, index);
            reasons_[i] = bytes1(isGone ? 5 : _reasonOf(context, history, index));
        }
    }

    /// @inheritdoc IScreeningOutcome
    function histogram(IScreeningEngine.Task calldata task, bool afterwards)
        external
        view
        returns (uint32[100] memory counts, uint64[100] memory classes)
    {
        ScreeningContext.Context memory context = _context(task);
        uint256 slotCount = ScreeningRisk.slotCountOf(context.riskTable);
        ScreeningSort.Reader memory reader = ScreeningSort.newReader(slotCount, context.policy.limits.length);
        for (uint256 slot = 0; slot < slotCount; ++slot) {
            uint256 place = ScreeningRisk.scoreOf(context.riskTable, slot) - 1;
            for (uint256 i = 0; i < task.batches.length; ++i) {
                reader.readSlot(address(uint160(task.batches[i])), slot);
                uint256 first = uint32(task.batches[i] >> 160);
                uint256 tally = _tallyOf(context, reader, afterwards ? task.runId : 0, ScreeningContext.keyOf(slot, first));
                counts[place] += uint32(tally >> 64);
                classes[place] += uint64(tally);
            }
        }
    }

    /// @inheritdoc IScreeningOutcome
    function tallies(address state)
        external
        view
        returns (uint256[] memory bridge, uint256[] memory before, uint256[] memory kept)
    {
        return ScreeningState.talliesOf(ChunkStore.read(state));
    }

    function _takeOut(ScreeningContext.Context memory context, uint256 runId, uint32 index) private view {
        if (index >= context.run.assetCount) revert IScreening.ScreeningAssetNotKept(index);
        ScreeningReader.Graded memory graded = context.source.grade(index, context.criteria);
        if (!_isLeft(context, graded, index) || _isBroughtDown(context, runId, index)) {
            revert IScreening.ScreeningAssetNotKept(index);
        }
        uint256 level = ScreeningRisk.levelOf(context.riskTable, graded.code);
        uint256 pdPpm = ScreeningRisk.pdPpmOf(context.riskTable, graded.code);
        context.state.bringDown(context.policy.emphasis[level], pdPpm, level, graded.class, graded.groups);
    }

    /// @dev Reason by number of an asset that was not brought down.
    function _reasonOf(
        ScreeningContext.Context memory context,
        ScreeningMoves.History memory history,
        uint256 index
    ) private view returns (uint8) {
        ScreeningReader.Graded memory graded = context.source.grade(index, context.criteria);
        if (graded.code == ScreeningRisk.NOT_ELIGIBLE) return 1;
        if (graded.code == ScreeningRisk.NO_RECORD) return 2;
        if (_isLeft(context, graded, index)) return 0;
        uint256 key = ScreeningContext.keyOf(graded.code, index);
        uint256 limitCount = context.policy.limits.length;
        uint256 screened = history.findPassing(limitCount << 8 | context.cutLevelOf(graded.code), key);
        for (uint256 i = 0; i < limitCount; ++i) {
            uint256 cut = i << 8 | uint8(graded.groups >> (248 - 8 * i));
            if (history.findPassing(cut, key) < screened) return 3;
        }
        return 4;
    }

    /// @dev Tally of the entries that were read last, whose batch begins with a key: of those that a run kept, or of all.
    function _tallyOf(
        ScreeningContext.Context memory context,
        ScreeningSort.Reader memory reader,
        uint256 runId,
        uint256 base
    ) private view returns (uint256 tally) {
        uint256 level = context.cutLevelOf(base >> ScreeningState.INDEX_BITS);
        for (uint256 i = 0; i < reader.count; ++i) {
            (uint256 index, uint256 class, uint256 groups) = reader.entryAt(i);
            if (runId != 0) {
                if (!context.state.isKept(base + index, groups, level)) continue;
                if (_isBroughtDown(context, runId, uint32(base + index) & ScreeningState.INDEX)) continue;
            }
            tally += 1 << 64 | class;
        }
    }

    function _isBroughtDown(ScreeningContext.Context memory context, uint256 runId, uint256 index)
        private
        view
        returns (bool)
    {
        if (context.state.removed[5] == 0) return false;
        return IScreening(_addressOf("Screening")).broughtDown(runId, index / 256) >> (index & 0xff) & 1 == 1;
    }

    function _context(IScreeningEngine.Task calldata task)
        private
        view
        returns (ScreeningContext.Context memory context)
    {
        return ScreeningContext.open(
            task, IAssetPackRegistry(_addressOf("AssetPackRegistry")), IScoringRounds(_addressOf("ScoringRounds"))
        );
    }

    /// @dev Whether steps 1 to 4 left an asset in.
    function _isLeft(ScreeningContext.Context memory context, ScreeningReader.Graded memory graded, uint256 index)
        private
        pure
        returns (bool)
    {
        if (graded.code >= ScreeningRisk.SLOT_COUNT_MAX) return false;
        uint256 key = ScreeningContext.keyOf(graded.code, index);
        return context.state.isKept(key, graded.groups, context.cutLevelOf(graded.code));
    }
}
