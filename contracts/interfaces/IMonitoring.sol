// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMonitoringViews} from "./IMonitoringViews.sol";

/// @title What becomes of issued packs, month by month
/// @notice Risk control starts the monitoring of an issued pack with the terms it was sold by. Then its servicer reports every
/// month: totals in cents that balance, and four bytes an asset. The contract refuses gaps, repetitions, assets that disappear
/// or come back, and computes levels, cumulative defaults and losses, and four triggers. Period 1 is the month `firstMonth`.
/// Entry of an asset: state, days-past-due band, balance class (2 bytes, big-endian); states and bands as in
/// {IMonitoringViews}. The contract adds 0x80 to the band of an asset that has ever been 91 days past due or charged off: it
/// is a default from then on, whatever becomes of it. Live and defaulted assets have a balance class of at least 1, all others
/// 0. Triggers by number: 0 top levels, 1 rising, 2 loss, 3 arrears.
interface IMonitoring is IMonitoringViews {
    /// @notice What the pool was promised to be, and when its members are to be warned. Months count from January 1970 = 0.
    /// @param productId product that was issued on the pack; its total is the cut-off balance
    /// @param servicer account that reports
    /// @param firstMonth month of period 1; not before that of the cut-off
    /// @param topShareFloorPpm top levels: the share of levels 8 to 10 in the live balance may be this,
    /// @param topShareRisePpm or the share at closing and this, whichever is more
    /// @param risingPeriods rising: the share went up in each of the last so many periods (1 to 12),
    /// @param risingErrors and by more than this many standard errors in all (1 to 10)
    /// @param lossFactorPpm loss: cumulative net loss is above this multiple of the promised curve,
    /// @param lossPeriods in so many periods running (1 to 12)
    /// @param arrearsLimitPpm arrears: mean share of live balances 61 or more days past due,
    /// @param arrearsPeriods over the last so many periods, or as many as there are (1 to 6)
    /// @param clearPeriods back to normal after so many periods without a trigger (1 to 12)
    /// @param cleanUpPpm share of the cut-off balance at or below which what is left may be called
    /// @param lossCurvePpm promised cumulative net loss after period 1, 2 and so on, in ppm of the cut-off balance, not
    /// falling, 1 to 360 values; the last holds on
    struct Terms {
        bytes32 productId;
        address servicer;
        uint32 firstMonth;
        uint32 topShareFloorPpm;
        uint32 topShareRisePpm;
        uint8 risingPeriods;
        uint8 risingErrors;
        uint32 lossFactorPpm;
        uint8 lossPeriods;
        uint32 arrearsLimitPpm;
        uint8 arrearsPeriods;
        uint8 clearPeriods;
        uint32 cleanUpPpm;
        uint32[] lossCurvePpm;
    }

    /// @notice Cash and balances of a period, in cents. ending = beginning − scheduled − prepaid − defaulted − repurchased
    /// − substitutedOut + substitutedIn + capitalised.
    /// @param beginningCents balance at the begin: the ending of the period before, the cut-off balance in period 1
    /// @param scheduledCents scheduled principal
    /// @param prepaidCents principal ahead of schedule, in part or in full
    /// @param interestCents interest collected
    /// @param feesCents fees collected
    /// @param defaultedCents balance written off (gross loss)
    /// @param recoveredCents collected on assets written off before
    /// @param repurchasedCents balance that the originator took back
    /// @param substitutedOutCents balance of assets that were replaced
    /// @param substitutedInCents balance of assets that replaced them
    /// @param capitalisedCents interest that was added to balances
    /// @param endingCents balance at the end
    struct Totals {
        uint64 beginningCents;
        uint64 scheduledCents;
        uint64 prepaidCents;
        uint64 interestCents;
        uint64 feesCents;
        uint64 defaultedCents;
        uint64 recoveredCents;
        uint64 repurchasedCents;
        uint64 substitutedOutCents;
        uint64 substitutedInCents;
        uint64 capitalisedCents;
        uint64 endingCents;
    }

