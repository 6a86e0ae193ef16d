// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What the other contracts ask of the Monitoring contract
/// @notice Answers are as of the last closed period; period 0 is the closing. Indices below the pack's count are its assets,
/// those from there on are assets that measures took in. State of an asset: 0 not in the pool, 1 current, 2 holiday,
/// 3 prepaid, 4 modified, 5 defaulted, 6 recovered, 7 repurchased, 8 substituted, 9 repaid. 1, 2 and 4 are *live*.
interface IMonitoringViews {
    /// @notice Whether the pack's monitoring has begun; before, nothing but false, 0 and `lastPeriod` 0 is answered.
    /// @param packId of the pack
    /// @return monitored true from the end of `load` on, also after the end of monitoring
    function isMonitored(uint256 packId) external view returns (bool monitored);

    /// @notice The newest closed period.
    /// @param packId of the pack
    /// @return period 0 before the first is closed
    function lastPeriod(uint256 packId) external view returns (uint32 period);

    /// @notice Whether the pool still owns an asset: live, defaulted or recovered.
    /// @param packId of the pack
    /// @param index of the asset
    /// @return inPool false for what was never in it, and for prepaid, repaid, repurchased and substituted assets
    function isInPool(uint256 packId, uint32 index) external view returns (bool inPool);

    /// @notice Whether an asset is live and its level 8 or higher.
    /// @param packId of the pack
    /// @param index of the asset
    /// @return topLevel by the scores and days past due of the last closed period
    function isTopLevel(uint256 packId, uint32 index) external view returns (bool topLevel);

    /// @notice Level of an asset: the larger of that of its newest score and the floor by days past due (1–30: 8, 31–60: 9,
    /// above: 10).
    /// @param packId of the pack
    /// @param period closed period, 0 for the closing
    /// @param index of the asset
    /// @return level 1 to 10; 0 when it is not live
    function levelOf(uint256 packId, uint32 period, uint32 index) external view returns (uint8 level);

    /// @notice What was reported of an asset.
    /// @param packId of the pack
    /// @param period closed period, 0 for the closing
    /// @param index of the asset
    /// @return state see above
    /// @return dpdBand days past due: 0: 0, 1: 1–30, 2: 31–60, 3: 61–90, 4: 91 and more
    /// @return class balance class, in the unit of the pack
    /// @return hasDefaulted whether it was 91 or more days past due or charged off, in this period or before
    function stateOf(uint256 packId, uint32 period, uint32 index)
        external
        view
        returns (uint8 state, uint8 dpdBand, uint16 class, bool hasDefaulted);

    /// @notice Whether a trigger fired and the pool has not been clear of all for as long as its terms ask.
    /// @param packId of the pack
    /// @return alert as of the last closed period
    function isAlert(uint256 packId) external view returns (bool alert);
}
