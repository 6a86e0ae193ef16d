// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {ICreditFileRegistry} from "./interfaces/ICreditFileRegistry.sol";
import {IRiskModelRegistry} from "./interfaces/IRiskModelRegistry.sol";
import {IScoringRounds} from "./interfaces/IScoringRounds.sol";
import {IScreeningViews} from "./interfaces/IScreeningViews.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {PackStatus} from "./libraries/PackStatus.sol";
import {ReportWords} from "./libraries/ReportWords.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title Scores of packs, agreed by oracles
/// @notice See {IScoringRounds}.
contract ScoringRounds is IScoringRounds, GovernedContract {
    /// @dev What an oracle did in a round.
    struct Report {
        bool isOracle;
        bytes32 commitment;
        bytes32 reportHash;
    }

    /// @custom:storage-location erc7201:tranchain.storage.ScoringRounds
    struct ScoringRoundsStorage {
        mapping(uint256 roundId => Round) rounds;
        mapping(uint256 roundId => address[]) oracles;
        mapping(uint256 roundId => mapping(address oracle => Report)) reports;
        mapping(uint256 roundId => mapping(bytes32 reportHash => uint256)) votes;
        mapping(uint256 roundId => bytes32[]) chunkHashes;
        mapping(uint256 roundId => mapping(uint32 chunkIndex => address)) pointers;
        uint256 roundCount;
        uint32 commitWindowSeconds;
        mapping(uint256 packId => uint256 roundId) newestRounds;
    }

    /// @notice Bytes per call of `publishScores`.
    uint256 public constant SCORE_CHUNK_BYTES = 16_384;

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.ScoringRounds")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _SCORING_ROUNDS_SLOT = 0x206c9cd123f38f13647939b8044798d67ba386d172e322c92ca42d5781ceff00;
    uint8 private constant _OPEN = 1;
    uint8 private constant _AGREED = 2;
    uint8 private constant _FINAL = 3;

    /// @notice Sets authority, registry and the time to commit.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
        _storage().commitWindowSeconds = 600;
        emit CommitWindowSet(600);
    }

    /// @inheritdoc IScoringRounds
    function open(uint256 packId, uint256 queryId, uint256 modelId, uint256 policyId)
        external
        restricted
        returns (uint256 roundId)
    {
        IAssetPackRegistry.Pack memory pack = IAssetPackRegistry(_addressOf("AssetPackRegistry")).pack(packId);
        if (pack.riskControl != msg.sender || pack.status != PackStatus.QUERIED) {
            revert ScoringPackNotReady(packId, msg.sender, pack.status);
        }
        _checkInputs(packId, queryId, modelId, policyId);
        address[] memory oracles = _consortium().accountsWithRole(Roles.ORACLE);
        if (oracles.length == 0) revert ScoringNoOracles();

        ScoringRoundsStorage storage $ = _storage();
        roundId = ++$.roundCount;
        Round storage opened = $.rounds[roundId];
        (opened.packId, opened.queryId, opened.modelId, opened.policyId) = (packId, queryId, modelId, policyId);
        opened.openedAt = uint40(block.timestamp);
        opened.assetCount = pack.count;
        opened.oracleCount = uint32(oracles.length);
        opened.quorum = uint32(oracles.length / 2 + 1);
        opened.status = _OPEN;
        $.oracles[roundId] = oracles;
        for (uint256 i = 0; i < oracles.length; ++i) {
            $.reports[roundId][oracles[i]].isOracle = true;
        }
        emit RoundOpened(roundId, packId, queryId, modelId, policyId, opened.quorum);
    }

    /// @inheritdoc IScoringRounds
    function commitReport(uint256 roundId, bytes32 commitment) external restricted {
        (Round storage current, Report storage report) = _ownReport(roundId);
        if (commitment == 0) revert ScoringZeroCommitment();
        if (report.commitment != 0) revert ScoringAlreadyCommitted(roundId, msg.sender);
        if (block.timestamp >= _revealOpensAt(current)) revert ScoringCommitClosed(roundId);
        report.commitment = commitment;
        current.commitCount += 1;
        emit ReportCommitted(roundId, msg.sender, commitment);
    }

    /// @inheritdoc IScoringRounds
    function revealReport(uint256 roundId, bytes32 salt, bytes32[] calldata hashes) external restricted {
        (Round storage current, Report storage report) = _ownReport(roundId);
        if (current.commitCount < current.oracleCount && block.timestamp < _revealOpensAt(current)) {
            revert ScoringRevealNotOpen(roundId, _revealOpensAt(current));
        }
        if (report.reportHash != 0) revert ScoringAlreadyRevealed(roundId, msg.sender);
        uint256 expectedCount = (_reportBytes(current) + SCORE_CHUNK_BYTES - 1) / SCORE_CHUNK_BYTES;
        if (hashes.length != expectedCount) revert ScoringWrongChunkCount(expectedCount, hashes.length);
        bytes32 reportHash = keccak256(abi.encodePacked(hashes));
        bytes32 commitment = keccak256(abi.encode(roundId, msg.sender, salt, reportHash));
        if (report.commitment != commitment) revert ScoringWrongReveal(report.commitment, commitment);
        report.reportHash = reportHash;
        emit ReportRevealed(roundId, msg.sender, reportHash);
        _count(roundId, current, reportHash, hashes);
    }

    /// @inheritdoc IScoringRounds
    function publishScores(uint256 roundId, uint32 chunkIndex, bytes calldata scores) external restricted {
        (Round storage current, Report storage report) = _ownReport(roundId);
        ScoringRoundsStorage storage $ = _storage();
        if (current.status == _OPEN) revert ScoringWrongStatus(roundId, _AGREED, _OPEN);
        if (report.reportHash != current.reportHash) revert ScoringNotAgreedOracle(roundId, msg.sender);
        uint256 chunkCount = $.chunkHashes[roundId].length;
        if (chunkIndex >= chunkCount) revert ScoringUnknownChunk(roundId, chunkIndex);
        if ($.pointers[roundId][chunkIndex] != address(0)) revert ScoringAlreadyPublished(roundId, chunkIndex);
        _checkScores(_reportBytes(current), chunkIndex, scores, $.chunkHashes[roundId][chunkIndex]);

        address pointer = ChunkStore.write(scores);
        $.pointers[roundId][chunkIndex] = pointer;
        current.chunksPublished += 1;
        emit ScoresPublished(roundId, chunkIndex, pointer);
        if (current.chunksPublished < chunkCount) return;
        current.status = _FINAL;
        $.newestRounds[current.packId] = roundId;
        emit RoundFinal(roundId, current.packId, current.reportHash);
        IAssetPackRegistry(_addressOf("AssetPackRegistry")).advance(current.packId, PackStatus.SCORED);
    }

    /// @inheritdoc IScoringRounds
    function setCommitWindow(uint32 windowSeconds) external restricted {
        _storage().commitWindowSeconds = windowSeconds;
        emit CommitWindowSet(windowSeconds);
    }

    /// @inheritdoc IScoringRounds
    function commitWindow() external view returns (uint32) {
        return _storage().commitWindowSeconds;
    }

    /// @inheritdoc IScoringRounds
    function roundCount() external view returns (uint256) {
        return _storage().roundCount;
    }

    /// @inheritdoc IScoringRounds
    function newestRound(uint256 packId) external view returns (uint256 roundId) {
        return _storage().newestRounds[packId];
    }

    /// @inheritdoc IScoringRounds
    function round(uint256 roundId) external view returns (Round memory) {
        return _storage().rounds[roundId];
    }

    /// @inheritdoc IScoringRounds
    function oraclesOf(uint256 roundId) external view returns (address[] memory) {
        return _storage().oracles[roundId];
    }

    /// @inheritdoc IScoringRounds
    function reportOf(uint256 roundId, address oracle) external view returns (bytes32 commitment, bytes32 reportHash) {
        Report storage report = _storage().reports[roundId][oracle];
        return (report.commitment, report.reportHash);
    }

    /// @inheritdoc IScoringRounds
    function chunkHashes(uint256 roundId) external view returns (bytes32[] memory) {
        return _storage().chunkHashes[roundId];
    }

    /// @inheritdoc IScoringRounds
    function scoreChunk(uint256 roundId, uint32 chunkIndex) external view returns (bytes memory) {
        address pointer = _storage().pointers[roundId][chunkIndex];
        if (pointer == address(0)) revert ScoringUnknownChunk(roundId, chunkIndex);
        return ChunkStore.read(pointer);
    }

    /// @inheritdoc IScoringRounds
    function scoreChunkPointer(uint256 roundId, uint32 chunkIndex) external view returns (address) {
        return _storage().pointers[roundId][chunkIndex];
    }

    /// @dev The first report with a quorum is the agreed one; whoever revealed another, before or after, dissents.
    function _count(uint256 roundId, Round storage current, bytes32 reportHash, bytes32[] calldata hashes) private {
        ScoringRoundsStorage storage $ = _storage();
        uint256 votes = ++$.votes[roundId][reportHash];
        if (current.status != _OPEN) {
            if (reportHash != current.reportHash) emit OracleDissented(roundId, msg.sender, reportHash);
            return;
        }
        if (votes < current.quorum) return;
        current.status = _AGREED;
        current.reportHash = reportHash;
        $.chunkHashes[roundId] = hashes;
        emit RoundAgreed(roundId, reportHash);
        address[] storage oracles = $.oracles[roundId];
        for (uint256 i = 0; i < oracles.length; ++i) {
            bytes32 other = $.reports[roundId][oracles[i]].reportHash;
            if (other != 0 && other != reportHash) emit OracleDissented(roundId, oracles[i], other);
        }
    }

    function _checkInputs(uint256 packId, uint256 queryId, uint256 modelId, uint256 policyId) private view {
        ICreditFileRegistry.Query memory query = ICreditFileRegistry(_addressOf("CreditFileRegistry")).query(queryId);
        if (query.packId != packId || !query.closed) revert ScoringQueryNotReady(queryId, packId);
        bool usable = IRiskModelRegistry(_addressOf("RiskModelRegistry")).isUsable(modelId);
        if (!usable) revert ScoringModelNotUsable(modelId);
        uint256 policyCount = IScreeningViews(_addressOf("Screening")).policyCount();
        if (policyId == 0 || policyId > policyCount) revert ScoringUnknownPolicy(policyId);
    }

    function _ownReport(uint256 roundId) private view returns (Round storage current, Report storage report) {
        current = _storage().rounds[roundId];
        if (current.status == 0) revert ScoringUnknownRound(roundId);
        report = _storage().reports[roundId][msg.sender];
        if (!report.isOracle) revert ScoringNotOracleOfRound(roundId, msg.sender);
    }

    function _revealOpensAt(Round storage current) private view returns (uint256) {
        return uint256(current.openedAt) + _storage().commitWindowSeconds;
    }

    function _reportBytes(Round storage current) private view returns (uint256) {
        return current.assetCount * ReportWords.SIZE_BYTES;
    }

    function _checkScores(uint256 reportBytes, uint32 chunkIndex, bytes calldata scores, bytes32 agreed) private pure {
        uint256 left = reportBytes - chunkIndex * SCORE_CHUNK_BYTES;
        uint256 expected = left < SCORE_CHUNK_BYTES ? left : SCORE_CHUNK_BYTES;
        if (scores.length != expected) revert ScoringWrongLength(expected, scores.length);
        bytes32 actual = keccak256(scores);
        if (actual != agreed) revert ScoringWrongHash(agreed, actual);
        uint256 bad = ReportWords.findBad(scores);
        if (bad != type(uint256).max) revert ScoringBadWord(bad);
    }

    function _storage() private pure returns (ScoringRoundsStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _SCORING_ROUNDS_SLOT
        }
    }
}
