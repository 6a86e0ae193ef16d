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
        uint8 fault;
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
        /// @dev newest round by kind and, of challengers, by model
        mapping(uint256 packId => mapping(uint8 kind => mapping(uint256 modelId => uint256))) newest;
        /// @dev rounds of underwriting and monitoring that were final once
        mapping(uint256 packId => uint256[]) finals;
        /// @dev void round whose reporters the pack's next round leaves out; zero once another is final
        mapping(uint256 packId => uint256) voided;
        mapping(address oracle => uint32[7]) faults;
        uint256 roundCount;
        uint32 graceSeconds;
        uint32 publishSeconds;
    }

    /// @notice Bytes per call of `publishScores`.
    uint256 public constant SCORE_CHUNK_BYTES = 16_384;

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.ScoringRounds")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _SCORING_ROUNDS_SLOT = 0x206c9cd123f38f13647939b8044798d67ba386d172e322c92ca42d5781ceff00;
    uint8 private constant _UNDERWRITING = 1;
    uint8 private constant _MONITORING = 2;
    uint8 private constant _CHALLENGER = 3;
    uint8 private constant _OPEN = 1;
    uint8 private constant _AGREED = 2;
    uint8 private constant _FINAL = 3;
    uint8 private constant _VOID = 4;
    uint8 private constant _SILENT = 1;
    uint8 private constant _LATE = 2;
    uint8 private constant _DISSENTING = 3;
    uint8 private constant _MALFORMED = 4;
    uint8 private constant _UNPUBLISHED = 5;
    uint8 private constant _OVERRULED = 6;
    uint8 private constant _REASON_SUPERSEDED = 1;
    uint8 private constant _REASON_MALFORMED = 2;
    uint8 private constant _REASON_UNPUBLISHED = 3;
    uint8 private constant _REASON_DISPUTED = 4;

    /// @notice Sets authority, registry and how long rounds wait.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
        _setWindows(30, 300);
    }

    /// @inheritdoc IScoringRounds
    function open(uint256 packId, uint256 queryId, uint256 modelId, uint256 policyId)
        external
        restricted
        returns (uint256 roundId)
    {
        ScoringRoundsStorage storage $ = _storage();
        IAssetPackRegistry.Pack memory pack = IAssetPackRegistry(_addressOf("AssetPackRegistry")).pack(packId);
        uint8 kind = _kindOf(packId, pack, modelId);
        _checkInputs(packId, queryId, policyId, kind);
        uint256 line = kind == _CHALLENGER ? modelId : 0;
        _supersede($.newest[packId][kind][line]);

        roundId = ++$.roundCount;
        $.newest[packId][kind][line] = roundId;
        Round storage opened = $.rounds[roundId];
        (opened.packId, opened.queryId, opened.modelId, opened.policyId) = (packId, queryId, modelId, policyId);
        opened.openedAt = uint40(block.timestamp);
        opened.assetCount = pack.count;
        (opened.kind, opened.status) = (kind, _OPEN);
        _list(roundId, opened);
        emit RoundOpened(roundId, packId, queryId, modelId, policyId, opened.quorum, kind);
    }

    /// @inheritdoc IScoringRounds
    function commitReport(uint256 roundId, bytes32 commitment) external restricted {
        (Round storage current, Report storage report) = _ownReport(roundId);
        if (commitment == 0) revert ScoringZeroCommitment();
        if (report.commitment != 0 || report.fault == _LATE) revert ScoringAlreadyCommitted(roundId, msg.sender);
        if (_canReveal(current)) {
            _name(roundId, msg.sender, _LATE);
            return;
        }
        report.commitment = commitment;
        current.commitCount += 1;
        if (current.commitCount == current.quorum) current.quorumAt = uint40(block.timestamp);
        emit ReportCommitted(roundId, msg.sender, commitment);
    }

    /// @inheritdoc IScoringRounds
    function revealReport(uint256 roundId, bytes32 salt, bytes32[] calldata hashes) external restricted {
        (Round storage current, Report storage report) = _ownReport(roundId);
        if (!_canReveal(current)) revert ScoringRevealNotOpen(roundId, _revealOpensAt(current));
        if (report.reportHash != 0) revert ScoringAlreadyRevealed(roundId, msg.sender);
        bytes32 reportHash = keccak256(abi.encodePacked(hashes));
        bytes32 commitment = keccak256(abi.encode(roundId, msg.sender, salt, reportHash));
        if (report.commitment != commitment) revert ScoringWrongReveal(report.commitment, commitment);
        report.reportHash = reportHash;
        emit ReportRevealed(roundId, msg.sender, reportHash);
        if (hashes.length != (_reportBytes(current) + SCORE_CHUNK_BYTES - 1) / SCORE_CHUNK_BYTES) {
            _name(roundId, msg.sender, _MALFORMED);
        } else {
            _count(roundId, current, reportHash, hashes);
        }
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
        bytes32 agreed = $.chunkHashes[roundId][chunkIndex];
        if (keccak256(scores) != agreed) revert ScoringWrongHash(agreed, keccak256(scores));
        if (!_isReport(current, chunkIndex, scores)) {
            _void(roundId, _REASON_MALFORMED, _MALFORMED);
            return;
        }
        address pointer = ChunkStore.write(scores);
        $.pointers[roundId][chunkIndex] = pointer;
        current.chunksPublished += 1;
        current.progressAt = uint40(block.timestamp);
        emit ScoresPublished(roundId, chunkIndex, pointer);
        if (current.chunksPublished == chunkCount) _finish(roundId, current);
    }

    /// @inheritdoc IScoringRounds
    function nameAbsent(uint256 roundId) external restricted {
        Round storage current = _known(roundId);
        if (current.status != _AGREED && current.status != _FINAL) {
            revert ScoringWrongStatus(roundId, _AGREED, current.status);
        }
        uint256 until = uint256(current.agreedAt) + _storage().graceSeconds;
        if (block.timestamp < until) revert ScoringTooEarly(roundId, until);
        address[] storage oracles = _storage().oracles[roundId];
        for (uint256 i = 0; i < oracles.length; ++i) {
            Report storage report = _storage().reports[roundId][oracles[i]];
            if (report.commitment != 0 && report.reportHash == 0) _name(roundId, oracles[i], _LATE);
        }
    }

    /// @inheritdoc IScoringRounds
    function voidRound(uint256 roundId) external restricted {
        Round storage current = _known(roundId);
        if (current.status != _FINAL) revert ScoringWrongStatus(roundId, _FINAL, current.status);
        _void(roundId, _REASON_DISPUTED, _OVERRULED);
        if (current.kind != _UNDERWRITING) return;
        IAssetPackRegistry packs = IAssetPackRegistry(_addressOf("AssetPackRegistry"));
        if (packs.statusOf(current.packId) <= PackStatus.TRANSFERRED) packs.setBack(current.packId);
    }

    /// @inheritdoc IScoringRounds
    function setWindows(uint32 graceSeconds, uint32 publishSeconds) external restricted {
        _setWindows(graceSeconds, publishSeconds);
    }

    /// @inheritdoc IScoringRounds
    function windows() external view returns (uint32 graceSeconds, uint32 publishSeconds) {
        return (_storage().graceSeconds, _storage().publishSeconds);
    }

    /// @inheritdoc IScoringRounds
    function roundCount() external view returns (uint256) {
        return _storage().roundCount;
    }

    /// @inheritdoc IScoringRounds
    function round(uint256 roundId) external view returns (Round memory) {
        return _storage().rounds[roundId];
    }

    /// @inheritdoc IScoringRounds
    function revealOpensAt(uint256 roundId) external view returns (uint256 second) {
        return _revealOpensAt(_known(roundId));
    }

    /// @inheritdoc IScoringRounds
    function finalRoundOf(uint256 packId) external view returns (uint256 roundId) {
        uint256[] storage finals = _storage().finals[packId];
        for (uint256 i = finals.length; i != 0; --i) {
            if (_storage().rounds[finals[i - 1]].status == _FINAL) return finals[i - 1];
        }
    }

    /// @inheritdoc IScoringRounds
    function oraclesOf(uint256 roundId) external view returns (address[] memory) {
        return _storage().oracles[roundId];
    }

    /// @inheritdoc IScoringRounds
    function reportersOf(uint256 roundId) external view returns (address[] memory oracles) {
        address[] memory listed = _storage().oracles[roundId];
        oracles = new address[](_countAgreeing(roundId, listed));
        uint256 count = 0;
        for (uint256 i = 0; i < listed.length; ++i) {
            if (_agrees(roundId, listed[i])) oracles[count++] = listed[i];
        }
    }

    /// @inheritdoc IScoringRounds
    function reportOf(uint256 roundId, address oracle)
        external
        view
        returns (bytes32 commitment, bytes32 reportHash, uint8 fault)
    {
        Report storage report = _storage().reports[roundId][oracle];
        return (report.commitment, report.reportHash, report.fault);
    }

    /// @inheritdoc IScoringRounds
    function faultsOf(address oracle) external view returns (uint32[7] memory counts) {
        return _storage().faults[oracle];
    }

    /// @inheritdoc IScoringRounds
    function chunkHashes(uint256 roundId) external view returns (bytes32[] memory hashes) {
        return _storage().chunkHashes[roundId];
    }

    /// @inheritdoc IScoringRounds
    function scoreChunk(uint256 roundId, uint32 chunkIndex) external view returns (bytes memory scores) {
        address pointer = _storage().pointers[roundId][chunkIndex];
        if (pointer == address(0)) revert ScoringUnknownChunk(roundId, chunkIndex);
        return ChunkStore.read(pointer);
    }

    /// @inheritdoc IScoringRounds
    function scoreChunkPointer(uint256 roundId, uint32 chunkIndex) external view returns (address) {
        return _storage().pointers[roundId][chunkIndex];
    }

    /// @inheritdoc IScoringRounds
    function scoreOf(uint256 roundId, uint32 index) external view returns (uint16 word, uint256 modelId) {
        Round storage current = _known(roundId);
        if (current.status != _FINAL) revert ScoringWrongStatus(roundId, _FINAL, current.status);
        if (index >= current.assetCount) revert ScoringUnknownAsset(roundId, index);
        uint256 start = index * ReportWords.SIZE_BYTES;
        address pointer = _storage().pointers[roundId][uint32(start / SCORE_CHUNK_BYTES)];
        bytes memory slice = ChunkStore.readSlice(pointer, start % SCORE_CHUNK_BYTES, ReportWords.SIZE_BYTES);
        return (uint16(bytes2(slice)), current.modelId);
    }

    /// @dev A round that was not agreed is void without blame; an agreed one may still be published for a while.
    function _supersede(uint256 roundId) private {
        Round storage former = _storage().rounds[roundId];
        if (former.status == _OPEN) _void(roundId, _REASON_SUPERSEDED, 0);
        if (former.status != _AGREED) return;
        uint256 until = uint256(former.progressAt) + _storage().publishSeconds;
        if (block.timestamp < until) revert ScoringRoundRunning(roundId, until);
        _void(roundId, _REASON_UNPUBLISHED, _UNPUBLISHED);
    }

    /// @dev Every account that is an oracle now, without those whose report voided the pack's last round, unless nobody were
    /// left.
    function _list(uint256 roundId, Round storage opened) private {
        ScoringRoundsStorage storage $ = _storage();
        uint256 voided = $.voided[opened.packId];
        address[] memory candidates = _consortium().accountsWithRole(Roles.ORACLE);
        uint256 reporters = _countAgreeing(voided, candidates);
        bool leavesOut = reporters < candidates.length;
        for (uint256 i = 0; i < candidates.length; ++i) {
            if (leavesOut && _agrees(voided, candidates[i])) {
                emit OracleLeftOut(roundId, candidates[i], voided);
                continue;
            }
            $.oracles[roundId].push(candidates[i]);
            $.reports[roundId][candidates[i]].isOracle = true;
            $.faults[candidates[i]][0] += 1;
        }
        uint256 count = $.oracles[roundId].length;
        if (count == 0) revert ScoringNoOracles();
        (opened.oracleCount, opened.quorum) = (uint32(count), uint32(count / 2 + 1));
    }

    /// @dev The first report with a quorum is the agreed one; whoever revealed another, before or after, dissents.
    function _count(uint256 roundId, Round storage current, bytes32 reportHash, bytes32[] calldata hashes) private {
        ScoringRoundsStorage storage $ = _storage();
        uint256 votes = ++$.votes[roundId][reportHash];
        if (current.status != _OPEN) {
            if (reportHash != current.reportHash) _name(roundId, msg.sender, _DISSENTING);
            return;
        }
        if (votes < current.quorum) return;
        (current.status, current.reportHash) = (_AGREED, reportHash);
        (current.agreedAt, current.progressAt) = (uint40(block.timestamp), uint40(block.timestamp));
        $.chunkHashes[roundId] = hashes;
        emit RoundAgreed(roundId, reportHash);
        address[] storage oracles = $.oracles[roundId];
        for (uint256 i = 0; i < oracles.length; ++i) {
            Report storage report = $.reports[roundId][oracles[i]];
            if (report.fault != 0) continue;
            if (report.commitment == 0) _name(roundId, oracles[i], _SILENT);
            else if (report.reportHash != 0 && report.reportHash != reportHash) {
                _name(roundId, oracles[i], _DISSENTING);
            }
        }
    }

    function _finish(uint256 roundId, Round storage current) private {
        current.status = _FINAL;
        emit RoundFinal(roundId, current.packId, current.reportHash);
        if (current.kind == _CHALLENGER) return;
        _storage().finals[current.packId].push(roundId);
        _storage().voided[current.packId] = 0;
        if (current.kind != _UNDERWRITING) return;
        IAssetPackRegistry(_addressOf("AssetPackRegistry")).advance(current.packId, PackStatus.SCORED);
    }

    /// @dev With a fault, all who agreed are named and the pack's next round leaves them out; who dissented is cleared.
    function _void(uint256 roundId, uint8 reason, uint8 fault) private {
        Round storage current = _storage().rounds[roundId];
        current.status = _VOID;
        emit RoundVoided(roundId, current.packId, reason);
        if (fault == 0) return;
        if (current.kind != _CHALLENGER) _storage().voided[current.packId] = roundId;
        address[] storage oracles = _storage().oracles[roundId];
        for (uint256 i = 0; i < oracles.length; ++i) {
            if (_agrees(roundId, oracles[i])) _name(roundId, oracles[i], fault);
            else if (_storage().reports[roundId][oracles[i]].fault == _DISSENTING) _name(roundId, oracles[i], 0);
        }
    }

    /// @dev An oracle has one fault a round, the last one it was named for.
    function _name(uint256 roundId, address oracle, uint8 fault) private {
        Report storage report = _storage().reports[roundId][oracle];
        if (report.fault == fault) return;
        if (report.fault != 0) _storage().faults[oracle][report.fault] -= 1;
        if (fault != 0) _storage().faults[oracle][fault] += 1;
        report.fault = fault;
        emit OracleNamed(roundId, oracle, fault, report.reportHash);
    }

    function _setWindows(uint32 graceSeconds, uint32 publishSeconds) private {
        (_storage().graceSeconds, _storage().publishSeconds) = (graceSeconds, publishSeconds);
        emit WindowsSet(graceSeconds, publishSeconds);
    }

    function _kindOf(uint256 packId, IAssetPackRegistry.Pack memory pack, uint256 modelId)
        private
        view
        returns (uint8 kind)
    {
        IRiskModelRegistry models = IRiskModelRegistry(_addressOf("RiskModelRegistry"));
        if (!models.isUsable(modelId)) revert ScoringModelNotUsable(modelId);
        bool isMonitored = pack.status == PackStatus.ISSUED || pack.status == PackStatus.MONITORED;
        bool isQueried = pack.status >= PackStatus.QUERIED && pack.status <= PackStatus.MONITORED;
        if (!models.isChampion(modelId)) kind = isQueried ? _CHALLENGER : 0;
        else if (pack.status == PackStatus.QUERIED) kind = _UNDERWRITING;
        else if (isMonitored) kind = _MONITORING;
        if (kind == 0 || pack.riskControl != msg.sender) revert ScoringPackNotReady(packId, msg.sender, pack.status);
    }

    /// @dev Purposes of queries are numbered as kinds are.
    function _checkInputs(uint256 packId, uint256 queryId, uint256 policyId, uint8 kind) private view {
        ICreditFileRegistry.Query memory query = ICreditFileRegistry(_addressOf("CreditFileRegistry")).query(queryId);
        bool fits = kind == _CHALLENGER ? query.purpose <= _MONITORING : query.purpose == kind;
        if (query.packId != packId || !query.closed || !fits) revert ScoringQueryNotReady(queryId, packId);
        uint256 policyCount = IScreeningViews(_addressOf("Screening")).policyCount();
        if (policyId == 0 || policyId > policyCount) revert ScoringUnknownPolicy(policyId);
    }

    /// @dev The caller's report in a round that is not void.
    function _ownReport(uint256 roundId) private view returns (Round storage current, Report storage report) {
        current = _known(roundId);
        report = _storage().reports[roundId][msg.sender];
        if (!report.isOracle) revert ScoringNotOracleOfRound(roundId, msg.sender);
        if (current.status == _VOID) revert ScoringWrongStatus(roundId, _OPEN, _VOID);
    }

    function _known(uint256 roundId) private view returns (Round storage current) {
        current = _storage().rounds[roundId];
        if (current.status == 0) revert ScoringUnknownRound(roundId);
    }

    function _countAgreeing(uint256 roundId, address[] memory oracles) private view returns (uint256 count) {
        for (uint256 i = 0; i < oracles.length; ++i) {
            if (_agrees(roundId, oracles[i])) count += 1;
        }
    }

    function _agrees(uint256 roundId, address oracle) private view returns (bool) {
        bytes32 agreed = _storage().rounds[roundId].reportHash;
        return agreed != 0 && _storage().reports[roundId][oracle].reportHash == agreed;
    }

    function _canReveal(Round storage current) private view returns (bool) {
        uint256 opensAt = _revealOpensAt(current);
        return opensAt != 0 && block.timestamp >= opensAt;
    }

    function _revealOpensAt(Round storage current) private view returns (uint256) {
        if (current.commitCount < current.quorum) return 0;
        if (current.commitCount == current.oracleCount) return current.quorumAt;
        return uint256(current.quorumAt) + _storage().graceSeconds;
    }

    function _reportBytes(Round storage current) private view returns (uint256) {
        return current.assetCount * ReportWords.SIZE_BYTES;
    }

    function _isReport(Round storage current, uint32 chunkIndex, bytes calldata scores) private view returns (bool) {
        uint256 left = _reportBytes(current) - chunkIndex * SCORE_CHUNK_BYTES;
        uint256 expected = left < SCORE_CHUNK_BYTES ? left : SCORE_CHUNK_BYTES;
        return scores.length == expected && ReportWords.findBad(scores) == type(uint256).max;
    }

    function _storage() private pure returns (ScoringRoundsStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _SCORING_ROUNDS_SLOT
        }
    }
}
