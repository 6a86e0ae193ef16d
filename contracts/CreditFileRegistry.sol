// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {ICreditFileRegistry} from "./interfaces/ICreditFileRegistry.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {PackStatus} from "./libraries/PackStatus.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title Credit files by commitment: batches, queries, answers, erasures
/// @notice See {ICreditFileRegistry}.
contract CreditFileRegistry is ICreditFileRegistry, GovernedContract {
    /// @custom:storage-location erc7201:tranchain.storage.CreditFileRegistry
    struct CreditFileRegistryStorage {
        mapping(uint256 batchId => Batch) batches;
        mapping(bytes32 root => uint256) batchIdByRoot;
        mapping(uint256 batchId => mapping(uint256 word => uint256)) revoked;
        mapping(uint256 batchId => mapping(address recipient => mapping(uint256 word => uint256))) deleted;
        mapping(uint256 queryId => Query) queries;
        mapping(uint256 queryId => mapping(uint32 organisation => Answer)) answers;
        mapping(address account => bool) wasRecipient;
        uint256 batchCount;
        uint256 queryCount;
        uint32 minimumSubjects;
        uint32 sourcesCount;
        mapping(uint32 sourcesId => address pointer) sourcesPointers;
        mapping(uint256 queryId => mapping(uint32 organisation => uint256 day)) toldOn;
    }

    /// @notice Records per call of `publishBatch`.
    uint32 public constant BATCH_COUNT_MAX = 10_000;
    /// @notice Recipients of a query.
    uint256 public constant RECIPIENT_COUNT_MAX = 16;
    /// @notice Bytes of a document of sources.
    uint256 public constant SOURCES_SIZE_BYTES_MAX = 8_192;

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.CreditFileRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _CREDIT_FILE_REGISTRY_SLOT = 0x3cc88c66ba3714a58f21d86a807749b9c381d678e058858956ef2495430ce600;
    uint64 private constant _READER_ROLES = uint64(
        (1 << Roles.RISK_CONTROL) | (1 << Roles.BUREAU) | (1 << Roles.TRUSTEE) | (1 << Roles.AUDITOR)
    );
    uint8 private constant _UNDERWRITING = 1;
    uint8 private constant _PURPOSE_MAX = 4;
    uint8 private constant _REVOCATION_REASON_MAX = 4;
    uint8 private constant _REFUSAL_REASON_MAX = 6;

    /// @notice Sets authority, registry and the least number of subjects.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
        _storage().minimumSubjects = 100;
        emit MinimumSubjectsSet(100);
    }

    /// @inheritdoc ICreditFileRegistry
    function publishBatch(
        bytes32 root,
        uint32 count,
        uint40 observedFrom,
        uint40 observedTo,
        uint40 expiresAt,
        bytes32 vaultRoot
    ) external restricted returns (uint256 batchId) {
        CreditFileRegistryStorage storage $ = _storage();
        if (root == 0) revert CreditFileHashMissing("root");
        if (vaultRoot == 0) revert CreditFileHashMissing("vaultRoot");
        if (count == 0 || count > BATCH_COUNT_MAX) revert CreditFileBadCount(count, BATCH_COUNT_MAX);
        if (observedFrom > observedTo) revert CreditFileBadDays(observedFrom, observedTo);
        if (expiresAt <= block.timestamp) revert CreditFileExpired(expiresAt, block.timestamp);
        if ($.batchIdByRoot[root] != 0) revert CreditFileRootKnown(root, $.batchIdByRoot[root]);
        batchId = ++$.batchCount;
        $.batchIdByRoot[root] = batchId;
        $.batches[batchId] = Batch({
            root: root,
            vaultRoot: vaultRoot,
            bureau: msg.sender,
            organisation: _consortium().organisationOf(msg.sender),
            count: count,
            observedFrom: observedFrom,
            observedTo: observedTo,
            expiresAt: expiresAt,
            publishedAt: uint40(block.timestamp)
        });
        emit BatchPublished(batchId, msg.sender, root, count, observedFrom, observedTo, expiresAt, vaultRoot);
    }

    /// @inheritdoc ICreditFileRegistry
    function revoke(uint256 batchId, uint32[] calldata indices, uint8 reason) external restricted {
        Batch storage stored = _batch(batchId);
        uint32 organisation = _consortium().organisationOf(msg.sender);
        if (organisation != stored.organisation) revert CreditFileNotOwner(batchId, stored.organisation, organisation);
        if (reason == 0 || reason > _REVOCATION_REASON_MAX) revert CreditFileBadReason(reason);
        if (indices.length == 0) revert CreditFileNoIndices();
        for (uint256 i = 0; i < indices.length; ++i) {
            uint32 index = indices[i];
            if (index >= stored.count) revert CreditFileBadIndex(batchId, index);
            if (isRevoked(batchId, index)) revert CreditFileAlreadyRevoked(batchId, index);
            _storage().revoked[batchId][index >> 8] |= 1 << (index & 0xff);
        }
        emit RecordsRevoked(batchId, reason, indices);
    }

    /// @inheritdoc ICreditFileRegistry
    function confirmDeletion(uint256 batchId, uint32[] calldata indices) external restricted {
        if (!_storage().wasRecipient[msg.sender]) revert CreditFileNotRecipient(msg.sender);
        if (indices.length == 0) revert CreditFileNoIndices();
        for (uint256 i = 0; i < indices.length; ++i) {
            uint32 index = indices[i];
            if (!isRevoked(batchId, index)) revert CreditFileNotRevoked(batchId, index);
            _storage().deleted[batchId][msg.sender][index >> 8] |= 1 << (index & 0xff);
        }
        emit DeletionConfirmed(batchId, msg.sender, indices);
    }

    /// @inheritdoc ICreditFileRegistry
    function requestCredit(CreditRequest calldata request) external restricted returns (uint256 queryId) {
        _checkRequest(request);
        _checkRecipients(request.recipients);
        CreditFileRegistryStorage storage $ = _storage();
        queryId = ++$.queryCount;
        Query storage stored = $.queries[queryId];
        stored.packId = request.packId;
        stored.requester = msg.sender;
        stored.expiresAt = request.expiresAt;
        stored.count = request.count;
        stored.purpose = request.purpose;
        stored.handlesRoot = request.handlesRoot;
        stored.consentRoot = request.consentRoot;
        stored.requestBlob = request.requestBlob;
        stored.recipients = request.recipients;
        for (uint256 i = 0; i < request.recipients.length; ++i) {
            $.wasRecipient[request.recipients[i]] = true;
        }
        _emitRequested(queryId, request);
    }

    /// @inheritdoc ICreditFileRegistry
    function answerCredit(
        uint256 queryId,
        bytes32 bundleRoot,
        uint32 found,
        uint32 missing,
        uint32 refused,
        uint32 withheld
    ) external restricted {
        (Query storage asked, Answer storage answer) = _unanswered(queryId);
        if (bundleRoot == 0) revert CreditFileHashMissing("bundleRoot");
        uint256 sum = uint256(found) + missing + refused;
        if (sum != asked.count) revert CreditFileWrongSum(sum, asked.count);
        if (withheld > found) revert CreditFileTooManyWithheld(withheld, found);
        asked.answerCount += 1;
        answer.bureau = msg.sender;
        answer.answeredAt = uint40(block.timestamp);
        (answer.found, answer.missing, answer.refused, answer.withheld) = (found, missing, refused, withheld);
        answer.bundleRoot = bundleRoot;
        emit CreditAnswered(queryId, msg.sender, bundleRoot, found, missing, refused, withheld);
    }

    /// @inheritdoc ICreditFileRegistry
    function refuseCredit(uint256 queryId, uint8 reason) external restricted {
        (Query storage asked, Answer storage answer) = _unanswered(queryId);
        if (reason == 0 || reason > _REFUSAL_REASON_MAX) revert CreditFileBadReason(reason);
        asked.refusalCount += 1;
        answer.bureau = msg.sender;
        answer.answeredAt = uint40(block.timestamp);
        answer.refusal = reason;
        emit CreditRefused(queryId, msg.sender, reason);
    }

    /// @inheritdoc ICreditFileRegistry
    function closeQuery(uint256 queryId) external restricted {
        Query storage asked = _storage().queries[queryId];
        if (asked.requester != msg.sender) revert CreditFileNotRequester(queryId, msg.sender);
        if (asked.closed) revert CreditFileQueryClosed(queryId);
        if (asked.answerCount == 0) revert CreditFileNoAnswer(queryId);
        asked.closed = true;
        emit QueryClosed(queryId, asked.answerCount);
        if (asked.purpose != _UNDERWRITING) return;
        IAssetPackRegistry packs = IAssetPackRegistry(_addressOf("AssetPackRegistry"));
        if (packs.statusOf(asked.packId) == PackStatus.SUBMITTED) packs.advance(asked.packId, PackStatus.QUERIED);
    }

    /// @inheritdoc ICreditFileRegistry
    function tellQueryAgain(uint256[] calldata queryIds) external restricted {
        if (queryIds.length == 0) revert CreditFileNoIndices();
        uint32 organisation = _consortium().organisationOf(msg.sender);
        IAssetPackRegistry packs = IAssetPackRegistry(_addressOf("AssetPackRegistry"));
        uint256 today = block.timestamp / 1 days;
        for (uint256 i = 0; i < queryIds.length; ++i) {
            uint256 queryId = queryIds[i];
            Query storage asked = _storage().queries[queryId];
            if (_storage().answers[queryId][organisation].found == 0) revert CreditFileNothingGiven(queryId, organisation);
            if (!packs.isLive(asked.packId)) revert CreditFilePackNotLive(asked.packId);
            mapping(uint32 => uint256) storage told = _storage().toldOn[queryId];
            if (told[organisation] == today) revert CreditFileToldToday(queryId, organisation);
            told[organisation] = today;
            emit QueryAgain(queryId, asked.packId, asked.requester, organisation);
        }
    }

    /// @inheritdoc ICreditFileRegistry
    function defineSources(bytes calldata document) external restricted returns (uint32 sourcesId) {
        uint256 size = document.length;
        if (size == 0 || size > SOURCES_SIZE_BYTES_MAX) revert CreditFileBadSources(size, SOURCES_SIZE_BYTES_MAX);
        sourcesId = ++_storage().sourcesCount;
        _storage().sourcesPointers[sourcesId] = ChunkStore.write(document);
        emit SourcesDefined(sourcesId, msg.sender, document);
    }

    /// @inheritdoc ICreditFileRegistry
    function setMinimumSubjects(uint32 minimum) external restricted {
        _storage().minimumSubjects = minimum;
        emit MinimumSubjectsSet(minimum);
    }

    /// @inheritdoc ICreditFileRegistry
    function minimumSubjects() external view returns (uint32) {
        return _storage().minimumSubjects;
    }

    /// @inheritdoc ICreditFileRegistry
    function batchCount() external view returns (uint256) {
        return _storage().batchCount;
    }

    /// @inheritdoc ICreditFileRegistry
    function batch(uint256 batchId) external view returns (Batch memory) {
        return _storage().batches[batchId];
    }

    /// @inheritdoc ICreditFileRegistry
    function batchOfRoot(bytes32 root) external view returns (uint256) {
        return _storage().batchIdByRoot[root];
    }

    /// @inheritdoc ICreditFileRegistry
    function revokedWords(uint256 batchId, uint32 firstWord, uint32 words)
        external
        view
        returns (uint256[] memory bitmap)
    {
        bitmap = new uint256[](words);
        for (uint256 i = 0; i < words; ++i) {
            bitmap[i] = _storage().revoked[batchId][firstWord + i];
        }
    }

    /// @inheritdoc ICreditFileRegistry
    function deletionConfirmed(uint256 batchId, uint32 index, address recipient) external view returns (bool) {
        return (_storage().deleted[batchId][recipient][index >> 8] >> (index & 0xff)) & 1 == 1;
    }

    /// @inheritdoc ICreditFileRegistry
    function queryCount() external view returns (uint256) {
        return _storage().queryCount;
    }

    /// @inheritdoc ICreditFileRegistry
    function query(uint256 queryId) external view returns (Query memory) {
        return _storage().queries[queryId];
    }

    /// @inheritdoc ICreditFileRegistry
    function answerOf(uint256 queryId, uint32 organisation) external view returns (Answer memory) {
        return _storage().answers[queryId][organisation];
    }

    /// @inheritdoc ICreditFileRegistry
    function sourcesCount() external view returns (uint32) {
        return _storage().sourcesCount;
    }

    /// @inheritdoc ICreditFileRegistry
    function sources(uint32 sourcesId) external view returns (bytes memory document) {
        return ChunkStore.read(_storage().sourcesPointers[sourcesId]);
    }

    /// @inheritdoc ICreditFileRegistry
    function isRevoked(uint256 batchId, uint32 index) public view returns (bool) {
        return (_storage().revoked[batchId][index >> 8] >> (index & 0xff)) & 1 == 1;
    }

    function _emitRequested(uint256 queryId, CreditRequest calldata request) private {
        emit CreditRequested(
            queryId,
            request.packId,
            msg.sender,
            request.purpose,
            request.count,
            request.recipients,
            request.handlesRoot,
            request.consentRoot,
            request.requestBlob,
            request.expiresAt
        );
    }

    function _checkRequest(CreditRequest calldata request) private view {
        IAssetPackRegistry.Pack memory pack = IAssetPackRegistry(_addressOf("AssetPackRegistry")).pack(request.packId);
        if (pack.riskControl != msg.sender) revert CreditFileNotRiskControlOfPack(request.packId, msg.sender);
        _checkPurpose(request.purpose, pack.status);
        uint32 minimum = _storage().minimumSubjects;
        if (request.count < minimum) revert CreditFileTooFewSubjects(request.count, minimum);
        if (request.count > pack.count) revert CreditFileTooManySubjects(request.count, pack.count);
        if (request.handlesRoot == 0) revert CreditFileHashMissing("handlesRoot");
        if (request.consentRoot == 0) revert CreditFileHashMissing("consentRoot");
        if (request.requestBlob == 0) revert CreditFileHashMissing("requestBlob");
        if (request.expiresAt <= block.timestamp) revert CreditFileExpired(request.expiresAt, block.timestamp);
    }

    function _checkRecipients(address[] calldata recipients) private view {
        uint256 count = recipients.length;
        if (count == 0 || count > RECIPIENT_COUNT_MAX) revert CreditFileBadRecipientCount(count, RECIPIENT_COUNT_MAX);
        IConsortium consortium = _consortium();
        for (uint256 i = 0; i < count; ++i) {
            uint64 roles = consortium.rolesOf(recipients[i]);
            bool mayRead = roles & _READER_ROLES != 0 && !Roles.has(roles, Roles.ORIGINATOR);
            for (uint256 j = 0; j < i; ++j) {
                if (recipients[i] == recipients[j]) mayRead = false;
            }
            if (!mayRead) revert CreditFileBadRecipient(recipients[i], roles);
        }
    }

    function _unanswered(uint256 queryId) private view returns (Query storage asked, Answer storage answer) {
        asked = _storage().queries[queryId];
        if (asked.requester == address(0)) revert CreditFileUnknownQuery(queryId);
        if (asked.closed) revert CreditFileQueryClosed(queryId);
        if (block.timestamp >= asked.expiresAt) revert CreditFileQueryExpired(queryId, asked.expiresAt);
        uint32 organisation = _consortium().organisationOf(msg.sender);
        answer = _storage().answers[queryId][organisation];
        if (answer.bureau != address(0)) revert CreditFileAlreadyAnswered(queryId, organisation);
    }

    function _batch(uint256 batchId) private view returns (Batch storage stored) {
        stored = _storage().batches[batchId];
        if (stored.count == 0) revert CreditFileUnknownBatch(batchId);
    }

    /// @dev Underwriting belongs to a submitted pack, everything else to one that was queried and is not withdrawn.
    function _checkPurpose(uint8 purpose, uint8 packStatus) private pure {
        bool fits = purpose == _UNDERWRITING
            ? packStatus == PackStatus.SUBMITTED
            : packStatus >= PackStatus.QUERIED && packStatus <= PackStatus.MONITORED;
        if (purpose == 0 || purpose > _PURPOSE_MAX || !fits) revert CreditFileBadPurpose(purpose, packStatus);
    }

    function _storage() private pure returns (CreditFileRegistryStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _CREDIT_FILE_REGISTRY_SLOT
        }
    }
}
