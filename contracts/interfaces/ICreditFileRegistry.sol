// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Credit files by commitment: batches, queries, answers, erasures
/// @notice No subject, no pseudonym and no record is here; only roots, counts, purposes and who asked.
/// Purposes: 1 underwriting, 2 monitoring, 3 dispute, 4 audit.
interface ICreditFileRegistry {
    /// @notice Records published together.
    /// @param root Merkle root of the salted leaves
    /// @param vaultRoot Merkle root of the blob hashes
    /// @param bureau account that published
    /// @param organisation of the bureau
    /// @param count of records
    /// @param observedFrom first day of observation
    /// @param observedTo last day of observation
    /// @param expiresAt second from which the records may not be used
    /// @param publishedAt second
    struct Batch {
        bytes32 root;
        bytes32 vaultRoot;
        address bureau;
        uint32 organisation;
        uint32 count;
        uint40 observedFrom;
        uint40 observedTo;
        uint40 expiresAt;
        uint40 publishedAt;
    }

    /// @notice What risk control asks.
    /// @param packId pack that the subjects are in
    /// @param purpose see above
    /// @param recipients accounts that may read the answer, 1 to 16
    /// @param handlesRoot Merkle root over keccak(handle), ascending
    /// @param count of handles
    /// @param consentRoot Merkle root over the receipts, in the same order
    /// @param requestBlob vault hash of the request
    /// @param expiresAt second from which nobody answers
    struct CreditRequest {
        uint256 packId;
        uint8 purpose;
        address[] recipients;
        bytes32 handlesRoot;
        uint32 count;
        bytes32 consentRoot;
        bytes32 requestBlob;
        uint40 expiresAt;
    }

    /// @notice A query.
    /// @param packId pack that the subjects are in
    /// @param requester account of risk control
    /// @param expiresAt second from which nobody answers
    /// @param count of handles
    /// @param purpose see above
    /// @param closed whether the requester ended it
    /// @param answerCount organisations that answered
    /// @param refusalCount organisations that refused
    /// @param handlesRoot Merkle root over keccak(handle), ascending
    /// @param consentRoot Merkle root over the receipts, in the same order
    /// @param requestBlob vault hash of the request
    /// @param recipients accounts that may read the answer
    struct Query {
        uint256 packId;
        address requester;
        uint40 expiresAt;
        uint32 count;
        uint8 purpose;
        bool closed;
        uint32 answerCount;
        uint32 refusalCount;
        bytes32 handlesRoot;
        bytes32 consentRoot;
        bytes32 requestBlob;
        address[] recipients;
    }

    /// @notice What a bureau's organisation said to a query.
    /// @param bureau account that answered, zero before
    /// @param refusal reason, 0 when it answered
    /// @param answeredAt second
    /// @param found handles with at least one record
    /// @param missing handles without
    /// @param refused handles refused
    /// @param withheld handles found whose fields that need explicit consent were held back
    /// @param bundleRoot vault hash of the answer blob
    struct Answer {
        address bureau;
        uint8 refusal;
        uint40 answeredAt;
        uint32 found;
        uint32 missing;
        uint32 refused;
        uint32 withheld;
        bytes32 bundleRoot;
    }

    /// @notice Records are on chain by their root.
    /// @param batchId of the batch
    /// @param bureau account that published
    /// @param root Merkle root of the salted leaves
    /// @param count of records
    /// @param observedFrom first day of observation
    /// @param observedTo last day of observation
    /// @param expiresAt second from which the records may not be used
    /// @param vaultRoot Merkle root of the blob hashes
    event BatchPublished(
        uint256 indexed batchId,
        address indexed bureau,
        bytes32 indexed root,
        uint32 count,
        uint40 observedFrom,
        uint40 observedTo,
        uint40 expiresAt,
        bytes32 vaultRoot
    );

    /// @notice Records may not be used or served any more: the tombstone.
    /// @param batchId of the batch
    /// @param reason 1 superseded, 2 erased, 3 expired, 4 wrong
    /// @param indices of the records
    event RecordsRevoked(uint256 indexed batchId, uint8 reason, uint32[] indices);

    /// @notice A past recipient holds nothing of these records any more.
    /// @param batchId of the batch
    /// @param recipient who says so
    /// @param indices of the records
    event DeletionConfirmed(uint256 indexed batchId, address indexed recipient, uint32[] indices);

