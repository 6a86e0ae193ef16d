// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ScreeningRisk} from "./ScreeningRisk.sol";
import {ScreeningSort} from "./ScreeningSort.sol";

/// @title What a run knows between two calls, and as its result
/// @notice A key is slot << 20 | index: keys ascend in the order of risk. A cut is a key; what lies below it is gone. There is
/// a cut for each group of each limit and one for each level (of the whole pack: only the first). An asset is kept exactly
/// when it lies below none of its cuts. How the cuts moved, which tells the reasons, is kept apart: see ScreeningMoves.
library ScreeningState {
    /// @notice Sums of the kept set and the cuts. Tallies are count << 64 | class sum. A group is place of its limit << 8 |
    /// class of the limit's dimension; the cut of a group has its number, that of level l is the limits' number << 8 | l.
    /// @param numerator Σ m·class·pd
    /// @param denominator Σ m·class
    /// @param numeratorByCount Σ m·pd
    /// @param denominatorByCount Σ m
    /// @param lowestPpm lowest bad rate of a set that keeps the limits
    /// @param passLowestPpm lowest bad rate seen in the present step 4
    /// @param roundCount how often steps 3 and 4 began
    /// @param limitPlace group at which the present pass over the limits goes on
    /// @param limitChanged 1 when that pass removed something
    /// @param movedCount cuts that are not zero
    /// @param removed tallies by reason; [0] is what is kept
    /// @param before tallies by level of what steps 1 and 2 leave
    /// @param levels tallies by level of what is kept
    /// @param passCounts counts by level at the begin of the present step 4
    /// @param groupCounts for each limit, groups with assets, at least
    /// @param groups class sums of what is kept, by group
    /// @param cuts keys
    struct State {
        uint256 numerator;
        uint256 denominator;
        uint256 numeratorByCount;
        uint256 denominatorByCount;
        uint256 lowestPpm;
        uint256 passLowestPpm;
        uint256 roundCount;
        uint256 limitPlace;
        uint256 limitChanged;
        uint256 movedCount;
        uint256[] removed;
        uint256[] before;
        uint256[] levels;
        uint256[] passCounts;
        uint256[] groupCounts;
        uint256[] groups;
        uint256[] cuts;
    }

    /// @notice Bits of an index in a key.
    uint256 internal constant INDEX_BITS = 20;
    /// @notice The index in a key.
    uint256 internal constant INDEX = (1 << 20) - 1;
    /// @notice Low half of a tally.
    uint256 internal constant CLASS_SUM = type(uint64).max;
    /// @notice Gas to keep a byte as code, with some margin.
    uint256 internal constant BYTE_GAS = 230;
    /// @notice Bytes of a moved cut.
    uint256 internal constant CUT_SIZE = 6;

    /// @dev 4 sums of 16 bytes; 2 rates, 4 numbers and 4 counts of groups of 4; 26 tallies of 12; 10 counts of 4.
    uint256 private constant _FIXED_SIZE = 64 + 40 + 26 * 12 + 40;

    /// @notice A state without assets.
    /// @param limitCount limits of the policy
    /// @return state without cuts
    function empty(uint256 limitCount) internal pure returns (State memory state) {
        state.lowestPpm = ScreeningRisk.PPM;
        state.removed = new uint256[](6);
        state.before = new uint256[](10);
        state.levels = new uint256[](10);
        state.passCounts = new uint256[](10);
        state.groupCounts = new uint256[](limitCount);
        state.groups = new uint256[](limitCount << 8);
        state.cuts = new uint256[]((limitCount << 8) + 10);
    }

    /// @notice Size of the encoded state.
    /// @param state in question
    /// @return size bytes of it
    function sizeOf(State memory state) internal pure returns (uint256 size) {
        size = _FIXED_SIZE + CUT_SIZE * state.movedCount;
        for (uint256 i = 0; i < state.groupCounts.length; ++i) {
            size += 5 * state.groupCounts[i];
        }
    }

    /// @notice Gas to keep the state while groups join: with all of them.
    /// @param limitCount limits of the policy
    /// @return gas with some margin
    function keepGas(uint256 limitCount) internal pure returns (uint256) {
        return 100_000 + BYTE_GAS * (_FIXED_SIZE + 5 * 256 * limitCount);
    }

    /// @notice Gas to keep the state and the moves of a call, and to end the call, before any cut moves.
    /// @param state in question
    /// @return gas with some margin
    function reserveGas(State memory state) internal pure returns (uint256) {
        return 350_000 + BYTE_GAS * sizeOf(state);
    }

    /// @notice Takes the assets of a batch in.
    /// @param state in question
    /// @param batch all its assets are in
    /// @param riskTable level and pd by slot
    /// @param emphasis m by level
    function add(
        State memory state,
        ScreeningSort.SortBatch memory batch,
        bytes memory riskTable,
        uint32[10] memory emphasis
    ) internal pure {
        state.removed[0] = 0;
        for (uint256 level = 0; level < 10; ++level) {
            _addLevel(state, batch, riskTable, level, emphasis[level]);
            state.before[level] = state.levels[level];
            state.removed[0] += state.levels[level];
        }
        state.removed[1] += ScreeningSort.tallyOf(batch, ScreeningRisk.NOT_ELIGIBLE);
        state.removed[2] += ScreeningSort.tallyOf(batch, ScreeningRisk.NO_RECORD);
        state.removed[5] += ScreeningSort.tallyOf(batch, ScreeningRisk.GONE);
        for (uint256 i = 0; i < state.groupCounts.length; ++i) {
            _addGroups(state, batch, i);
        }
    }

    /// @notice Takes a kept asset out of every sum.
    /// @param state in question
    /// @param emphasis m of the asset's level
    /// @param pdPpm of the asset
    /// @param level of the asset, from 0
    /// @param class of the asset
    /// @param groups the group of each limit, that of the first one in the highest byte
    function bringDown(
        State memory state,
        uint256 emphasis,
        uint256 pdPpm,
        uint256 level,
        uint256 class,
        uint256 groups
    ) internal pure {
        uint256 tally = 1 << 64 | class;
        state.numerator -= emphasis * pdPpm * class;
        state.denominator -= emphasis * class;
        state.numeratorByCount -= emphasis * pdPpm;
        state.denominatorByCount -= emphasis;
        state.levels[level] -= tally;
        state.removed[0] -= tally;
        state.removed[5] += tally;
        for (uint256 i = 0; i < state.groupCounts.length; ++i) {
            state.groups[i << 8 | uint8(groups >> (248 - 8 * i))] -= class;
        }
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
        state.cuts = new uint256[](state.cuts.length);
        state.movedCount = 0;
    }

    /// @notice Whether steps 3 and 4 left a sorted asset in.
    /// @param state in question
    /// @param key of the asset
    /// @param groups the group of each limit, that of the first one in the highest byte
    /// @param level whose cut applies: that of the asset, or 0 for the whole pack
    /// @return kept false when it lies below a cut
    function isKept(State memory state, uint256 key, uint256 groups, uint256 level)
        internal
        pure
        returns (bool kept)
    {
        uint256 limitCount = state.groupCounts.length;
        if (key < state.cuts[limitCount << 8 | level]) return false;
        for (uint256 i = 0; i < limitCount; ++i) {
            if (key < state.cuts[i << 8 | uint8(groups >> (248 - 8 * i))]) return false;
        }
        return true;
    }

    /// @notice Packs a state.
    /// @param state in question
    /// @return data of sizeOf(state) bytes
    function encode(State memory state) internal pure returns (bytes memory data) {
        // Values are written as whole words, each over the tail of the one before; 32 spare bytes take the last tail.
        data = new bytes(sizeOf(state) + 32);
        uint256 at;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            at := add(data, 0x20)
            mstore(data, sub(mload(data), 32))
        }
        at = _put(at, state.removed, 6, 12);
        at = _put(at, state.before, 10, 12);
        at = _put(at, state.levels, 10, 12);
        at = _put(at, state.passCounts, 10, 4);
        at = _put(at, _sums(state), 4, 16);
        at = _put(at, _numbers(state), 6, 4);
        at = _put(at, state.groupCounts, state.groupCounts.length, 4);
        at += 4 * (4 - state.groupCounts.length);
        for (uint256 i = 0; i < state.groupCounts.length; ++i) {
            at = _put(at, _part(state.groups, i << 8), state.groupCounts[i], 5);
        }
        _putCuts(at, state.cuts);
    }

    /// @notice Unpacks a state.
    /// @param data from `encode`; empty for a state without assets
    /// @param limitCount limits of the policy
    /// @return state with room for all groups
    function decode(bytes memory data, uint256 limitCount) internal pure returns (State memory state) {
        state = empty(limitCount);
        if (data.length == 0) return state;
        uint256 at = _getTallies(state, data);
        at = _get(at, state.passCounts, 10, 4);
        uint256[] memory values = new uint256[](6);
        at = _get(at, values, 4, 16);
        (state.numerator, state.denominator) = (values[0], values[1]);
        (state.numeratorByCount, state.denominatorByCount) = (values[2], values[3]);
        at = _get(at, values, 6, 4);
        (state.lowestPpm, state.passLowestPpm, state.roundCount) = (values[0], values[1], values[2]);
        (state.limitPlace, state.limitChanged, state.movedCount) = (values[3], values[4], values[5]);
        at = _get(at, state.groupCounts, limitCount, 4);
        at += 4 * (4 - limitCount);
        for (uint256 i = 0; i < limitCount; ++i) {
            at = _get(at, _part(state.groups, i << 8), state.groupCounts[i], 5);
        }
        _getCuts(at, state);
    }

    /// @notice The tallies of a packed state.
    /// @param data from `encode`
    /// @return removed tallies by reason
    /// @return before tallies by level of what steps 1 and 2 leave
    /// @return levels tallies by level of what is kept
    function talliesOf(bytes memory data)
        internal
        pure
        returns (uint256[] memory removed, uint256[] memory before, uint256[] memory levels)
    {
        State memory state = empty(0);
        if (data.length != 0) _getTallies(state, data);
        return (state.removed, state.before, state.levels);
    }

    /// @dev Cannot wrap: counts and class sums of 2^20 assets fit into 64 bits each, weighted ones into 128.
    function _addLevel(
        State memory state,
        ScreeningSort.SortBatch memory batch,
        bytes memory riskTable,
        uint256 level,
        uint256 weight
    ) private pure {
        unchecked {
            (uint256 slot, uint256 end) = ScreeningRisk.slotsOf(riskTable, level);
            uint256 all = 0;
            uint256 classes = 0;
            uint256 counts = 0;
            for (; slot < end; ++slot) {
                uint256 tally = ScreeningSort.tallyOf(batch, slot);
                if (tally == 0) continue;
                uint256 pdPpm = ScreeningRisk.pdPpmOf(riskTable, slot);
                all += tally;
                classes += pdPpm * (tally & CLASS_SUM);
                counts += pdPpm * (tally >> 64);
            }
            state.levels[level] += all;
            state.denominator += weight * (all & CLASS_SUM);
            state.denominatorByCount += weight * (all >> 64);
            state.numerator += weight * classes;
            state.numeratorByCount += weight * counts;
        }
    }

    function _addGroups(State memory state, ScreeningSort.SortBatch memory batch, uint256 limit) private pure {
        uint256[] memory groups = state.groups;
        uint256 count = state.groupCounts[limit];
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let joining := add(mload(batch), shl(13, limit))
            let sum := add(add(groups, 0x20), shl(13, limit))
            for { let group := 0 } lt(group, 256) { group := add(group, 1) } {
                if mload(joining) {
                    mstore(sum, add(mload(sum), mload(joining)))
                    if iszero(lt(group, count)) { count := add(group, 1) }
                }
                joining := add(joining, 0x20)
                sum := add(sum, 0x20)
            }
        }
        state.groupCounts[limit] = count;
    }

    function _sums(State memory state) private pure returns (uint256[] memory values) {
        values = new uint256[](4);
        (values[0], values[1]) = (state.numerator, state.denominator);
        (values[2], values[3]) = (state.numeratorByCount, state.denominatorByCount);
    }

    function _numbers(State memory state) private pure returns (uint256[] memory values) {
        values = new uint256[](6);
        (values[0], values[1], values[2]) = (state.lowestPpm, state.passLowestPpm, state.roundCount);
        (values[3], values[4], values[5]) = (state.limitPlace, state.limitChanged, state.movedCount);
    }

    /// @dev An array from one of its items on, seen through the word before it, which is not read as a length.
    function _part(uint256[] memory array, uint256 start) private pure returns (uint256[] memory part) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            part := add(array, shl(5, start))
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

    function _getTallies(State memory state, bytes memory data) private pure returns (uint256 at) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            at := add(data, 0x20)
        }
        at = _get(at, state.removed, 6, 12);
        at = _get(at, state.before, 10, 12);
        at = _get(at, state.levels, 10, 12);
    }

    /// @dev Number (2 bytes) and key (4) of each cut that moved.
    function _putCuts(uint256 at, uint256[] memory cuts) private pure {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let count := mload(cuts)
            let cut := add(cuts, 0x20)
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                let key := mload(add(cut, shl(5, i)))
                if key {
                    mstore(at, shl(208, or(shl(32, i), key)))
                    at := add(at, 6)
                }
            }
        }
    }

    function _getCuts(uint256 at, State memory state) private pure {
        for (uint256 i = 0; i < state.movedCount; ++i) {
            uint256 word;
            // solhint-disable-next-line no-inline-assembly
            assembly {
                word := shr(208, mload(at))
                at := add(at, 6)
            }
            state.cuts[word >> 32] = uint32(word);
        }
    }
}
