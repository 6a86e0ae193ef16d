// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Scores of packs, agreed by oracles
/// @notice Oracles commit, then reveal, then one of those that agree publishes the bytes.
/// Kind: 1 underwriting (makes a queried pack scored), 2 monitoring (of an issued pack), 3 challenger (a model on trial; the
/// pack does not change). Status: 1 open, 2 agreed, 3 final, 4 void.
/// Word of an asset, 16 bits, big-endian: 0 = no usable record; else score 1 to 100, plus 0x0100 to 0x0300 when its record
/// is aged, plus 0x0400 when it was spread from related persons.
/// Fault of an oracle: 1 silent (committed nothing), 2 late (committed or revealed too late), 3 dissenting (revealed another
/// report than the agreed), 4 malformed (a report of the wrong size, or bytes that are none), 5 unpublished (agreed to a
/// report that nobody published), 6 overruled (agreed to a report that a dispute voided).
/// Reason of a void round: 1 superseded by another round before it was agreed, 2 malformed, 3 unpublished, 4 disputed.
interface IScoringRounds {
    /// @notice A round.
    /// @param packId pack to score
    /// @param queryId query whose records are used
    /// @param modelId version that scores
    /// @param policyId policy whose limits of age apply
    /// @param openedAt second
    /// @param quorumAt second in which a quorum had committed, zero before
    /// @param agreedAt second in which a quorum had revealed the same, zero before
    /// @param progressAt second of the agreement or of the last chunk
    /// @param assetCount words of the report
    /// @param quorum equal reports needed
    /// @param oracleCount oracles of the round
    /// @param commitCount commitments so far
    /// @param chunksPublished chunks of the report so far
    /// @param kind see above
    /// @param status see above
    /// @param reportHash agreed, zero before
    struct Round {
        uint256 packId;
        uint256 queryId;
        uint256 modelId;
        uint256 policyId;
        uint40 openedAt;
        uint40 quorumAt;
        uint40 agreedAt;
        uint40 progressAt;
        uint32 assetCount;
        uint32 quorum;
        uint32 oracleCount;
        uint32 commitCount;
        uint32 chunksPublished;
        uint8 kind;
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
    /// @param kind see above
    event RoundOpened(
        uint256 indexed roundId,
        uint256 indexed packId,
        uint256 queryId,
        uint256 modelId,
        uint256 policyId,
        uint32 quorum,
        uint8 kind
    );

    /// @notice An oracle takes no part in a round, because the pack's last void round was void for its report.
    /// @param roundId of the round
    /// @param oracle account
    /// @param voidRoundId round whose report it agreed to
    event OracleLeftOut(uint256 indexed roundId, address indexed oracle, uint256 voidRoundId);

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

    /// @notice An oracle did not do its part; or, with fault 0, it dissented from a report that turned out wrong.
    /// @param roundId of the round
    /// @param oracle account
    /// @param fault see above
    /// @param reportHash its report, zero when it showed none
    event OracleNamed(uint256 indexed roundId, address indexed oracle, uint8 fault, bytes32 reportHash);

    /// @notice A chunk of the report can be read.
    /// @param roundId of the round
    /// @param chunkIndex position / 8192
    /// @param pointer address with the code that holds it
    event ScoresPublished(uint256 indexed roundId, uint32 chunkIndex, address pointer);

    /// @notice The whole report can be read; of an underwriting round, the pack is scored.
    /// @param roundId of the round
    /// @param packId pack that was scored
    /// @param reportHash keccak of the chunk hashes
    event RoundFinal(uint256 indexed roundId, uint256 indexed packId, bytes32 reportHash);

    /// @notice A round counts for nothing from now on.
    /// @param roundId of the round
    /// @param packId pack that was to be scored
    /// @param reason see above
    event RoundVoided(uint256 indexed roundId, uint256 indexed packId, uint8 reason);

    /// @notice How long rounds wait from now on.
    /// @param graceSeconds for the commitments that are missing when a quorum committed, and as long for reveals
    /// @param publishSeconds for the next chunk of an agreed report
    event WindowsSet(uint32 graceSeconds, uint32 publishSeconds);