    /// @notice Risk control asks the bureaus.
    /// @param queryId of the query
    /// @param packId pack that the subjects are in
    /// @param requester account of risk control
    /// @param purpose see above
    /// @param count of handles
    /// @param recipients accounts that may read the answer
    /// @param handlesRoot Merkle root over keccak(handle), ascending
    /// @param consentRoot Merkle root over the receipts, in the same order
    /// @param requestBlob vault hash of the request
    /// @param expiresAt second from which nobody answers
    event CreditRequested(
        uint256 indexed queryId,
        uint256 indexed packId,
        address indexed requester,
        uint8 purpose,
        uint32 count,
        address[] recipients,
        bytes32 handlesRoot,
        bytes32 consentRoot,
        bytes32 requestBlob,
        uint40 expiresAt
    );

    /// @notice A bureau answered.
    /// @param queryId of the query
    /// @param bureau account that answered
    /// @param bundleRoot vault hash of the answer blob
    /// @param found handles with at least one record
    /// @param missing handles without
    /// @param refused handles refused
    /// @param withheld handles found whose fields that need explicit consent were held back
    event CreditAnswered(
        uint256 indexed queryId,
        address indexed bureau,
        bytes32 bundleRoot,
        uint32 found,
        uint32 missing,
        uint32 refused,
        uint32 withheld
    );

    /// @notice A bureau refused the whole query.
    /// @param queryId of the query
    /// @param bureau account that refused
    /// @param reason 1 role, 2 purpose, 3 consent, 4 size, 5 budget, 6 malformed
    event CreditRefused(uint256 indexed queryId, address indexed bureau, uint8 reason);

    /// @notice The requester waits for no more answers.
    /// @param queryId of the query
    /// @param answerCount organisations that answered
    event QueryClosed(uint256 indexed queryId, uint32 answerCount);

    /// @notice Something that a bureau gave for a query is no longer what it says: whoever relies on it asks again.
    /// @dev Bureaus collect changes and tell of all together, so that no revoked record can be linked with a pack.
    /// @param queryId of the query
    /// @param packId pack it was about
    /// @param riskControl account that asked
    /// @param organisation of the bureau
    event QueryAgain(
        uint256 indexed queryId, uint256 indexed packId, address indexed riskControl, uint32 organisation
    );

    /// @notice An order of sources can be named by policies.
    /// @param sourcesId from 1
    /// @param author account of risk control
    /// @param document canonical bytes: per field the organisations, preferred first
    event SourcesDefined(uint32 indexed sourcesId, address indexed author, bytes document);

    /// @notice Queries have at least this many subjects from now on.
    /// @param minimum count
    event MinimumSubjectsSet(uint32 minimum);

    /// @notice Thrown when a required hash is zero.
    /// @param field that lacks it
    error CreditFileHashMissing(string field);

    /// @notice Thrown when a batch is empty or too large.
    /// @param count given
    /// @param maximum records of a batch
    error CreditFileBadCount(uint32 count, uint32 maximum);

    /// @notice Thrown when the days of observation are in the wrong order.
    /// @param observedFrom given
    /// @param observedTo given
    error CreditFileBadDays(uint40 observedFrom, uint40 observedTo);

    /// @notice Thrown when an expiry is not in the future.
    /// @param expiresAt given
    /// @param time of the block
    error CreditFileExpired(uint40 expiresAt, uint256 time);

    /// @notice Thrown when a root was published before.
    /// @param root given
    /// @param batchId that has it
    error CreditFileRootKnown(bytes32 root, uint256 batchId);

    /// @notice Thrown when there is no such batch.
    /// @param batchId asked for
    error CreditFileUnknownBatch(uint256 batchId);

    /// @notice Thrown when the caller's organisation did not publish the batch.
    /// @param batchId of the batch
    /// @param owner organisation that did
    /// @param caller organisation of the caller
    error CreditFileNotOwner(uint256 batchId, uint32 owner, uint32 caller);

    /// @notice Thrown when a reason is none of the defined ones.
    /// @param reason given
    error CreditFileBadReason(uint8 reason);

    /// @notice Thrown when a list of indices is empty.
    error CreditFileNoIndices();

    /// @notice Thrown when the batch has no such record.
    /// @param batchId of the batch
    /// @param index given
    error CreditFileBadIndex(uint256 batchId, uint32 index);

    /// @notice Thrown when the record was revoked before.
    /// @param batchId of the batch
    /// @param index of the record
    error CreditFileAlreadyRevoked(uint256 batchId, uint32 index);

