// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Does one thing of each kind that an execution engine must get right.
contract Probe {
    address private immutable SELF = address(this);
    uint256 public value;
    mapping(uint256 => uint256) public slots;

    event Changed(address indexed by, uint256 value);
    error Refused(uint256 value);

    constructor(uint256 initial) {
        value = initial;
    }

    function set(uint256 newValue) external payable {
        value = newValue;
        emit Changed(msg.sender, newValue);
    }

    function setMany(uint256 first, uint256 count, uint256 newValue) external {
        for (uint256 i = first; i < first + count; ++i) slots[i] = newValue;
    }

    function refuse(uint256 reason) external {
        value = 99;
        revert Refused(reason);
    }

    function fail(string calldata text) external pure {
        revert(text);
    }

    function burn() external {
        while (true) value += 1;
    }

    function die(address payable heir) external {
        selfdestruct(heir);
    }

    function self() external view returns (address) {
        return SELF;
    }

    function surroundings() external view returns (uint256, uint256, address, uint256, uint256, bytes32, bytes32) {
        return (
            block.number,
            block.timestamp,
            block.coinbase,
            block.chainid,
            tx.gasprice,
            blockhash(block.number - 1),
            blockhash(block.number)
        );
    }

    function recover(bytes32 digest, uint8 v, bytes32 r, bytes32 s) external pure returns (address, bytes32, bytes20) {
        return (ecrecover(digest, v, r, s), sha256(abi.encode(digest)), ripemd160(abi.encode(digest)));
    }

    function power(uint256 base, uint256 exponent, uint256 modulus) external view returns (uint256 result) {
        (bool isDone, bytes memory out) = address(5).staticcall(
            abi.encode(uint256(32), uint256(32), uint256(32), base, exponent, modulus)
        );
        require(isDone);
        return abi.decode(out, (uint256));
    }

    function deep(uint256 depth) external returns (uint256) {
        if (depth == 0) return value;
        return Probe(SELF).deep(depth - 1);
    }

    function tryRefuse(Probe other) external returns (bytes memory data) {
        value = 7;
        try other.refuse(5) {} catch (bytes memory reason) {
            data = reason;
        }
    }

    function create(bytes32 salt, bytes memory code) external returns (address made) {
        assembly {
            made := create2(0, add(code, 32), mload(code), salt)
        }
    }

    function spend(uint256 rounds) external view returns (uint256 left) {
        for (uint256 i = 0; i < rounds; ++i) left = gasleft();
    }
}
