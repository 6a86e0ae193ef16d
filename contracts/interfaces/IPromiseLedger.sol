// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMonitoringObserver} from "./IMonitoringObserver.sol";

/// @title Promise ledger and shadow pool
/// @notice Closing commits how many loans of a pack are expected to default by when, and the number that breaks the promise.
/// Monitoring tells what happened; promises kept and broken are counted by model version and originator. The shadow pool is
/// what became of the loans that screening removed: their originator reports counts by level, no loan.
/// Status: 1 running, 2 kept, 3 broken.
interface IPromiseLedger is IMonitoringObserver {
    /// @notice How the limits were computed, so that anybody can compute them again.
    /// @param oddsPpm how much worse the pool is that the test looks for
    /// @param shape of the common shock of all loans
    /// @param alphaPpm probability, at most, that a promise which holds is called broken
    /// @param marginPpm expected defaults with margin to those without
    struct PromiseTerms {
        uint32 oddsPpm;
        uint32 shape;
        uint32 alphaPpm;
        uint32 marginPpm;
    }

    /// @notice A promise.
    /// @param runId screening whose kept loans it is about
    /// @param modelId version whose scores it rests on
    /// @param originator of the pack
    /// @param promisedAt second
    /// @param keptCount loans
    /// @param periodCount months
    /// @param lastPeriod last month observed
    /// @param defaults so far
    /// @param brokenPeriod month in which it broke, zero while it did not
    /// @param status see above
    /// @param hasEnded whether its last month was observed
    /// @param terms of the test
    struct Promise {
        uint256 runId;
        uint256 modelId;
        address originator;
        uint40 promisedAt;
        uint32 keptCount;
        uint32 periodCount;
        uint32 lastPeriod;
        uint32 defaults;
        uint32 brokenPeriod;
        uint8 status;
        bool hasEnded;
        PromiseTerms terms;
    }

    /// @notice How promises of a model version, or of an originator, went.
    /// @param runningCount neither kept nor broken yet
    /// @param keptCount kept to their last month
    /// @param brokenCount broken
    /// @param worstRatioPpm largest ratio of observed to expected defaults, before margin, when a promise broke or ended
    struct PromiseRecord {
        uint32 runningCount;
        uint32 keptCount;
        uint32 brokenCount;
        uint64 worstRatioPpm;
    }

    /// @notice Loans removed by a screening, as reported for a month: counts by level.
    /// @param period month after closing
    /// @param reported loans that are still followed
    /// @param defaulted of all that were ever followed
    struct Shadow {
        uint32 period;
        uint32[10] reported;
        uint32[10] defaulted;
    }

    /// @notice A pack has its promise.
    /// @param packId of the pack
    /// @param modelId version whose scores it rests on
    /// @param originator of the pack
    /// @param runId screening whose kept loans it is about
    /// @param terms of the test
    /// @param points months, 12 bytes each: expected defaults in thousandths (8), limit (4)
    event PromiseMade(
        uint256 indexed packId,
        uint256 indexed modelId,
        address indexed originator,
        uint256 runId,
        PromiseTerms terms,
        bytes points
    );

    /// @notice A month was held against the promise.
    /// @param packId of the pack
    /// @param period month after closing
    /// @param defaults so far
    /// @param expectedMilli promised so far, in thousandths of a loan
    /// @param limit that breaks the promise
    event PromiseObserved(
        uint256 indexed packId,
        uint32 period,
        uint32 defaults,
        uint64 expectedMilli,
        uint32 limit
    );

    /// @notice So many defaults that the promise does not hold.
    /// @param packId of the pack
    /// @param modelId version whose scores it rests on
    /// @param originator of the pack
    /// @param period month after closing
    /// @param defaults so far
    event PromiseBroken(
        uint256 indexed packId,
        uint256 indexed modelId,
        address indexed originator,
        uint32 period,
        uint32 defaults
    );

