// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreening} from "../interfaces/IScreening.sol";
import {ScreeningLimits} from "./ScreeningLimits.sol";
import {ScreeningMoves} from "./ScreeningMoves.sol";
import {ScreeningRisk} from "./ScreeningRisk.sol";
import {ScreeningSort} from "./ScreeningSort.sol";
import {ScreeningState} from "./ScreeningState.sol";

/// @title Steps 3 and 4 of a screening, over sorted batches
/// @notice Everything that leaves is found by a walk: from a cut onwards in the order of risk, until a condition holds. A walk
/// that runs short of gas leaves its cut where it got to, with all sums right, and goes on from there in the next call.
/// Arithmetic is unchecked where it runs often. It cannot wrap: a pack has at most 2^20 assets of classes below 2^16, pds are
/// at most 10^6, emphasis and profile are below 2^32, so that no product here reaches 2^128; and nothing is subtracted that
/// was not added before, because every asset is removed once.
/// Source: docs/screening.md.
library ScreeningRules {
    using ScreeningMoves for ScreeningMoves.Log;
    using ScreeningSort for ScreeningSort.Reader;
    using ScreeningState for ScreeningState.State;

    /// @notice When a walk may stop: its group is within the limit; the target is met; it removed as many as it should.
    enum Until {
        GroupWithinLimit,
        TargetMet,
        QuotaRemoved
    }

    /// @notice How a walk or a pass of step 4 ended.
    enum Outcome {
        Reached,
        Exhausted,
        OutOfGas
    }

    /// @notice Rules, tables and the walk under way. The first seven fields are read by assembly, by their place.
    /// @param reserveGas what the caller needs to keep the state and the moves
    /// @param need class units, or assets, to remove before the walk may stop
    /// @param unitShift 64 when the need is in assets, 0 when it is in class units
    /// @param group class that it removes, or ANY_GROUP
    /// @param groupByte where an entry has the class of the limit in question
    /// @param base key of the batch's first asset in the slot
    /// @param entrySize bytes of an entry
    /// @param reader of the batches
    /// @param policy the rules
    /// @param riskTable level and pd by slot
    /// @param log moves of this call
    /// @param until when the walk stops
    /// @param cut number of the cut that the walk moves
    /// @param slot where the walk is
    /// @param from first index of interest in the slot
    struct Walk {
        uint256 reserveGas;
        uint256 need;
        uint256 unitShift;
        uint256 group;
        uint256 groupByte;
        uint256 base;
        uint256 entrySize;
        ScreeningSort.Reader reader;
        IScreening.Policy policy;
        bytes riskTable;
        ScreeningMoves.Log log;
        Until until;
        uint256 cut;
        uint256 slot;
        uint256 from;
    }

    /// @notice Stands for every group.
    uint256 internal constant ANY_GROUP = 256;
    /// @notice Gas that one look at the limits or at all levels may take.
    uint256 internal constant LOOK_GAS = 80_000;
    /// @notice Gas that reading the entries of a slot may take.
    uint256 internal constant SLOT_GAS = 20_000;

    /// @dev A move is kept in the log and in the state.
    uint256 private constant _MOVE_GAS = 2 * ScreeningState.CUT_SIZE * ScreeningState.BYTE_GAS;
    uint256 private constant _INDEX = ScreeningState.INDEX;
    uint256 private constant _BITS = ScreeningState.INDEX_BITS;
    /// @dev x goes up in steps of 1/10,000 and k is in ppm.
    uint256 private constant _UNIT = 1e10;
    uint256 private constant _NEVER = type(uint256).max;

    /// @notice Goes on with steps 3 and 4 until the run ends or gas runs short.
    /// @param walk rules and tables
    /// @param state of the run
    /// @param batches pointer | first index << 160 | count << 192, in the order of the pack
    /// @param phase Limiting or Selecting
    /// @return next the phase it got to
    /// @return binding what binds, when the target is out of reach
    function proceed(
        Walk memory walk,
        ScreeningState.State memory state,
        uint256[] memory batches,
        IScreening.Phase phase
    ) internal view returns (IScreening.Phase next, IScreening.Binding binding) {
        while (true) {
            if (phase == IScreening.Phase.Limiting) {
                if (!_keepLimits(walk, state, batches)) return (phase, IScreening.Binding.None);
                if (state.removed[0] == 0) return (IScreening.Phase.Unreachable, IScreening.Binding.Concentration);
                state.passLowestPpm = badRatePpm(walk.policy, state);
                if (state.passLowestPpm < state.lowestPpm) state.lowestPpm = state.passLowestPpm;
                if (_isTargetMet(walk.policy, state)) return (IScreening.Phase.Done, IScreening.Binding.None);
                phase = IScreening.Phase.Selecting;
                for (uint256 level = 0; level < 10; ++level) {
                    state.passCounts[level] = state.levels[level] >> 64;
                }
            }
            Outcome outcome =
                walk.policy.mode == 0 ? _selectWholePack(walk, state, batches) : _selectPerLevel(walk, state, batches);
            if (outcome == Outcome.OutOfGas) return (phase, IScreening.Binding.None);
            if (outcome == Outcome.Exhausted) {
                if (state.passLowestPpm < state.lowestPpm) state.lowestPpm = state.passLowestPpm;
                return (IScreening.Phase.Unreachable, _bindingOf(state));
            }
            if (ScreeningLimits.nextOver(walk.policy, state, 0) == state.groups.length) {
                return (IScreening.Phase.Done, IScreening.Binding.None);
            }
            ++state.roundCount;
            phase = IScreening.Phase.Limiting;
        }
    }

    /// @notice Bad rate of the kept set as the policy weighs it, rounded up.
    /// @param policy the rules
    /// @param state of the run
    /// @return rate in ppm, 0 of the empty set
    function badRatePpm(IScreening.Policy memory policy, ScreeningState.State memory state)
        internal
        pure
        returns (uint256)
    {
        return policy.byCount
            ? ScreeningRisk.divideUp(state.numeratorByCount, state.denominatorByCount)
            : ScreeningRisk.divideUp(state.numerator, state.denominator);
    }

    /// @notice Whether something is kept and its bad rate is at most the target.
    /// @param policy the rules
    /// @param state of the run
    /// @return reached true when so
    function isReached(IScreening.Policy memory policy, ScreeningState.State memory state)
        internal
        pure
        returns (bool reached)
    {
        return state.removed[0] != 0 && _isTargetMet(policy, state);
    }

    /// @dev Passes over the limits in their order and their groups ascending. A call that goes on with a pass finds the place.
    function _keepLimits(Walk memory walk, ScreeningState.State memory state, uint256[] memory batches)
        private
        view
        returns (bool finished)
    {
        while (state.groups.length != 0) {
            if (gasleft() < walk.reserveGas + LOOK_GAS) return false;
            if (state.limitPlace == 0 && ScreeningLimits.areTooFewGroups(walk.policy, state)) {
                state.removed[0] = 0;
                break;
            }
            uint256 group = ScreeningLimits.nextOver(walk.policy, state, state.limitPlace);
            if (group == state.groups.length) {
                bool changed = state.limitChanged == 1;
                (state.limitPlace, state.limitChanged) = (0, 0);
                if (changed) continue;
                break;
            }
            (state.limitPlace, state.limitChanged) = (group, 1);
            (walk.until, walk.cut, walk.group, walk.groupByte) =
                (Until.GroupWithinLimit, group, group & 0xff, 4 + (group >> 8));
            (walk.need, walk.unitShift) = (ScreeningLimits.overshootOf(walk.policy, state, group), 0);
            if (_go(walk, state, batches, 0, walk.reader.slotCount) == Outcome.OutOfGas) return false;
        }
        return true;
    }

    function _selectWholePack(Walk memory walk, ScreeningState.State memory state, uint256[] memory batches)
        private
        view
        returns (Outcome)
    {
        (walk.until, walk.cut, walk.group) = (Until.TargetMet, state.groups.length, ANY_GROUP);
        walk.unitShift = walk.policy.byCount ? 64 : 0;
        return _go(walk, state, batches, 0, walk.reader.slotCount);
    }

    /// @dev A call that goes on with a pass finds the same steps again: they follow from what each level lost so far.
    function _selectPerLevel(Walk memory walk, ScreeningState.State memory state, uint256[] memory batches)
        private
        view
        returns (Outcome)
    {
        (walk.until, walk.group, walk.unitShift) = (Until.QuotaRemoved, ANY_GROUP, 64);
        uint256[10] memory steps;
        for (uint256 level = 0; level < 10; ++level) {
            steps[level] = _nextStepOf(walk.policy, state, level);
        }
        while (true) {
            if (gasleft() < walk.reserveGas + LOOK_GAS) return Outcome.OutOfGas;
            uint256 x = _least(steps);
            if (x == _NEVER) return Outcome.Exhausted;
            for (uint256 level = 0; level < 10; ++level) {
                if (steps[level] != x) continue;
                walk.need = _quotaOf(walk.policy, state, level, x);
                walk.cut = state.groups.length + level;
                (uint256 slot, uint256 end) = ScreeningRisk.slotsOf(walk.riskTable, level);
                if (_go(walk, state, batches, slot, end) == Outcome.OutOfGas) return Outcome.OutOfGas;
                steps[level] = _nextStepOf(walk.policy, state, level);
            }
            if (state.removed[0] == 0) return Outcome.Exhausted;
            if (_isTargetMet(walk.policy, state)) return Outcome.Reached;
            _noteRate(walk.policy, state);
        }
        return Outcome.Exhausted;
    }

    /// @dev Walks from the cut to the end slot.
    function _go(
        Walk memory walk,
        ScreeningState.State memory state,
        uint256[] memory batches,
        uint256 startSlot,
        uint256 endSlot
    ) private view returns (Outcome) {
        unchecked {
            if (walk.log.count == ScreeningMoves.COUNT_MAX) return Outcome.OutOfGas;
            uint256 key = state.cuts[walk.cut];
            if (key < startSlot << _BITS) key = startSlot << _BITS;
            while (key < endSlot << _BITS) {
                (walk.slot, walk.from) = (key >> _BITS, key & _INDEX);
                key = (walk.slot + 1) << _BITS;
                uint256 gone = walk.group == ANY_GROUP ? 0 : _levelCut(walk, state);
                if (gone >= key) continue;
                if (gone > walk.slot << _BITS | walk.from) walk.from = gone & _INDEX;
                for (uint256 i = 0; i < batches.length; ++i) {
                    Outcome outcome = _visit(walk, state, batches[i]);
                    if (outcome != Outcome.Exhausted) return outcome;
                }
            }
            _move(walk, state, endSlot << _BITS);
            return Outcome.Exhausted;
        }
    }

    /// @dev Removes what the walk is after from one slot of one batch.
    function _visit(Walk memory walk, ScreeningState.State memory state, uint256 batch)
        private
        view
        returns (Outcome outcome)
    {
        unchecked {
            uint256 first = uint32(batch >> 160);
            if (first + (batch >> 192) <= walk.from) return Outcome.Exhausted;
            walk.base = walk.slot << _BITS | first;
            if (gasleft() < walk.reserveGas + SLOT_GAS) {
                _move(walk, state, walk.from < first ? walk.base : walk.slot << _BITS | walk.from);
                return Outcome.OutOfGas;
            }
            uint256 count = walk.reader.readSlot(address(uint160(batch)), walk.slot);
            if (count == 0) return Outcome.Exhausted;
            if (walk.until == Until.TargetMet) walk.need = _excessIn(walk, state);
            uint256 skipped = _firstEntry(walk, count, walk.from < first ? 0 : walk.from - first);
            uint256 removed;
            uint256 key;
            (removed, key, outcome) = _take(walk, state.cuts, state.groups, skipped, count);
            if (removed != 0) _account(walk, state, removed);
            if (outcome == Outcome.Exhausted) return outcome;
            // Nothing left is no success: the walk goes on to find that there is nothing left.
            if (outcome == Outcome.Reached && walk.until == Until.TargetMet && state.removed[0] == 0) {
                return Outcome.Exhausted;
            }
            _move(walk, state, key);
        }
    }

    /// @dev Removes entries of the buffer until the need is met, gas runs short, or all were seen. Gives the removed tally,
    /// the cut to go on from unless exhausted, and the outcome of the loop.
    function _take(Walk memory walk, uint256[] memory cuts, uint256[] memory groups, uint256 i, uint256 count)
        private
        view
        returns (uint256 removed, uint256 key, Outcome outcome)
    {
        uint256 at = walk.reader.buffer + walk.entrySize * i;
        uint256 end = walk.reader.buffer + walk.entrySize * count;
        outcome = Outcome.Exhausted;
        // Once for each asset that leaves or is passed by: memory without bounds checks.
        // solhint-disable-next-line no-inline-assembly
        assembly {
            for {} lt(at, end) { at := add(at, mload(add(walk, 0xc0))) } {
                let entry := mload(at)
                key := add(mload(add(walk, 0xa0)), shr(240, entry))
                if lt(gas(), add(mload(walk), 10000)) {
                    outcome := 2
                    break
                }
                if lt(mload(add(walk, 0x60)), 256) {
                    if xor(byte(mload(add(walk, 0x80)), entry), mload(add(walk, 0x60))) { continue }
                }
                let size := mload(add(walk, 0xc0))
                let table := add(cuts, 0x20)
                let isGone := 0
                for { let place := 4 } lt(place, size) { place := add(place, 1) } {
                    isGone := or(isGone, lt(key, mload(add(table, shl(5, byte(place, entry))))))
                    table := add(table, 0x2000)
                }
                if isGone { continue }
                let class := and(shr(224, entry), 0xffff)
                removed := add(removed, or(0x10000000000000000, class))
                table := add(groups, 0x20)
                for { let place := 4 } lt(place, size) { place := add(place, 1) } {
                    let sum := add(table, shl(5, byte(place, entry)))
                    mstore(sum, sub(mload(sum), class))
                    table := add(table, 0x2000)
                }
                if iszero(lt(and(shr(mload(add(walk, 0x40)), removed), 0xffffffffffffffff), mload(add(walk, 0x20)))) {
                    key := add(key, 1)
                    outcome := 0
                    break
                }
            }
        }
    }

    function _move(Walk memory walk, ScreeningState.State memory state, uint256 key) private pure {
        if (state.cuts[walk.cut] == 0) ++state.movedCount;
        state.cuts[walk.cut] = key;
        if (walk.log.note(state.roundCount, walk.cut, key)) walk.reserveGas += _MOVE_GAS;
    }

    /// @dev Gives the smallest x, in steps, at which a level loses another asset; _NEVER when it cannot.
    function _nextStepOf(IScreening.Policy memory policy, ScreeningState.State memory state, uint256 level)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 kept = state.levels[level] >> 64;
            uint256 factor = policy.profile[level];
            if (kept == 0 || factor == 0) return _NEVER;
            uint256 size = state.passCounts[level];
            return ScreeningRisk.divideUp((size - kept + 1) * _UNIT, size * factor);
        }
    }

    function _least(uint256[10] memory steps) private pure returns (uint256 least) {
        least = _NEVER;
        for (uint256 level = 0; level < 10; ++level) {
            if (steps[level] < least) least = steps[level];
        }
    }

    /// @dev Gives how many more assets a level loses at step x.
    function _quotaOf(IScreening.Policy memory policy, ScreeningState.State memory state, uint256 level, uint256 x)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 size = state.passCounts[level];
            uint256 gone = size * policy.profile[level] * x / _UNIT;
            return (gone < size ? gone : size) + (state.levels[level] >> 64) - size;
        }
    }

    /// @dev Brings all sums but those of groups up to date, and what a walk still needs.
    function _account(Walk memory walk, ScreeningState.State memory state, uint256 removed) private pure {
        unchecked {
            uint256 count = removed >> 64;
            uint256 classes = removed & ScreeningState.CLASS_SUM;
            uint256 level = ScreeningRisk.levelOf(walk.riskTable, walk.slot);
            uint256 emphasis = walk.policy.emphasis[level];
            uint256 weighted = emphasis * ScreeningRisk.pdPpmOf(walk.riskTable, walk.slot);
            state.numerator -= weighted * classes;
            state.denominator -= emphasis * classes;
            state.numeratorByCount -= weighted * count;
            state.denominatorByCount -= emphasis * count;
            state.levels[level] -= removed;
            state.removed[0] -= removed;
            state.removed[walk.group == ANY_GROUP ? 4 : 3] += removed;
            uint256 units = walk.unitShift == 0 ? classes : count;
            walk.need = walk.need > units ? walk.need - units : 0;
            if (walk.until == Until.TargetMet && state.removed[0] != 0) _noteRate(walk.policy, state);
        }
    }

    /// @dev First entry in the buffer whose index is not below the first one of interest.
    function _firstEntry(Walk memory walk, uint256 count, uint256 from) private pure returns (uint256 low) {
        unchecked {
            if (from == 0) return 0;
            uint256 high = count;
            while (low < high) {
                uint256 middle = (low + high) / 2;
                (uint256 index,,) = walk.reader.entryAt(middle);
                if (index < from) low = middle + 1;
                else high = middle;
            }
        }
    }

    function _levelCut(Walk memory walk, ScreeningState.State memory state) private pure returns (uint256) {
        uint256 level = walk.policy.mode == 0 ? 0 : ScreeningRisk.levelOf(walk.riskTable, walk.slot);
        return state.cuts[state.groups.length + level];
    }

    /// @dev All assets of a slot have one pd: each unit removed takes m·(pd - target) off the excess over the target. Gives
    /// the units to remove; more than there are when the pd is not above the target.
    function _excessIn(Walk memory walk, ScreeningState.State memory state) private pure returns (uint256) {
        unchecked {
            IScreening.Policy memory policy = walk.policy;
            uint256 pdPpm = ScreeningRisk.pdPpmOf(walk.riskTable, walk.slot);
            uint256 target = policy.expectedBadRatePpm;
            uint256 emphasis = policy.emphasis[ScreeningRisk.levelOf(walk.riskTable, walk.slot)];
            if (pdPpm <= target) return type(uint256).max;
            uint256 excess = policy.byCount
                ? state.numeratorByCount - target * state.denominatorByCount
                : state.numerator - target * state.denominator;
            return ScreeningRisk.divideUp(excess, emphasis * (pdPpm - target));
        }
    }

    function _noteRate(IScreening.Policy memory policy, ScreeningState.State memory state) private pure {
        uint256 rate = badRatePpm(policy, state);
        if (rate < state.passLowestPpm) state.passLowestPpm = rate;
    }

    /// @dev True of the empty set, too.
    function _isTargetMet(IScreening.Policy memory policy, ScreeningState.State memory state)
        private
        pure
        returns (bool)
    {
        return policy.byCount
            ? state.numeratorByCount <= policy.expectedBadRatePpm * state.denominatorByCount
            : state.numerator <= policy.expectedBadRatePpm * state.denominator;
    }

    /// @dev Step 4 ended without success. In a later round an earlier pass had met the target, and the limits undid it.
    function _bindingOf(ScreeningState.State memory state) private pure returns (IScreening.Binding) {
        if (state.roundCount > 1) return IScreening.Binding.Concentration;
        return state.removed[0] == 0 ? IScreening.Binding.Target : IScreening.Binding.Profile;
    }
}
