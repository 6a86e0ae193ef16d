// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMeasures} from "./IMeasures.sol";

/// @title What an asset of a reserve pack must be to replace one of a pool
/// @notice Judged by what the chain knows: scores, classes, buckets. What only rows show, the trustee checks. The errors are
/// those of {IMeasures}.
interface IReplacementRules {
    /// @notice Judges an offer of replacements.
    /// @param packId pack of the pool
    /// @param terms dimensions of its layout
    /// @param offer reserve pack, round and indices
    /// @param places pack << 32 | index of the assets that are replaced, as they were first offered
    /// @return entries score << 24 | principal class of each replacement
    function judge(
        uint256 packId,
        IMeasures.Terms calldata terms,
        IMeasures.Offer calldata offer,
        uint256[] calldata places
    ) external view returns (uint32[] memory entries);

    /// @notice Highest probability of default that a replacement may have: the mean of the pool at closing, by balance, with
    /// margin.
    /// @param packId monitored pack
    /// @return numerator over
    /// @return denominator ppm
    function meanPd(uint256 packId) external view returns (uint256 numerator, uint256 denominator);
}
