// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreeningEngine} from "./IScreeningEngine.sol";

/// @title What a screening says of its assets
/// @notice Keeps nothing and changes nothing: it derives from a run's batches, cuts and moves what somebody asks, and takes
/// assets out of a run at the bring-down. Apart from ScreeningEngine only because one contract has no room for both.
interface IScreeningOutcome {
    /// @notice Takes kept assets out of a run that is done.
    /// @param task phase Done, without batches and moves
    /// @param indices of the assets, ascending
    /// @return progress of the run; the phase stays
    /// @return met whether something is left and its bad rate is at most the target
    function bringDown(IScreeningEngine.Task calldata task, uint32[] calldata indices)
        external
        view
        returns (IScreeningEngine.Progress memory progress, bool met);

    /// @notice Whether an asset was left in.
    /// @param task an ended run, without batches and moves
    /// @param index of the asset
    /// @return kept false once removed
    function isKept(IScreeningEngine.Task calldata task, uint256 index) external view returns (bool kept);

    /// @notice Why the assets of a chunk left.
    /// @param task an ended run, without batches
    /// @param chunkIndex chunk of 256 assets
    /// @return reasons one byte an asset
    function reasons(IScreeningEngine.Task calldata task, uint256 chunkIndex)
        external
        view
        returns (bytes memory reasons);

    /// @notice Assets by score.
    /// @param task an ended run, without moves
    /// @param afterwards whether of what is kept
    /// @return counts assets, score 1 first
    /// @return classes sum of principal classes, score 1 first
    function histogram(IScreeningEngine.Task calldata task, bool afterwards)
        external
        view
        returns (uint32[100] memory counts, uint64[100] memory classes);

    /// @notice Tallies, count << 64 | class sum.
    /// @param state pointer to a state
    /// @return bridge tallies by reason
    /// @return before tallies by level of what steps 1 and 2 leave
    /// @return kept tallies by level of what is kept
    function tallies(address state)
        external
        view
        returns (uint256[] memory bridge, uint256[] memory before, uint256[] memory kept);
}
