// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;
/// A small ledger for end-to-end tests of the RPC.
contract Ledger {
    mapping(address => uint256) public balanceOf;
    uint256 public total;
    event Deposited(address indexed account, uint256 amount, string note);
    error LedgerTooLittle(address account, uint256 has, uint256 wants);
    constructor(uint256 initial) { total = initial; }
    function deposit(uint256 amount, string calldata note) external {
        balanceOf[msg.sender] += amount; total += amount;
        emit Deposited(msg.sender, amount, note);
    }
    function withdraw(uint256 amount) external {
        uint256 has = balanceOf[msg.sender];
        if (has < amount) revert LedgerTooLittle(msg.sender, has, amount);
        balanceOf[msg.sender] = has - amount; total -= amount;
    }
    function refuse() external pure { require(false, "never"); }
    function divide(uint256 a, uint256 b) external pure returns (uint256) { return a / b; }
}
