// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Status of a pack
/// @notice Numbers, not an enum: they are part of the protocol and of stored state.
library PackStatus {
    uint8 internal constant NONE = 0;
    uint8 internal constant INVITED = 1;
    uint8 internal constant OPEN = 2;
    uint8 internal constant SUBMITTED = 3;
    uint8 internal constant QUERIED = 4;
    uint8 internal constant SCORED = 5;
    uint8 internal constant SCREENED = 6;
    uint8 internal constant BROUGHT_DOWN = 7;
    uint8 internal constant TRANSFERRED = 8;
    uint8 internal constant ISSUED = 9;
    uint8 internal constant MONITORED = 10;
    uint8 internal constant CLOSED = 11;
    uint8 internal constant WITHDRAWN = 12;
}
