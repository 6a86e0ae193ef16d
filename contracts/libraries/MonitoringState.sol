// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMonitoring} from "../interfaces/IMonitoring.sol";
import {IMonitoringEngine} from "../interfaces/IMonitoringEngine.sol";
import {MonitoringEntries} from "./MonitoringEntries.sol";

/// @title Figures of a pool: how they add up, and what they must agree with
/// @notice What the Monitoring contract stores, and how the engine gets to see it.
library MonitoringState {
    /// @notice Everything that is stored of a pool.
    /// @param pool what does not change with every period
    /// @param terms code with the ABI-encoded terms
    /// @param closingSquares sum of the squares of the balance classes of what is loaded
    /// @param kept assets in the pool at closing, 256 a word, lowest bit first
    /// @param admitted assets taken in, eight a word from the low bits up: score << 24 | class
    /// @param leaving assets that a measure took out, by the state they are to get
    /// @param periods figures; 0 is the closing
    /// @param pointers code with the entries of a chunk
    /// @param tallies code with the sums over the entries of a period
    /// @param defaults of a period by score at closing, two scores a word: count << 64 | sum of classes, the lower score low
    struct Record {
        IMonitoring.Pool pool;
        address terms;
        uint128 closingSquares;
        mapping(uint256 chunkIndex => uint256 bitmap) kept;
        mapping(uint256 wordIndex => uint256 word) admitted;
        mapping(uint8 state => mapping(uint256 wordIndex => uint256 bitmap)) leaving;
        mapping(uint32 period => IMonitoring.Period) periods;
        mapping(uint32 period => mapping(uint32 chunkIndex => address)) pointers;
        mapping(uint32 period => address) tallies;
        mapping(uint32 period => uint256[50]) defaults;
    }

    uint256 private constant _CHUNK = 1024;
    /// @dev Longest run of periods that terms may ask for.
    uint32 private constant _PERIODS_BACK = 12;

    /// @notice Adds new defaults to an open period.
    /// @param record of the pool
    /// @param n number of the period
    /// @param defaults as the engine gives them
    function addDefaults(Record storage record, uint32 n, uint256[50] memory defaults) internal {
        uint256[50] storage sums = record.defaults[n];
        for (uint256 i = 0; i < 50; ++i) {
            if (defaults[i] != 0) sums[i] += defaults[i];
        }
    }

    /// @notice Takes an asset in.
    /// @param record of the pool
    /// @param asset score << 24 | balance class
    function admit(Record storage record, uint32 asset) internal {
        uint256 place = record.pool.admittedCount++;
        record.admitted[place / 8] |= uint256(asset) << (32 * (place % 8));
    }

    /// @notice Fills in the cumulative figures of a period that is being closed.
    /// @param record of the pool
    /// @param n number of the period
    /// @param defaults of the period: count << 64 | sum of classes before
    function cumulate(Record storage record, uint32 n, uint256 defaults) internal {
        IMonitoring.Period storage before = record.periods[n - 1];
        IMonitoring.Period storage current = record.periods[n];
        IMonitoring.Totals storage totals = current.totals;
        current.cumulativeDefaultCount = before.cumulativeDefaultCount + uint32(defaults >> 64);
        current.cumulativeDefaultClasses = before.cumulativeDefaultClasses + uint64(defaults);
        current.cumulativeGrossCents = before.cumulativeGrossCents + totals.defaultedCents;
        current.cumulativeRecoveredCents = before.cumulativeRecoveredCents + totals.recoveredCents;
        current.cumulativeRemovedCents =
            before.cumulativeRemovedCents + totals.repurchasedCents + totals.substitutedOutCents;
    }

    /// @notice Sets which triggers fired and whether the pool is on alert.
    /// @param record of the pool
    /// @param n number of the period
    /// @param judged its triggers
    function setAlert(
        Record storage record,
        uint32 n,
        IMonitoring.Trigger[4] memory judged
    ) internal {
        IMonitoring.Period storage before = record.periods[n - 1];
        IMonitoring.Period storage current = record.periods[n];
        uint256 fired = 0;
        for (uint256 i = 0; i < 4; ++i) {
            if (judged[i].isFired) fired |= 1 << i;
        }
        current.firedTriggers = uint8(fired);
        current.clearPeriods = fired == 0 ? before.clearPeriods + 1 : 0;
        current.isAlert = fired != 0 || (before.isAlert && current.clearPeriods < record.pool.clearPeriods);
    }

    /// @notice What the triggers of a period are judged by.
    /// @param record of the pool
    /// @param n number of the period, from 1
    /// @return case_ for the engine
    function caseOf(Record storage record, uint32 n) internal view returns (IMonitoringEngine.Case memory case_) {
        uint32 first = n > _PERIODS_BACK ? n - _PERIODS_BACK : 0;
        (case_.terms, case_.period, case_.closing) = (record.terms, n, record.tallies[0]);
        case_.cutOffBalanceCents = record.pool.cutOffBalanceCents;
        case_.tallies = new address[](n - first + 1);
        case_.netLossCents = new int256[](n - first + 1);
        for (uint32 i = first; i <= n; ++i) {
            IMonitoring.Period storage current = record.periods[i];
            case_.tallies[i - first] = record.tallies[i];
            case_.netLossCents[i - first] =
                int256(uint256(current.cumulativeGrossCents)) - int256(uint256(current.cumulativeRecoveredCents));
        }
    }

    /// @notice What the engine is to read of assets.
    /// @param record of the pool
    /// @param packId of the pack
    /// @param n number of the period whose entries are wanted
    /// @param first index of the first asset
    /// @param count of assets, all in one chunk of 1,024
    /// @return range_ with the round of period n
    function range(Record storage record, uint256 packId, uint32 n, uint256 first, uint256 count)
        internal
        view
        returns (IMonitoringEngine.Range memory range_)
    {
        (range_.packId, range_.assetCount, range_.first, range_.count) = (packId, record.pool.assetCount, first, count);
        (range_.roundId, range_.closingRoundId) = (record.periods[n].roundId, record.pool.closingRoundId);
        (range_.pointer, range_.knownCount) = (record.pointers[n][uint32(first / _CHUNK)], record.periods[n].entryCount);
        uint256 base = first / _CHUNK * 4;
        for (uint256 i = 0; i < 4; ++i) {
            if (n == 0) range_.kept[i] = record.kept[base + i];
            range_.repurchased[i] = record.leaving[MonitoringEntries.REPURCHASED][base + i];
            range_.substituted[i] = record.leaving[MonitoringEntries.SUBSTITUTED][base + i];
        }
        range_.admitted = admittedIn(record, first, first + count);
    }

    /// @notice Assets taken in, of some indices.
    /// @param record of the pool
    /// @param from first index
    /// @param to index after the last
    /// @return admitted score << 24 | class
    function admittedIn(Record storage record, uint256 from, uint256 to)
        internal
        view
        returns (uint32[] memory admitted)
    {
        uint256 assetCount = record.pool.assetCount;
        from = from > assetCount ? from - assetCount : 0;
        to = to > assetCount ? to - assetCount : 0;
        admitted = new uint32[](to - from);
        for (uint256 i = from; i < to; ++i) {
            admitted[i - from] = uint32(record.admitted[i / 8] >> (32 * (i % 8)));
        }
    }

    /// @notice Whether an index is that of an asset.
    /// @param record of the pool
    /// @param index in question
    /// @return true for those of the pack and those taken in
    function exists(Record storage record, uint256 index) internal view returns (bool) {
        return index < uint256(record.pool.assetCount) + record.pool.admittedCount;
    }

    /// @notice Whether a measure took an asset out.
    /// @param record of the pool
    /// @param index of the asset
    /// @return true if so
    function isMarked(Record storage record, uint256 index) internal view returns (bool) {
        uint256 bits = record.leaving[MonitoringEntries.REPURCHASED][index >> 8]
            | record.leaving[MonitoringEntries.SUBSTITUTED][index >> 8];
        return bits >> (index & 0xff) & 1 == 1;
    }
}
