// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IMonitoring} from "../interfaces/IMonitoring.sol";
import {MonitoringTallies} from "./MonitoringTallies.sol";

/// @title The four triggers of a pool
/// @notice Whether a trigger fires is decided by cross-multiplication; value and limit in ppm are rounded towards zero and
/// are to be read. Class sums are below 2^37, sums of squares below 2^53, cents below 2^64.
library MonitoringTriggers {
    uint256 private constant _PPM = 1_000_000;

    /// @notice All triggers of the last of these periods.
    /// @param terms of the pool
    /// @param period number of the last
    /// @param atClosing period 0
    /// @param points the last 13 periods, or all from period 0 on
    /// @param cutOffBalanceCents denominator of losses
    /// @return triggers by number
    function judge(
        IMonitoring.Terms memory terms,
        uint256 period,
        MonitoringTallies.Point memory atClosing,
        MonitoringTallies.Point[] memory points,
        uint256 cutOffBalanceCents
    ) internal pure returns (IMonitoring.Trigger[4] memory triggers) {
        _topLevels(terms, atClosing, points[points.length - 1], triggers[0]);
        _rising(terms, points, triggers[1]);
        _loss(terms, period, points, cutOffBalanceCents, triggers[2]);
        _arrears(terms, points, triggers[3]);
        for (uint256 i = 0; i < 4; ++i) {
            triggers[i].cushionPpm = triggers[i].limitPpm - triggers[i].valuePpm;
        }
    }

    function _topLevels(
        IMonitoring.Terms memory terms,
        MonitoringTallies.Point memory closing,
        MonitoringTallies.Point memory current,
        IMonitoring.Trigger memory trigger
    ) private pure {
        uint256 closingLive = Math.max(closing.live, 1);
        uint256 atClosing = closing.top * _PPM / closingLive + terms.topShareRisePpm;
        trigger.valuePpm = int256(current.top * _PPM / Math.max(current.live, 1));
        trigger.limitPpm = int256(Math.max(terms.topShareFloorPpm, atClosing));
        bool aboveFloor = current.top * _PPM > terms.topShareFloorPpm * current.live;
        uint256 limit = (closing.top * _PPM + terms.topShareRisePpm * closingLive) * current.live;
        trigger.isFired = aboveFloor && current.top * closingLive * _PPM > limit;
    }

    function _rising(IMonitoring.Terms memory terms, MonitoringTallies.Point[] memory points, IMonitoring.Trigger memory trigger)
        private
        pure
    {
        uint256 last = points.length - 1;
        uint256 first = last > terms.risingPeriods ? last - terms.risingPeriods : 0;
        (MonitoringTallies.Point memory from, MonitoringTallies.Point memory to) = (points[first], points[last]);
        if (from.live == 0 || to.live == 0) return;
        uint256 factor = uint256(terms.risingErrors) * terms.risingErrors;
        int256 rise = int256(to.top * from.live) - int256(from.top * to.live);
        trigger.valuePpm = rise * int256(_PPM) / int256(from.live * to.live);
        trigger.limitPpm = int256(Math.sqrt(_errorPpm2(from, factor) + _errorPpm2(to, factor)));
        if (last < terms.risingPeriods || rise <= 0) return;
        for (uint256 i = first; i < last; ++i) {
            if (points[i + 1].top * points[i].live <= points[i].top * points[i + 1].live) return;
        }
        trigger.isFired = _isBeyond(uint256(rise), from, to, factor);
    }

    function _loss(
        IMonitoring.Terms memory terms,
        uint256 period,
        MonitoringTallies.Point[] memory points,
        uint256 cutOffBalanceCents,
        IMonitoring.Trigger memory trigger
    ) private pure {
        uint256 last = points.length - 1;
        trigger.valuePpm = points[last].netLossCents * int256(_PPM) / int256(cutOffBalanceCents);
        trigger.limitPpm = int256(_promised(terms, period) * terms.lossFactorPpm / _PPM);
        if (last < terms.lossPeriods) return;
        for (uint256 i = last + 1 - terms.lossPeriods; i <= last; ++i) {
            uint256 limit = _promised(terms, period - last + i) * terms.lossFactorPpm * cutOffBalanceCents;
            if (points[i].netLossCents * int256(_PPM * _PPM) <= int256(limit)) return;
        }
        trigger.isFired = true;
    }

    function _arrears(IMonitoring.Terms memory terms, MonitoringTallies.Point[] memory points, IMonitoring.Trigger memory trigger)
        private
        pure
    {
        uint256 last = points.length - 1;
        uint256 count = Math.min(terms.arrearsPeriods, last);
        uint256 numerator = 0;
        uint256 denominator = 1;
        for (uint256 i = last + 1 - count; i <= last; ++i) {
            uint256 live = Math.max(points[i].live, 1);
            numerator = numerator * live + points[i].arrears * denominator;
            denominator *= live;
        }
        denominator *= count;
        trigger.valuePpm = int256(numerator * _PPM / denominator);
        trigger.limitPpm = int256(uint256(terms.arrearsLimitPpm));
        trigger.isFired = numerator * _PPM > terms.arrearsLimitPpm * denominator;
    }

    /// @dev The curve after this period; its last value holds on.
    function _promised(IMonitoring.Terms memory terms, uint256 period) private pure returns (uint256) {
        return terms.lossCurvePpm[Math.min(period, terms.lossCurvePpm.length) - 1];
    }

    /// @dev factor · variance of the share in ppm². A share weighted by balance varies by p(1 − p)·Σw²/(Σw)².
    function _errorPpm2(MonitoringTallies.Point memory point, uint256 factor) private pure returns (uint256) {
        uint256 square = point.live * point.live;
        return factor * point.top * (point.live - point.top) * point.squares * _PPM * _PPM / (square * square);
    }

    /// @dev Whether (rise / (W0·W1))² > factor · (T0(W0 − T0)Q0 / W0⁴ + T1(W1 − T1)Q1 / W1⁴), times W0⁴·W1⁴ in 512 bits.
    function _isBeyond(uint256 rise, MonitoringTallies.Point memory from, MonitoringTallies.Point memory to, uint256 factor) private pure returns (bool) {
        (uint256 fromSquare, uint256 toSquare) = (from.live * from.live, to.live * to.live);
        (uint256 high, uint256 low) = Math.mul512(rise * rise, fromSquare * toSquare);
        uint256 variance = factor * from.top * (from.live - from.top) * from.squares;
        (uint256 fromHigh, uint256 fromLow) = Math.mul512(variance, toSquare * toSquare);
        variance = factor * to.top * (to.live - to.top) * to.squares;
        (uint256 toHigh, uint256 toLow) = Math.mul512(variance, fromSquare * fromSquare);
        unchecked {
            uint256 sumLow = fromLow + toLow;
            uint256 sumHigh = fromHigh + toHigh + (sumLow < fromLow ? 1 : 0);
            return high > sumHigh || (high == sumHigh && low > sumLow);
        }
    }
}
