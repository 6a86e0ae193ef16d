// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Scores of packs, agreed by oracles
/// @notice Oracles commit, then reveal, then one of those that agree publishes the bytes. Status: 1 open, 2 agreed, 3 final.
/// Word of an asset, 16 bits, big-endian: 0 = no usable record; else score 1 to 100, plus 0x0100 to 0x0300 when its record
/// is aged, plus 0x0400 when it was spread from related persons.
interface IScoringRounds {
    /// @notice A round.
    /// @param packId pack to score
    /// @param queryId query whose records are used
    /// @param modelId version that scores
    /// @param policyId policy whose limits of age apply
    /// @param openedAt second
    /// @param assetCount words of the report
    /// @param quorum equal reports needed
    /// @param oracleCount oracles of the round
    /// @param commitCount commitments so far
    /// @param chunksPublished chunks of the report so far
    /// @param status see above
    /// @param reportHash agreed, zero before
    struct Round {
        uint256 packId;
        uint256 queryId;
        uint256 modelId;
        uint256 policyId;
        uint40 openedAt;
        uint32 assetCount;
        uint32 quorum;
        uint32 oracleCount;
        uint32 commitCount;
        uint32 chunksPublished;
        uint8 status;
        bytes32 reportHash;
    }

    /// @notice Oracles may commit.
    /// @param roundId of the round
    /// @param packId pack to score
    /// @param queryId query whose records are used
    /// @param modelId version that scores
    /// @param policyId policy whose limits of age apply
    /// @param quorum equal reports needed
    event RoundOpened(
        uint256 indexed roundId,
        uint256 indexed packId,
        uint256 queryId,
        uint256 modelId,
        uint256 policyId,
        uint32 quorum
    );

    /// @notice An oracle fixed its report without showing it.
    /// @param roundId of the round
    /// @param oracle account
    /// @param commitment hash of the report with a salt
    event ReportCommitted(uint256 indexed roundId, address indexed oracle, bytes32 commitment);

    /// @notice An oracle showed the hashes of its report.
    /// @param roundId of the round
    /// @param oracle account
    /// @param reportHash keccak of the chunk hashes
    event ReportRevealed(uint256 indexed roundId, address indexed oracle, bytes32 reportHash);

    /// @notice A quorum revealed the same report.
    /// @param roundId of the round
    /// @param reportHash keccak of the chunk hashes
    event RoundAgreed(uint256 indexed roundId, bytes32 reportHash);

    /// @notice An oracle revealed another report than the agreed one.
    /// @param roundId of the round
    /// @param oracle account
    /// @param reportHash its report
    event OracleDissented(uint256 indexed roundId, address indexed oracle, bytes32 reportHash);

    /// @notice A chunk of the report can be read.
    /// @param roundId of the round
    /// @param chunkIndex position / 8192
    /// @param pointer address with the code that holds it
    event ScoresPublished(uint256 indexed roundId, uint32 chunkIndex, address pointer);

    /// @notice The whole report can be read and the pack is scored.
    /// @param roundId of the round
    /// @param packId pack that was scored
    /// @param reportHash keccak of the chunk hashes
    event RoundFinal(uint256 indexed roundId, uint256 indexed packId, bytes32 reportHash);

    /// @notice Oracles have this long to commit from now on.
    /// @param windowSeconds seconds from the opening of a round
    event CommitWindowSet(uint32 windowSeconds);

    /// @notice Thrown when the pack is not the caller's, or not queried.
    /// @param packId of the pack
    /// @param caller who called
    /// @param status of the pack
    error ScoringPackNotReady(uint256 packId, address caller, uint8 status);

    /// @notice Thrown when the query is not of this pack, or not closed.
    /// @param queryId of the query
    /// @param packId of the pack
    error ScoringQueryNotReady(uint256 queryId, uint256 packId);

    /// @notice Thrown when the model is unknown, not active or expired.
    /// @param modelId of the version
    error ScoringModelNotUsable(uint256 modelId);

    /// @notice Thrown when there is no such policy.
    /// @param policyId asked for
    error ScoringUnknownPolicy(uint256 policyId);

    /// @notice Thrown when no account has the ORACLE role.
    error ScoringNoOracles();

    /// @notice Thrown when there is no such round.
    /// @param roundId asked for
    error ScoringUnknownRound(uint256 roundId);

    /// @notice Thrown when the caller is no oracle of the round.
    /// @param roundId of the round
    /// @param caller who called
    error ScoringNotOracleOfRound(uint256 roundId, address caller);

    /// @notice Thrown when a commitment is zero.
    error ScoringZeroCommitment();

    /// @notice Thrown when the oracle committed before.
    /// @param roundId of the round
    /// @param oracle account
    error ScoringAlreadyCommitted(uint256 roundId, address oracle);

    /// @notice Thrown when reports may be revealed already, so that nobody can copy one.
    /// @param roundId of the round
    error ScoringCommitClosed(uint256 roundId);

    /// @notice Thrown when reports may not be revealed yet.
    /// @param roundId of the round
    /// @param opensAt second from which they may, whoever committed
    error ScoringRevealNotOpen(uint256 roundId, uint256 opensAt);

