// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IMonitoring} from "./interfaces/IMonitoring.sol";
import {IMonitoringEngine} from "./interfaces/IMonitoringEngine.sol";
import {IMonitoringObserver} from "./interfaces/IMonitoringObserver.sol";
import {IMonitoringViews} from "./interfaces/IMonitoringViews.sol";
import {IScoringRounds} from "./interfaces/IScoringRounds.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {MonitoringEntries} from "./libraries/MonitoringEntries.sol";
import {MonitoringState} from "./libraries/MonitoringState.sol";
import {PackStatus} from "./libraries/PackStatus.sol";

/// @title What becomes of issued packs, month by month
/// @notice See {IMonitoring}. Everything is computed while entries come in, chunk by chunk; closing a period only compares
/// and judges.
contract Monitoring is IMonitoring, GovernedContract {
    using MonitoringState for MonitoringState.Record;

    /// @custom:storage-location erc7201:tranchain.storage.Monitoring
    struct MonitoringStorage {
        mapping(uint256 packId => MonitoringState.Record) records;
    }

    /// @notice Assets per call of `reportAssets`.
    uint32 public constant CHUNK_COUNT = 1024;
    /// @notice Most assets of a pool, those taken in included.
    uint32 public constant ASSET_COUNT_MAX = 1 << 21;

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.Monitoring")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _MONITORING_SLOT = 0xcbbeb4ed9936480fb5da3465d599ccbc36579b0697b3ab29fe35eb7714bdfb00;
    uint8 private constant _OPEN = 1;
    uint8 private constant _CLOSED = 2;
    uint256 private constant _PPM = 1_000_000;
    /// @dev Gas of reading what the screening made of 256 assets.
    uint256 private constant _LOAD_GAS = 1_500_000;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IMonitoring
    function start(uint256 packId, Terms calldata terms_) external restricted {
        MonitoringState.Record storage record = _storage().records[packId];
        if (record.terms != address(0)) revert MonitoringPackNotIssued(packId, PackStatus.MONITORED);
        // As `abi.encode(terms)` would be; the engine decodes and checks these very bytes.
        bytes memory encoded = bytes.concat(bytes32(uint256(32)), msg.data[68:]);
        Pool memory opened = _engine().open(packId, msg.sender, encoded);
        record.pool = opened;
        record.terms = ChunkStore.write(encoded);
        Period storage closing = record.periods[0];
        (closing.status, closing.roundId) = (_CLOSED, opened.closingRoundId);
        closing.entryCount = opened.assetCount;
        closing.totals.endingCents = opened.cutOffBalanceCents;
        emit MonitoringStarted(packId, terms_.productId, opened.servicer, record.terms);
    }

    /// @inheritdoc IMonitoring
    function load(uint256 packId) external restricted {
        MonitoringState.Record storage record = _storage().records[packId];
        if (record.pool.riskControl != msg.sender) revert MonitoringNotRiskControl(packId, msg.sender);
        (uint256 loaded, uint256 count) = (record.pool.loadedCount, record.pool.assetCount);
        if (loaded == count) revert MonitoringPackNotIssued(packId, PackStatus.MONITORED);
        uint256 needed = _LOAD_GAS;
        if (gasleft() < needed) revert MonitoringGasTooLow(gasleft(), needed);
        while (loaded < count && gasleft() >= needed) {
            uint256 before = gasleft();
            (uint256 read, uint256 bitmap, uint256 squares) =
                _engine().closing(packId, record.pool.closingRunId, loaded / 256);
            record.kept[loaded / 256] = bitmap;
            record.closingSquares += uint128(squares);
            loaded += read;
            if (before - gasleft() > needed) needed = before - gasleft();
        }
        record.pool.loadedCount = uint32(loaded);
        emit PoolLoaded(packId, uint32(loaded));
        if (loaded < count) return;
        record.tallies[0] = ChunkStore.write(_engine().closingTallies(record.pool.closingRunId, record.closingSquares));
        _packs().advance(packId, PackStatus.MONITORED);
    }

    /// @inheritdoc IMonitoring
    function setServicer(uint256 packId, address servicer) external restricted {
        MonitoringState.Record storage record = _active(packId);
        if (record.pool.riskControl != msg.sender) revert MonitoringNotRiskControl(packId, msg.sender);
        _engine().checkServicer(servicer);
        record.pool.servicer = servicer;
        emit ServicerSet(packId, servicer);
    }

    /// @inheritdoc IMonitoring
    function openPeriod(uint256 packId, uint32 period_, Totals calldata totals, bytes32 keyBlob) external restricted {
        MonitoringState.Record storage record = _serviced(packId);
        uint32 expected = record.pool.lastPeriod + 1;
        uint32 month = record.pool.firstMonth + expected - 1;
        if (period_ != expected) revert MonitoringWrongPeriod(packId, expected, month, period_);
        if (record.pool.openPeriod != 0) revert MonitoringPeriodOpen(packId, period_);
        _engine().checkOpening(month, totals, keyBlob, record.periods[period_ - 1].totals.endingCents);

        Period storage opened = record.periods[period_];
        (opened.status, opened.month, opened.openedAt) = (_OPEN, month, uint40(block.timestamp));
        opened.entryCount = record.pool.assetCount + record.pool.admittedCount;
        opened.roundId = _rounds().finalRoundOf(packId);
        opened.keyBlob = keyBlob;
        opened.totals = totals;
        record.pool.openPeriod = period_;
        emit PeriodOpened(packId, period_, month, opened.roundId, totals, keyBlob);
    }

    /// @inheritdoc IMonitoring
    function reportAssets(
        uint256 packId,
        uint32 period_,
        uint32 chunkIndex,
        bytes calldata entries,
        bytes32 tapeBlob
    ) external restricted {
        MonitoringState.Record storage record = _reported(packId, period_);
        Period storage current = record.periods[period_];
        (uint32 reported, uint32 left) = (current.reportedCount, current.entryCount - current.reportedCount);
        uint32 expected = (reported + CHUNK_COUNT - 1) / CHUNK_COUNT;
        if (chunkIndex != expected || left == 0) revert MonitoringWrongChunk(expected, chunkIndex);
        if (left > CHUNK_COUNT) left = CHUNK_COUNT;
        if (tapeBlob == 0) revert MonitoringHashMissing("tapeBlob");

        address pointer = _keep(record, packId, period_, left, entries);
        emit AssetsReported(packId, period_, chunkIndex, pointer, tapeBlob);
    }

    /// @inheritdoc IMonitoring
    function discardPeriod(uint256 packId, uint32 period_) external restricted {
        MonitoringState.Record storage record = _reported(packId, period_);
        uint256 chunks = (record.periods[period_].reportedCount + CHUNK_COUNT - 1) / CHUNK_COUNT;
        for (uint32 i = 0; i < chunks; ++i) {
            delete record.pointers[period_][i];
        }
        delete record.periods[period_];
        delete record.tallies[period_];
        delete record.defaults[period_];
        record.pool.openPeriod = 0;
        emit PeriodDiscarded(packId, period_);
    }

    /// @inheritdoc IMonitoring
    function closePeriod(uint256 packId, uint32 period_) external restricted {
        MonitoringState.Record storage record = _reported(packId, period_);
        Period storage current = record.periods[period_];
        if (current.reportedCount != current.entryCount) {
            revert MonitoringIncomplete(current.entryCount, current.reportedCount);
        }
        uint32[] memory admitted = record.admittedIn(record.periods[period_ - 1].entryCount, current.entryCount);
        uint256 unitCents = uint256(record.pool.classUnit) * 100;
        uint256 defaults = _engine().checkTotals(current.totals, record.tallies[period_], unitCents, admitted);
        record.cumulate(period_, defaults);
        (current.status, current.closedAt) = (_CLOSED, uint40(block.timestamp));
        (record.pool.lastPeriod, record.pool.openPeriod) = (period_, 0);
        Trigger[4] memory judged = _engine().judge(record.caseOf(period_));
        record.setAlert(period_, judged);
        emit PeriodClosed(packId, period_, current.firedTriggers, current.isAlert);
        _announce(record, packId, period_, judged);
        _tell(packId, period_, current.cumulativeDefaultCount);
    }

    /// @inheritdoc IMonitoring
    function close(uint256 packId) external restricted {
        MonitoringState.Record storage record = _active(packId);
        if (record.pool.riskControl != msg.sender) revert MonitoringNotRiskControl(packId, msg.sender);
        uint32 last = record.pool.lastPeriod;
        if (record.pool.openPeriod != 0) revert MonitoringPeriodOpen(packId, record.pool.openPeriod);
        uint256 ending = record.periods[last].totals.endingCents;
        uint256 callable = uint256(record.pool.cutOffBalanceCents) * record.pool.cleanUpPpm / _PPM;
        if (last == 0 || ending > callable) revert MonitoringNotOver(packId, ending, callable);
        record.pool.closedAt = uint40(block.timestamp);
        emit MonitoringClosed(packId, last, ending != 0);
        _packs().advance(packId, PackStatus.CLOSED);
    }

    /// @inheritdoc IMonitoring
    function markLeaving(uint256 packId, uint32[] calldata indices, uint8 state) external restricted {
        MonitoringState.Record storage record = _active(packId);
        for (uint256 i = 0; i < indices.length; ++i) {
            (uint8 before,,,) = stateOf(packId, record.pool.lastPeriod, indices[i]);
            bool defaulted = state == MonitoringEntries.REPURCHASED && before == MonitoringEntries.CHARGED_OFF;
            bool known = state == MonitoringEntries.REPURCHASED || state == MonitoringEntries.SUBSTITUTED;
            if (!known || !(defaulted || MonitoringEntries.isLive(before)) || record.isMarked(indices[i])) {
                revert MonitoringBadMeasure(packId, indices[i]);
            }
            record.leaving[state][indices[i] >> 8] |= 1 << (indices[i] & 0xff);
        }
        emit AssetsMarked(packId, indices, state);
    }

    /// @inheritdoc IMonitoring
    function admit(uint256 packId, uint32[] calldata assets) external restricted returns (uint32 firstIndex) {
        MonitoringState.Record storage record = _active(packId);
        firstIndex = record.pool.assetCount + record.pool.admittedCount;
        for (uint256 i = 0; i < assets.length; ++i) {
            (uint256 score, uint256 class) = (assets[i] >> 24, assets[i] & 0xffffff);
            bool possible = score != 0 && score <= 100 && class != 0 && class <= MonitoringEntries.CLASS_MAX;
            if (!possible || firstIndex + i >= ASSET_COUNT_MAX) revert MonitoringBadMeasure(packId, firstIndex + i);
            record.admit(assets[i]);
        }
        emit AssetsAdmitted(packId, firstIndex, assets);
    }

    /// @inheritdoc IMonitoring
    function pool(uint256 packId) external view returns (Pool memory) {
        return _storage().records[packId].pool;
    }

    /// @inheritdoc IMonitoring
    function termsPointer(uint256 packId) external view returns (address pointer) {
        return _storage().records[packId].terms;
    }

    /// @inheritdoc IMonitoring
    function period(uint256 packId, uint32 n) external view returns (Period memory) {
        return _storage().records[packId].periods[n];
    }

    /// @inheritdoc IMonitoring
    function triggers(uint256 packId, uint32 n) external view returns (Trigger[4] memory) {
        MonitoringState.Record storage record = _closed(packId, n, 0);
        if (n == 0) revert MonitoringUnknown(packId, 0, 0);
        return _engine().judge(record.caseOf(n));
    }

    /// @inheritdoc IMonitoring
    function entriesPointer(uint256 packId, uint32 n, uint32 chunkIndex) external view returns (address pointer) {
        return _storage().records[packId].pointers[n][chunkIndex];
    }

    /// @inheritdoc IMonitoring
    function talliesPointer(uint256 packId, uint32 n) external view returns (address pointer) {
        return _storage().records[packId].tallies[n];
    }

    /// @inheritdoc IMonitoring
    function kept(uint256 packId, uint256 chunkIndex) external view returns (uint256 bitmap) {
        return _storage().records[packId].kept[chunkIndex];
    }

    /// @inheritdoc IMonitoring
    function newDefaults(uint256 packId, uint32 n) external view returns (uint256[50] memory words) {
        return _storage().records[packId].defaults[n];
    }

    /// @inheritdoc IMonitoringViews
    function isMonitored(uint256 packId) external view returns (bool monitored) {
        return _isMonitored(_storage().records[packId]);
    }

    /// @inheritdoc IMonitoringViews
    function lastPeriod(uint256 packId) external view returns (uint32) {
        return _storage().records[packId].pool.lastPeriod;
    }

    /// @inheritdoc IMonitoringViews
    function isAlert(uint256 packId) external view returns (bool alert) {
        MonitoringState.Record storage record = _storage().records[packId];
        return record.periods[record.pool.lastPeriod].isAlert;
    }

    /// @inheritdoc IMonitoringViews
    function isInPool(uint256 packId, uint32 index) external view returns (bool inPool) {
        MonitoringState.Record storage record = _storage().records[packId];
        if (!_isMonitored(record) || !record.exists(index)) return false;
        (uint8 state,,,) = stateOf(packId, record.pool.lastPeriod, index);
        return MonitoringEntries.isOwned(state);
    }

    /// @inheritdoc IMonitoringViews
    function isTopLevel(uint256 packId, uint32 index) external view returns (bool topLevel) {
        MonitoringState.Record storage record = _storage().records[packId];
        if (!_isMonitored(record) || !record.exists(index)) return false;
        return levelOf(packId, record.pool.lastPeriod, index) >= 8;
    }

    /// @inheritdoc IMonitoringViews
    function stateOf(uint256 packId, uint32 n, uint32 index)
        public
        view
        returns (uint8 state, uint8 dpdBand, uint16 class, bool hasDefaulted)
    {
        (uint256 entry,) = _look(packId, n, index);
        hasDefaulted = entry & (MonitoringEntries.DEFAULTED << 16) != 0;
        return (uint8(entry >> 24), uint8(MonitoringEntries.bandOf(entry)), uint16(entry), hasDefaulted);
    }

    /// @inheritdoc IMonitoringViews
    function levelOf(uint256 packId, uint32 n, uint32 index) public view returns (uint8) {
        (, uint256 level) = _look(packId, n, index);
        return uint8(level);
    }

    function _announce(MonitoringState.Record storage record, uint256 packId, uint32 n, Trigger[4] memory judged)
        private
    {
        uint8 before = record.periods[n - 1].firedTriggers;
        for (uint8 i = 0; i < 4; ++i) {
            bool fired = before >> i & 1 == 1;
            if (judged[i].isFired == fired) continue;
            if (fired) emit TriggerCleared(packId, n, i);
            else emit TriggerFired(packId, n, i, judged[i].valuePpm, judged[i].limitPpm);
        }
        bool alert = record.periods[n].isAlert;
        if (alert != record.periods[n - 1].isAlert) emit AlertChanged(packId, n, alert);
    }

    /// @dev Adds entries up and keeps them as code.
    function _keep(
        MonitoringState.Record storage record,
        uint256 packId,
        uint32 n,
        uint32 count,
        bytes calldata entries
    ) private returns (address pointer) {
        Period storage current = record.periods[n];
        uint32 first = current.reportedCount;
        IMonitoringEngine.Range memory range = record.range(packId, n - 1, first, count);
        range.roundId = current.roundId;
        IMonitoringEngine.Walked memory walked = _engine().walk(range, entries, record.tallies[n]);
        record.addDefaults(n, walked.defaults);
        record.tallies[n] = ChunkStore.write(walked.tallies);
        current.reportedCount = first + count;
        pointer = ChunkStore.write(walked.entries);
        record.pointers[n][first / CHUNK_COUNT] = pointer;
    }

    /// @dev The promise ledger, where there is one.
    function _tell(uint256 packId, uint32 n, uint32 cumulativeDefaults) private {
        try _registry().addressOf("PromiseLedger") returns (address ledger) {
            IMonitoringObserver(ledger).observe(packId, n, cumulativeDefaults);
        } catch {
            return;
        }
    }

    function _look(uint256 packId, uint32 n, uint32 index) private view returns (uint256 entry, uint256 level) {
        return _engine().look(_closed(packId, n, index).range(packId, n, index, 1));
    }

    function _reported(uint256 packId, uint32 period_) private view returns (MonitoringState.Record storage record) {
        record = _serviced(packId);
        uint32 open = record.pool.openPeriod;
        if (open == 0 || open != period_) revert MonitoringPeriodNotOpen(packId, open, period_);
    }

    function _serviced(uint256 packId) private view returns (MonitoringState.Record storage record) {
        record = _active(packId);
        address servicer = record.pool.servicer;
        if (servicer != msg.sender) revert MonitoringNotServicer(packId, servicer, msg.sender);
    }

    function _active(uint256 packId) private view returns (MonitoringState.Record storage record) {
        record = _storage().records[packId];
        if (!_isMonitored(record) || record.pool.closedAt != 0) revert MonitoringNotActive(packId);
    }

    function _closed(uint256 packId, uint32 n, uint32 index)
        private
        view
        returns (MonitoringState.Record storage record)
    {
        record = _storage().records[packId];
        if (!_isMonitored(record)) revert MonitoringNotActive(packId);
        if (n > record.pool.lastPeriod || !record.exists(index)) revert MonitoringUnknown(packId, n, index);
    }

    function _isMonitored(MonitoringState.Record storage record) private view returns (bool) {
        return record.terms != address(0) && record.pool.loadedCount == record.pool.assetCount;
    }

    function _packs() private view returns (IAssetPackRegistry) {
        return IAssetPackRegistry(_addressOf("AssetPackRegistry"));
    }

    function _engine() private view returns (IMonitoringEngine) {
        return IMonitoringEngine(_addressOf("MonitoringEngine"));
    }

    function _rounds() private view returns (IScoringRounds) {
        return IScoringRounds(_addressOf("ScoringRounds"));
    }

    function _storage() private pure returns (MonitoringStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _MONITORING_SLOT
        }
    }
}
