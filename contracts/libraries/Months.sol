// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Months of the Gregorian calendar
/// @notice A month is a number: those since January 1970, which is 0.
library Months {
    /// @notice First second of a month.
    /// @param month since January 1970
    /// @return second since 1970, UTC
    function startOf(uint256 month) internal pure returns (uint256 second) {
        // The year begins in March, so that the leap day is its last; 719,468 days lie between March of year 0 and 1970.
        uint256 sinceMarch = month + 1970 * 12 - 2;
        uint256 year = sinceMarch / 12;
        uint256 daysOfYear = (153 * (sinceMarch % 12) + 2) / 5;
        return (365 * year + year / 4 - year / 100 + year / 400 + daysOfYear - 719_468) * 1 days;
    }
}
