// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreening} from "./IScreening.sol";

/// @title What the Screening contract has computed
/// @notice Keeps nothing and changes nothing: it gets a run and gives back what the run has become. Apart from Screening only
/// because one contract has no room for both.
interface IScreeningEngine {
    /// @notice A run as Screening keeps it. Pointers are addresses of code that ChunkStore wrote.
    /// @param runId of the screening
    /// @param run its figures
    /// @param policy pointer to the rules, abi encoded
    /// @param riskTable pointer to what `riskTable` gave
    /// @param state pointer to what `advance` or `bringDown` gave; zero before the first call
    /// @param batches of what `advance` gave: pointer | first index << 160 | count << 192, in the order of the pack
    struct Task {
        uint256 runId;
        IScreening.Run run;
        address policy;
        address riskTable;
        address state;
        uint256[] batches;
    }

    /// @notice What a call of `step` changes.
    /// @param run figures afterwards
    /// @param state to keep
    /// @param batch sorted assets to keep as one batch more; empty when nothing was read
    struct Progress {
        IScreening.Run run;
        bytes state;
        bytes batch;
    }

    /// @notice Combines a policy with a model.
    /// @param policy pointer to the rules
    /// @param modelId of the model
    /// @return table to keep
    function riskTable(address policy, uint256 modelId) external view returns (bytes memory table);

    /// @notice Goes on with a run as far as the gas of the call reaches, less what it takes to keep the progress.
    /// @param task phase Sorting, Limiting or Selecting
    /// @return progress of the run
    function advance(Task calldata task) external view returns (Progress memory progress);

    /// @notice Takes kept assets out of a run that is done.
    /// @param task phase Done
    /// @param indices of the assets, ascending
    /// @return progress of the run; the phase stays
    /// @return met whether something is left and its bad rate is at most the target
    function bringDown(Task calldata task, uint32[] calldata indices)
        external
        view
        returns (Progress memory progress, bool met);

    /// @notice Why one asset left.
    /// @param task an ended run, without its batches
    /// @param index of the asset
    /// @return reason by number
    function reasonOf(Task calldata task, uint256 index) external view returns (uint8 reason);

    /// @notice Why the assets of a chunk left.
    /// @param task an ended run, without its batches
    /// @param chunkIndex chunk of 256 assets
    /// @return reasons one byte an asset
    function reasons(Task calldata task, uint256 chunkIndex) external view returns (bytes memory reasons);

    /// @notice Assets by score.
    /// @param task an ended run
    /// @param afterwards whether of what is kept
    /// @return counts assets, score 1 first
    /// @return classes sum of principal classes, score 1 first
    function histogram(Task calldata task, bool afterwards)
        external
        view
        returns (uint32[100] memory counts, uint64[100] memory classes);

    /// @notice Assets by reason and by level.
    /// @param state pointer to the state of an ended run
    /// @return bridge tallies by reason, count << 64 | class sum
    /// @return before tallies by level of what steps 1 and 2 leave
    /// @return kept tallies by level of what is kept
    function tallies(address state)
        external
        view
        returns (uint256[] memory bridge, uint256[] memory before, uint256[] memory kept);
}
