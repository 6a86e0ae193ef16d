// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Who is told of every closed period
/// @notice Monitoring calls the contract that is registered as "PromiseLedger", if there is one.
interface IMonitoringObserver {
    /// @notice A period was closed; called by Monitoring.
    /// @param packId of the pack
    /// @param period from 1, without gaps
    /// @param cumulativeDefaults assets of the closing that have defaulted so far: first of 91 days past due or charge-off
    function observe(uint256 packId, uint32 period, uint32 cumulativeDefaults) external;
}
