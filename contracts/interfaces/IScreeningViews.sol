// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What the other contracts ask of the Screening contract
/// @notice Pledges ask whether an asset was removed, rounds whether a policy exists, the exchange what is left.
interface IScreeningViews {
    /// @notice Number of policies; ids are 1 to this.
    /// @return count of policies
    function policyCount() external view returns (uint256 count);

    /// @notice The screening whose result the pack carries.
    /// @param packId of the pack
    /// @return runId 0 when the pack was not screened
    function runOf(uint256 packId) external view returns (uint256 runId);

    /// @notice Whether an asset was left in its pack; true for a pack that was not screened.
    /// @param packId of the pack
    /// @param index of the asset
    /// @return kept false once removed
    function isKept(uint256 packId, uint32 index) external view returns (bool kept);

    /// @notice Assets by score.
    /// @param runId of the screening
    /// @param afterwards whether of what was kept, instead of what was offered
    /// @return counts assets, score 1 first
    /// @return classes sum of principal classes, score 1 first
    function histogram(uint256 runId, bool afterwards)
        external
        view
        returns (uint32[100] memory counts, uint64[100] memory classes);

    /// @notice Assets by level; the sums of `histogram` at the price of a few slots.
    /// @param runId of the screening
    /// @param afterwards whether of what is kept, instead of what steps 1 and 2 leave
    /// @return counts assets, level 1 first
    /// @return classes sum of principal classes, level 1 first
    function levels(uint256 runId, bool afterwards)
        external
        view
        returns (uint32[10] memory counts, uint64[10] memory classes);
}
