// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The risk model, executable on chain
/// @notice Holds the program of each model version (feature tables, integer weights, cut points: docs/protocol.md, 7) and
/// scores raw records with it, in the same integers as the executors off chain. Meant for `eth_call` on one's own node, so
/// that whoever may see a record can check its score and nobody publishes it.
interface IRiskModel {
    /// @notice A part of a program is kept.
    /// @param modelId version it belongs to
    /// @param chunkIndex from 0
    /// @param pointer contract whose code it is
    event ProgramChunkPublished(uint256 indexed modelId, uint32 chunkIndex, address pointer);

    /// @notice A program is whole and hashes to what the model was proposed with.
    /// @param modelId version that can be executed from now on
    /// @param programHash keccak256 of its bytes
    /// @param size bytes
    event ProgramPublished(uint256 indexed modelId, bytes32 indexed programHash, uint32 size);

    /// @notice Thrown when there is no such model version.
    /// @param modelId asked for
    error RiskProgramUnknownModel(uint256 modelId);

    /// @notice Thrown when the program of a version is not whole yet.
    /// @param modelId asked for
    error RiskProgramMissing(uint256 modelId);

    /// @notice Thrown when the program of a version is whole already.
    /// @param modelId given
    error RiskProgramComplete(uint256 modelId);

    /// @notice Thrown when a chunk leaves a gap, is empty, or is beyond the last one that a program may have.
    /// @param chunkIndex given
    /// @param next the first index that is free
    /// @param size bytes given
    error RiskProgramBadChunk(uint32 chunkIndex, uint256 next, uint256 size);

    /// @notice Thrown when a last (shorter) chunk does not complete the program that was voted on.
    /// @param expected hash in the registry
    /// @param actual hash of what is kept with this chunk
    error RiskProgramBadHash(bytes32 expected, bytes32 actual);

    /// @notice Thrown when the rows are not whole rows.
    /// @param size bytes given
    /// @param rowSize bytes of one row of this version
    error RiskProgramBadRows(uint256 size, uint256 rowSize);

    /// @notice Keeps one chunk of a version's program; called by risk control. Chunks have 16,384 bytes, the last one may be
    /// shorter. A chunk may be given again until the program is whole; the chunks behind it are then forgotten.
    /// @param modelId version in the registry, of any status
    /// @param chunkIndex from 0, at most the number of chunks kept
    /// @param chunk its bytes
    function publish(uint256 modelId, uint32 chunkIndex, bytes calldata chunk) external;

    /// @notice Scores records.
    /// @param modelId version whose program is whole
    /// @param rows for each record one int64 (big-endian) per input, in the order of the version's feature spec; -2^63 where
    /// a value is missing
    /// @return scores one byte a record, 1 to 100
    /// @return pdPpm probability of default of that score without margin, uint32 big-endian a record
    function score(uint256 modelId, bytes calldata rows)
        external
        view
        returns (bytes memory scores, bytes memory pdPpm);

    /// @notice Whether a version can be executed.
    /// @param modelId version
    /// @return published true when its program is whole
    function isPublished(uint256 modelId) external view returns (bool published);

    /// @notice The bytes that are executed.
    /// @param modelId version
    /// @return bytes kept so far, in order
    function program(uint256 modelId) external view returns (bytes memory);
}
