// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
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
            proposer: msg.sender,
            proposedAt: uint40(block.timestamp),
            validUntil: init.validUntil,
            status: _PROPOSED,
            marginPpm: init.marginPpm
        });
        _storage().tablePointers[modelId] = ChunkStore.write(bytes.concat(init.pdPpm, init.calibration));
        emit ModelProposed(modelId, init.modelHash, msg.sender);
    }

    /// @inheritdoc IRiskModelRegistry
    function activate(uint256 modelId) external restricted {
        Model storage stored = _storage().models[modelId];
        if (stored.status != _PROPOSED) revert RiskModelWrongStatus(modelId, stored.status);
        stored.status = _ACTIVE;
        emit ModelActivated(modelId);
    }

    /// @inheritdoc IRiskModelRegistry
    function retire(uint256 modelId) external restricted {
        Model storage stored = _storage().models[modelId];
        if (stored.status != _PROPOSED && stored.status != _ACTIVE) {
            revert RiskModelWrongStatus(modelId, stored.status);
        }
        stored.status = _RETIRED;
        emit ModelRetired(modelId);
    }

    /// @inheritdoc IRiskModelRegistry
    function modelCount() external view returns (uint256) {
        return _storage().modelCount;
    }

    /// @inheritdoc IRiskModelRegistry
    function model(uint256 modelId) external view returns (Model memory) {
        return _storage().models[modelId];
    }

    /// @inheritdoc IRiskModelRegistry
    function isUsable(uint256 modelId) external view returns (bool) {
        Model storage stored = _storage().models[modelId];
        return stored.status == _ACTIVE && block.timestamp < stored.validUntil;
    }

    /// @inheritdoc IRiskModelRegistry
    function pdTable(uint256 modelId) external view returns (bytes memory) {
        return ChunkStore.readSlice(_tables(modelId), 0, _PD_BYTES);
    }

    /// @inheritdoc IRiskModelRegistry
    function calibrationTable(uint256 modelId) external view returns (bytes memory) {
        return ChunkStore.readSlice(_tables(modelId), _PD_BYTES, _CALIBRATION_BYTES);
    }

    function _tables(uint256 modelId) private view returns (address pointer) {
        pointer = _storage().tablePointers[modelId];
        if (pointer == address(0)) revert RiskModelWrongStatus(modelId, 0);
    }

    function _checkHashes(ModelInit calldata init) private pure {
        if (init.modelHash == 0) revert RiskModelHashMissing("modelHash");
        if (init.manifestHash == 0) revert RiskModelHashMissing("manifestHash");
        if (init.featureSpecHash == 0) revert RiskModelHashMissing("featureSpecHash");
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
