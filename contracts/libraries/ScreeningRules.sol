// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreening} from "../interfaces/IScreening.sol";
import {ScreeningRisk} from "./ScreeningRisk.sol";
import {ScreeningSort} from "./ScreeningSort.sol";
import {ScreeningState} from "./ScreeningState.sol";

/// @title Steps 3 and 4 of a screening, over sorted batches
/// @notice Everything that leaves is found by a walk: from a cut onwards in the order of risk, until a condition holds. A walk
/// that runs short of gas leaves its cut where it got to, with all sums right, and goes on from there in the next call.
/// Source: docs/screening.md.
library ScreeningRules {
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

    /// @notice Rules, tables and the walk under way.
    /// @param buffer memory address of the entries of one slot
    /// @param reserveGas what the caller needs to keep the state
    /// @param policy the rules
    /// @param risk its tables
    /// @param until when the walk stops
    /// @param cut place in the row of cuts that the walk moves
    /// @param group region group that it removes, or ANY_GROUP
    /// @param quota assets still to remove, for QuotaRemoved
    /// @param slot slot of the entries in the buffer
    /// @param from first index of interest in the slot
    /// @param first index of the first asset of the batch
    struct Walk {
        uint256 buffer;
        uint256 reserveGas;
        IScreening.Policy policy;
        ScreeningRisk.Risk risk;
        Until until;
        uint256 cut;
        uint256 group;
        uint256 quota;
        uint256 slot;
        uint256 from;
        uint256 first;
    }

    /// @notice Stands for every region group.
    uint256 internal constant ANY_GROUP = 256;
    /// @notice Gas that one entry or one look at a condition may take.
    uint256 internal constant ENTRY_GAS = 5_000;
    /// @notice Gas that reading the entries of a slot may take.
    uint256 internal constant SLOT_GAS = 15_000;

    uint256 private constant _INDEX = (1 << 24) - 1;
    /// @dev x goes up in steps of 1/10,000 and k is in ppm.
    uint256 private constant _UNIT = 1e10;

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
        uint256[] calldata batches,
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
            if (!_isAnyGroupOver(walk.policy, state)) return (IScreening.Phase.Done, IScreening.Binding.None);
            state.addRow();
            walk.reserveGas += ScreeningState.rowGas(state);
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

    /// @dev The order in which groups are treated does not matter: a group over its limit stays so until its own assets leave.
    function _keepLimits(Walk memory walk, ScreeningState.State memory state, uint256[] calldata batches)
        private
        view
        returns (bool finished)
    {
        if (walk.policy.regionLimitPpm == ScreeningRisk.PPM) return true;
        bool changed = true;
        while (changed) {
            changed = false;
            if (_areTooFewGroups(walk.policy, state)) {
                state.removed[0] = 0;
                return true;
            }
            for (uint256 group = 0; group < state.groupCount; ++group) {
                if (!_isOver(walk.policy, state, group)) continue;
                if (gasleft() < walk.reserveGas + ENTRY_GAS) return false;
                (walk.until, walk.cut, walk.group) = (Until.GroupWithinLimit, group, group);
                if (_go(walk, state, batches, 0, ScreeningRisk.SLOT_COUNT) == Outcome.OutOfGas) return false;
                changed = true;
            }
        }
        return true;
    }

    function _selectWholePack(Walk memory walk, ScreeningState.State memory state, uint256[] calldata batches)
        private
        view
        returns (Outcome)
    {
        (walk.until, walk.cut, walk.group) = (Until.TargetMet, ScreeningState.LEVEL_CUTS, ANY_GROUP);
        return _go(walk, state, batches, 0, ScreeningRisk.SLOT_COUNT);
    }

    function _selectPerLevel(Walk memory walk, ScreeningState.State memory state, uint256[] calldata batches)
        private
        view
        returns (Outcome)
    {
        (walk.until, walk.group) = (Until.QuotaRemoved, ANY_GROUP);
        while (true) {
            if (gasleft() < walk.reserveGas + 10 * ENTRY_GAS) return Outcome.OutOfGas;
            uint256 x = _nextStep(walk.policy, state);
            if (x == 0) return Outcome.Exhausted;
            for (uint256 level = 0; level < 10; ++level) {
                walk.quota = _quotaOf(walk.policy, state, level, x);
                if (walk.quota == 0) continue;
                walk.cut = ScreeningState.LEVEL_CUTS + level;
                uint256 slot = ScreeningRisk.firstSlotOf(level);
                if (_go(walk, state, batches, slot, slot + 20) == Outcome.OutOfGas) return Outcome.OutOfGas;
            }
            if (state.removed[0] == 0) return Outcome.Exhausted;
            if (_isTargetMet(walk.policy, state)) return Outcome.Reached;
            _noteRate(walk.policy, state);
        }
        return Outcome.Exhausted;
    }

    /// @return next the smallest x, in steps, at which some level loses another asset; 0 when no level can
    function _nextStep(IScreening.Policy memory policy, ScreeningState.State memory state)
        private
        pure
        returns (uint256 next)
    {
        for (uint256 level = 0; level < 10; ++level) {
            uint256 kept = state.levels[level] >> 64;
            uint256 factor = policy.profile[level];
            if (kept == 0 || factor == 0) continue;
            uint256 size = state.passCounts[level];
            uint256 x = ScreeningRisk.divideUp((size - kept + 1) * _UNIT, size * factor);
            if (next == 0 || x < next) next = x;
        }
    }

    /// @return how many more assets a level loses at step x
    function _quotaOf(IScreening.Policy memory policy, ScreeningState.State memory state, uint256 level, uint256 x)
        private
        pure
        returns (uint256)
    {
        uint256 size = state.passCounts[level];
        uint256 gone = size * policy.profile[level] * x / _UNIT;
        return (gone < size ? gone : size) + (state.levels[level] >> 64) - size;
    }

    /// @dev Walks from the cut to the end slot.
    function _go(
        Walk memory walk,
        ScreeningState.State memory state,
        uint256[] calldata batches,
        uint256 startSlot,
        uint256 endSlot
    ) private view returns (Outcome) {
        uint256[] memory cuts = state.cuts[state.cuts.length - 1];
        uint256 key = cuts[walk.cut];
        (walk.slot, walk.from) = key < startSlot << 24 ? (startSlot, 0) : (key >> 24, key & _INDEX);
        for (; walk.slot < endSlot; (++walk.slot, walk.from = 0)) {
            for (uint256 i = 0; i < batches.length; ++i) {
                uint256 batch = batches[i];
                walk.first = uint32(batch >> 160);
                if (walk.first + (batch >> 192) <= walk.from) continue;
                if (gasleft() < walk.reserveGas + SLOT_GAS) {
                    uint256 from = walk.from < walk.first ? walk.first : walk.from;
                    cuts[walk.cut] = walk.slot << 24 | from;
                    return Outcome.OutOfGas;
                }
                uint256 count = ScreeningSort.readSlot(address(uint160(batch)), walk.slot, walk.buffer);
                if (count == 0) continue;
                Outcome outcome = _removeEntries(walk, state, cuts, count);
                if (outcome != Outcome.Exhausted) return outcome;
                if (walk.until == Until.TargetMet && state.removed[0] != 0) _noteRate(walk.policy, state);
            }
        }
        cuts[walk.cut] = endSlot << 24;
        return Outcome.Exhausted;
    }

    /// @dev Walks through the entries in the buffer. Tallies by reason and level are brought up to date at the end.
    function _removeEntries(
        Walk memory walk,
        ScreeningState.State memory state,
        uint256[] memory cuts,
        uint256 count
    ) private view returns (Outcome outcome) {
        uint256 removed = 0;
        uint256 kept = state.removed[0];
        outcome = Outcome.Exhausted;
        for (uint256 i = _firstEntry(walk, count); i < count; ++i) {
            uint256 entry = ScreeningSort.entryAt(walk.buffer, i);
            uint256 index = walk.first + (entry >> 24);
            if (gasleft() < walk.reserveGas + ENTRY_GAS) {
                cuts[walk.cut] = walk.slot << 24 | index;
                outcome = Outcome.OutOfGas;
                break;
            }
            if (_isGone(walk, cuts, index, entry & 0xff)) continue;
            removed += 1 << 64 | (entry >> 8 & 0xffff);
            state.removed[0] = kept - removed;
            _subtract(walk, state, entry >> 8 & 0xffff, entry & 0xff);
            if (_mayStop(walk, state)) {
                cuts[walk.cut] = (walk.slot << 24 | index) + 1;
                outcome = Outcome.Reached;
                break;
            }
        }
        state.removed[walk.group == ANY_GROUP ? 4 : 3] += removed;
        state.levels[ScreeningRisk.levelOf(walk.slot)] -= removed;
    }

    /// @dev First entry in the buffer whose index is not below the first index of interest.
    function _firstEntry(Walk memory walk, uint256 count) private pure returns (uint256 low) {
        if (walk.from <= walk.first) return 0;
        uint256 high = count;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (walk.first + (ScreeningSort.entryAt(walk.buffer, middle) >> 24) < walk.from) low = middle + 1;
            else high = middle;
        }
    }

    /// @dev Whether an entry is none of the walk's: of another group, or removed before.
    function _isGone(Walk memory walk, uint256[] memory cuts, uint256 index, uint256 group) private pure returns (bool) {
        if (walk.group != ANY_GROUP && walk.group != group) return true;
        uint256 key = walk.slot << 24 | index;
        uint256 level = walk.policy.mode == 0 ? 0 : ScreeningRisk.levelOf(walk.slot);
        return key < cuts[group] || key < cuts[ScreeningState.LEVEL_CUTS + level];
    }

    function _subtract(Walk memory walk, ScreeningState.State memory state, uint256 class, uint256 group) private pure {
        uint256 emphasis = walk.risk.emphasis[walk.slot];
        uint256 weighted = emphasis * walk.risk.pdPpm[walk.slot];
        state.numerator -= weighted * class;
        state.denominator -= emphasis * class;
        state.numeratorByCount -= weighted;
        state.denominatorByCount -= emphasis;
        state.groups[group] -= class;
    }

    function _mayStop(Walk memory walk, ScreeningState.State memory state) private pure returns (bool) {
        if (walk.until == Until.TargetMet) return isReached(walk.policy, state);
        if (walk.until == Until.QuotaRemoved) return --walk.quota == 0;
        return !_isOver(walk.policy, state, walk.group);
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

    function _isAnyGroupOver(IScreening.Policy memory policy, ScreeningState.State memory state)
        private
        pure
        returns (bool)
    {
        for (uint256 group = 0; group < state.groupCount; ++group) {
            if (_isOver(policy, state, group)) return true;
        }
        return false;
    }

    function _isOver(IScreening.Policy memory policy, ScreeningState.State memory state, uint256 group)
        private
        pure
        returns (bool)
    {
        return state.groups[group] * ScreeningRisk.PPM
            > policy.regionLimitPpm * (state.removed[0] & ScreeningState.CLASS_SUM);
    }

    /// @dev n groups within a limit below 1/n each cannot make up the whole: step 3 would end with nothing.
    function _areTooFewGroups(IScreening.Policy memory policy, ScreeningState.State memory state)
        private
        pure
        returns (bool)
    {
        uint256 present = 0;
        for (uint256 group = 0; group < state.groupCount; ++group) {
            if (state.groups[group] != 0) ++present;
        }
        return present * policy.regionLimitPpm < ScreeningRisk.PPM;
    }

    /// @dev Step 4 ended without success. In a later round an earlier pass had met the target, and the limits undid it.
    function _bindingOf(ScreeningState.State memory state) private pure returns (IScreening.Binding) {
        if (state.cuts.length > 1) return IScreening.Binding.Concentration;
        return state.removed[0] == 0 ? IScreening.Binding.Target : IScreening.Binding.Profile;
    }
}
