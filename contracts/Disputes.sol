// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {ICreditFileRegistry} from "./interfaces/ICreditFileRegistry.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IScoringRounds} from "./interfaces/IScoringRounds.sol";
import {PackStatus} from "./libraries/PackStatus.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title Disputes about scores
/// @notice See {IDisputes}.
contract Disputes is IDisputes, GovernedContract {
    /// @custom:storage-location erc7201:tranchain.storage.Disputes
    struct DisputesStorage {
        mapping(uint256 disputeId => Dispute) disputes;
        mapping(uint256 disputeId => mapping(uint32 organisation => uint8)) standings;
        mapping(uint256 disputeId => mapping(uint32 organisation => Verdict)) verdicts;
        mapping(uint256 roundId => uint256 disputeId) openOfRound;
        mapping(uint256 roundId => mapping(uint32 organisation => bool)) rejected;
        mapping(uint256 packId => uint32) openOfPack;
        mapping(uint256 packId => uint32) voids;
        mapping(address account => uint32) falseByAccount;
        mapping(uint32 organisation => uint32) falseByOrganisation;
        uint256 disputeCount;
        uint32 verdictWindowSeconds;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.Disputes")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _DISPUTES_SLOT = 0xb258fedd2d4125b52034b63ab462ca4772a82349282e424c98bd888946a14e00;
    uint8 private constant _UNDERWRITING = 1;
    uint8 private constant _CHALLENGER = 3;
    uint8 private constant _ROUND_FINAL = 3;
    uint8 private constant _OPEN = 1;
    uint8 private constant _WON = 2;
    uint8 private constant _REJECTED = 3;
    uint8 private constant _VOTER = 1;
    uint8 private constant _CONTESTED = 2;

    /// @notice Sets authority, registry and the time for verdicts.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
        _setVerdictWindow(7 days);
    }

    /// @inheritdoc IDisputes
    function open(uint256 roundId, uint32 assetIndex) external restricted returns (uint256 disputeId) {
        DisputesStorage storage $ = _storage();
        IScoringRounds.Round memory round = _rounds().round(roundId);
        address[] memory readers = _readersOf(round);
        uint32 organisation = _consortium().organisationOf(msg.sender);
        if (!_isEntitled(readers, msg.sender, organisation)) revert DisputesNotEntitled(roundId, msg.sender);
        _checkDisputable(roundId, round, organisation);
        _rounds().scoreOf(roundId, assetIndex);

        disputeId = ++$.disputeCount;
        Dispute storage opened = $.disputes[disputeId];
        (opened.roundId, opened.packId, opened.assetIndex) = (roundId, round.packId, assetIndex);
        (opened.account, opened.organisation) = (msg.sender, organisation);
        (opened.openedAt, opened.status) = (uint40(block.timestamp), _OPEN);
        opened.voterCount = _seat(disputeId, roundId, readers);
        opened.byArbiter = opened.voterCount == 0 || $.voids[round.packId] != 0;
        $.openOfRound[roundId] = disputeId;
        if (round.kind != _CHALLENGER) $.openOfPack[round.packId] += 1;
        emit DisputeOpened(
            disputeId, roundId, round.packId, assetIndex, msg.sender, opened.voterCount, opened.byArbiter
        );
    }

    /// @inheritdoc IDisputes
    function judge(uint256 disputeId, uint16 word) external restricted {
        Dispute storage current = _openDispute(disputeId);
        if (current.byArbiter) revert DisputesArbiterDecides(disputeId);
        uint32 organisation = _consortium().organisationOf(msg.sender);
        address[] memory readers = _readersOf(_rounds().round(current.roundId));
        if (!_isEntitled(readers, msg.sender, organisation)) revert DisputesNotEntitled(current.roundId, msg.sender);
        if (_storage().standings[disputeId][organisation] != _VOTER) revert DisputesNotVoter(disputeId, organisation);
        Verdict storage verdict = _storage().verdicts[disputeId][organisation];
        if (verdict.account != address(0)) revert DisputesAlreadyJudged(disputeId, organisation);
        (uint16 reported,) = _rounds().scoreOf(current.roundId, current.assetIndex);
        bool isWrong = word != reported;
        (verdict.account, verdict.givenAt, verdict.word) = (msg.sender, uint40(block.timestamp), word);
        if (isWrong) current.wrongCount += 1;
        else current.rightCount += 1;
        emit VerdictGiven(disputeId, organisation, msg.sender, word, isWrong);
        if (2 * current.wrongCount > current.voterCount) _decide(disputeId, current, true, address(0), 0);
        else if (2 * current.rightCount >= current.voterCount) _decide(disputeId, current, false, address(0), 0);
    }

    /// @inheritdoc IDisputes
    function decide(uint256 disputeId, bool isWrong, bytes32 documentHash) external restricted {
        Dispute storage current = _openDispute(disputeId);
        uint256 until = uint256(current.openedAt) + _storage().verdictWindowSeconds;
        if (!current.byArbiter && block.timestamp < until) revert DisputesTooEarly(disputeId, until);
        if (!isArbiter(disputeId, msg.sender)) revert DisputesNotArbiter(disputeId, msg.sender);
        if (documentHash == 0) revert DisputesGroundsMissing();
        _decide(disputeId, current, isWrong, msg.sender, documentHash);
    }

    /// @inheritdoc IDisputes
    function setVerdictWindow(uint32 windowSeconds) external restricted {
        _setVerdictWindow(windowSeconds);
    }

    /// @inheritdoc IDisputes
    function verdictWindow() external view returns (uint32 windowSeconds) {
        return _storage().verdictWindowSeconds;
    }

    /// @inheritdoc IDisputes
    function disputeCount() external view returns (uint256 count) {
        return _storage().disputeCount;
    }

    /// @inheritdoc IDisputes
    function dispute(uint256 disputeId) external view returns (Dispute memory) {
        return _storage().disputes[disputeId];
    }

    /// @inheritdoc IDisputes
    function verdictOf(uint256 disputeId, uint32 organisation)
        external
        view
        returns (uint8 standing, Verdict memory verdict)
    {
        return (_storage().standings[disputeId][organisation], _storage().verdicts[disputeId][organisation]);
    }

    /// @inheritdoc IDisputes
    function hasOpenDispute(uint256 packId) external view returns (bool disputed) {
        return _storage().openOfPack[packId] != 0;
    }

    /// @inheritdoc IDisputes
    function voidsOf(uint256 packId) external view returns (uint32 count) {
        return _storage().voids[packId];
    }

    /// @inheritdoc IDisputes
    function falseDisputesOf(address account, uint32 organisation)
        external
        view
        returns (uint32 byAccount, uint32 byOrganisation)
    {
        return (_storage().falseByAccount[account], _storage().falseByOrganisation[organisation]);
    }

    /// @inheritdoc IDisputes
    function isArbiter(uint256 disputeId, address account) public view returns (bool may) {
        IConsortium consortium = _consortium();
        uint64 role = consortium.roleCount(Roles.REGULATOR) != 0 ? Roles.REGULATOR : Roles.AUDITOR;
        if (!Roles.has(consortium.rolesOf(account), role)) return false;
        uint256 own = _bias(disputeId, consortium.organisationOf(account));
        address[] memory candidates = consortium.accountsWithRole(role);
        for (uint256 i = 0; i < candidates.length; ++i) {
            if (_bias(disputeId, consortium.organisationOf(candidates[i])) < own) return false;
        }
        return true;
    }

    /// @dev Organisations of readers vote, unless their oracle agreed to what is disputed.
    function _seat(uint256 disputeId, uint256 roundId, address[] memory readers) private returns (uint32 voterCount) {
        IConsortium consortium = _consortium();
        mapping(uint32 organisation => uint8) storage standings = _storage().standings[disputeId];
        address[] memory reporters = _rounds().reportersOf(roundId);
        for (uint256 i = 0; i < reporters.length; ++i) {
            standings[consortium.organisationOf(reporters[i])] = _CONTESTED;
        }
        for (uint256 i = 0; i < readers.length; ++i) {
            uint32 organisation = consortium.organisationOf(readers[i]);
            if (organisation == 0 || standings[organisation] != 0) continue;
            standings[organisation] = _VOTER;
            voterCount += 1;
        }
    }

    function _decide(
        uint256 disputeId,
        Dispute storage current,
        bool isWrong,
        address arbiter,
        bytes32 documentHash
    ) private {
        DisputesStorage storage $ = _storage();
        (uint256 roundId, uint256 packId) = (current.roundId, current.packId);
        current.status = isWrong ? _WON : _REJECTED;
        $.openOfRound[roundId] = 0;
        if (_rounds().round(roundId).kind != _CHALLENGER) $.openOfPack[packId] -= 1;
        emit DisputeDecided(disputeId, roundId, current.status, arbiter, documentHash);
        if (isWrong) {
            $.voids[packId] += 1;
            _rounds().voidRound(roundId);
        } else {
            $.rejected[roundId][current.organisation] = true;
            $.falseByAccount[current.account] += 1;
            $.falseByOrganisation[current.organisation] += 1;
        }
    }

    function _setVerdictWindow(uint32 windowSeconds) private {
        _storage().verdictWindowSeconds = windowSeconds;
        emit VerdictWindowSet(windowSeconds);
    }

    function _checkDisputable(uint256 roundId, IScoringRounds.Round memory round, uint32 organisation) private view {
        DisputesStorage storage $ = _storage();
        if (round.status != _ROUND_FINAL) revert DisputesRoundNotFinal(roundId, round.status);
        uint8 status = IAssetPackRegistry(_addressOf("AssetPackRegistry")).statusOf(round.packId);
        bool isOver = status == PackStatus.WITHDRAWN || status == PackStatus.CLOSED;
        if (isOver || (round.kind == _UNDERWRITING && status > PackStatus.TRANSFERRED)) {
            revert DisputesTooLate(round.packId, status);
        }
        if ($.openOfRound[roundId] != 0) revert DisputesAlreadyOpen(roundId, $.openOfRound[roundId]);
        if ($.rejected[roundId][organisation]) revert DisputesRejectedBefore(roundId, organisation);
    }

    /// @dev Recipients of the round's query, and last the pack's risk control.
    function _readersOf(IScoringRounds.Round memory round) private view returns (address[] memory readers) {
        if (round.packId == 0) return readers;
        address[] memory recipients =
            ICreditFileRegistry(_addressOf("CreditFileRegistry")).query(round.queryId).recipients;
        readers = new address[](recipients.length + 1);
        for (uint256 i = 0; i < recipients.length; ++i) readers[i] = recipients[i];
        readers[recipients.length] =
            IAssetPackRegistry(_addressOf("AssetPackRegistry")).pack(round.packId).riskControl;
    }

    /// @dev An account in force that is a reader, or an auditor of a reader's organisation.
    function _isEntitled(address[] memory readers, address account, uint32 organisation) private view returns (bool) {
        IConsortium consortium = _consortium();
        uint64 roles = consortium.rolesOf(account);
        if (roles == 0) return false;
        bool audits = Roles.has(roles, Roles.AUDITOR);
        for (uint256 i = 0; i < readers.length; ++i) {
            if (readers[i] == account) return true;
            if (audits && consortium.organisationOf(readers[i]) == organisation) return true;
        }
        return false;
    }

    function _openDispute(uint256 disputeId) private view returns (Dispute storage current) {
        current = _storage().disputes[disputeId];
        if (current.status != _OPEN) revert DisputesNotOpen(disputeId, current.status);
    }

    /// @dev 0 for who has no part in the dispute, 1 for a contested organisation, 2 for the one that disputes.
    function _bias(uint256 disputeId, uint32 organisation) private view returns (uint256) {
        if (organisation == _storage().disputes[disputeId].organisation) return 2;
        return _storage().standings[disputeId][organisation] == _CONTESTED ? 1 : 0;
    }

    function _rounds() private view returns (IScoringRounds) {
        return IScoringRounds(_addressOf("ScoringRounds"));
    }

    function _storage() private pure returns (DisputesStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _DISPUTES_SLOT
        }
    }
}
