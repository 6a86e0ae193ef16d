// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IMeasures} from "./interfaces/IMeasures.sol";
import {IMeasuresViews} from "./interfaces/IMeasuresViews.sol";
import {IMonitoring} from "./interfaces/IMonitoring.sol";
import {IReplacementRules} from "./interfaces/IReplacementRules.sol";

/// @title Measures on monitored pools
/// @notice See {IMeasures}.
contract Measures is IMeasures, GovernedContract {
    /// @custom:storage-location erc7201:tranchain.storage.Measures
    struct MeasuresStorage {
        mapping(uint256 measureId => Measure) measures;
        mapping(uint256 measureId => uint32[]) concerned;
        mapping(uint256 measureId => uint32[]) incoming;
        /// @dev score << 24 | class of each of them
        mapping(uint256 measureId => uint32[]) entries;
        uint256 measureCount;
        mapping(uint256 packId => Terms) terms;
        mapping(uint256 packId => uint64) replacedClasses;
        mapping(uint256 packId => mapping(uint32 index => uint256 measureId)) takenBy;
        /// @dev measureId << 32 | index in the pool, 0 before the confirmation
        mapping(uint256 reserveId => mapping(uint32 index => uint256)) uses;
        mapping(uint256 reserveId => uint32) useCounts;
        /// @dev reserveId << 32 | index there, of assets that a pool took in
        mapping(uint256 packId => mapping(uint32 index => uint256)) origins;
    }

    /// @notice Most assets of a measure; for more there are several.
    uint256 public constant ASSET_COUNT_MAX = 100;
    /// @notice Most assets of a replacement, every one of which is checked in one transaction.
    uint256 public constant REPLACED_COUNT_MAX = 16;
    /// @notice All replacements together are at most one part in so many of the cut-off balance.
    uint256 public constant REPLACED_SHARE = 20;
    /// @notice Time of the trustee to confirm or reject.
    uint256 public constant CONFIRMATION_SECONDS = 14 days;

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.Measures")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _MEASURES_SLOT = 0x932ac8114ad64229409432423492c474496a9f293d2e9e260799da33e6c4ad00;
    uint8 private constant _COLLECT = 1;
    uint8 private constant _RESCHEDULE = 2;
    uint8 private constant _REPLACE = 3;
    uint8 private constant _REPURCHASE = 4;
    uint8 private constant _ORDERED = 1;
    uint8 private constant _CARRIED_OUT = 2;
    uint8 private constant _CONFIRMED = 3;
    uint8 private constant _CANCELLED = 4;
    uint8 private constant _BREACH_MAX = 6;
    /// @dev States of an asset: {IMonitoringViews}.
    uint8 private constant _CURRENT = 1;
    uint8 private constant _HOLIDAY = 2;
    uint8 private constant _MODIFIED = 4;
    uint8 private constant _DEFAULTED = 5;
    uint8 private constant _REPURCHASED = 7;
    uint8 private constant _SUBSTITUTED = 8;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IMeasures
    function setTerms(uint256 packId, uint8 rateDimension, uint8 dpdDimension) external restricted {
        _requireRiskControl(packId);
        Terms storage stored = _storage().terms[packId];
        if (stored.set) revert MeasuresWrongTerms(packId);
        IAssetPackRegistry packs = _packs();
        (uint8 count,) = packs.layout(packs.pack(packId).layoutId);
        if (rateDimension >= count) revert MeasuresBadField("rateDimension");
        if (dpdDimension >= count || dpdDimension == rateDimension) revert MeasuresBadField("dpdDimension");
        (stored.set, stored.rateDimension, stored.dpdDimension) = (true, rateDimension, dpdDimension);
        emit MeasureTermsSet(packId, rateDimension, dpdDimension);
    }

    /// @inheritdoc IMeasures
    function order(
        uint256 packId,
        uint8 kind,
        uint32[] calldata assets,
        uint40 deadline,
        uint8 breach,
        bytes32 groundsHash
    ) external restricted returns (uint256 measureId) {
        _requireRiskControl(packId);
        if (kind < _COLLECT || kind > _REPURCHASE) revert MeasuresBadField("kind");
        if (deadline <= block.timestamp) revert MeasuresBadField("deadline");
        if (groundsHash == 0) revert MeasuresBadField("groundsHash");
        if ((kind == _REPURCHASE) != (breach != 0) || breach > _BREACH_MAX) revert MeasuresBadField("breach");
        uint256 most = kind == _REPLACE ? REPLACED_COUNT_MAX : ASSET_COUNT_MAX;
        if (assets.length == 0 || assets.length > most) revert MeasuresBadField("assets");
        if (kind == _REPLACE && !_storage().terms[packId].set) revert MeasuresWrongTerms(packId);
        _checkAssets(packId, kind, assets);

        measureId = ++_storage().measureCount;
        Measure storage stored = _storage().measures[measureId];
        (stored.packId, stored.kind, stored.status, stored.breach) = (packId, kind, _ORDERED, breach);
        (stored.assetCount, stored.orderedAt, stored.deadline) =
            (uint32(assets.length), uint40(block.timestamp), deadline);
        (stored.orderedBy, stored.groundsHash) = (msg.sender, groundsHash);
        _storage().concerned[measureId] = assets;
        emit MeasureOrdered(measureId, packId, kind, assets, deadline, breach, groundsHash);
    }

    /// @inheritdoc IMeasures
    function collectMoreOften(uint256 measureId, bytes32 evidenceHash) external restricted {
        Measure storage stored = _due(measureId, _COLLECT);
        _requireAccount(stored.packId, _monitoring().pool(stored.packId).servicer);
        _carryOut(stored, measureId, evidenceHash);
    }

    /// @inheritdoc IMeasures
    function changeSchedule(uint256 measureId, bytes32 consentsRoot, bytes32 evidenceHash) external restricted {
        Measure storage stored = _due(measureId, _RESCHEDULE);
        _requireAccount(stored.packId, _monitoring().pool(stored.packId).servicer);
        if (consentsRoot == 0) revert MeasuresBadField("consentsRoot");
        stored.consentsRoot = consentsRoot;
        _carryOut(stored, measureId, evidenceHash);
    }

    /// @inheritdoc IMeasures
    function replace(uint256 measureId, Offer calldata offer) external restricted {
        Measure storage stored = _due(measureId, _REPLACE);
        uint256 packId = stored.packId;
        _requireAccount(packId, _packs().pack(packId).originator);
        if (offer.incoming.length != stored.assetCount) revert MeasuresBadField("incoming");
        _useReserve(measureId, offer);
        (uint64 classes, uint256[] memory places) = _takeAll(stored, measureId);
        stored.outgoingClasses = classes;
        uint32[] memory entries = IReplacementRules(_addressOf("ReplacementRules")).judge(
            packId, _storage().terms[packId], offer, places
        );
        _checkShortfall(stored, entries, offer.cashCents);
        _countReplaced(packId, classes);
        (stored.reservePackId, stored.roundId, stored.cashCents) =
            (offer.reservePackId, offer.roundId, offer.cashCents);
        (_storage().incoming[measureId], _storage().entries[measureId]) = (offer.incoming, entries);
        emit ReplacementOffered(measureId, offer.reservePackId, offer.incoming, offer.cashCents);
        _carryOut(stored, measureId, offer.evidenceHash);
    }

    /// @inheritdoc IMeasures
    function repurchase(uint256 measureId, uint256 cashCents, bytes32 evidenceHash) external restricted {
        Measure storage stored = _due(measureId, _REPURCHASE);
        uint256 packId = stored.packId;
        _requireAccount(packId, _packs().pack(packId).originator);
        (uint256 classes,) = _takeAll(stored, measureId);
        uint256 unitCents = _unitCents(packId);
        uint256 least = (classes - stored.assetCount) * unitCents;
        uint256 most = (classes + stored.assetCount) * unitCents;
        if (cashCents == 0 || cashCents < least || cashCents > most) revert MeasuresWrongCash(cashCents, least, most);
        stored.cashCents = cashCents;
        _carryOut(stored, measureId, evidenceHash);
    }

    /// @inheritdoc IMeasures
    function confirm(uint256 measureId) external restricted {
        Measure storage stored = _carriedOut(measureId);
        (stored.status, stored.confirmedAt) = (_CONFIRMED, uint40(block.timestamp));
        emit MeasureConfirmed(measureId, stored.packId, msg.sender);
        if (stored.kind == _REPURCHASE) {
            _monitoring().markLeaving(stored.packId, _storage().concerned[measureId], _REPURCHASED);
        } else if (stored.kind == _REPLACE) {
            _monitoring().markLeaving(stored.packId, _storage().concerned[measureId], _SUBSTITUTED);
            _admit(stored, measureId);
        }
    }

    /// @inheritdoc IMeasures
    function reject(uint256 measureId, bytes32 reasonHash) external restricted {
        Measure storage stored = _carriedOut(measureId);
        if (reasonHash == 0) revert MeasuresBadField("reasonHash");
        if (stored.kind >= _REPLACE) _giveBack(stored, measureId);
        (stored.status, stored.carriedOutAt, stored.carriedOutBy) = (_ORDERED, 0, address(0));
        (stored.evidenceHash, stored.consentsRoot, stored.escalatedAt) = (0, 0, 0);
        (stored.reservePackId, stored.roundId, stored.outgoingClasses, stored.cashCents) = (0, 0, 0, 0);
        emit MeasureRejected(measureId, stored.packId, reasonHash);
    }

    /// @inheritdoc IMeasures
    function cancel(uint256 measureId, bytes32 reasonHash) external restricted {
        Measure storage stored = _storage().measures[measureId];
        if (stored.status != _ORDERED) revert MeasuresWrongStatus(measureId, stored.status);
        _requireRiskControl(stored.packId);
        if (reasonHash == 0) revert MeasuresBadField("reasonHash");
        stored.status = _CANCELLED;
        emit MeasureCancelled(measureId, stored.packId, reasonHash);
    }

    /// @inheritdoc IMeasures
    function escalate(uint256 measureId) external restricted {
        Measure storage stored = _storage().measures[measureId];
        (uint256 dueAt, address late) = _dueOf(stored);
        if (dueAt == 0 || block.timestamp <= dueAt || stored.escalatedAt != 0) {
            revert MeasuresNotOverdue(measureId, dueAt);
        }
        stored.escalatedAt = uint40(block.timestamp);
        emit MeasureEscalated(measureId, stored.packId, late, stored.kind, uint40(dueAt));
    }

    /// @inheritdoc IMeasures
    function measureCount() external view returns (uint256) {
        return _storage().measureCount;
    }

    /// @inheritdoc IMeasures
    function measure(uint256 measureId) external view returns (Measure memory) {
        return _storage().measures[measureId];
    }

    /// @inheritdoc IMeasures
    function assetsOf(uint256 measureId)
        external
        view
        returns (uint32[] memory concerned, uint32[] memory incoming)
    {
        return (_storage().concerned[measureId], _storage().incoming[measureId]);
    }

    /// @inheritdoc IMeasures
    function terms(uint256 packId) external view returns (Terms memory) {
        return _storage().terms[packId];
    }

    /// @inheritdoc IMeasures
    function replacedClasses(uint256 packId) external view returns (uint64) {
        return _storage().replacedClasses[packId];
    }

    /// @inheritdoc IMeasures
    function originOf(uint256 packId, uint32 index) external view returns (uint256 reserveId, uint32 reserveIndex) {
        uint256 origin = _storage().origins[packId][index];
        return (origin >> 32, uint32(origin));
    }

    /// @inheritdoc IMeasuresViews
    function isReserve(uint256 packId) external view returns (bool) {
        return _storage().useCounts[packId] != 0;
    }

    /// @inheritdoc IMeasuresViews
    function useOf(uint256 packId, uint32 index)
        external
        view
        returns (uint256 measureId, uint256 poolId, uint32 poolIndex)
    {
        uint256 use = _storage().uses[packId][index];
        measureId = use >> 32;
        return (measureId, _storage().measures[measureId].packId, uint32(use));
    }

    function _carryOut(Measure storage stored, uint256 measureId, bytes32 evidenceHash) private {
        if (evidenceHash == 0) revert MeasuresBadField("evidenceHash");
        (stored.status, stored.carriedOutAt) = (_CARRIED_OUT, uint40(block.timestamp));
        (stored.carriedOutBy, stored.evidenceHash) = (msg.sender, evidenceHash);
        emit MeasureCarriedOut(measureId, stored.packId, msg.sender, evidenceHash);
    }

    /// @dev Marks the replacements as used.
    function _useReserve(uint256 measureId, Offer calldata offer) private {
        mapping(uint32 => uint256) storage uses = _storage().uses[offer.reservePackId];
        for (uint256 i = 0; i < offer.incoming.length; ++i) {
            uint256 use = uses[offer.incoming[i]];
            if (use != 0) revert MeasuresReserveUsed(offer.reservePackId, offer.incoming[i], use >> 32);
            uses[offer.incoming[i]] = measureId << 32;
        }
        _storage().useCounts[offer.reservePackId] += uint32(offer.incoming.length);
    }

    /// @dev Marks the assets of a measure as leaving; gives the sum of their classes, and where each was first offered.
    function _takeAll(Measure storage stored, uint256 measureId)
        private
        returns (uint64 classes, uint256[] memory places)
    {
        uint256 packId = stored.packId;
        uint32[] memory concerned = _storage().concerned[measureId];
        mapping(uint32 => uint256) storage taken = _storage().takenBy[packId];
        places = new uint256[](concerned.length);
        for (uint256 i = 0; i < concerned.length; ++i) {
            uint32 index = concerned[i];
            if (taken[index] != 0) revert MeasuresAssetTaken(index, taken[index]);
            taken[index] = measureId;
            classes += uint64(_checkConcerned(packId, index, stored.kind));
            uint256 origin = _storage().origins[packId][index];
            places[i] = origin != 0 ? origin : packId << 32 | index;
        }
    }

    function _countReplaced(uint256 packId, uint256 classes) private {
        uint256 replaced = _storage().replacedClasses[packId] + classes;
        uint256 wanted = replaced * _unitCents(packId);
        uint256 limit = _monitoring().pool(packId).cutOffBalanceCents / REPLACED_SHARE;
        if (wanted > limit) revert MeasuresTooMuchReplaced(wanted, limit);
        _storage().replacedClasses[packId] = uint64(replaced);
    }

    function _admit(Measure storage stored, uint256 measureId) private {
        MeasuresStorage storage $ = _storage();
        uint32[] memory incoming = $.incoming[measureId];
        uint256 reserveId = stored.reservePackId;
        uint32 first = _monitoring().admit(stored.packId, $.entries[measureId]);
        for (uint32 i = 0; i < incoming.length; ++i) {
            $.uses[reserveId][incoming[i]] |= first + i;
            $.origins[stored.packId][first + i] = reserveId << 32 | incoming[i];
        }
    }

    /// @dev Undoes what carrying out a replacement or repurchase took.
    function _giveBack(Measure storage stored, uint256 measureId) private {
        MeasuresStorage storage $ = _storage();
        uint32[] memory concerned = $.concerned[measureId];
        uint32[] memory incoming = $.incoming[measureId];
        for (uint256 i = 0; i < concerned.length; ++i) {
            delete $.takenBy[stored.packId][concerned[i]];
        }
        for (uint256 i = 0; i < incoming.length; ++i) {
            delete $.uses[stored.reservePackId][incoming[i]];
        }
        if (stored.kind == _REPLACE) {
            $.useCounts[stored.reservePackId] -= uint32(incoming.length);
            $.replacedClasses[stored.packId] -= stored.outgoingClasses;
            delete $.incoming[measureId];
            delete $.entries[measureId];
        }
    }

    /// @dev A measure that can be carried out now.
    function _due(uint256 measureId, uint8 kind) private view returns (Measure storage stored) {
        stored = _storage().measures[measureId];
        if (stored.status != _ORDERED) revert MeasuresWrongStatus(measureId, stored.status);
        if (stored.kind != kind) revert MeasuresWrongKind(measureId, stored.kind);
        if (block.timestamp > stored.deadline) {
            revert MeasuresDeadlinePassed(measureId, stored.deadline, block.timestamp);
        }
    }

    /// @dev A measure that its pack's trustee, who calls, judges now.
    function _carriedOut(uint256 measureId) private view returns (Measure storage stored) {
        stored = _storage().measures[measureId];
        if (stored.status != _CARRIED_OUT) revert MeasuresWrongStatus(measureId, stored.status);
        _requireAccount(stored.packId, _packs().pack(stored.packId).trustee);
    }

    /// @dev Until when somebody has to do something, and who.
    function _dueOf(Measure storage stored) private view returns (uint256 dueAt, address late) {
        IAssetPackRegistry.Pack memory pack = _packs().pack(stored.packId);
        if (stored.status == _CARRIED_OUT) return (stored.carriedOutAt + CONFIRMATION_SECONDS, pack.trustee);
        if (stored.status != _ORDERED) return (0, address(0));
        bool collected = stored.kind < _REPLACE;
        return (stored.deadline, collected ? _monitoring().pool(stored.packId).servicer : pack.originator);
    }

    function _checkAssets(uint256 packId, uint8 kind, uint32[] calldata assets) private view {
        for (uint256 i = 0; i < assets.length; ++i) {
            if (i != 0 && assets[i] <= assets[i - 1]) revert MeasuresBadAsset(assets[i]);
            _checkConcerned(packId, assets[i], kind);
        }
    }

    /// @dev Class of an asset that a measure of this kind may concern, as of the last closed period.
    function _checkConcerned(uint256 packId, uint32 index, uint8 kind) private view returns (uint256) {
        IMonitoring monitoring = _monitoring();
        (uint8 state,, uint16 class, bool defaulted) = monitoring.stateOf(packId, monitoring.lastPeriod(packId), index);
        bool live = state == _CURRENT || state == _HOLIDAY || state == _MODIFIED;
        bool possible = live || (kind == _REPURCHASE && state == _DEFAULTED);
        if (kind == _REPLACE) possible = !defaulted && monitoring.isTopLevel(packId, index);
        if (!possible) revert MeasuresBadAsset(index);
        return class;
    }

    /// @dev A class is a balance to within a unit.
    function _checkShortfall(Measure storage stored, uint32[] memory entries, uint256 cashCents) private view {
        uint256 incomingClasses = 0;
        for (uint256 i = 0; i < entries.length; ++i) {
            incomingClasses += entries[i] & 0xffffff;
        }
        uint256 unitCents = _unitCents(stored.packId);
        uint256 slack = 2 * uint256(stored.assetCount);
        uint256 classes = stored.outgoingClasses;
        uint256 most = classes + slack > incomingClasses ? (classes + slack - incomingClasses) * unitCents : 0;
        uint256 least = classes > incomingClasses + slack ? (classes - incomingClasses - slack) * unitCents : 0;
        if (cashCents < least || cashCents > most) revert MeasuresWrongCash(cashCents, least, most);
    }

    function _requireRiskControl(uint256 packId) private view {
        if (!_monitoring().isMonitored(packId)) revert MeasuresNotMonitored(packId);
        _requireAccount(packId, _monitoring().pool(packId).riskControl);
    }

    function _requireAccount(uint256 packId, address expected) private view {
        if (msg.sender != expected) revert MeasuresWrongAccount(packId, expected, msg.sender);
    }

    function _unitCents(uint256 packId) private view returns (uint256) {
        return uint256(_monitoring().pool(packId).classUnit) * 100;
    }

    function _packs() private view returns (IAssetPackRegistry) {
        return IAssetPackRegistry(_addressOf("AssetPackRegistry"));
    }

    function _monitoring() private view returns (IMonitoring) {
        return IMonitoring(_addressOf("Monitoring"));
    }

    function _storage() private pure returns (MeasuresStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _MEASURES_SLOT
        }
    }
}