    /// @notice A period. Cumulative figures, triggers and alert are set when it is closed.
    /// @param status 0 none, 1 open, 2 closed
    /// @param month since January 1970 = 0
    /// @param openedAt second
    /// @param closedAt second; 0 before
    /// @param entryCount assets to report: those of the pack, then those taken in
    /// @param reportedCount assets reported so far
    /// @param roundId scoring round whose scores the levels come from
    /// @param keyBlob vault hash of the sealed key of the period's tape
    /// @param totals cash and balances
    /// @param cumulativeDefaultCount assets that defaulted up to and including this period
    /// @param cumulativeDefaultClasses sum of their balance classes before
    /// @param cumulativeGrossCents balances written off so far
    /// @param cumulativeRecoveredCents recovered so far
    /// @param cumulativeRemovedCents repurchased and substituted out so far
    /// @param firedTriggers one bit a trigger, trigger 0 lowest
    /// @param isAlert a trigger fires, or fired and the pool is not yet back to normal
    /// @param clearPeriods periods without a trigger, this one included; 0 if one fires
    struct Period {
        uint8 status;
        uint32 month;
        uint40 openedAt;
        uint40 closedAt;
        uint32 entryCount;
        uint32 reportedCount;
        uint256 roundId;
        bytes32 keyBlob;
        Totals totals;
        uint32 cumulativeDefaultCount;
        uint64 cumulativeDefaultClasses;
        uint64 cumulativeGrossCents;
        uint64 cumulativeRecoveredCents;
        uint64 cumulativeRemovedCents;
        uint8 firedTriggers;
        bool isAlert;
        uint32 clearPeriods;
    }

    /// @notice A trigger in a period.
    /// @param valuePpm what was measured: share, rise of the share over `risingPeriods`, cumulative net loss, mean share
    /// @param limitPpm what it may be; rising: that many standard errors
    /// @param cushionPpm limit − value
    /// @param isFired whether it fires. Ppm are rounded, this is exact; rising and loss also need their run of periods
    struct Trigger {
        int256 valuePpm;
        int256 limitPpm;
        int256 cushionPpm;
        bool isFired;
    }

    /// @notice The monitoring of a pack.
    /// @param classUnit currency units per balance class
    /// @param assetCount assets of the pack
    /// @param loadedCount assets whose place in the pool was read so far
    /// @param keptCount assets in the pool at closing
    /// @param admittedCount assets that measures took in
    /// @param lastPeriod newest closed period
    /// @param openPeriod period that is being reported; 0 if none
    /// @param firstMonth of the terms
    /// @param clearPeriods of the terms
    /// @param cleanUpPpm of the terms
    /// @param servicer who reports
    /// @param riskControl who started
    /// @param closingRunId screening whose result is the pool
    /// @param closingRoundId round of its scores
    /// @param cutOffBalanceCents total of the product
    /// @param closedAt second of the end of monitoring; 0 before
    struct Pool {
        uint32 classUnit;
        uint32 assetCount;
        uint32 loadedCount;
        uint32 keptCount;
        uint32 admittedCount;
        uint32 lastPeriod;
        uint32 openPeriod;
        uint32 firstMonth;
        uint8 clearPeriods;
        uint32 cleanUpPpm;
        address servicer;
        address riskControl;
        uint256 closingRunId;
        uint256 closingRoundId;
        uint64 cutOffBalanceCents;
        uint40 closedAt;
    }

    /// @notice The terms of a pack's monitoring are set.
    /// @param packId of the pack
    /// @param productId product whose assets are monitored
    /// @param servicer who reports
    /// @param terms code of one STOP byte, then the ABI-encoded terms
    event MonitoringStarted(
        uint256 indexed packId, bytes32 indexed productId, address indexed servicer, address terms
    );

    /// @notice The place of more assets was read from the screening; the pack is monitored once all are.
    /// @param packId of the pack
    /// @param loadedCount assets read so far
    event PoolLoaded(uint256 indexed packId, uint32 loadedCount);

    /// @notice Another account reports from now on.
    /// @param packId of the pack
    /// @param servicer its account
    event ServicerSet(uint256 indexed packId, address indexed servicer);

    /// @notice A period is being reported.
    /// @param packId of the pack
    /// @param period from 1
    /// @param month since January 1970 = 0
    /// @param roundId scoring round whose scores the levels come from
    /// @param totals cash and balances
    /// @param keyBlob vault hash of the sealed key of the tape
    event PeriodOpened(
        uint256 indexed packId, uint32 indexed period, uint32 month, uint256 roundId, Totals totals, bytes32 keyBlob
    );

    /// @notice Entries were reported.
    /// @param packId of the pack
    /// @param period they are of
    /// @param chunkIndex first index / 1,024
    /// @param pointer code of one STOP byte, then the entries
    /// @param tapeBlob vault hash of the encrypted rows of the tape
    event AssetsReported(
        uint256 indexed packId, uint32 indexed period, uint32 chunkIndex, address pointer, bytes32 tapeBlob
    );