    /// @notice The last month passed and the promise held.
    /// @param packId of the pack
    /// @param modelId version whose scores it rests on
    /// @param originator of the pack
    /// @param defaults in all
    event PromiseKept(
        uint256 indexed packId,
        uint256 indexed modelId,
        address indexed originator,
        uint32 defaults
    );

    /// @notice An originator reported on the loans that screening removed.
    /// @param packId of the pack
    /// @param period month after closing
    /// @param reported loans that are still followed, by level
    /// @param defaulted of all that were ever followed, by level
    event ShadowReported(uint256 indexed packId, uint32 period, uint32[10] reported, uint32[10] defaulted);

    /// @notice Thrown when the pack is not the caller's, or not at or after its closing.
    /// @param packId of the pack
    /// @param caller who called
    /// @param status of the pack
    error PromiseWrongPack(uint256 packId, address caller, uint8 status);

    /// @notice Thrown when the pack has its promise.
    /// @param packId of the pack
    error PromiseExists(uint256 packId);

    /// @notice Thrown when a term is out of its range.
    /// @param term that is
    error PromiseBadTerm(string term);

    /// @notice Thrown when the curve has no months, too many, or half of one.
    /// @param size bytes given
    error PromiseBadLength(uint256 size);

    /// @notice Thrown when a month expects less than the one before, or its limit is not above what is expected, or falls.
    /// @param period month
    error PromiseBadPoint(uint256 period);

    /// @notice Thrown when the promise expects more defaults than the screening found.
    /// @param expectedMilli in the last month, in thousandths of a loan
    /// @param maximumMilli bad rate by count times the loans kept
    error PromiseTooHigh(uint256 expectedMilli, uint256 maximumMilli);

    /// @notice Thrown when a month of the shadow pool was reported before, or is not after the last.
    /// @param period given
    /// @param last month reported
    error ShadowBadPeriod(uint32 period, uint32 last);

    /// @notice Thrown when more loans are reported than screening removed, or more defaulted, or fewer than before.
    /// @param level 1 to 10
    /// @param reported given
    /// @param defaulted given
    /// @param removed loans of this level that screening removed
    error ShadowBadCounts(uint256 level, uint32 reported, uint32 defaulted, uint32 removed);

    /// @notice Commits the promise of a pack that is brought down, transferred or issued; called by its risk control, once.
    /// @param packId of the pack
    /// @param terms of the test
    /// @param points months, 12 bytes each: expected defaults in thousandths (8), limit (4)
    function commitPromise(uint256 packId, PromiseTerms calldata terms, bytes calldata points) external;

    /// @notice Reports on the loans that screening removed; called by the pack's originator.
    /// @param packId issued pack
    /// @param period month after closing, each once, rising
    /// @param reported loans that are still followed, by level
    /// @param defaulted of all that were ever followed, by level
    function reportShadow(
        uint256 packId,
        uint32 period,
        uint32[10] calldata reported,
        uint32[10] calldata defaulted
    ) external;

    /// @notice Promise of a pack.
    /// @param packId of the pack
    /// @return all zero when there is none
    function promiseOf(uint256 packId) external view returns (Promise memory);

    /// @notice Curve of a promise.
    /// @param packId of the pack
    /// @return points months, 12 bytes each; empty when there is none
    function curve(uint256 packId) external view returns (bytes memory points);

    /// @notice How promises that rest on a model version went.
    /// @param modelId of the version
    /// @return record of it
    function recordOfModel(uint256 modelId) external view returns (PromiseRecord memory record);

    /// @notice How promises of an originator's packs went.
    /// @param originator account
    /// @return record of it
    function recordOfOriginator(address originator) external view returns (PromiseRecord memory record);

    /// @notice Last report on the loans that screening removed.
    /// @param packId of the pack
    /// @return all zero before
    function shadowOf(uint256 packId) external view returns (Shadow memory);

    /// @notice Loans of each level that the pack's screening removed for their risk or for a limit, or at the bring-down.
    /// @param packId of the pack
    /// @return counts by level
    function removedOf(uint256 packId) external view returns (uint32[10] memory counts);
}