    /// @notice Thrown when the pack is not the caller's, or in no status in which this model may score it.
    /// @param packId of the pack
    /// @param caller who called
    /// @param status of the pack
    error ScoringPackNotReady(uint256 packId, address caller, uint8 status);

    /// @notice Thrown when the query is not of this pack, not closed, or of another purpose than the round.
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

    /// @notice Thrown when the report of the pack's last round is agreed and may still be published.
    /// @param roundId of that round
    /// @param until second from which another round may be opened
    error ScoringRoundRunning(uint256 roundId, uint256 until);

    /// @notice Thrown when there is no such round.
    /// @param roundId asked for
    error ScoringUnknownRound(uint256 roundId);

    /// @notice Thrown when the caller is no oracle of the round.
    /// @param roundId of the round
    /// @param caller who called
    error ScoringNotOracleOfRound(uint256 roundId, address caller);

    /// @notice Thrown when a commitment is zero.
    error ScoringZeroCommitment();

    /// @notice Thrown when the oracle committed before, or was named as late before.
    /// @param roundId of the round
    /// @param oracle account
    error ScoringAlreadyCommitted(uint256 roundId, address oracle);

    /// @notice Thrown when reports may not be revealed yet.
    /// @param roundId of the round
    /// @param opensAt second from which they may, whoever committed; zero while no quorum has committed
    error ScoringRevealNotOpen(uint256 roundId, uint256 opensAt);

    /// @notice Thrown when the oracle revealed before.
    /// @param roundId of the round
    /// @param oracle account
    error ScoringAlreadyRevealed(uint256 roundId, address oracle);

    /// @notice Thrown when salt and report are not what was committed.
    /// @param expected commitment of the oracle, zero when it made none
    /// @param actual commitment of what was revealed
    error ScoringWrongReveal(bytes32 expected, bytes32 actual);

    /// @notice Thrown when the round is not in the status that the call needs.
    /// @param roundId of the round
    /// @param expected status needed
    /// @param actual status in force
    error ScoringWrongStatus(uint256 roundId, uint8 expected, uint8 actual);

    /// @notice Thrown when oracles still have time to reveal.
    /// @param roundId of the round
    /// @param until second from which the absent may be named
    error ScoringTooEarly(uint256 roundId, uint256 until);

    /// @notice Thrown when the caller did not reveal the agreed report.
    /// @param roundId of the round
    /// @param caller who called
    error ScoringNotAgreedOracle(uint256 roundId, address caller);

    /// @notice Thrown when the chunk does not exist.
    /// @param roundId of the round
    /// @param chunkIndex asked for
    error ScoringUnknownChunk(uint256 roundId, uint32 chunkIndex);

    /// @notice Thrown when the report has no word of this asset.
    /// @param roundId of the round
    /// @param index asked for
    error ScoringUnknownAsset(uint256 roundId, uint32 index);

    /// @notice Thrown when the chunk was published before.
    /// @param roundId of the round
    /// @param chunkIndex given
    error ScoringAlreadyPublished(uint256 roundId, uint32 chunkIndex);

    /// @notice Thrown when the bytes are not the agreed ones.
    /// @param expected hash agreed
    /// @param actual hash of the bytes given
    error ScoringWrongHash(bytes32 expected, bytes32 actual);

    /// @notice Opens a round; called by the pack's risk control. Its kind follows from the model and the pack's status. A
    /// round of the same kind that is not final is void from then on.
    /// @param packId queried pack, or issued one
    /// @param queryId its closed query
    /// @param modelId active version
    /// @param policyId policy whose limits of age apply
    /// @return roundId from 1
    function open(uint256 packId, uint256 queryId, uint256 modelId, uint256 policyId)
        external
        returns (uint256 roundId);

    /// @notice Fixes the caller's report without showing it. Once reports may be revealed, so that one could be copied, the
    /// caller is named as late and its report does not count.
    /// @param roundId of the round
    /// @param commitment keccak(abi.encode(roundId, oracle, salt, reportHash))
    function commitReport(uint256 roundId, bytes32 commitment) external;

    /// @notice Shows the caller's report by its hashes: once every oracle committed, or a quorum did and the grace passed. A
    /// report of the wrong size names the caller as malformed.
    /// @param roundId of the round
    /// @param salt of the commitment
    /// @param chunkHashes keccak of each chunk of 16384 bytes
    function revealReport(uint256 roundId, bytes32 salt, bytes32[] calldata chunkHashes) external;

