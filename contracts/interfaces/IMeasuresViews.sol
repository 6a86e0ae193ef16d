// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What the other contracts ask of the Measures contract
/// @notice A loan of a reserve pack that replaces one of a pool belongs to that pool from then on.
interface IMeasuresViews {
    /// @notice Whether assets of a pack were used as replacements; then the pack cannot be sold any more.
    /// @param packId of the pack
    /// @return reserve true from the first use on
    function isReserve(uint256 packId) external view returns (bool reserve);

    /// @notice Which pool an asset of a reserve pack was taken into.
    /// @param packId of the reserve pack
    /// @param index of the asset
    /// @return measureId measure that uses it; 0 when none does
    /// @return poolId pack of the pool
    /// @return poolIndex its index there; 0 until the trustee confirmed
    function useOf(uint256 packId, uint32 index)
        external
        view
        returns (uint256 measureId, uint256 poolId, uint32 poolIndex);
}
