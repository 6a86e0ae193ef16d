// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreening} from "../interfaces/IScreening.sol";
import {ScreeningRisk} from "./ScreeningRisk.sol";
import {ScreeningState} from "./ScreeningState.sol";

/// @title Concentration limits of a kept set
/// @notice A group is place of its limit << 8 | class of the limit's dimension. Nothing here wraps: sums of classes are below
/// 2^36, ratios at most 10^6.
library ScreeningLimits {
    /// @notice First group from one on that is over its limit. A sum is over the limit exactly when it is above the limit's
    /// share of the whole, rounded down.
    /// @param policy the rules
    /// @param state of the run
    /// @param from group to begin with
    /// @return group number of it, or the number of all groups when none is over
    function nextOver(IScreening.Policy memory policy, ScreeningState.State memory state, uint256 from)
        internal
        pure
        returns (uint256 group)
    {
        unchecked {
            uint256 total = state.removed[0] & ScreeningState.CLASS_SUM;
            uint256[] memory groups = state.groups;
            for (uint256 i = from >> 8; i < state.groupCounts.length; ++i) {
                group = i << 8;
                if (from > group) group = from;
                else if (policy.limits[i].exemptsZero) ++group;
                uint256 most = policy.limits[i].limitPpm * total / ScreeningRisk.PPM;
                uint256 end = (i << 8) + state.groupCounts[i];
                // solhint-disable-next-line no-inline-assembly
                assembly {
                    let sum := add(add(groups, 0x20), shl(5, group))
                    for {} lt(group, end) { group := add(group, 1) } {
                        if gt(mload(sum), most) { break }
                        sum := add(sum, 0x20)
                    }
                }
                if (group < end) return group;
            }
            return groups.length;
        }
    }

    /// @notice Whether step 3 would end with nothing: n groups within a limit below 1/n each cannot make up the whole.
    /// @param policy the rules
    /// @param state of the run
    /// @return tooFew true when so
    function areTooFewGroups(IScreening.Policy memory policy, ScreeningState.State memory state)
        internal
        pure
        returns (bool tooFew)
    {
        unchecked {
            for (uint256 i = 0; i < state.groupCounts.length; ++i) {
                if (policy.limits[i].exemptsZero && state.groups[i << 8] != 0) continue;
                uint256[] memory groups = state.groups;
                uint256 present = 0;
                uint256 end = (i << 8) + state.groupCounts[i];
                // solhint-disable-next-line no-inline-assembly
                assembly {
                    let sum := add(add(groups, 0x20), shl(13, i))
                    for { let last := add(add(groups, 0x20), shl(5, end)) } lt(sum, last) { sum := add(sum, 0x20) } {
                        present := add(present, iszero(iszero(mload(sum))))
                    }
                }
                if (present * policy.limits[i].limitPpm < ScreeningRisk.PPM) return true;
            }
            return false;
        }
    }

    /// @notice Class units that a group over its limit must lose: the least b with (g - b) / (s - b) <= limit.
    /// @param policy the rules
    /// @param state of the run
    /// @param group over its limit
    /// @return units at most what the group has
    function overshootOf(IScreening.Policy memory policy, ScreeningState.State memory state, uint256 group)
        internal
        pure
        returns (uint256 units)
    {
        unchecked {
            uint256 limitPpm = policy.limits[group >> 8].limitPpm;
            uint256 total = state.removed[0] & ScreeningState.CLASS_SUM;
            return ScreeningRisk.divideUp(
                state.groups[group] * ScreeningRisk.PPM - limitPpm * total, ScreeningRisk.PPM - limitPpm
            );
        }
    }
}
