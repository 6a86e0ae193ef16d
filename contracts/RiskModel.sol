// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IRiskModel} from "./interfaces/IRiskModel.sol";
import {IRiskModelRegistry} from "./interfaces/IRiskModelRegistry.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {RiskProgram} from "./libraries/RiskProgram.sol";

/// @title The risk model, executable on chain
/// @notice See {IRiskModel}.
contract RiskModel is IRiskModel, GovernedContract {
    struct Kept {
        address[] chunks;
        bool complete;
    }

    /// @custom:storage-location erc7201:tranchain.storage.RiskModel
    struct RiskModelStorage {
        mapping(uint256 modelId => Kept) programs;
    }

    /// @notice Bytes of every chunk but the last.
    uint256 public constant CHUNK_SIZE = 16_384;
    /// @notice Most chunks of a program.
    uint256 public constant CHUNK_COUNT_MAX = 6;

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.RiskModel")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _RISK_MODEL_SLOT = 0x3a01613ba44dabd09eec6572ae278ce82b85a4857e0f4d7d844291b38002d200;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IRiskModel
    function publish(uint256 modelId, uint32 chunkIndex, bytes calldata chunk) external restricted {
        Kept storage kept = _storage().programs[modelId];
        bytes32 expected = _models().model(modelId).programHash;
        if (expected == 0) revert RiskProgramUnknownModel(modelId);
        if (kept.complete) revert RiskProgramComplete(modelId);
        uint256 next = kept.chunks.length;
        bool fits = chunk.length != 0 && chunk.length <= CHUNK_SIZE && chunkIndex < CHUNK_COUNT_MAX;
        if (chunkIndex > next || !fits) revert RiskProgramBadChunk(chunkIndex, next, chunk.length);
        for (; next > chunkIndex; --next) {
            kept.chunks.pop();
        }
        address pointer = ChunkStore.write(chunk);
        kept.chunks.push(pointer);
        emit ProgramChunkPublished(modelId, chunkIndex, pointer);
        _completeIfWhole(kept, modelId, expected, chunk.length < CHUNK_SIZE);
    }

    /// @inheritdoc IRiskModel
    function score(uint256 modelId, bytes calldata rows)
        external
        view
        returns (bytes memory scores, bytes memory pdPpm)
    {
        Kept storage kept = _storage().programs[modelId];
        if (!kept.complete) revert RiskProgramMissing(modelId);
        RiskProgram.Machine memory machine = RiskProgram.open(RiskProgram.load(kept.chunks));
        uint256 rowSize = 8 * machine.inputCount;
        if (rows.length % rowSize != 0) revert RiskProgramBadRows(rows.length, rowSize);
        bytes memory pdTable = _models().pdTable(modelId);
        uint256 count = rows.length / rowSize;
        scores = new bytes(count);
        pdPpm = new bytes(4 * count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 risk = RiskProgram.score(machine, rows[i * rowSize:]);
            scores[i] = bytes1(uint8(risk));
            for (uint256 j = 0; j < 4; ++j) {
                pdPpm[4 * i + j] = pdTable[4 * (risk - 1) + j];
            }
        }
    }

    /// @inheritdoc IRiskModel
    function isPublished(uint256 modelId) external view returns (bool) {
        return _storage().programs[modelId].complete;
    }

    /// @inheritdoc IRiskModel
    function program(uint256 modelId) external view returns (bytes memory) {
        return RiskProgram.load(_storage().programs[modelId].chunks);
    }

    function _completeIfWhole(Kept storage kept, uint256 modelId, bytes32 expected, bool last) private {
        bytes memory whole = RiskProgram.load(kept.chunks);
        bytes32 actual = keccak256(whole);
        if (actual == expected) {
            kept.complete = true;
            emit ProgramPublished(modelId, expected, uint32(whole.length));
        } else if (last) {
            revert RiskProgramBadHash(expected, actual);
        }
    }

    function _models() private view returns (IRiskModelRegistry) {
        return IRiskModelRegistry(_addressOf("RiskModelRegistry"));
    }

    function _storage() private pure returns (RiskModelStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _RISK_MODEL_SLOT
        }
    }
}
