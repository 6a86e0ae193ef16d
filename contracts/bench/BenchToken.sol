// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title Token for measuring networks
/// @notice Anybody may issue it to anybody: it is worth nothing. Transfers are those of OpenZeppelin.
contract BenchToken is ERC20 {
    constructor() ERC20("Benchmark token", "BENCH") {}

    /// @notice Issue tokens.
    /// @param holders who gets them
    /// @param amount how many each gets
    function issue(address[] calldata holders, uint256 amount) external {
        for (uint256 index = 0; index < holders.length; ++index) {
            _mint(holders[index], amount);
        }
    }
}
