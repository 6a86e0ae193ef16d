// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ledger} from "../../../contracts/Ledger.sol";

interface Vm {
    function envAddress(string calldata name) external view returns (address);
    function expectRevert(bytes calldata data) external;
}

/// Runs on a fork of the chain: forge fetches what it touches from the node.
contract LedgerTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    // forge takes this for the mark of a test.
    bool public IS_TEST = true;

    Ledger private ledger;

    function setUp() public {
        ledger = Ledger(vm.envAddress("LEDGER"));
    }

    function test_total_is_that_of_the_chain() public view {
        require(ledger.total() == 12, "total");
    }

    function test_deposit_changes_the_fork_only() public {
        ledger.deposit(1, "forked");
        require(ledger.total() == 13, "total");
        require(ledger.balanceOf(address(this)) == 1, "balance");
    }

    function test_withdraw_of_too_much_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(Ledger.LedgerTooLittle.selector, address(this), 0, 1));
        ledger.withdraw(1);
    }
}