    /// @notice What was reported of an open period was taken back.
    /// @param packId of the pack
    /// @param period that is to be opened again
    event PeriodDiscarded(uint256 indexed packId, uint32 indexed period);

    /// @notice A period is closed for good.
    /// @param packId of the pack
    /// @param period from 1
    /// @param firedTriggers one bit a trigger, trigger 0 lowest
    /// @param isAlert whether the pool is on alert
    event PeriodClosed(uint256 indexed packId, uint32 indexed period, uint8 firedTriggers, bool isAlert);

    /// @notice A trigger fires that did not in the period before.
    /// @param packId of the pack
    /// @param period in which it does
    /// @param trigger by number
    /// @param valuePpm what was measured
    /// @param limitPpm what it may be
    event TriggerFired(
        uint256 indexed packId, uint32 indexed period, uint8 indexed trigger, int256 valuePpm, int256 limitPpm
    );

    /// @notice A trigger does not fire that did in the period before.
    /// @param packId of the pack
    /// @param period in which it does not
    /// @param trigger by number
    event TriggerCleared(uint256 indexed packId, uint32 indexed period, uint8 indexed trigger);

    /// @notice The pool is on alert, or no longer.
    /// @param packId of the pack
    /// @param period since which
    /// @param isAlert false: back to normal
    event AlertChanged(uint256 indexed packId, uint32 indexed period, bool isAlert);

    /// @notice A measure took assets out; the next report must give them this state.
    /// @param packId of the pack
    /// @param indices of the assets
    /// @param state 7 repurchased, 8 substituted
    event AssetsMarked(uint256 indexed packId, uint32[] indices, uint8 state);

    /// @notice A measure took assets in; they are reported from the next period that is opened.
    /// @param packId of the pack
    /// @param firstIndex index of the first; the others follow
    /// @param assets score << 24 | balance class
    event AssetsAdmitted(uint256 indexed packId, uint32 firstIndex, uint32[] assets);

    /// @notice The monitoring ended.
    /// @param packId of the pack
    /// @param lastPeriod newest closed period
    /// @param isCalled whether assets were left and called
    event MonitoringClosed(uint256 indexed packId, uint32 lastPeriod, bool isCalled);

    /// @notice Thrown when the caller is not the pack's risk control.
    /// @param packId of the pack
    /// @param caller who called
    error MonitoringNotRiskControl(uint256 packId, address caller);

    /// @notice Thrown when the caller is not the pack's servicer.
    /// @param packId of the pack
    /// @param expected servicer of the pack
    /// @param caller who called
    error MonitoringNotServicer(uint256 packId, address expected, address caller);

    /// @notice Thrown when an account that is to report has not the role.
    /// @param account given
    error MonitoringServicerLacksRole(address account);

    /// @notice Thrown when the pack is not issued, or is monitored already.
    /// @param packId of the pack
    /// @param status of the pack
    error MonitoringPackNotIssued(uint256 packId, uint8 status);

    /// @notice Thrown when the product is not one of the pack.
    /// @param packId of the pack
    /// @param productId given
    error MonitoringWrongProduct(uint256 packId, bytes32 productId);

    /// @notice Thrown when a field of the terms is out of its range.
    /// @param field its name
    error MonitoringBadTerms(string field);

    /// @notice Thrown when the pool's monitoring has not begun, or has ended.
    /// @param packId of the pack
    error MonitoringNotActive(uint256 packId);

    /// @notice Thrown when the gas of the call is not enough to get any further.
    /// @param available gas
    /// @param needed gas
    error MonitoringGasTooLow(uint256 available, uint256 needed);

    /// @notice Thrown when the period is not the one that follows: a month is missing, or was reported before.
    /// @param packId of the pack
    /// @param expected period, 1 above the newest closed one
    /// @param expectedMonth its month
    /// @param actual period given
    error MonitoringWrongPeriod(uint256 packId, uint32 expected, uint32 expectedMonth, uint32 actual);

    /// @notice Thrown when the period is being reported already; it can be discarded.
    /// @param packId of the pack
    /// @param period that is open
    error MonitoringPeriodOpen(uint256 packId, uint32 period);

    /// @notice Thrown when the period is not the one that is being reported.
    /// @param packId of the pack
    /// @param expected period that is; 0 if none
    /// @param actual period given
    error MonitoringPeriodNotOpen(uint256 packId, uint32 expected, uint32 actual);

