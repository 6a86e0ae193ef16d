// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreening} from "../interfaces/IScreening.sol";

/// @title What a policy must look like
/// @notice Refuses what cannot be a rule of screening, and puts the rules into the form that loops over assets need.
library ScreeningPolicy {
    /// @notice What a loop over assets asks of each. Its members are read by assembly, by their place.
    /// @param dimensionCount bucket bytes of an asset
    /// @param rules of eligibility: dimension, bitmap of classes, dimension, bitmap …
    /// @param limits dimensions whose groups have a limit: a byte of 0x80 + dimension for each, the first in the lowest
    /// @param slots memory address of the slots of report words
    /// @param limitCount number of limits
    struct Criteria {
        uint256 dimensionCount;
        uint256[] rules;
        uint256 limits;
        uint256 slots;
        uint256 limitCount;
    }

    /// @notice Most limits of a policy.
    uint256 internal constant LIMIT_COUNT_MAX = 4;

    uint256 private constant _PPM = 1_000_000;

    /// @notice Refuses a policy with a field out of its range.
    /// @param policy the rules
    /// @param dimensionCount dimensions of its layout; 0 where it names none
    function validate(IScreening.Policy calldata policy, uint256 dimensionCount) internal pure {
        if (policy.expectedBadRatePpm > _PPM) revert IScreening.ScreeningBadPolicy("expectedBadRatePpm");
        if (policy.mode > 1) revert IScreening.ScreeningBadPolicy("mode");
        if (policy.layoutId != 0 && dimensionCount == 0) revert IScreening.ScreeningBadPolicy("layoutId");
        uint256 profile = policy.profile[0];
        if (policy.emphasis[0] == 0) revert IScreening.ScreeningBadPolicy("emphasis");
        for (uint256 level = 1; level < 10; ++level) {
            if (policy.emphasis[level] < policy.emphasis[level - 1]) revert IScreening.ScreeningBadPolicy("emphasis");
            profile |= policy.profile[level];
        }
        if (policy.mode == 1 && profile == 0) revert IScreening.ScreeningBadPolicy("profile");
        _validateRecords(policy);
        _validateRules(policy, dimensionCount);
    }

    /// @notice Prepares a loop over assets.
    /// @param policy the rules
    /// @param dimensionCount dimensions of its layout
    /// @param slots memory address of the slots of report words
    /// @return ready criteria
    function criteria(IScreening.Policy memory policy, uint256 dimensionCount, uint256 slots)
        internal
        pure
        returns (Criteria memory ready)
    {
        (ready.dimensionCount, ready.slots) = (dimensionCount, slots);
        ready.rules = new uint256[](2 * policy.eligible.length);
        for (uint256 i = 0; i < policy.eligible.length; ++i) {
            ready.rules[2 * i] = policy.eligible[i].dimension;
            ready.rules[2 * i + 1] = policy.eligible[i].classes;
        }
        ready.limitCount = policy.limits.length;
        for (uint256 i = 0; i < ready.limitCount; ++i) {
            ready.limits |= uint256(0x80 | policy.limits[i].dimension) << 8 * i;
        }
    }

    function _validateRecords(IScreening.Policy calldata policy) private pure {
        if (policy.freshDays > policy.maxAgeDays) revert IScreening.ScreeningBadPolicy("freshDays");
        uint256 least = _PPM;
        for (uint256 band = 0; band < 3; ++band) {
            if (policy.ageFactorPpm[band] < least) revert IScreening.ScreeningBadPolicy("ageFactorPpm");
            least = policy.ageFactorPpm[band];
        }
        if (policy.relationFactorPpm != 0 && policy.relationFactorPpm < _PPM) {
            revert IScreening.ScreeningBadPolicy("relationFactorPpm");
        }
    }

    /// @dev Dimensions ascend strictly and are of the layout, which bounds the number of rules, too.
    function _validateRules(IScreening.Policy calldata policy, uint256 dimensionCount) private pure {
        uint256 next = 0;
        for (uint256 i = 0; i < policy.eligible.length; ++i) {
            IScreening.EligibilityRule calldata rule = policy.eligible[i];
            if (rule.dimension < next || rule.dimension >= dimensionCount || rule.classes == 0) {
                revert IScreening.ScreeningBadPolicy("eligible");
            }
            next = uint256(rule.dimension) + 1;
        }
        if (policy.limits.length > LIMIT_COUNT_MAX) revert IScreening.ScreeningBadPolicy("limits");
        next = 0;
        for (uint256 i = 0; i < policy.limits.length; ++i) {
            IScreening.Limit calldata limit = policy.limits[i];
            bool outOfRange = limit.limitPpm == 0 || limit.limitPpm > _PPM;
            if (outOfRange || limit.dimension < next || limit.dimension >= dimensionCount) {
                revert IScreening.ScreeningBadPolicy("limits");
            }
            next = uint256(limit.dimension) + 1;
        }
    }
}
