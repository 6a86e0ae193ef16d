// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreening} from "../interfaces/IScreening.sol";

/// @title What a policy must look like
/// @notice Refuses what cannot be a rule of screening.
library ScreeningPolicy {
    uint256 private constant _PPM = 1_000_000;

    /// @notice Refuses a policy with a field out of its range.
    /// @param policy the rules
    function validate(IScreening.Policy calldata policy) internal pure {
        if (policy.expectedBadRatePpm > _PPM) revert IScreening.ScreeningBadPolicy("expectedBadRatePpm");
        if (policy.mode > 1) revert IScreening.ScreeningBadPolicy("mode");
        if (policy.freshDays > policy.maxAgeDays) revert IScreening.ScreeningBadPolicy("freshDays");
        if (policy.ageFactorPpm < _PPM) revert IScreening.ScreeningBadPolicy("ageFactorPpm");
        if (policy.regionLimitPpm == 0 || policy.regionLimitPpm > _PPM) {
            revert IScreening.ScreeningBadPolicy("regionLimitPpm");
        }
        uint256 profile = policy.profile[0];
        if (policy.emphasis[0] == 0) revert IScreening.ScreeningBadPolicy("emphasis");
        for (uint256 level = 1; level < 10; ++level) {
            if (policy.emphasis[level] < policy.emphasis[level - 1]) revert IScreening.ScreeningBadPolicy("emphasis");
            profile |= policy.profile[level];
        }
        if (policy.mode == 1 && profile == 0) revert IScreening.ScreeningBadPolicy("profile");
    }

    /// @notice Limits of eligibility for the loop over assets.
    /// @param policy the rules
    /// @return limits highest eligible term, rate and dpd class, in the three highest bytes
    function limits(IScreening.Policy memory policy) internal pure returns (uint256) {
        return uint256(policy.termClassMax) << 248 | uint256(policy.rateClassMax) << 240
            | uint256(policy.dpdClassMax) << 232;
    }
}
