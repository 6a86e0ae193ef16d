// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IMonitoringObserver} from "./interfaces/IMonitoringObserver.sol";
import {IPromiseLedger} from "./interfaces/IPromiseLedger.sol";
import {IScreening} from "./interfaces/IScreening.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {PackStatus} from "./libraries/PackStatus.sol";

/// @title Promise ledger and shadow pool
/// @notice See {IPromiseLedger}. Keeps and counts; how limits are computed is client/sdk/monitoring/promise.py.
contract PromiseLedger is IPromiseLedger, GovernedContract {
    /// @custom:storage-location erc7201:tranchain.storage.PromiseLedger
    struct PromiseLedgerStorage {
        mapping(uint256 packId => Promise) promises;
        mapping(uint256 packId => address) curves;
        mapping(uint256 modelId => PromiseRecord) byModel;
        mapping(address originator => PromiseRecord) byOriginator;
        mapping(uint256 packId => Shadow) shadows;
    }

    /// @notice Bytes of a month of a curve.
    uint256 public constant POINT_BYTES = 12;
    /// @notice Most months of a curve.
    uint256 public constant PERIODS_MAX = 480;

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.PromiseLedger")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _PROMISE_LEDGER_SLOT = 0xdb2926a4ef4bafbee8bc171ea9398a392bbb78e180a495825d31c2b534241a00;
    uint256 private constant _PPM = 1_000_000;
    uint8 private constant _RUNNING = 1;
    uint8 private constant _KEPT = 2;
    uint8 private constant _BROKEN = 3;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IPromiseLedger
    function commitPromise(uint256 packId, PromiseTerms calldata terms, bytes calldata points) external restricted {
        PromiseLedgerStorage storage $ = _storage();
        IAssetPackRegistry.Pack memory pack = _pack(packId);
        bool isClosing = pack.status >= PackStatus.BROUGHT_DOWN && pack.status <= PackStatus.ISSUED;
        if (!isClosing || pack.riskControl != msg.sender) revert PromiseWrongPack(packId, msg.sender, pack.status);
        Promise storage made = $.promises[packId];
        if (made.status != 0) revert PromiseExists(packId);
        _checkTerms(terms);
        uint256 expectedMilli = _checkCurve(points);
        IScreening screening = IScreening(_addressOf("Screening"));
        made.runId = screening.runOf(packId);
        IScreening.Run memory run = screening.run(made.runId);
        if (expectedMilli * 1000 > uint256(run.afterCountPpm) * run.keptCount) {
            revert PromiseTooHigh(expectedMilli, uint256(run.afterCountPpm) * run.keptCount / 1000);
        }
        (made.modelId, made.originator) = (run.modelId, pack.originator);
        (made.promisedAt, made.keptCount) = (uint40(block.timestamp), run.keptCount);
        (made.periodCount, made.status) = (uint32(points.length / POINT_BYTES), _RUNNING);
        made.terms = terms;
        $.curves[packId] = ChunkStore.write(points);
        $.byModel[made.modelId].runningCount += 1;
        $.byOriginator[made.originator].runningCount += 1;
        emit PromiseMade(packId, made.modelId, made.originator, made.runId, terms, points);
    }

    /// @inheritdoc IMonitoringObserver
    /// @dev Nothing happens for a pack without a promise: monitoring does not depend on one.
    function observe(uint256 packId, uint32 period, uint32 cumulativeDefaults) external restricted {
        Promise storage made = _storage().promises[packId];
        if (made.status == 0 || period <= made.lastPeriod) return;
        (made.lastPeriod, made.defaults) = (period, cumulativeDefaults);
        (uint64 expectedMilli, uint32 limit) =
            _point(packId, period < made.periodCount ? period : made.periodCount);
        emit PromiseObserved(packId, period, cumulativeDefaults, expectedMilli, limit);
        bool breaks = made.status == _RUNNING && cumulativeDefaults >= limit;
        bool ends = !made.hasEnded && period >= made.periodCount;
        if (breaks) {
            (made.status, made.brokenPeriod) = (_BROKEN, period);
            emit PromiseBroken(packId, made.modelId, made.originator, period, cumulativeDefaults);
        }
        if (ends) {
            made.hasEnded = true;
            if (made.status == _RUNNING) {
                made.status = _KEPT;
                emit PromiseKept(packId, made.modelId, made.originator, cumulativeDefaults);
            }
        }
        if (!breaks && !ends) return;
        uint64 ratioPpm = _ratioPpm(cumulativeDefaults, expectedMilli, made.terms.marginPpm);
        _record(_storage().byModel[made.modelId], breaks, made.status == _KEPT, ratioPpm);
        _record(_storage().byOriginator[made.originator], breaks, made.status == _KEPT, ratioPpm);
    }

    /// @inheritdoc IPromiseLedger
    function reportShadow(
        uint256 packId,
        uint32 period,
        uint32[10] calldata reported,
        uint32[10] calldata defaulted
    ) external restricted {
        IAssetPackRegistry.Pack memory pack = _pack(packId);
        bool isIssued = pack.status >= PackStatus.ISSUED && pack.status <= PackStatus.CLOSED;
        if (!isIssued || pack.originator != msg.sender) revert PromiseWrongPack(packId, msg.sender, pack.status);
        Shadow storage shadow = _storage().shadows[packId];
        if (period <= shadow.period) revert ShadowBadPeriod(period, shadow.period);
        uint32[10] memory removed = removedOf(packId);
        for (uint256 i = 0; i < 10; ++i) {
            bool fits = reported[i] <= removed[i] && defaulted[i] <= removed[i] && defaulted[i] >= shadow.defaulted[i];
            if (!fits) revert ShadowBadCounts(i + 1, reported[i], defaulted[i], removed[i]);
        }
        (shadow.period, shadow.reported, shadow.defaulted) = (period, reported, defaulted);
        emit ShadowReported(packId, period, reported, defaulted);
    }

    /// @inheritdoc IPromiseLedger
    function promiseOf(uint256 packId) external view returns (Promise memory) {
        return _storage().promises[packId];
    }

    /// @inheritdoc IPromiseLedger
    function curve(uint256 packId) external view returns (bytes memory points) {
        return ChunkStore.read(_storage().curves[packId]);
    }

    /// @inheritdoc IPromiseLedger
    function recordOfModel(uint256 modelId) external view returns (PromiseRecord memory record) {
        return _storage().byModel[modelId];
    }

    /// @inheritdoc IPromiseLedger
    function recordOfOriginator(address originator) external view returns (PromiseRecord memory record) {
        return _storage().byOriginator[originator];
    }

    /// @inheritdoc IPromiseLedger
    function shadowOf(uint256 packId) external view returns (Shadow memory) {
        return _storage().shadows[packId];
    }

    /// @inheritdoc IPromiseLedger
    function removedOf(uint256 packId) public view returns (uint32[10] memory counts) {
        IScreening screening = IScreening(_addressOf("Screening"));
        uint256 runId = screening.runOf(packId);
        (counts,) = screening.levels(runId, false);
        (uint32[10] memory kept,) = screening.levels(runId, true);
        for (uint256 i = 0; i < 10; ++i) counts[i] -= kept[i];
    }

    /// @dev A broken promise counts once, as broken; its ratio counts when it breaks and again when its months are over.
    function _record(PromiseRecord storage record, bool breaks, bool isKept, uint64 ratioPpm) private {
        if (breaks || isKept) record.runningCount -= 1;
        if (breaks) record.brokenCount += 1;
        if (isKept) record.keptCount += 1;
        if (ratioPpm > record.worstRatioPpm) record.worstRatioPpm = ratioPpm;
    }

    function _pack(uint256 packId) private view returns (IAssetPackRegistry.Pack memory) {
        return IAssetPackRegistry(_addressOf("AssetPackRegistry")).pack(packId);
    }

    function _point(uint256 packId, uint32 period) private view returns (uint64 expectedMilli, uint32 limit) {
        bytes memory data =
            ChunkStore.readSlice(_storage().curves[packId], POINT_BYTES * (period - 1), POINT_BYTES);
        return _decode(bytes12(data));
    }

    function _checkTerms(PromiseTerms calldata terms) private pure {
        if (terms.oddsPpm <= _PPM) revert PromiseBadTerm("oddsPpm");
        if (terms.shape == 0) revert PromiseBadTerm("shape");
        if (terms.alphaPpm == 0 || terms.alphaPpm > _PPM / 2) revert PromiseBadTerm("alphaPpm");
        if (terms.marginPpm < _PPM) revert PromiseBadTerm("marginPpm");
    }

    /// @dev Gives the expected defaults of the last month.
    function _checkCurve(bytes calldata points) private pure returns (uint256 expected) {
        uint256 size = points.length;
        if (size == 0 || size % POINT_BYTES != 0 || size > POINT_BYTES * PERIODS_MAX) revert PromiseBadLength(size);
        uint256 limit = 0;
        for (uint256 at = 0; at < size; at += POINT_BYTES) {
            (uint64 nextExpected, uint32 nextLimit) = _decode(bytes12(points[at:at + POINT_BYTES]));
            bool rises = nextExpected >= expected && nextLimit >= limit;
            if (!rises || uint256(nextLimit) * 1000 <= nextExpected) revert PromiseBadPoint(at / POINT_BYTES + 1);
            (expected, limit) = (nextExpected, nextLimit);
        }
    }

    /// @dev Observed to expected defaults; what was expected had the margin in it.
    function _ratioPpm(uint256 defaults, uint256 expectedMilli, uint256 marginPpm) private pure returns (uint64) {
        if (expectedMilli == 0) return 0;
        uint256 ratio = defaults * 1000 * marginPpm / expectedMilli;
        return ratio > type(uint64).max ? type(uint64).max : uint64(ratio);
    }

    function _decode(bytes12 point) private pure returns (uint64 expectedMilli, uint32 limit) {
        return (uint64(bytes8(point)), uint32(uint96(point)));
    }

    function _storage() private pure returns (PromiseLedgerStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _PROMISE_LEDGER_SLOT
        }
    }
}
