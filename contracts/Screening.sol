// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IRiskModelRegistry} from "./interfaces/IRiskModelRegistry.sol";
import {IScoringRounds} from "./interfaces/IScoringRounds.sol";
import {IScreening} from "./interfaces/IScreening.sol";
import {IScreeningViews} from "./interfaces/IScreeningViews.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {PackStatus} from "./libraries/PackStatus.sol";
import {ScreeningPolicy} from "./libraries/ScreeningPolicy.sol";
import {ScreeningReader} from "./libraries/ScreeningReader.sol";
import {ScreeningRisk} from "./libraries/ScreeningRisk.sol";
import {ScreeningRules} from "./libraries/ScreeningRules.sol";
import {ScreeningSort} from "./libraries/ScreeningSort.sol";
import {ScreeningState} from "./libraries/ScreeningState.sol";

/// @title Grading and screening of packs
/// @notice See {IScreening}. What a run found out is two things: the pack in the order of risk, as batches of code, and a
/// state with the cuts through that order. Reasons and histograms are derived from them, nothing is stored for each asset.
contract Screening is IScreening, GovernedContract {
    using ScreeningReader for ScreeningReader.Source;
    using ScreeningSort for ScreeningSort.Batch;
    using ScreeningState for ScreeningState.State;

    /// @dev `state` and `riskTable` are code; `batches` are pointer | first index << 160 | count << 192.
    struct RunRecord {
        Run figures;
        address riskTable;
        address state;
        uint256[] batches;
        mapping(uint256 chunkIndex => uint256 bitmap) broughtDown;
    }

    /// @custom:storage-location erc7201:tranchain.storage.Screening
    struct ScreeningStorage {
        mapping(uint256 policyId => Policy) policies;
        mapping(uint256 runId => RunRecord) runs;
        mapping(uint256 packId => uint256 runId) runOfPack;
        uint256 policyCount;
        uint256 runCount;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.Screening")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _SCREENING_SLOT = 0x314d76e9426fb699ed2ff895e18b9efd307a341a39071d719192cefc35376e00;
    /// @dev Gas of a call of `step` apart from its chunks: folding, directory, creation and the state that follows.
    uint256 private constant _SORT_GAS = 900_000;
    /// @dev Gas of sorting and keeping one chunk.
    uint256 private constant _CHUNK_GAS = 375_000;
    /// @dev Least gas with which steps 3 and 4 get further, beyond what keeping the state takes.
    uint256 private constant _PROGRESS_GAS = 150_000;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IScreening
    function definePolicy(Policy calldata policy_) external restricted returns (uint256 policyId) {
        ScreeningPolicy.validate(policy_);
        ScreeningStorage storage $ = _storage();
        policyId = ++$.policyCount;
        $.policies[policyId] = policy_;
        emit PolicyDefined(policyId, msg.sender, policy_);
    }

    /// @inheritdoc IScreening
    function start(uint256 packId, uint256 roundId, uint256 policyId) external restricted returns (uint256 runId) {
        ScreeningStorage storage $ = _storage();
        Policy memory rules = policy(policyId);
        uint256 previousRunId = $.runOfPack[packId];
        _requireScreenable(packId, previousRunId);
        uint256 modelId = _checkRound(packId, roundId, policyId, rules);
        runId = ++$.runCount;
        RunRecord storage record = $.runs[runId];
        Run storage figures = record.figures;
        (figures.packId, figures.roundId, figures.policyId) = (packId, roundId, policyId);
        (figures.modelId, figures.previousRunId) = (modelId, previousRunId);
        figures.phase = Phase.Sorting;
        figures.roundCount = 1;
        figures.assetCount = _packs().assetCount(packId);
        record.riskTable = ChunkStore.write(_riskTable(modelId, rules));
        emit ScreeningStarted(runId, packId, policyId, roundId);
    }

    /// @inheritdoc IScreening
    function step(uint256 runId) external restricted {
        RunRecord storage record = _record(runId);
        Run memory figures = record.figures;
        if (figures.phase > Phase.Selecting) revert ScreeningWrongPhase(runId, figures.phase);
        _requireScreenable(figures.packId, figures.previousRunId);
        Policy memory rules = _storage().policies[figures.policyId];
        ScreeningRisk.Risk memory risk = ScreeningRisk.decode(ChunkStore.read(record.riskTable), rules);
        ScreeningState.State memory state = _state(record);
        if (figures.phase == Phase.Sorting) _sort(record, figures, rules, risk, state);
        if (figures.phase != Phase.Sorting) _proceed(record, figures, rules, risk, state);
        if (figures.phase == Phase.Unreachable) state.restore();
        figures.roundCount = uint32(state.cuts.length);
        record.state = ChunkStore.write(state.encode());
        record.figures = figures;
        _announce(runId, figures, state, rules);
    }

    /// @inheritdoc IScreening
    function reportBringDown(uint256 runId, uint32[] calldata indices, uint8[] calldata reasons_) external restricted {
        _bringDown(runId, indices, reasons_);
    }

    /// @inheritdoc IScreening
    function bringDown(uint256 runId, uint32[] calldata indices, uint8[] calldata reasons_) external restricted {
        (uint256 packId, bool met, uint32 rate) = _bringDown(runId, indices, reasons_);
        _record(runId).figures.phase = met ? Phase.BroughtDown : Phase.Missed;
        emit PackBroughtDown(runId, packId, met, rate);
        if (met) _packs().advance(packId, PackStatus.BROUGHT_DOWN);
    }

    /// @inheritdoc IScreeningViews
    function policyCount() external view returns (uint256 count) {
        return _storage().policyCount;
    }

    /// @inheritdoc IScreening
    function runCount() external view returns (uint256 count) {
        return _storage().runCount;
    }

    /// @inheritdoc IScreeningViews
    function runOf(uint256 packId) external view returns (uint256 runId) {
        return _storage().runOfPack[packId];
    }

    /// @inheritdoc IScreening
    function run(uint256 runId) external view returns (Run memory) {
        return _record(runId).figures;
    }

    /// @inheritdoc IScreeningViews
    function isKept(uint256 packId, uint32 index) external view returns (bool kept) {
        uint256 runId = _storage().runOfPack[packId];
        if (runId == 0) return true;
        RunRecord storage record = _record(runId);
        if (index >= record.figures.assetCount) return false;
        return _reasonOf(_view(record), _state(record), _source(record), index) == 0;
    }

    /// @inheritdoc IScreening
    function reasons(uint256 runId, uint256 chunkIndex) external view returns (bytes memory reasons_) {
        RunRecord storage record = _ended(runId);
        ScreeningState.State memory state = _state(record);
        ScreeningReader.Source memory source = _source(record);
        View memory rules = _view(record);
        uint256 first = chunkIndex << 8;
        uint256 left = record.figures.assetCount > first ? record.figures.assetCount - first : 0;
        reasons_ = new bytes(left < 256 ? left : 256);
        for (uint256 i = 0; i < reasons_.length; ++i) {
            reasons_[i] = bytes1(uint8(_reasonOf(rules, state, source, first + i)));
        }
    }

    /// @inheritdoc IScreening
    function bridge(uint256 runId) external view returns (uint32[6] memory counts, uint64[6] memory classes) {
        ScreeningState.State memory state = _state(_ended(runId));
        for (uint256 i = 0; i < 6; ++i) {
            (counts[i], classes[i]) = (uint32(state.removed[i] >> 64), uint64(state.removed[i]));
        }
    }

    /// @inheritdoc IScreening
    function levels(uint256 runId, bool afterwards)
        external
        view
        returns (uint32[10] memory counts, uint64[10] memory classes)
    {
        ScreeningState.State memory state = _state(_ended(runId));
        uint256[] memory tallies = afterwards ? state.levels : state.before;
        for (uint256 i = 0; i < 10; ++i) {
            (counts[i], classes[i]) = (uint32(tallies[i] >> 64), uint64(tallies[i]));
        }
    }

    /// @inheritdoc IScreeningViews
    function histogram(uint256 runId, bool afterwards)
        external
        view
        returns (uint32[100] memory counts, uint64[100] memory classes)
    {
        RunRecord storage record = _ended(runId);
        ScreeningState.State memory state = _state(record);
        bool perLevel = _storage().policies[record.figures.policyId].mode == 1;
        uint256 buffer = ScreeningSort.newBuffer();
        for (uint256 i = 0; i < record.batches.length; ++i) {
            uint256 first = uint32(record.batches[i] >> 160);
            for (uint256 slot = 0; slot < ScreeningRisk.SLOT_COUNT; ++slot) {
                uint256 count = ScreeningSort.readSlot(address(uint160(record.batches[i])), slot, buffer);
                for (uint256 k = 0; k < count; ++k) {
                    uint256 entry = ScreeningSort.entryAt(buffer, k);
                    uint256 index = first + (entry >> 24);
                    if (afterwards && state.reasonOf(slot, index, entry & 0xff, perLevel) != 0) continue;
                    if (afterwards && _bit(record, index)) continue;
                    ++counts[99 - slot / 2];
                    classes[99 - slot / 2] += uint16(entry >> 8);
                }
            }
        }
    }

    /// @inheritdoc IScreening
    function policy(uint256 policyId) public view returns (Policy memory) {
        if (policyId == 0 || policyId > _storage().policyCount) revert ScreeningUnknownPolicy(policyId);
        return _storage().policies[policyId];
    }

    /// @dev Reads, sorts and keeps as many chunks as the gas reaches for.
    function _sort(
        RunRecord storage record,
        Run memory figures,
        Policy memory rules,
        ScreeningRisk.Risk memory risk,
        ScreeningState.State memory state
    ) private {
        uint256 first = figures.sortedCount;
        uint256 end = _endOfBatch(figures, state);
        ScreeningSort.Batch memory batch = ScreeningSort.open(risk.codes, ScreeningPolicy.limits(rules), end - first);
        ScreeningReader.Source memory source = _source(record);
        for (uint256 index = first; index < end; index += 256) {
            uint256 count = source.load(index);
            uint256 gone = source.takeOut(_broughtDownBefore(figures.previousRunId, index >> 8), count);
            state.removed[5] += gone;
            state.removed[2] -= gone;
            batch.add(source.data, source.scores, count);
        }
        state.add(batch, risk);
        address pointer = ChunkStore.write(batch.close());
        record.batches.push(uint160(pointer) | first << 160 | (end - first) << 192);
        figures.sortedCount = uint32(end);
        if (end < figures.assetCount) return;
        figures.beforeBalancePpm = uint32(ScreeningRisk.divideUp(state.numerator, state.denominator));
        figures.beforeCountPpm = uint32(ScreeningRisk.divideUp(state.numeratorByCount, state.denominatorByCount));
        figures.phase = Phase.Limiting;
    }

    function _endOfBatch(Run memory figures, ScreeningState.State memory state) private view returns (uint256) {
        uint256 fixedGas = _SORT_GAS + state.reserveGas();
        uint256 available = gasleft();
        if (available < fixedGas + _CHUNK_GAS) revert ScreeningGasTooLow(available, fixedGas + _CHUNK_GAS);
        uint256 count = (available - fixedGas) / _CHUNK_GAS * 256;
        if (count > ScreeningSort.COUNT_MAX) count = ScreeningSort.COUNT_MAX;
        uint256 left = figures.assetCount - figures.sortedCount;
        return figures.sortedCount + (count < left ? count : left);
    }

    /// @dev Goes on with steps 3 and 4 and fills in the figures when they end.
    function _proceed(
        RunRecord storage record,
        Run memory figures,
        Policy memory rules,
        ScreeningRisk.Risk memory risk,
        ScreeningState.State memory state
    ) private view {
        ScreeningRules.Walk memory walk;
        (walk.policy, walk.risk, walk.reserveGas) = (rules, risk, state.reserveGas());
        walk.buffer = ScreeningSort.newBuffer();
        uint256 available = gasleft();
        if (available < walk.reserveGas + _PROGRESS_GAS) {
            // A call that sorted keeps what it sorted; one that did nothing says what it needs.
            if (figures.phase == Phase.Limiting && _sortedJustNow(record, figures)) return;
            revert ScreeningGasTooLow(available, walk.reserveGas + _PROGRESS_GAS);
        }
        (figures.phase, figures.binding) = ScreeningRules.proceed(walk, state, record.batches, figures.phase);
        figures.afterBalancePpm = figures.beforeBalancePpm;
        figures.afterCountPpm = figures.beforeCountPpm;
        figures.lowestReachablePpm = uint32(state.lowestPpm);
        if (figures.phase == Phase.Done) _setAfter(figures, rules, state);
    }

    function _setAfter(Run memory figures, Policy memory rules, ScreeningState.State memory state) private pure {
        figures.afterBalancePpm = uint32(ScreeningRisk.divideUp(state.numerator, state.denominator));
        figures.afterCountPpm = uint32(ScreeningRisk.divideUp(state.numeratorByCount, state.denominatorByCount));
        figures.lowestReachablePpm = rules.byCount ? figures.afterCountPpm : figures.afterBalancePpm;
    }

    /// @dev The figures in memory are ahead of those that are kept exactly when this call sorted.
    function _sortedJustNow(RunRecord storage record, Run memory figures) private view returns (bool) {
        return record.figures.phase != figures.phase;
    }

    function _announce(uint256 runId, Run memory figures, ScreeningState.State memory state, Policy memory rules) private {
        if (figures.phase == Phase.Unreachable) {
            emit ScreeningUnreachable(runId, figures.packId, figures.lowestReachablePpm, figures.binding);
        } else if (figures.phase == Phase.Done) {
            _storage().runOfPack[figures.packId] = runId;
            uint32 rate = rules.byCount ? figures.afterCountPpm : figures.afterBalancePpm;
            emit ScreeningDone(runId, figures.packId, uint32(state.removed[0] >> 64), rate);
            if (figures.previousRunId == 0) _packs().advance(figures.packId, PackStatus.SCREENED);
        } else {
            emit ScreeningProgressed(runId, figures.phase, figures.sortedCount);
        }
    }

    function _bringDown(uint256 runId, uint32[] calldata indices, uint8[] calldata reasons_)
        private
        returns (uint256 packId, bool met, uint32 rate)
    {
        RunRecord storage record = _record(runId);
        Run memory figures = record.figures;
        packId = figures.packId;
        if (figures.phase != Phase.Done) revert ScreeningWrongPhase(runId, figures.phase);
        uint256 current = _storage().runOfPack[packId];
        if (current != runId) revert ScreeningSuperseded(runId, current);
        uint8 status = _packs().statusOf(packId);
        if (status != PackStatus.SCREENED) revert ScreeningWrongPackStatus(packId, status);
        if (_packs().pack(packId).originator != msg.sender) revert ScreeningNotOriginator(packId, msg.sender);
        if (indices.length != reasons_.length) revert ScreeningLengthMismatch(indices.length, reasons_.length);
        Policy memory rules = _storage().policies[figures.policyId];
        ScreeningState.State memory state = _state(record);
        if (indices.length != 0) {
            _takeOut(record, state, rules, indices, reasons_);
            _setAfter(figures, rules, state);
            record.state = ChunkStore.write(state.encode());
            record.figures = figures;
            emit AssetsBroughtDown(runId, indices, reasons_);
        }
        return (packId, ScreeningRules.isReached(rules, state), uint32(ScreeningRules.badRatePpm(rules, state)));
    }

    function _takeOut(
        RunRecord storage record,
        ScreeningState.State memory state,
        Policy memory rules,
        uint32[] calldata indices,
        uint8[] calldata reasons_
    ) private {
        View memory view_ = _view(record);
        ScreeningRisk.Risk memory risk = ScreeningRisk.decode(view_.codes, rules);
        ScreeningReader.Source memory source = _source(record);
        for (uint256 i = 0; i < indices.length; ++i) {
            uint32 index = indices[i];
            if (reasons_[i] == 0 || reasons_[i] > 3) revert ScreeningBadReason(index, reasons_[i]);
            bool exists = index < source.assetCount;
            if (!exists || _reasonOf(view_, state, source, index) != 0) revert ScreeningAssetNotKept(index);
            record.broughtDown[index >> 8] |= 1 << (index & 0xff);
            state.bringDown(risk, source.codeOf(index, view_.codes), source.class, source.group);
        }
    }