    /// @notice Thrown when the month of the period is not over.
    /// @param month since January 1970
    /// @param endsAt second at which it is over
    error MonitoringMonthNotOver(uint32 month, uint256 endsAt);

    /// @notice Thrown when a period does not begin with the balance that the one before ended with.
    /// @param expectedCents ending balance of the period before, or the cut-off balance
    /// @param actualCents given
    error MonitoringWrongBeginning(uint256 expectedCents, uint256 actualCents);

    /// @notice Thrown when totals do not balance.
    /// @param expectedCents ending balance by the other totals
    /// @param actualCents ending balance given
    error MonitoringOutOfBalance(int256 expectedCents, uint256 actualCents);

    /// @notice Thrown when a required hash is zero.
    /// @param field that lacks it
    error MonitoringHashMissing(string field);

    /// @notice Thrown when a chunk is not the next one.
    /// @param expected chunk
    /// @param actual chunk given
    error MonitoringWrongChunk(uint32 expected, uint32 actual);

    /// @notice Thrown when a chunk has not the length it must have.
    /// @param expected bytes
    /// @param actual bytes given
    error MonitoringWrongLength(uint256 expected, uint256 actual);

    /// @notice Thrown when an asset of the pool disappears, one that is not of it appears, or a state follows that cannot.
    /// @param index of the asset
    /// @param before state in the period before
    /// @param afterwards state given
    error MonitoringBadTransition(uint256 index, uint8 before, uint8 afterwards);

    /// @notice Thrown when a state, a band or a class cannot be, or not together.
    /// @param index of the asset
    /// @param entry given
    error MonitoringBadEntry(uint256 index, bytes4 entry);

    /// @notice Thrown when a balance grew although the asset is neither modified nor on holiday.
    /// @param index of the asset
    /// @param before class in the period before
    /// @param afterwards class given
    error MonitoringBalanceGrew(uint256 index, uint16 before, uint16 afterwards);

    /// @notice Thrown when a measure took an asset out and the report says otherwise.
    /// @param index of the asset
    /// @param expected state
    /// @param actual state given
    error MonitoringMeasureIgnored(uint256 index, uint8 expected, uint8 actual);

    /// @notice Thrown when a period lacks entries.
    /// @param expected assets
    /// @param actual assets reported
    error MonitoringIncomplete(uint256 expected, uint256 actual);

    /// @notice Thrown when totals cannot be those of the entries.
    /// @param field of the totals
    /// @param cents given
    /// @param leastCents that the entries allow
    /// @param mostCents that the entries allow
    error MonitoringTotalsDiffer(string field, uint256 cents, uint256 leastCents, uint256 mostCents);

    /// @notice Thrown when the balance that is left is too large to be called, or nothing was reported.
    /// @param packId of the pack
    /// @param endingCents balance that is left
    /// @param callableCents balance up to which it can be called
    error MonitoringNotOver(uint256 packId, uint256 endingCents, uint256 callableCents);

    /// @notice Thrown when an asset cannot leave or enter as a measure wants.
    /// @param packId of the pack
    /// @param index of the asset
    error MonitoringBadMeasure(uint256 packId, uint256 index);

    /// @notice Thrown when the period, chunk or asset does not exist.
    /// @param packId of the pack
    /// @param period asked for
    /// @param index asked for
    error MonitoringUnknown(uint256 packId, uint32 period, uint256 index);

    /// @notice Sets the terms of an issued pack; called by its risk control, once.
    /// @param packId of the pack
    /// @param terms see {Terms}
    function start(uint256 packId, Terms calldata terms) external;

    /// @notice Reads which assets the screening kept, as far as the gas of the call reaches; called by risk control until the
    /// pack is monitored.
    /// @param packId of the pack
    function load(uint256 packId) external;

    /// @notice Lets another account report; called by the pack's risk control.
    /// @param packId of the pack
    /// @param servicer its account
    function setServicer(uint256 packId, address servicer) external;

    /// @notice Begins the report of the next month; called by the servicer. Levels will come from the pack's newest round.
    /// @param packId of the pack
    /// @param period 1 above the newest closed one
    /// @param totals cash and balances
    /// @param keyBlob vault hash of the sealed key of the tape
    function openPeriod(uint256 packId, uint32 period, Totals calldata totals, bytes32 keyBlob) external;

