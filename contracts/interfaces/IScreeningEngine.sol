// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreening} from "./IScreening.sol";

/// @title How a screening goes on
/// @notice Keeps nothing and changes nothing: it gets a run and gives back what the run has become. Apart from Screening only
/// because one contract has no room for both.
interface IScreeningEngine {
    /// @notice A run as Screening keeps it. Pointers are addresses of code that ChunkStore wrote.
    /// @param runId of the screening
    /// @param run its figures
    /// @param policy pointer to the rules, abi encoded
    /// @param riskTable pointer to what `IScreeningTerms.begin` gave
    /// @param state pointer to what `advance` or `IScreeningOutcome.bringDown` gave; zero before the first call
    /// @param batches of what `advance` gave: pointer | first index << 160 | count << 192, in the order of the pack
    /// @param moves pointers to the moves that `advance` gave, in their order
    struct Task {
        uint256 runId;
        IScreening.Run run;
        address policy;
        address riskTable;
        address state;
        uint256[] batches;
        address[] moves;
    }

    /// @notice What a call of `step` changes.
    /// @param run figures afterwards
    /// @param state to keep
    /// @param batch sorted assets to keep as one batch more; empty when nothing was read
    /// @param moves of the cuts, to keep after those before; empty when none moved
    struct Progress {
        IScreening.Run run;
        bytes state;
        bytes batch;
        bytes moves;
    }

    /// @notice Goes on with a run as far as the gas of the call reaches, less what it takes to keep the progress.
    /// @param task phase Sorting, Limiting or Selecting; its moves are not needed
    /// @return progress of the run
    function advance(Task calldata task) external view returns (Progress memory progress);
}