    /// @notice Thrown when deletion is confirmed of a record that is in force.
    /// @param batchId of the batch
    /// @param index of the record
    error CreditFileNotRevoked(uint256 batchId, uint32 index);

    /// @notice Thrown when the caller never was a recipient.
    /// @param caller who called
    error CreditFileNotRecipient(address caller);

    /// @notice Thrown when the pack is not the caller's.
    /// @param packId of the pack
    /// @param caller who called
    error CreditFileNotRiskControlOfPack(uint256 packId, address caller);

    /// @notice Thrown when the purpose does not exist or does not fit the status of the pack.
    /// @param purpose given
    /// @param packStatus in force
    error CreditFileBadPurpose(uint8 purpose, uint8 packStatus);

    /// @notice Thrown when a query would be so small that it singles people out.
    /// @param count given
    /// @param minimum in force
    error CreditFileTooFewSubjects(uint32 count, uint32 minimum);

    /// @notice Thrown when a query has more subjects than the pack has assets.
    /// @param count given
    /// @param maximum assets of the pack
    error CreditFileTooManySubjects(uint32 count, uint32 maximum);

    /// @notice Thrown when there are no recipients, or too many.
    /// @param count given
    /// @param maximum of a query
    error CreditFileBadRecipientCount(uint256 count, uint256 maximum);

    /// @notice Thrown when a recipient may not read credit files, or is named twice.
    /// @param recipient given
    /// @param roles it has in force
    error CreditFileBadRecipient(address recipient, uint64 roles);

    /// @notice Thrown when there is no such query.
    /// @param queryId asked for
    error CreditFileUnknownQuery(uint256 queryId);

    /// @notice Thrown when the query takes no more answers.
    /// @param queryId of the query
    error CreditFileQueryClosed(uint256 queryId);

    /// @notice Thrown when the query is past its expiry.
    /// @param queryId of the query
    /// @param expiresAt second from which it is
    error CreditFileQueryExpired(uint256 queryId, uint40 expiresAt);

    /// @notice Thrown when the organisation answered or refused before.
    /// @param queryId of the query
    /// @param organisation of the caller
    error CreditFileAlreadyAnswered(uint256 queryId, uint32 organisation);

    /// @notice Thrown when found, missing and refused are not all handles.
    /// @param sum given
    /// @param count of handles
    error CreditFileWrongSum(uint256 sum, uint32 count);

    /// @notice Thrown when more handles are withheld from than were found.
    /// @param withheld given
    /// @param found given
    error CreditFileTooManyWithheld(uint32 withheld, uint32 found);

    /// @notice Thrown when the caller's organisation gave no record for a query.
    /// @param queryId of the query
    /// @param organisation of the caller
    error CreditFileNothingGiven(uint256 queryId, uint32 organisation);

    /// @notice Thrown when the pack of a query is withdrawn or closed.
    /// @param packId of the pack
    error CreditFilePackNotLive(uint256 packId);

    /// @notice Thrown when the organisation said "query again" of a query today already.
    /// @param queryId of the query
    /// @param organisation of the caller
    error CreditFileToldToday(uint256 queryId, uint32 organisation);

    /// @notice Thrown when a document of sources is empty or too long.
    /// @param size bytes given
    /// @param maximum bytes allowed
    error CreditFileBadSources(uint256 size, uint256 maximum);

    /// @notice Thrown when the caller did not make the query.
    /// @param queryId of the query
    /// @param caller who called
    error CreditFileNotRequester(uint256 queryId, address caller);

    /// @notice Thrown when a query is closed before anyone answered.
    /// @param queryId of the query
    error CreditFileNoAnswer(uint256 queryId);

    /// @notice Publishes records by their root; called by a bureau.
    /// @param root Merkle root of the salted leaves, never published before
    /// @param count of records, at most 10,000
    /// @param observedFrom first day of observation
    /// @param observedTo last day of observation
    /// @param expiresAt second from which the records may not be used
    /// @param vaultRoot Merkle root of the blob hashes
    /// @return batchId from 1
    function publishBatch(
        bytes32 root,
        uint32 count,
        uint40 observedFrom,
        uint40 observedTo,
        uint40 expiresAt,
        bytes32 vaultRoot
    ) external returns (uint256 batchId);

    /// @notice Revokes records of the caller's organisation.
    /// @param batchId of the batch
    /// @param indices of the records
    /// @param reason 1 superseded, 2 erased, 3 expired, 4 wrong
    function revoke(uint256 batchId, uint32[] calldata indices, uint8 reason) external;