    /// @notice Reports the next chunk of 1,024 entries (the last may be shorter); called by the servicer.
    /// @param packId of the pack
    /// @param period that is open
    /// @param chunkIndex number of chunks so far
    /// @param entries 4 bytes an asset, in the order of the pack, then those taken in
    /// @param tapeBlob vault hash of the encrypted rows of the tape
    function reportAssets(
        uint256 packId,
        uint32 period,
        uint32 chunkIndex,
        bytes calldata entries,
        bytes32 tapeBlob
    ) external;

    /// @notice Takes back what was reported of the open period, to report it anew; called by the servicer.
    /// @param packId of the pack
    /// @param period that is open
    function discardPeriod(uint256 packId, uint32 period) external;

    /// @notice Closes the open period: compares totals with entries, judges the triggers, tells the promise ledger; called by
    /// the servicer.
    /// @param packId of the pack
    /// @param period that is open
    function closePeriod(uint256 packId, uint32 period) external;

    /// @notice Ends the monitoring: no asset is live, or what is left is small enough to be called; called by risk control.
    /// @param packId of the pack
    function close(uint256 packId) external;

    /// @notice Assets leave by a measure; called by the contract that keeps the measures. The next report must say so.
    /// @param packId of the pack
    /// @param indices of assets that are live, or (repurchase) defaulted
    /// @param state 7 repurchased, 8 substituted
    function markLeaving(uint256 packId, uint32[] calldata indices, uint8 state) external;

    /// @notice Assets come in by a measure; called by the contract that keeps the measures.
    /// @param packId of the pack
    /// @param assets score << 24 | balance class: score 1 to 100, class at least 1, in the unit of the pack
    /// @return firstIndex index of the first; the others follow
    function admit(uint256 packId, uint32[] calldata assets) external returns (uint32 firstIndex);

    /// @notice The monitoring of a pack.
    /// @param packId of the pack
    /// @return all zero when there is none
    function pool(uint256 packId) external view returns (Pool memory);

    /// @notice Where the terms of a pack are kept: code of one STOP byte, then the ABI-encoded {Terms}. Also readable as
    /// {IMonitoringEngine-terms}.
    /// @param packId of the pack
    /// @return pointer address with the code; zero when there are none
    function termsPointer(uint256 packId) external view returns (address pointer);

    /// @notice A period.
    /// @param packId of the pack
    /// @param n number; 0 is the closing
    /// @return all zero when there is none
    function period(uint256 packId, uint32 n) external view returns (Period memory);

    /// @notice The triggers of a closed period.
    /// @param packId of the pack
    /// @param n number, from 1
    /// @return value, limit and cushion of each
    function triggers(uint256 packId, uint32 n) external view returns (Trigger[4] memory);

    /// @notice Where the entries of a chunk are kept: code of one STOP byte, then 4 bytes an asset.
    /// @param packId of the pack
    /// @param n number of the period, from 1
    /// @param chunkIndex first index / 1,024
    /// @return pointer address with the code
    function entriesPointer(uint256 packId, uint32 n, uint32 chunkIndex) external view returns (address pointer);

    /// @notice Where the sums over a period's entries are kept: code of one STOP byte, then 31 times count (4 bytes) and sum
    /// of balance classes (8 bytes), then the sum of the squares of the balance classes of live assets (16 bytes).
    /// Of live assets: levels 1 to 10, days-past-due bands 0 to 4. Of all assets: states 0 to 9 (of 0 none are counted).
    /// Since the period before, with the classes then: defaults (first of 91 days past due or charge-off); with the classes
    /// now: charged off; with the classes then: repurchased, substituted, those of both that were of levels 8 to 10, those
    /// of both that no measure took out. Also readable as {IMonitoringEngine-tallies}.
    /// @param packId of the pack
    /// @param n number of the period; 0 is the closing, whose levels are those that the screening left
    /// @return pointer address with the code; zero before the first entries
    function talliesPointer(uint256 packId, uint32 n) external view returns (address pointer);

    /// @notice Which assets of the pack were in the pool at closing.
    /// @param packId of the pack
    /// @param chunkIndex first index / 256
    /// @return bitmap lowest bit first
    function kept(uint256 packId, uint256 chunkIndex) external view returns (uint256 bitmap);

    /// @notice Assets that defaulted in a period, by their score at closing (or when they were taken in).
    /// @param packId of the pack
    /// @param n number of the period
    /// @return words two scores each, the lower one in the low half: count << 64 | sum of their balance classes before
    function newDefaults(uint256 packId, uint32 n) external view returns (uint256[50] memory words);
}
