// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMonitoring} from "./IMonitoring.sol";

/// @title What the Monitoring contract has computed
/// @notice A contract of its own, because both would not fit into one. Changes no state, so anybody may call it.
interface IMonitoringEngine {
    /// @notice Assets of a pool in one chunk of 1,024, and what their entries are judged by.
    /// @param packId of the pack
    /// @param assetCount assets of the pack; those above were taken in
    /// @param first index of the first asset
    /// @param count of assets
    /// @param roundId round of the newest scores
    /// @param closingRoundId round of the scores at closing
    /// @param pointer code with the chunk's entries of the period before; zero: the closing
    /// @param knownCount assets that have an entry there; those above were taken in since
    /// @param kept if `pointer` is zero: assets in the pool at closing, from `first` rounded down to 1,024, 256 a word
    /// @param repurchased assets that a measure repurchased, alike
    /// @param substituted assets that a measure replaced, alike
    /// @param admitted of each asset that was taken in, from the first of them in this range on: score << 24 | class
    struct Range {
        uint256 packId;
        uint256 assetCount;
        uint256 first;
        uint256 count;
        uint256 roundId;
        uint256 closingRoundId;
        address pointer;
        uint256 knownCount;
        uint256[4] kept;
        uint256[4] repurchased;
        uint256[4] substituted;
        uint32[] admitted;
    }

    /// @notice What came of a chunk's entries.
    /// @param entries to keep: with the bits of defaulted assets
    /// @param tallies to keep, packed
    /// @param defaults new ones by score at closing, two scores a word: count << 64 | sum of classes, the lower score low
    struct Walked {
        bytes entries;
        bytes tallies;
        uint256[50] defaults;
    }

    /// @notice What a period is judged by. Pointers are of tallies, see {IMonitoring-talliesPointer}.
    /// @param terms code with the ABI-encoded terms
    /// @param period number of the last
    /// @param cutOffBalanceCents denominator of losses
    /// @param closing tallies of period 0
    /// @param tallies of the last 13 periods, or of all from period 0 on
    /// @param netLossCents cumulative, of the same periods
    struct Case {
        address terms;
        uint256 period;
        uint256 cutOffBalanceCents;
        address closing;
        address[] tallies;
        int256[] netLossCents;
    }

    /// @notice Reverts when an account cannot report.
    /// @param servicer its account
    function checkServicer(address servicer) external view;

    /// @notice What the monitoring of a pack begins with; reverts when it cannot begin.
    /// @param packId of the pack
    /// @param caller who starts it
    /// @param encodedTerms ABI-encoded
    /// @return pool to keep
    function open(uint256 packId, address caller, bytes calldata encodedTerms)
        external
        view
        returns (IMonitoring.Pool memory pool);

    /// @notice What a screening made of 256 assets.
    /// @param packId of the pack
    /// @param runId of the screening
    /// @param chunkIndex first index / 256
    /// @return count of assets
    /// @return bitmap kept ones, lowest bit first
    /// @return squares sum of the squares of their balance classes
    function closing(uint256 packId, uint256 runId, uint256 chunkIndex)
        external
        view
        returns (uint256 count, uint256 bitmap, uint256 squares);

    /// @notice Tallies of period 0.
    /// @param runId screening whose result is the pool
    /// @param squares sum of the squares of the balance classes of what it kept
    /// @return packed tallies to keep
    function closingTallies(uint256 runId, uint256 squares) external view returns (bytes memory packed);

    /// @notice Reverts when a period does not begin where the last ended, does not add up, or its month is not over.
    /// @param month of it, since January 1970
    /// @param totals of it
    /// @param keyBlob vault hash of its sealed key, not zero
    /// @param expectedCents balance that it begins with
    function checkOpening(
        uint32 month,
        IMonitoring.Totals calldata totals,
        bytes32 keyBlob,
        uint256 expectedCents
    ) external view;

    /// @notice Checks entries and adds them up.
    /// @param range whose they are
    /// @param entries as reported
    /// @param before tallies of the period's chunks so far; zero: none
    /// @return what came of them
    function walk(Range calldata range, bytes calldata entries, address before) external view returns (Walked memory);

    /// @notice Entry and level of one asset.
    /// @param range the asset alone, with its period's chunk as `pointer` and its period's round as `roundId`
    /// @return entry state << 24 | band << 16 | class
    /// @return level 0 when it is not live
    function look(Range calldata range) external view returns (uint256 entry, uint256 level);

    /// @notice The triggers of the last period of a case.
    /// @param case_ what it is judged by
    /// @return triggers by number
    function judge(Case calldata case_) external view returns (IMonitoring.Trigger[4] memory triggers);

    /// @notice Terms of a pool.
    /// @param pointer from {IMonitoring-termsPointer}
    /// @return as given to `start`
    function terms(address pointer) external view returns (IMonitoring.Terms memory);

    /// @notice Tallies, unpacked.
    /// @param pointer from {IMonitoring-talliesPointer}
    /// @return counts of assets, in the order of that function
    /// @return classes sums of balance classes
    /// @return squares sum of the squares of the balance classes of live assets
    function tallies(address pointer)
        external
        view
        returns (uint32[31] memory counts, uint64[31] memory classes, uint128 squares);

    /// @notice Reverts when totals of a period cannot be those of its entries.
    /// @param totals of the period
    /// @param pointer tallies of the period
    /// @param unitCents of a balance class
    /// @param admitted of each asset that was first reported in the period: score << 24 | class
    /// @return defaults of the period: count << 64 | sum of classes before
    function checkTotals(
        IMonitoring.Totals calldata totals,
        address pointer,
        uint256 unitCents,
        uint32[] calldata admitted
    ) external view returns (uint256 defaults);
}
