// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ScreeningRisk} from "./ScreeningRisk.sol";
import {ScreeningSort} from "./ScreeningSort.sol";

/// @title What a run knows between two calls, and as its result
/// @notice A key is slot << 24 | index: keys ascend in the order of risk. A cut is a key; what lies below it is gone. An asset
/// is kept exactly when it lies below neither its group's cut nor its level's. One row of cuts is kept for each round of
/// steps 3 and 4, so that the first row that removes an asset tells the reason.
library ScreeningState {
    /// @notice Sums of the kept set and the cuts. Tallies are count << 64 | class sum.
    /// @param numerator Σ m·class·pd
    /// @param denominator Σ m·class
    /// @param numeratorByCount Σ m·pd
    /// @param denominatorByCount Σ m
    /// @param lowestPpm lowest bad rate of a set that keeps the limits
    /// @param passLowestPpm lowest bad rate seen in the present pass of step 4
    /// @param groupCount region groups with assets, at least
    /// @param removed tallies by reason; [0] is what is kept
    /// @param before tallies by level of what steps 1 and 2 leave
    /// @param levels tallies by level of what is kept
    /// @param passCounts counts by level at the begin of the present pass of step 4
    /// @param groups class sums of what is kept, by region group
    /// @param cuts a row for each round: 256 of groups, then 10 of levels (of the whole pack: only the first)
    struct State {
        uint256 numerator;
        uint256 denominator;
        uint256 numeratorByCount;
        uint256 denominatorByCount;
        uint256 lowestPpm;
        uint256 passLowestPpm;
        uint256 groupCount;
        uint256[] removed;
        uint256[] before;
        uint256[] levels;
        uint256[] passCounts;
        uint256[] groups;
        uint256[][] cuts;
    }

    /// @notice Where the cuts of levels begin in a row.
    uint256 internal constant LEVEL_CUTS = 256;
    /// @notice Low half of a tally.
    uint256 internal constant CLASS_SUM = type(uint64).max;

    uint256 private constant _ROW_LENGTH = 266;
    /// @dev 4 sums of 16 bytes, 2 rates and 2 counts of 4, 26 tallies of 12, 10 counts of 4.
    uint256 private constant _FIXED_SIZE = 64 + 16 + 26 * 12 + 40;

    /// @notice A state without assets.
    /// @return state without cuts
    function empty() internal pure returns (State memory state) {
        state.lowestPpm = ScreeningRisk.PPM;
        state.removed = new uint256[](6);
        state.before = new uint256[](10);
        state.levels = new uint256[](10);
        state.passCounts = new uint256[](10);
        state.groups = new uint256[](256);
    }

    /// @notice Size of the encoded state.
    /// @param state in question
    /// @return bytes of it
    function sizeOf(State memory state) internal pure returns (uint256) {
        return _FIXED_SIZE + 5 * state.groupCount + 4 * (state.groupCount + 10) * state.cuts.length;
    }

    /// @notice Gas to keep the state while groups join: with all 256 of them.
    /// @return gas with some margin
    function keepGas() internal pure returns (uint256) {
        return 100_000 + 230 * (_FIXED_SIZE + 5 * 256);
    }

    /// @notice Gas to add a row and to keep it.
    /// @param state in question
    /// @return gas with some margin
    function rowGas(State memory state) internal pure returns (uint256) {
        return 90_000 + 230 * 4 * (state.groupCount + 10);
    }

    /// @notice Gas to keep the state and one row more, and to end a call.
    /// @param state in question
    /// @return gas with some margin
    function reserveGas(State memory state) internal pure returns (uint256) {
        return 220_000 + 230 * sizeOf(state) + rowGas(state);
    }

    /// @notice Takes the assets of a batch in.
    /// @param state in question
    /// @param batch all its assets are in
    /// @param riskTable pd by slot
    /// @param emphasis m by level
    function add(
        State memory state,
        ScreeningSort.Batch memory batch,
        bytes memory riskTable,
        uint32[10] memory emphasis
    ) internal pure {
        // Cannot wrap: counts and class sums of 2^24 assets fit into 64 bits each, weighted ones into 128.
        unchecked {
            for (uint256 slot = 0; slot < ScreeningRisk.SLOT_COUNT; ++slot) {
                uint256 tally = ScreeningSort.tallyOf(batch, slot);
                if (tally == 0) continue;
                uint256 level = ScreeningRisk.levelOf(slot);
                uint256 weight = emphasis[level];
                state.denominator += weight * (tally & CLASS_SUM);
                state.denominatorByCount += weight * (tally >> 64);
                weight *= ScreeningRisk.pdPpmOf(riskTable, slot);
                state.numerator += weight * (tally & CLASS_SUM);
                state.numeratorByCount += weight * (tally >> 64);
                state.levels[level] += tally;
            }
            state.removed[1] += ScreeningSort.tallyOf(batch, ScreeningRisk.NOT_ELIGIBLE);
            state.removed[2] += ScreeningSort.tallyOf(batch, ScreeningRisk.NO_RECORD);
            for (uint256 group = 0; group < 256; ++group) {
                uint256 sum = ScreeningSort.groupSumOf(batch, group);
                if (sum == 0) continue;
                state.groups[group] += sum;
                if (group >= state.groupCount) state.groupCount = group + 1;
            }
        }
        state.removed[0] = 0;
        for (uint256 level = 0; level < 10; ++level) {
            state.before[level] = state.levels[level];
            state.removed[0] += state.levels[level];
        }
    }

    /// @notice Takes a kept asset out of every sum.
    /// @param state in question
    /// @param emphasis m of the asset's level
    /// @param pdPpm of the asset
    /// @param level of the asset, from 0
    /// @param class of the asset
    /// @param group of the asset
    function bringDown(
        State memory state,
        uint256 emphasis,
        uint256 pdPpm,
        uint256 level,
        uint256 class,
        uint256 group
    ) internal pure {
        uint256 tally = 1 << 64 | class;
        state.numerator -= emphasis * pdPpm * class;
        state.denominator -= emphasis * class;
        state.numeratorByCount -= emphasis * pdPpm;
        state.denominatorByCount -= emphasis;
        state.levels[level] -= tally;
        state.groups[group] -= class;
        state.removed[0] -= tally;
        state.removed[5] += tally;
    }

    /// @notice Takes everything of steps 3 and 4 back: the pack is as steps 1 and 2 left it.
    /// @param state in question
    function restore(State memory state) internal pure {
        state.removed[0] = 0;
        state.removed[3] = 0;
        state.removed[4] = 0;
        for (uint256 level = 0; level < 10; ++level) {
            state.levels[level] = state.before[level];
            state.removed[0] += state.before[level];
        }
        state.cuts = new uint256[][](0);
    }

    /// @notice Begins a round: its cuts go on from those of the round before.
    /// @param state in question
    function addRow(State memory state) internal pure {
        uint256 count = state.cuts.length;
        uint256[][] memory rows = new uint256[][](count + 1);
        for (uint256 i = 0; i < count; ++i) {
            rows[i] = state.cuts[i];
        }
        uint256[] memory last = new uint256[](_ROW_LENGTH);
        for (uint256 i = 0; count != 0 && i < _ROW_LENGTH; ++i) {
            last[i] = state.cuts[count - 1][i];
        }
        rows[count] = last;
        state.cuts = rows;
    }

    /// @notice Reason by which a sorted asset left.
    /// @param state in question
    /// @param slot of the asset
    /// @param index of the asset
    /// @param group of the asset
    /// @param perLevel whether levels have cuts of their own
    /// @return 0 kept, 3 concentration, 4 screened
    function reasonOf(State memory state, uint256 slot, uint256 index, uint256 group, bool perLevel)
        internal
        pure
        returns (uint256)
    {
        uint256 key = slot << 24 | index;
        uint256 level = LEVEL_CUTS + (perLevel ? ScreeningRisk.levelOf(slot) : 0);
        if (state.cuts.length == 0) return 0;
        uint256[] memory row = state.cuts[state.cuts.length - 1];
        if (key >= row[group] && key >= row[level]) return 0;
        for (uint256 i = 0; i < state.cuts.length; ++i) {
            row = state.cuts[i];
            if (key < row[group]) return 3;
            if (key < row[level]) return 4;
        }
        return 0;
    }

    /// @notice Packs a state.
    /// @param state in question
    /// @return data of sizeOf(state) bytes
    function encode(State memory state) internal pure returns (bytes memory data) {
        data = new bytes(sizeOf(state) + 32);
        uint256 at;
        // Values are written as whole words, each over the tail of the one before; 32 spare bytes take the last tail.
        // solhint-disable-next-line no-inline-assembly
        assembly {
            at := add(data, 0x20)
            mstore(data, sub(mload(data), 32))
        }
        at = _put(at, _sums(state), 4, 16);
        at = _put(at, _header(state), 4, 4);
        at = _put(at, state.removed, 6, 12);
        at = _put(at, state.before, 10, 12);
        at = _put(at, state.levels, 10, 12);
        at = _put(at, state.passCounts, 10, 4);
        at = _put(at, state.groups, state.groupCount, 5);
        for (uint256 i = 0; i < state.cuts.length; ++i) {
            uint256[] memory row = state.cuts[i];
            at = _put(at, row, state.groupCount, 4);
            at = _put(at, _tail(row), 10, 4);
        }
    }

    /// @notice Unpacks a state.
    /// @param data from `encode`; empty for a state without assets
    /// @return state with room for all groups
    function decode(bytes memory data) internal pure returns (State memory state) {
        state = empty();
        if (data.length == 0) return state;
        uint256 at;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            at := add(data, 0x20)
        }
        uint256[] memory values = new uint256[](4);
        at = _get(at, values, 4, 16);
        (state.numerator, state.denominator) = (values[0], values[1]);
        (state.numeratorByCount, state.denominatorByCount) = (values[2], values[3]);
        at = _get(at, values, 4, 4);
        (state.lowestPpm, state.passLowestPpm, state.groupCount) = (values[0], values[1], values[2]);
        state.cuts = new uint256[][](values[3]);
        at = _get(at, state.removed, 6, 12);
        at = _get(at, state.before, 10, 12);
        at = _get(at, state.levels, 10, 12);
        at = _get(at, state.passCounts, 10, 4);
        at = _get(at, state.groups, state.groupCount, 5);
        for (uint256 i = 0; i < state.cuts.length; ++i) {
            state.cuts[i] = new uint256[](_ROW_LENGTH);
            at = _get(at, state.cuts[i], state.groupCount, 4);
            at = _get(at, _tail(state.cuts[i]), 10, 4);
        }
    }

    function _sums(State memory state) private pure returns (uint256[] memory values) {
        values = new uint256[](4);
        (values[0], values[1]) = (state.numerator, state.denominator);
        (values[2], values[3]) = (state.numeratorByCount, state.denominatorByCount);
    }

    function _header(State memory state) private pure returns (uint256[] memory values) {
        values = new uint256[](4);
        (values[0], values[1]) = (state.lowestPpm, state.passLowestPpm);
        (values[2], values[3]) = (state.groupCount, state.cuts.length);
    }

    /// @dev The last ten words of a row, seen through the word before them, which is not read as a length.
    function _tail(uint256[] memory row) private pure returns (uint256[] memory tail) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            tail := add(row, 0x2000)
        }
    }

    function _put(uint256 at, uint256[] memory values, uint256 count, uint256 width) private pure returns (uint256 next) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let shift := sub(256, shl(3, width))
            let end := add(values, shl(5, add(count, 1)))
            for { let value := add(values, 0x20) } lt(value, end) { value := add(value, 0x20) } {
                mstore(at, shl(shift, mload(value)))
                at := add(at, width)
            }
            next := at
        }
    }

    function _get(uint256 at, uint256[] memory values, uint256 count, uint256 width) private pure returns (uint256 next) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let shift := sub(256, shl(3, width))
            let end := add(values, shl(5, add(count, 1)))
            for { let value := add(values, 0x20) } lt(value, end) { value := add(value, 0x20) } {
                mstore(value, shr(shift, mload(at)))
                at := add(at, width)
            }
            next := at
        }
    }
}
