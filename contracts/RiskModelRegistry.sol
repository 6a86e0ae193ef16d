// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IRiskModel} from "./interfaces/IRiskModel.sol";
import {IRiskModelRegistry} from "./interfaces/IRiskModelRegistry.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";

/// @title Versions of the risk model
/// @notice See {IRiskModelRegistry}.
contract RiskModelRegistry is IRiskModelRegistry, GovernedContract {
    /// @custom:storage-location erc7201:tranchain.storage.RiskModelRegistry
    struct RiskModelRegistryStorage {
        mapping(uint256 modelId => Model) models;
        /// @dev probabilities, then calibration
        mapping(uint256 modelId => address) tablePointers;
        uint256 modelCount;
        /// @dev the newest champion that was voted, and the one before it
        uint256 championId;
        uint256 formerId;
    }

    /// @notice Least prudence factor.
    uint32 public constant MARGIN_PPM_MIN = 1_050_000;

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.RiskModelRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _RISK_MODEL_REGISTRY_SLOT = 0xafc9302277d6681be1e69096a707e2551aa12065a76dfe1b9b0b8f5d57725200;
    uint256 private constant _SCORE_COUNT = 100;
    uint256 private constant _PD_BYTES = 4 * _SCORE_COUNT;
    uint256 private constant _CALIBRATION_BYTES = 8 * _SCORE_COUNT;
    uint8 private constant _PROPOSED = 1;
    uint8 private constant _ACTIVE = 2;
    uint8 private constant _RETIRED = 3;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IRiskModelRegistry
    function propose(ModelInit calldata init) external restricted returns (uint256 modelId) {
        _checkHashes(init);
        _checkPd(init.pdPpm);
        _checkCalibration(init.calibration);
        _checkMargins(init.marginPpm);
        if (init.validUntil <= block.timestamp) revert RiskModelExpired(init.validUntil, block.timestamp);
        modelId = ++_storage().modelCount;
        _storage().models[modelId] = Model({
            modelHash: init.modelHash,
            manifestHash: init.manifestHash,
            featureSpecHash: init.featureSpecHash,
            programHash: init.programHash,
            proposer: msg.sender,
            proposedAt: uint40(block.timestamp),
            validUntil: init.validUntil,
            status: _PROPOSED,
            challengerFrom: 0,
            championFrom: 0,
            untilBlock: 0,
            marginPpm: init.marginPpm
        });
        _storage().tablePointers[modelId] = ChunkStore.write(bytes.concat(init.pdPpm, init.calibration));
        emit ModelProposed(modelId, init.modelHash, msg.sender);
    }

    /// @inheritdoc IRiskModelRegistry
    function activate(uint256 modelId, uint64 fromBlock) external restricted {
        RiskModelRegistryStorage storage $ = _storage();
        Model storage stored = $.models[modelId];
        uint256 pending = $.championId;
        uint64 pendingFrom = $.models[pending].championFrom;
        if (pendingFrom > block.number) revert RiskModelActivationPending(pending, pendingFrom);
        bool challenger = _isChallenger(stored);
        if (!challenger) _requireStatus(modelId, _PROPOSED);
        uint256 formerId = champion();
        uint64 from = _checkActivation(modelId, fromBlock);
        stored.championFrom = from;
        if (formerId != 0) $.models[formerId].untilBlock = from;
        ($.championId, $.formerId) = (modelId, formerId);
        emit ModelActivated(modelId, from, formerId);
    }

    /// @inheritdoc IRiskModelRegistry
    function activateChallenger(uint256 modelId, uint64 fromBlock) external restricted {
        _requireStatus(modelId, _PROPOSED);
        uint64 from = _checkActivation(modelId, fromBlock);
        _storage().models[modelId].challengerFrom = from;
        emit ChallengerActivated(modelId, from);
    }

    /// @inheritdoc IRiskModelRegistry
    function retire(uint256 modelId) external restricted {
        RiskModelRegistryStorage storage $ = _storage();
        Model storage stored = $.models[modelId];
        uint8 status = _statusOf(stored);
        if (status != _PROPOSED && status != _ACTIVE) revert RiskModelWrongStatus(modelId, status);
        if (modelId == $.championId && stored.championFrom > block.number) {
            $.models[$.formerId].untilBlock = 0;
            $.championId = $.formerId;
        }
        stored.untilBlock = uint64(block.number);
        stored.status = _RETIRED;
        emit ModelRetired(modelId);
    }

    /// @inheritdoc IRiskModelRegistry
    function modelCount() external view returns (uint256) {
        return _storage().modelCount;
    }

    /// @inheritdoc IRiskModelRegistry
    function model(uint256 modelId) external view returns (Model memory found) {
        Model storage stored = _storage().models[modelId];
        found = stored;
        found.status = _statusOf(stored);
    }

    /// @inheritdoc IRiskModelRegistry
    function challengers() external view returns (uint256[] memory modelIds) {
        RiskModelRegistryStorage storage $ = _storage();
        uint256 last = $.modelCount;
        modelIds = new uint256[](last);
        uint256 count = 0;
        for (uint256 modelId = 1; modelId <= last; ++modelId) {
            if (_isChallenger($.models[modelId])) modelIds[count++] = modelId;
        }
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mstore(modelIds, count)
        }
    }

    /// @inheritdoc IRiskModelRegistry
    function isChampion(uint256 modelId) external view returns (bool) {
        return modelId != 0 && champion() == modelId;
    }

    /// @inheritdoc IRiskModelRegistry
    function isUsable(uint256 modelId) external view returns (bool) {
        Model storage stored = _storage().models[modelId];
        return _statusOf(stored) == _ACTIVE && block.timestamp < stored.validUntil;
    }

    /// @inheritdoc IRiskModelRegistry
    function pdTable(uint256 modelId) external view returns (bytes memory) {
        return ChunkStore.readSlice(_tables(modelId), 0, _PD_BYTES);
    }

    /// @inheritdoc IRiskModelRegistry
    function calibrationTable(uint256 modelId) external view returns (bytes memory) {
        return ChunkStore.readSlice(_tables(modelId), _PD_BYTES, _CALIBRATION_BYTES);
    }

    /// @inheritdoc IRiskModelRegistry
    function champion() public view returns (uint256 modelId) {
        RiskModelRegistryStorage storage $ = _storage();
        modelId = $.championId;
        if ($.models[modelId].championFrom > block.number) modelId = $.formerId;
        if (_statusOf($.models[modelId]) != _ACTIVE) modelId = 0;
    }

    /// @dev Later of the block voted and this one, if the version's program is on the chain.
    function _checkActivation(uint256 modelId, uint64 fromBlock) private view returns (uint64) {
        if (!IRiskModel(_addressOf("RiskModel")).isPublished(modelId)) revert RiskModelProgramMissing(modelId);
        return fromBlock > block.number ? fromBlock : uint64(block.number);
    }

    /// @dev Proposed means that no vote on the version is under way either.
    function _requireStatus(uint256 modelId, uint8 status) private view {
        Model storage stored = _storage().models[modelId];
        uint8 found = _statusOf(stored);
        if (found != status || stored.championFrom != 0 || stored.challengerFrom != 0) {
            revert RiskModelWrongStatus(modelId, found);
        }
    }

    function _statusOf(Model storage stored) private view returns (uint8) {
        if (stored.status != _PROPOSED) return stored.status;
        if (stored.untilBlock != 0 && stored.untilBlock <= block.number) return _RETIRED;
        bool active = _hasBegun(stored.championFrom) || _hasBegun(stored.challengerFrom);
        return active ? _ACTIVE : _PROPOSED;
    }

    function _isChallenger(Model storage stored) private view returns (bool) {
        return _statusOf(stored) == _ACTIVE && !_hasBegun(stored.championFrom);
    }

    function _hasBegun(uint64 fromBlock) private view returns (bool) {
        return fromBlock != 0 && fromBlock <= block.number;
    }

    function _tables(uint256 modelId) private view returns (address pointer) {
        pointer = _storage().tablePointers[modelId];
        if (pointer == address(0)) revert RiskModelWrongStatus(modelId, 0);
    }

    function _checkHashes(ModelInit calldata init) private pure {
        if (init.modelHash == 0) revert RiskModelHashMissing("modelHash");
        if (init.manifestHash == 0) revert RiskModelHashMissing("manifestHash");
        if (init.featureSpecHash == 0) revert RiskModelHashMissing("featureSpecHash");
        if (init.programHash == 0) revert RiskModelHashMissing("programHash");
    }

    function _checkPd(bytes calldata table) private pure {
        if (table.length != _PD_BYTES) revert RiskModelBadLength("pdPpm", _PD_BYTES, table.length);
        uint256 previous = 0;
        for (uint256 score = 1; score <= _SCORE_COUNT; ++score) {
            uint256 pdPpm = _number(table, score - 1);
            if (pdPpm < previous || pdPpm > 1_000_000) revert RiskModelBadPd(score, pdPpm);
            previous = pdPpm;
        }
    }

    function _checkCalibration(bytes calldata table) private pure {
        if (table.length != _CALIBRATION_BYTES) {
            revert RiskModelBadLength("calibration", _CALIBRATION_BYTES, table.length);
        }
        for (uint256 score = 1; score <= _SCORE_COUNT; ++score) {
            uint256 total = _number(table, 2 * score - 2);
            uint256 defaults = _number(table, 2 * score - 1);
            if (defaults > total) revert RiskModelBadCalibration(score, total, defaults);
        }
    }

    function _checkMargins(uint32[10] calldata marginPpm) private pure {
        for (uint256 i = 0; i < marginPpm.length; ++i) {
            if (marginPpm[i] < MARGIN_PPM_MIN) revert RiskModelMarginTooLow(i + 1, marginPpm[i], MARGIN_PPM_MIN);
        }
    }

    function _number(bytes calldata table, uint256 index) private pure returns (uint256) {
        return uint32(bytes4(table[4 * index:4 * index + 4]));
    }

    function _storage() private pure returns (RiskModelRegistryStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _RISK_MODEL_REGISTRY_SLOT
        }
    }
}