    /// @notice Publishes a chunk of the agreed report; called by an oracle that revealed it. Agreed bytes that are no report
    /// void the round and name all who agreed.
    /// @param roundId of the round
    /// @param chunkIndex position / 8192
    /// @param scores 8192 words, the last chunk shorter
    function publishScores(uint256 roundId, uint32 chunkIndex, bytes calldata scores) external;

    /// @notice Names the oracles that committed and have not revealed, one grace after the agreement.
    /// @param roundId of the round
    function nameAbsent(uint256 roundId) external;

    /// @notice Voids a final round whose dispute was won; called by {IDisputes}. The pack of an underwriting round is queried
    /// again.
    /// @param roundId of the round
    function voidRound(uint256 roundId) external;

    /// @notice Sets how long rounds wait; governance.
    /// @param graceSeconds for the commitments that are missing when a quorum committed, and as long for reveals
    /// @param publishSeconds for the next chunk of an agreed report
    function setWindows(uint32 graceSeconds, uint32 publishSeconds) external;

    /// @notice How long rounds wait.
    /// @return graceSeconds for the commitments that are missing when a quorum committed, and as long for reveals
    /// @return publishSeconds for the next chunk of an agreed report
    function windows() external view returns (uint32 graceSeconds, uint32 publishSeconds);

    /// @notice Number of rounds; ids are 1 to this.
    /// @return count of rounds
    function roundCount() external view returns (uint256 count);

    /// @notice A round.
    /// @param roundId of the round
    /// @return all zero when unknown
    function round(uint256 roundId) external view returns (Round memory);

    /// @notice From when reports may be revealed.
    /// @param roundId of the round
    /// @return second zero while no quorum has committed
    function revealOpensAt(uint256 roundId) external view returns (uint256 second);

    /// @notice Newest final round of a pack, of underwriting or monitoring.
    /// @param packId of the pack
    /// @return roundId zero when there is none
    function finalRoundOf(uint256 packId) external view returns (uint256 roundId);

    /// @notice Oracles of a round.
    /// @param roundId of the round
    /// @return oracles that had the role when it was opened, without those left out
    function oraclesOf(uint256 roundId) external view returns (address[] memory oracles);

    /// @notice Oracles that revealed the agreed report.
    /// @param roundId of the round
    /// @return oracles empty before agreement
    function reportersOf(uint256 roundId) external view returns (address[] memory oracles);

    /// @notice What an oracle did in a round.
    /// @param roundId of the round
    /// @param oracle account
    /// @return commitment zero before
    /// @return reportHash zero before it revealed
    /// @return fault zero when it was not named
    function reportOf(uint256 roundId, address oracle)
        external
        view
        returns (bytes32 commitment, bytes32 reportHash, uint8 fault);

    /// @notice How often an oracle was named, ever.
    /// @param oracle account
    /// @return counts by fault; the first is the number of rounds it was listed in
    function faultsOf(address oracle) external view returns (uint32[7] memory counts);

    /// @notice Hashes of the agreed report.
    /// @param roundId of the round
    /// @return hashes keccak of each chunk; empty before agreement
    function chunkHashes(uint256 roundId) external view returns (bytes32[] memory hashes);

    /// @notice A chunk of the report.
    /// @param roundId of the round
    /// @param chunkIndex position / 8192
    /// @return scores one word an asset
    function scoreChunk(uint256 roundId, uint32 chunkIndex) external view returns (bytes memory scores);

    /// @notice Where a chunk is kept: code of one STOP byte and the words.
    /// @param roundId of the round
    /// @param chunkIndex position / 8192
    /// @return pointer address with the code, zero before publication
    function scoreChunkPointer(uint256 roundId, uint32 chunkIndex) external view returns (address pointer);

    /// @notice Score of an asset in a final round, and the model version that made it.
    /// @param roundId of the round
    /// @param index of the asset
    /// @return word see above
    /// @return modelId of the version
    function scoreOf(uint256 roundId, uint32 index) external view returns (uint16 word, uint256 modelId);
}
