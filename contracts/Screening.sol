// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IScoringRounds} from "./interfaces/IScoringRounds.sol";
import {IScreening} from "./interfaces/IScreening.sol";
import {IScreeningEngine} from "./interfaces/IScreeningEngine.sol";
import {IScreeningOutcome} from "./interfaces/IScreeningOutcome.sol";
import {IScreeningTerms} from "./interfaces/IScreeningTerms.sol";
import {IScreeningViews} from "./interfaces/IScreeningViews.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {PackStatus} from "./libraries/PackStatus.sol";

/// @title Grading and screening of packs
/// @notice See {IScreening}. Keeps policies and runs and guards who may do what when; on what terms a
/// run begins is checked by {IScreeningTerms}, what it becomes computed by {IScreeningEngine}, what it says of its assets by
/// {IScreeningOutcome}.
contract Screening is IScreening, GovernedContract {
    /// @dev `riskTable`, `state` and `moves` are code; `batches` are pointer | first index << 160 | count << 192.
    struct RunRecord {
        Run run;
        address riskTable;
        address state;
        uint256[] batches;
        mapping(uint256 chunkIndex => uint256 bitmap) broughtDown;
        address[] moves;
    }

    /// @custom:storage-location erc7201:tranchain.storage.Screening
    struct ScreeningStorage {
        mapping(uint256 policyId => address pointer) policies;
        mapping(uint256 runId => RunRecord) runs;
        mapping(uint256 packId => uint256 runId) runOfPack;
        uint256 policyCount;
        uint256 runCount;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.Screening")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _SCREENING_SLOT = 0x314d76e9426fb699ed2ff895e18b9efd307a341a39071d719192cefc35376e00;
    /// @dev Status of a scoring round whose scores can be read.
    uint8 private constant _ROUND_FINAL = 3;
    /// @dev Gas of a `whatIf`, about: apart from its assets; for each; for each and each rule; for each and each limit; for
    /// each where levels are screened apart.
    uint256 private constant _WHAT_IF_GAS = 5_000_000;
    uint256 private constant _ASSET_GAS = 1_700;
    uint256 private constant _ASSET_RULE_GAS = 110;
    uint256 private constant _ASSET_LIMIT_GAS = 700;
    uint256 private constant _ASSET_LEVEL_GAS = 2_500;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IScreening
    function definePolicy(Policy calldata policy_) external restricted returns (uint256 policyId) {
        _terms().validate(policy_);
        ScreeningStorage storage $ = _storage();
        policyId = ++$.policyCount;
        $.policies[policyId] = ChunkStore.write(abi.encode(policy_));
        emit PolicyDefined(policyId, msg.sender, policy_);
    }

    /// @inheritdoc IScreening
    function start(uint256 packId, uint256 roundId, uint256 policyId) external restricted returns (uint256 runId) {
        ScreeningStorage storage $ = _storage();
        uint256 previousRunId = $.runOfPack[packId];
        _requireScreenable(packId, previousRunId);
        address rules = _policyPointer(policyId);
        (Run memory run_, bytes memory riskTable) = _terms().begin(packId, roundId, rules);
        (run_.policyId, run_.previousRunId) = (policyId, previousRunId);
        runId = ++$.runCount;
        $.runs[runId].run = run_;
        $.runs[runId].riskTable = ChunkStore.write(riskTable);
        emit ScreeningStarted(runId, packId, policyId, roundId);
    }

    /// @inheritdoc IScreening
    function step(uint256 runId) external restricted {
        RunRecord storage record = _record(runId);
        Run memory before = record.run;
        if (before.phase > Phase.Selecting) revert ScreeningWrongPhase(runId, before.phase);
        _requireScreenable(before.packId, before.previousRunId);
        _requireFinal(before);
        IScreeningEngine.Progress memory progress = _engine().advance(_task(runId, true));
        if (progress.batch.length != 0) record.batches.push(_keepBatch(before, progress));
        if (progress.moves.length != 0) record.moves.push(ChunkStore.write(progress.moves));
        record.state = ChunkStore.write(progress.state);
        record.run = progress.run;
        _announce(runId, progress.run);
    }

    /// @inheritdoc IScreening
    function reportBringDown(uint256 runId, uint32[] calldata indices, uint8[] calldata reasons_) external restricted {
        _bringDown(runId, indices, reasons_);
    }

    /// @inheritdoc IScreening
    function bringDown(uint256 runId, uint32[] calldata indices, uint8[] calldata reasons_) external restricted {
        bool met = _bringDown(runId, indices, reasons_);
        Run storage run_ = _record(runId).run;
        run_.phase = met ? Phase.BroughtDown : Phase.Missed;
        emit PackBroughtDown(runId, run_.packId, met, run_.lowestReachablePpm);
        if (met) _packs().advance(run_.packId, PackStatus.BROUGHT_DOWN);
    }

    /// @inheritdoc IScreening
    function whatIf(uint256 packId, uint256 roundId, Policy calldata policy_)
        external
        restricted
        returns (
            Run memory run_,
            uint32[6] memory counts,
            uint64[6] memory classes,
            uint32[10] memory levelCounts,
            uint64[10] memory levelClasses
        )
    {
        _terms().validate(policy_);
        IScreeningEngine.Task memory task;
        task.policy = ChunkStore.write(abi.encode(policy_));
        bytes memory riskTable;
        (task.run, riskTable) = _terms().begin(packId, roundId, task.policy);
        task.riskTable = ChunkStore.write(riskTable);
        _requireGas(task.run.assetCount, policy_);
        uint256 current = _storage().runOfPack[packId];
        bool again = _packs().statusOf(packId) == PackStatus.SCORED
            || _storage().runs[current].run.phase == Phase.Missed;
        if (again) task.run.previousRunId = current;
        _finish(task);
        (uint256[] memory tallies,, uint256[] memory kept) = _outcome().tallies(task.state);
        (counts, classes) = _bridgeOf(tallies);
        (levelCounts, levelClasses) = _levelsOf(kept);
        return (task.run, counts, classes, levelCounts, levelClasses);
    }

    /// @inheritdoc IScreeningViews
    function policyCount() external view returns (uint256 count) {
        return _storage().policyCount;
    }

    /// @inheritdoc IScreening
    function policy(uint256 policyId) external view returns (Policy memory) {
        return abi.decode(ChunkStore.read(_policyPointer(policyId)), (Policy));
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
        return _record(runId).run;
    }

    /// @inheritdoc IScreening
    function broughtDown(uint256 runId, uint256 chunkIndex) external view returns (uint256 bitmap) {
        for (uint256 id = runId; id != 0; id = _storage().runs[id].run.previousRunId) {
            bitmap |= _record(id).broughtDown[chunkIndex];
        }
    }

    /// @inheritdoc IScreeningViews
    function isKept(uint256 packId, uint32 index) external view returns (bool kept) {
        uint256 runId = _storage().runOfPack[packId];
        if (runId == 0) return true;
        if (index >= _record(runId).run.assetCount) return false;
        return _outcome().isKept(_task(runId, false), index);
    }

    /// @inheritdoc IScreening
    function reasons(uint256 runId, uint256 chunkIndex) external view returns (bytes memory reasons_) {
        _requireEnded(runId);
        IScreeningEngine.Task memory task = _task(runId, false);
        task.moves = _record(runId).moves;
        return _outcome().reasons(task, chunkIndex);
    }

    /// @inheritdoc IScreeningViews
    function histogram(uint256 runId, bool afterwards)
        external
        view
        returns (uint32[100] memory counts, uint64[100] memory classes)
    {
        _requireEnded(runId);
        return _outcome().histogram(_task(runId, true), afterwards);
    }

    /// @inheritdoc IScreening
    function bridge(uint256 runId) external view returns (uint32[6] memory counts, uint64[6] memory classes) {
        _requireEnded(runId);
        (uint256[] memory tallies,,) = _outcome().tallies(_record(runId).state);
        return _bridgeOf(tallies);
    }

    /// @inheritdoc IScreeningViews
    function levels(uint256 runId, bool afterwards)
        external
        view
        returns (uint32[10] memory counts, uint64[10] memory classes)
    {
        _requireEnded(runId);
        (, uint256[] memory before, uint256[] memory kept) = _outcome().tallies(_record(runId).state);
        return _levelsOf(afterwards ? kept : before);
    }

    /// @dev Steps a run that is in memory alone to its end.
    function _finish(IScreeningEngine.Task memory task) private {
        while (task.run.phase < Phase.Done) {
            IScreeningEngine.Progress memory progress = _engine().advance(task);
            if (progress.batch.length != 0) {
                uint256[] memory batches = new uint256[](task.batches.length + 1);
                for (uint256 i = 0; i < task.batches.length; ++i) {
                    batches[i] = task.batches[i];
                }
                batches[task.batches.length] = _keepBatch(task.run, progress);
                task.batches = batches;
            }
            task.state = ChunkStore.write(progress.state);
            task.run = progress.run;
        }
    }

    function _keepBatch(Run memory before, IScreeningEngine.Progress memory progress) private returns (uint256) {
        uint256 count = progress.run.sortedCount - before.sortedCount;
        return uint160(ChunkStore.write(progress.batch)) | uint256(before.sortedCount) << 160 | count << 192;
    }

    function _announce(uint256 runId, Run memory run_) private {
        if (run_.phase == Phase.Unreachable) {
            emit ScreeningUnreachable(runId, run_.packId, run_.lowestReachablePpm, run_.binding);
        } else if (run_.phase == Phase.Done) {
            _storage().runOfPack[run_.packId] = runId;
            emit ScreeningDone(runId, run_.packId, run_.keptCount, run_.lowestReachablePpm);
            bool isScored = _packs().statusOf(run_.packId) == PackStatus.SCORED;
            if (isScored) _packs().advance(run_.packId, PackStatus.SCREENED);
        } else {
            emit ScreeningProgressed(runId, run_.phase, run_.sortedCount);
        }
    }

    /// @dev Gives whether the target still holds.
    function _bringDown(uint256 runId, uint32[] calldata indices, uint8[] calldata reasons_)
        private
        returns (bool met)
    {
        _requireReportable(runId);
        if (indices.length != reasons_.length) revert ScreeningLengthMismatch(indices.length, reasons_.length);
        RunRecord storage record = _record(runId);
        IScreeningEngine.Progress memory progress;
        (progress, met) = _outcome().bringDown(_task(runId, false), indices);
        if (indices.length == 0) return met;
        for (uint256 i = 0; i < indices.length; ++i) {
            if (reasons_[i] == 0 || reasons_[i] > 3) revert ScreeningBadReason(indices[i], reasons_[i]);
            record.broughtDown[indices[i] >> 8] |= 1 << (indices[i] & 0xff);
        }
        record.state = ChunkStore.write(progress.state);
        record.run = progress.run;
        emit AssetsBroughtDown(runId, indices, reasons_);
    }
    /// @dev A first screening needs a scored pack; a later one, that the pack's result missed its target at the bring-down.
    function _requireScreenable(uint256 packId, uint256 previousRunId) private view {
        uint256 current = _storage().runOfPack[packId];
        if (current != previousRunId) revert ScreeningSuperseded(previousRunId, current);
        uint8 status = _packs().statusOf(packId);
        bool again = status == PackStatus.SCREENED && current != 0
            && _storage().runs[current].run.phase == Phase.Missed;
        if (status != PackStatus.SCORED && !again) revert ScreeningWrongPackStatus(packId, status);
    }

    /// @dev A run does not go on with scores that a dispute voided.
    function _requireFinal(Run memory run_) private view {
        uint8 status = IScoringRounds(_addressOf("ScoringRounds")).round(run_.roundId).status;
        if (status != _ROUND_FINAL) revert ScreeningWrongRound(run_.roundId, run_.packId);
    }

    function _requireReportable(uint256 runId) private view {
        Run storage run_ = _record(runId).run;
        uint256 packId = run_.packId;
        if (run_.phase != Phase.Done) revert ScreeningWrongPhase(runId, run_.phase);
        uint256 current = _storage().runOfPack[packId];
        if (current != runId) revert ScreeningSuperseded(runId, current);
        IAssetPackRegistry.Pack memory pack = _packs().pack(packId);
        if (pack.status != PackStatus.SCREENED) revert ScreeningWrongPackStatus(packId, pack.status);
        if (pack.originator != msg.sender) revert ScreeningNotOriginator(packId, msg.sender);
    }

    function _requireGas(uint256 assetCount, Policy calldata policy_) private view {
        uint256 perAsset = _ASSET_GAS + _ASSET_RULE_GAS * policy_.eligible.length
            + _ASSET_LIMIT_GAS * policy_.limits.length + _ASSET_LEVEL_GAS * policy_.mode;
        uint256 needed = _WHAT_IF_GAS + perAsset * assetCount;
        if (gasleft() < needed) revert ScreeningGasTooLow(gasleft(), needed);
    }

    function _requireEnded(uint256 runId) private view {
        Phase phase = _record(runId).run.phase;
        if (phase < Phase.Done) revert ScreeningWrongPhase(runId, phase);
    }

    function _task(uint256 runId, bool withBatches) private view returns (IScreeningEngine.Task memory task) {
        RunRecord storage record = _record(runId);
        (task.runId, task.run) = (runId, record.run);
        task.policy = _storage().policies[task.run.policyId];
        (task.riskTable, task.state) = (record.riskTable, record.state);
        if (withBatches) task.batches = record.batches;
    }

    function _policyPointer(uint256 policyId) private view returns (address pointer) {
        pointer = _storage().policies[policyId];
        if (pointer == address(0)) revert ScreeningUnknownPolicy(policyId);
    }

    function _record(uint256 runId) private view returns (RunRecord storage) {
        if (runId == 0 || runId > _storage().runCount) revert ScreeningUnknownRun(runId);
        return _storage().runs[runId];
    }

    function _terms() private view returns (IScreeningTerms) {
        return IScreeningTerms(_addressOf("ScreeningTerms"));
    }

    function _engine() private view returns (IScreeningEngine) {
        return IScreeningEngine(_addressOf("ScreeningEngine"));
    }

    function _outcome() private view returns (IScreeningOutcome) {
        return IScreeningOutcome(_addressOf("ScreeningOutcome"));
    }

    function _packs() private view returns (IAssetPackRegistry) {
        return IAssetPackRegistry(_addressOf("AssetPackRegistry"));
    }

    function _bridgeOf(uint256[] memory tallies)
        private
        pure
        returns (uint32[6] memory counts, uint64[6] memory classes)
    {
        for (uint256 i = 0; i < 6; ++i) {
            (counts[i], classes[i]) = (uint32(tallies[i] >> 64), uint64(tallies[i]));
        }
    }

    function _levelsOf(uint256[] memory tallies)
        private
        pure
        returns (uint32[10] memory counts, uint64[10] memory classes)
    {
        for (uint256 i = 0; i < 10; ++i) {
            (counts[i], classes[i]) = (uint32(tallies[i] >> 64), uint64(tallies[i]));
        }
    }

    function _storage() private pure returns (ScreeningStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _SCREENING_SLOT
        }
    }
}
