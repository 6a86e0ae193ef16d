// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Executes the program of a risk model
/// @notice Layout of a program and what is computed: docs/protocol.md, 7. The loops are assembly, as bounds checks would
/// cost several times what the model does. They trust the program: its hash was voted on, and whoever votes can compile it
/// again. All work memory is sized from the program's own header.
/// Hidden units are lanes of 32 bits, eight a word: one multiplication serves eight units. A model is compiled only if no
/// hidden sum can leave 32 bits, and biases carry 2^31 more, so that a finished lane is never negative and never carries.
library RiskProgram {
    /// @notice A program that is being executed. Addresses are in memory.
    /// @param start address of the program
    /// @param inputCount of a row
    /// @param ratioCount computed of them
    /// @param tableCount sources of features
    /// @param blockCount blocks of 32 hidden units
    /// @param numbers address of a word for each input and ratio
    /// @param features address of a word for each feature
    /// @param lanes address of the hidden units' words
    struct Machine {
        uint256 start;
        uint256 inputCount;
        uint256 ratioCount;
        uint256 tableCount;
        uint256 blockCount;
        uint256 numbers;
        uint256 features;
        uint256 lanes;
    }

    /// @dev -2^63 of an int64, as a word.
    uint256 private constant _MISSING = 0xffffffffffffffffffffffffffffffffffffffffffffffff8000000000000000;
    /// @dev Operands of a ratio are clamped to plus or minus this.
    uint256 private constant _RATIO_LIMIT = 9_000_000_000_000;
    uint256 private constant _CUT_POINTS = 32;
    uint256 private constant _CUT_POINT_COUNT = 99;
    uint256 private constant _WEIGHTS_OUT = _CUT_POINTS + 8 * _CUT_POINT_COUNT;

    /// @notice Reads a program that is kept in chunks.
    /// @param chunks contracts whose code they are, in order
    /// @return program its bytes
    function load(address[] storage chunks) internal view returns (bytes memory program) {
        uint256 count = chunks.length;
        uint256 size = 0;
        for (uint256 i = 0; i < count; ++i) {
            size += chunks[i].code.length - 1;
        }
        program = new bytes(size);
        uint256 at = 0;
        for (uint256 i = 0; i < count; ++i) {
            address chunk = chunks[i];
            // solhint-disable-next-line no-inline-assembly
            assembly {
                let length := sub(extcodesize(chunk), 1)
                extcodecopy(chunk, add(add(program, 0x20), at), 1, length)
                at := add(at, length)
            }
        }
    }

    /// @notice Prepares the execution of a program.
    /// @param program its bytes
    /// @return machine ready to score
    function open(bytes memory program) internal pure returns (Machine memory machine) {
        machine.inputCount = uint8(program[1]);
        machine.ratioCount = uint8(program[2]);
        machine.tableCount = uint8(program[3]);
        machine.blockCount = uint8(program[4]);
        // Reads of whole words reach past the end; a program has fewer features than bytes / 128.
        bytes memory work = new bytes(
            32 * (machine.inputCount + machine.ratioCount + program.length / 128 + 4 * machine.blockCount + 1)
        );
        uint256 start;
        uint256 numbers;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            start := add(program, 0x20)
            numbers := add(work, 0x20)
        }
        machine.start = start;
        machine.numbers = numbers;
        machine.lanes = numbers + 32 * (machine.inputCount + machine.ratioCount);
        machine.features = machine.lanes + 128 * machine.blockCount;
    }

    /// @notice Scores one record.
    /// @param machine of the program
    /// @param row begins with the record's inputs, int64 big-endian
    /// @return risk 1 to 100
    function score(Machine memory machine, bytes calldata row) internal pure returns (uint256 risk) {
        unchecked {
            uint256 inputs = machine.start + _WEIGHTS_OUT + 160 * machine.blockCount;
            uint256 ratios = inputs + 16 * machine.inputCount;
            _readInputs(machine, row, inputs);
            _computeRatios(machine, ratios);
            (uint256 weights, uint256 featuresEnd) = _lookUp(machine, ratios + 2 * machine.ratioCount);
            for (uint256 i = 0; i < machine.blockCount; ++i) {
                weights = _sumBlock(machine, i, weights, featuresEnd);
            }
            return 1 + _countUpTo(machine.start + _CUT_POINTS, _CUT_POINT_COUNT, _output(machine));
        }
    }

    /// @dev Clamps every input that is not missing to its range.
    function _readInputs(Machine memory machine, bytes calldata row, uint256 ranges) private pure {
        uint256 count = machine.inputCount;
        uint256 slot = machine.numbers;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let at := row.offset
            for { let end := add(slot, shl(5, count)) } lt(slot, end) { slot := add(slot, 0x20) } {
                let value := sar(192, calldataload(at))
                if iszero(eq(value, _MISSING)) {
                    let range := mload(ranges)
                    let low := sar(192, range)
                    let high := sar(192, shl(64, range))
                    if slt(value, low) { value := low }
                    if sgt(value, high) { value := high }
                }
                mstore(slot, value)
                at := add(at, 8)
                ranges := add(ranges, 16)
            }
        }
    }

    /// @dev Numerator * 10^6 / denominator toward zero; missing where an operand is missing or the denominator 0.
    function _computeRatios(Machine memory machine, uint256 pairs) private pure {
        uint256 numbers = machine.numbers;
        uint256 slot = numbers + 32 * machine.inputCount;
        uint256 count = machine.ratioCount;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            function clamp(value) -> clamped {
                clamped := value
                if sgt(value, _RATIO_LIMIT) { clamped := _RATIO_LIMIT }
                if slt(value, sub(0, _RATIO_LIMIT)) { clamped := sub(0, _RATIO_LIMIT) }
            }
            for { let end := add(slot, shl(5, count)) } lt(slot, end) { slot := add(slot, 0x20) } {
                let places := mload(pairs)
                let numerator := mload(add(numbers, shl(5, byte(0, places))))
                let denominator := mload(add(numbers, shl(5, byte(1, places))))
                let value := _MISSING
                if iszero(or(or(eq(numerator, _MISSING), eq(denominator, _MISSING)), iszero(denominator))) {
                    value := sdiv(mul(clamp(numerator), 1000000), clamp(denominator))
                }
                mstore(slot, value)
                pairs := add(pairs, 2)
            }
        }
    }

    /// @dev Fills the features, table by table; returns where the tables and where the features end.
    function _lookUp(Machine memory machine, uint256 table) private pure returns (uint256 end, uint256 feature) {
        feature = machine.features;
        uint256 numbers = machine.numbers;
        unchecked {
            for (uint256 left = machine.tableCount; left != 0; --left) {
                uint256 head;
                uint256 value;
                // solhint-disable-next-line no-inline-assembly
                assembly {
                    head := shr(224, mload(table))
                    value := mload(add(numbers, shl(5, shr(24, head))))
                }
                uint256 cutCount = head & 0xffff;
                uint256 rows = table + 4 + 8 * cutCount;
                uint256 rowSize = 4 * ((head >> 16) & 0xff);
                uint256 bin = value == _MISSING ? cutCount + 1 : _countUpTo(table + 4, cutCount, value);
                uint256 row = rows + bin * rowSize;
                // solhint-disable-next-line no-inline-assembly
                assembly {
                    for { let last := add(row, rowSize) } lt(row, last) { row := add(row, 4) } {
                        mstore(feature, sar(224, mload(row)))
                        feature := add(feature, 0x20)
                    }
                }
                table = rows + (cutCount + 2) * rowSize;
            }
        }
        return (table, feature);
    }

    /// @dev Adds feature * weights to the biases of 32 units; returns where the next block's weights are.
    function _sumBlock(Machine memory machine, uint256 index, uint256 weights, uint256 end)
        private
        pure
        returns (uint256 next)
    {
        uint256 lanes = machine.lanes + 128 * index;
        uint256 bias = machine.start + _WEIGHTS_OUT + 32 * machine.blockCount + 128 * index;
        uint256 feature = machine.features;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let a := mload(bias)
            let b := mload(add(bias, 0x20))
            let c := mload(add(bias, 0x40))
            let d := mload(add(bias, 0x60))
            for {} lt(feature, end) { feature := add(feature, 0x20) } {
                let value := mload(feature)
                a := add(a, mul(value, mload(weights)))
                b := add(b, mul(value, mload(add(weights, 0x20))))
                c := add(c, mul(value, mload(add(weights, 0x40))))
                d := add(d, mul(value, mload(add(weights, 0x60))))
                weights := add(weights, 0x80)
            }
            mstore(lanes, a)
            mstore(add(lanes, 0x20), b)
            mstore(add(lanes, 0x40), c)
            mstore(add(lanes, 0x60), d)
            next := weights
        }
    }

    /// @dev ReLU, division, second layer. No lane is 0 before it is shifted out, so a word of 0 has none left.
    function _output(Machine memory machine) private pure returns (uint256 value) {
        uint256 program = machine.start;
        uint256 weights = program + _WEIGHTS_OUT;
        uint256 lanes = machine.lanes;
        uint256 end = lanes + 128 * machine.blockCount;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let header := mload(program)
            let divisor := and(shr(152, header), 0xffffffffffffffff)
            value := sar(192, shl(168, header))
            for {} lt(lanes, end) { lanes := add(lanes, 0x20) } {
                let weight := shr(192, mload(weights))
                for { let word := mload(lanes) } word { word := shr(32, word) } {
                    let lane := and(word, 0xffffffff)
                    if gt(lane, 0x80000000) {
                        value := add(value, mul(div(sub(lane, 0x80000000), divisor), signextend(0, weight)))
                    }
                    weight := shr(8, weight)
                }
                weights := add(weights, 8)
            }
            value := sdiv(value, and(shr(88, header), 0xffffffffffffffff))
        }
    }

    /// @dev How many of the rising int64 at `cuts` are at most `value`, by halving.
    function _countUpTo(uint256 cuts, uint256 count, uint256 value) private pure returns (uint256 low) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            for { let high := count } lt(low, high) {} {
                let middle := shr(1, add(low, high))
                switch sgt(sar(192, mload(add(cuts, shl(3, middle)))), value)
                case 0 { low := add(middle, 1) }
                default { high := middle }
            }
        }
    }
}
