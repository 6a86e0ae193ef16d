// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreening} from "./IScreening.sol";

/// @title On what terms a screening begins
/// @notice Keeps nothing and changes nothing: it refuses policies that are none, and rounds and packs that a policy does not
/// suit. Apart from Screening only because one contract has no room for both.
interface IScreeningTerms {
    /// @notice Refuses a policy with a field out of its range, or with a rule on a dimension that its layout does not have.
    /// @param policy the rules
    function validate(IScreening.Policy calldata policy) external view;

    /// @notice Begins a run of a pack by scores and rules that suit each other.
    /// @param packId pack to screen
    /// @param roundId final scoring round of it
    /// @param policy pointer to the rules, abi encoded
    /// @return run phase Sorting; without policyId and previousRunId
    /// @return riskTable what policy and model say of each report word, to keep
    function begin(uint256 packId, uint256 roundId, address policy)
        external
        view
        returns (IScreening.Run memory run, bytes memory riskTable);
}
