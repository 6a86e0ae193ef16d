// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ledger} from "../../../contracts/Ledger.sol";

interface Vm {
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// Deploys a ledger and deposits, as `forge script --broadcast` does it.
contract Deploy {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    // forge takes this for the mark of a script.
    bool public IS_SCRIPT = true;

    function run() external returns (Ledger ledger) {
        vm.startBroadcast();
        ledger = new Ledger(7);
        ledger.deposit(5, "first");
        vm.stopBroadcast();
    }
}