    /// @notice Thrown when the oracle revealed before.
    /// @param roundId of the round
    /// @param oracle account
    error ScoringAlreadyRevealed(uint256 roundId, address oracle);

    /// @notice Thrown when salt and report are not what was committed.
    /// @param expected commitment of the oracle, zero when it made none
    /// @param actual commitment of what was revealed
    error ScoringWrongReveal(bytes32 expected, bytes32 actual);

    /// @notice Thrown when the report is not of the pack's length.
    /// @param expected chunks
    /// @param actual chunks given
    error ScoringWrongChunkCount(uint256 expected, uint256 actual);

    /// @notice Thrown when the round is not in the status that the call needs.
    /// @param roundId of the round
    /// @param expected status needed
    /// @param actual status in force
    error ScoringWrongStatus(uint256 roundId, uint8 expected, uint8 actual);

    /// @notice Thrown when the caller did not reveal the agreed report.
    /// @param roundId of the round
    /// @param caller who called
    error ScoringNotAgreedOracle(uint256 roundId, address caller);

    /// @notice Thrown when the chunk does not exist.
    /// @param roundId of the round
    /// @param chunkIndex asked for
    error ScoringUnknownChunk(uint256 roundId, uint32 chunkIndex);

    /// @notice Thrown when the chunk was published before.
    /// @param roundId of the round
    /// @param chunkIndex given
    error ScoringAlreadyPublished(uint256 roundId, uint32 chunkIndex);

    /// @notice Thrown when a chunk has the wrong length.
    /// @param expected bytes
    /// @param actual bytes given
    error ScoringWrongLength(uint256 expected, uint256 actual);

    /// @notice Thrown when the bytes are not the agreed ones.
    /// @param expected hash agreed
    /// @param actual hash of the bytes given
    error ScoringWrongHash(bytes32 expected, bytes32 actual);

    /// @notice Thrown when a word of the report is no valid one.
    /// @param slotIndex which 32 bytes of the chunk have it
    error ScoringBadWord(uint256 slotIndex);

    /// @notice Opens a round; called by the pack's risk control.
    /// @param packId queried pack
    /// @param queryId its closed query
    /// @param modelId active version
    /// @param policyId policy whose limits of age apply
    /// @return roundId from 1
    function open(uint256 packId, uint256 queryId, uint256 modelId, uint256 policyId)
        external
        returns (uint256 roundId);

    /// @notice Fixes the caller's report without showing it.
    /// @param roundId of the round
    /// @param commitment keccak(abi.encode(roundId, oracle, salt, reportHash))
    function commitReport(uint256 roundId, bytes32 commitment) external;

    /// @notice Shows the caller's report by its hashes; once every oracle committed or the window has passed.
    /// @param roundId of the round
    /// @param salt of the commitment
    /// @param chunkHashes keccak of each chunk of 16384 bytes
    function revealReport(uint256 roundId, bytes32 salt, bytes32[] calldata chunkHashes) external;

    /// @notice Publishes a chunk of the agreed report; called by an oracle that revealed it.
    /// @param roundId of the round
    /// @param chunkIndex position / 8192
    /// @param scores 8192 words, the last chunk shorter
    function publishScores(uint256 roundId, uint32 chunkIndex, bytes calldata scores) external;

    /// @notice Sets how long oracles may commit; governance.
    /// @param windowSeconds seconds from the opening of a round
    function setCommitWindow(uint32 windowSeconds) external;

    /// @notice How long oracles may commit.
    /// @return windowSeconds seconds from the opening of a round
    function commitWindow() external view returns (uint32 windowSeconds);

    /// @notice Number of rounds; ids are 1 to this.
    /// @return count of rounds
    function roundCount() external view returns (uint256 count);

    /// @notice The final round whose scores a pack goes by: its newest.
    /// @param packId of the pack
    /// @return roundId 0 when none is final
    function newestRound(uint256 packId) external view returns (uint256 roundId);

    /// @notice A round.
    /// @param roundId of the round
    /// @return all zero when unknown
    function round(uint256 roundId) external view returns (Round memory);

    /// @notice Oracles of a round.
    /// @param roundId of the round
    /// @return oracles that had the role when it was opened
    function oraclesOf(uint256 roundId) external view returns (address[] memory oracles);

    /// @notice What an oracle did in a round.
    /// @param roundId of the round
    /// @param oracle account
    /// @return commitment zero before
    /// @return reportHash zero before it revealed
    function reportOf(uint256 roundId, address oracle) external view returns (bytes32 commitment, bytes32 reportHash);

    /// @notice Hashes of the agreed report.
    /// @param roundId of the round
    /// @return hashes keccak of each chunk; empty before agreement
    function chunkHashes(uint256 roundId) external view returns (bytes32[] memory hashes);

    /// @notice A chunk of the report.
    /// @param roundId of the round
    /// @param chunkIndex position / 8192
    /// @return scores one word an asset
    function scoreChunk(uint256 roundId, uint32 chunkIndex) external view returns (bytes memory scores);

    /// @notice Where a chunk is kept: code of one STOP byte and the scores.
    /// @param roundId of the round
    /// @param chunkIndex position / 8192
    /// @return pointer address with the code, zero before publication
    function scoreChunkPointer(uint256 roundId, uint32 chunkIndex) external view returns (address pointer);
}
