// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMonitoring} from "../interfaces/IMonitoring.sol";
import {Months} from "./Months.sol";

/// @title Which terms of a monitoring are possible
/// @notice Ranges of the fields of {IMonitoring-Terms}.
library MonitoringTerms {
    /// @notice Longest curve, in periods.
    uint256 internal constant CURVE_LENGTH_MAX = 360;
    /// @notice Last month that a monitoring may begin in: December 2199.
    uint256 internal constant MONTH_MAX = 2759;

    uint256 private constant _PPM = 1_000_000;
    uint256 private constant _FACTOR_PPM_MAX = 100_000_000;

    /// @notice Reverts with the name of the first field that is out of its range.
    /// @param terms in question
    /// @param cutOff day of the pack, not after the first month
    function validate(IMonitoring.Terms memory terms, uint256 cutOff) internal pure {
        bool begins = terms.firstMonth <= MONTH_MAX && Months.startOf(terms.firstMonth + 1) > cutOff * 1 days;
        if (!begins) revert IMonitoring.MonitoringBadTerms("firstMonth");
        _require(terms.topShareFloorPpm, 1, _PPM, "topShareFloorPpm");
        _require(terms.topShareRisePpm, 0, _PPM, "topShareRisePpm");
        _require(terms.risingPeriods, 1, 12, "risingPeriods");
        _require(terms.risingErrors, 1, 10, "risingErrors");
        _require(terms.lossFactorPpm, _PPM, _FACTOR_PPM_MAX, "lossFactorPpm");
        _require(terms.lossPeriods, 1, 12, "lossPeriods");
        _require(terms.arrearsLimitPpm, 1, _PPM, "arrearsLimitPpm");
        _require(terms.arrearsPeriods, 1, 6, "arrearsPeriods");
        _require(terms.clearPeriods, 1, 12, "clearPeriods");
        _require(terms.cleanUpPpm, 0, _PPM, "cleanUpPpm");
        _require(terms.lossCurvePpm.length, 1, CURVE_LENGTH_MAX, "lossCurvePpm");
        uint256 before = 0;
        for (uint256 i = 0; i < terms.lossCurvePpm.length; ++i) {
            _require(terms.lossCurvePpm[i], before, _PPM, "lossCurvePpm");
            before = terms.lossCurvePpm[i];
        }
    }

    function _require(uint256 value, uint256 least, uint256 most, string memory field) private pure {
        if (value < least || value > most) revert IMonitoring.MonitoringBadTerms(field);
    }
}