    /// @notice Says that the caller, a past recipient, holds nothing of revoked records any more.
    /// @param batchId of the batch
    /// @param indices of the records
    function confirmDeletion(uint256 batchId, uint32[] calldata indices) external;

    /// @notice Asks the bureaus for the records of a pack's subjects; called by the pack's risk control.
    /// @param request what is asked
    /// @return queryId from 1
    function requestCredit(CreditRequest calldata request) external returns (uint256 queryId);

    /// @notice Answers, once per organisation of bureaus.
    /// @param queryId of the query
    /// @param bundleRoot vault hash of the answer blob
    /// @param found handles with at least one record
    /// @param missing handles without
    /// @param refused handles refused
    /// @param withheld handles found whose fields that need explicit consent were held back
    function answerCredit(
        uint256 queryId,
        bytes32 bundleRoot,
        uint32 found,
        uint32 missing,
        uint32 refused,
        uint32 withheld
    ) external;

    /// @notice Refuses the whole query, once per organisation of bureaus.
    /// @param queryId of the query
    /// @param reason 1 role, 2 purpose, 3 consent, 4 size, 5 budget, 6 malformed
    function refuseCredit(uint256 queryId, uint8 reason) external;

    /// @notice Ends the caller's query; an underwriting query makes its submitted pack *queried*.
    /// @param queryId of the query
    function closeQuery(uint256 queryId) external;

    /// @notice Tells risk controls that something which the caller's organisation gave them has changed; without content.
    /// @param queryIds queries of live packs, each at most once a day
    function tellQueryAgain(uint256[] calldata queryIds) external;

    /// @notice Defines in which order bureaus are preferred, field by field; called by risk control.
    /// @param document canonical bytes, see docs/protocol.md, 5; 1 to 8,192 of them
    /// @return sourcesId from 1; 0 is the default order, ascending organisation ids
    function defineSources(bytes calldata document) external returns (uint32 sourcesId);

    /// @notice Sets the least number of subjects of a query; governance.
    /// @param minimum count
    function setMinimumSubjects(uint32 minimum) external;

    /// @notice Least number of subjects of a query.
    /// @return minimum count
    function minimumSubjects() external view returns (uint32 minimum);

    /// @notice Number of batches; ids are 1 to this.
    /// @return count of batches
    function batchCount() external view returns (uint256 count);

    /// @notice A batch.
    /// @param batchId of the batch
    /// @return all zero when unknown
    function batch(uint256 batchId) external view returns (Batch memory);

    /// @notice Batch of a root.
    /// @param root Merkle root
    /// @return batchId 0 when unknown
    function batchOfRoot(bytes32 root) external view returns (uint256 batchId);

    /// @notice Whether a record may not be used any more.
    /// @param batchId of the batch
    /// @param index of the record
    /// @return revoked true once so
    function isRevoked(uint256 batchId, uint32 index) external view returns (bool revoked);

    /// @notice Revoked records of a batch, 256 a word: bit index % 256 of word index / 256.
    /// @param batchId of the batch
    /// @param firstWord first word wanted
    /// @param words number of words wanted
    /// @return bitmap the words
    function revokedWords(uint256 batchId, uint32 firstWord, uint32 words)
        external
        view
        returns (uint256[] memory bitmap);

    /// @notice Whether a recipient confirmed the deletion of a record.
    /// @param batchId of the batch
    /// @param index of the record
    /// @param recipient account
    /// @return confirmed true once so
    function deletionConfirmed(uint256 batchId, uint32 index, address recipient) external view returns (bool confirmed);

    /// @notice Number of queries; ids are 1 to this.
    /// @return count of queries
    function queryCount() external view returns (uint256 count);

    /// @notice A query.
    /// @param queryId of the query
    /// @return all zero when unknown
    function query(uint256 queryId) external view returns (Query memory);

    /// @notice What an organisation said to a query.
    /// @param queryId of the query
    /// @param organisation of the bureau
    /// @return all zero before it said anything
    function answerOf(uint256 queryId, uint32 organisation) external view returns (Answer memory);

    /// @notice Number of orders of sources; ids are 1 to this.
    /// @return count of orders
    function sourcesCount() external view returns (uint32 count);

    /// @notice An order of sources.
    /// @param sourcesId of the order
    /// @return document its canonical bytes; empty when unknown
    function sources(uint32 sourcesId) external view returns (bytes memory document);
}
