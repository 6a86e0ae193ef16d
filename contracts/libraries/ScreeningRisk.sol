// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreening} from "../interfaces/IScreening.sol";

/// @title Order of risk and probability of default by report byte
/// @notice A slot is a place in the order of step 4: score descending, then pd descending. Slots are 0, the riskiest, to 199;
/// aged and fresh assets of one score share a slot where their pd is the same, because the index decides between equals.
library ScreeningRisk {
    /// @notice What a policy and a model say of each slot and each byte.
    /// @param codes slot of each report byte, or NO_RECORD, in the first 256 bytes
    /// @param pdPpm probability of default by slot, with margin and age factor
    /// @param emphasis m by slot
    struct Risk {
        bytes codes;
        uint256[] pdPpm;
        uint256[] emphasis;
    }

    /// @notice Number of slots.
    uint256 internal constant SLOT_COUNT = 200;
    /// @notice Code of an asset without usable record.
    uint256 internal constant NO_RECORD = 200;
    /// @notice Code of an asset that is not eligible.
    uint256 internal constant NOT_ELIGIBLE = 201;
    /// @notice Number of codes: slots and the two others.
    uint256 internal constant CODE_COUNT = 202;
    /// @notice One.
    uint256 internal constant PPM = 1_000_000;

    uint256 private constant _AGED = 0x80;
    uint256 private constant _TABLE_SIZE = 256 + 4 * 200;

    /// @notice Combines a policy with a model, into 256 codes and 200 pds of 4 bytes.
    /// @param policy age factor is used
    /// @param pdPpm 100 times 4 bytes, score 1 first
    /// @param marginPpm by level
    /// @return table for `decode`
    function encode(IScreening.Policy memory policy, bytes memory pdPpm, uint32[10] memory marginPpm)
        internal
        pure
        returns (bytes memory table)
    {
        table = new bytes(_TABLE_SIZE);
        for (uint256 i = 0; i < 256; ++i) {
            table[i] = bytes1(uint8(NO_RECORD));
        }
        for (uint256 score = 1; score <= 100; ++score) {
            uint256 withMargin = divideUp(_pdAt(pdPpm, 4 * (score - 1)) * marginPpm[(score - 1) / 10], PPM);
            uint256 slot = 2 * (100 - score) + 1;
            uint256 fresh = _atMostOne(withMargin);
            uint256 aged = _atMostOne(divideUp(withMargin * policy.ageFactorPpm, PPM));
            _fill(table, slot, score, fresh);
            _fill(table, aged == fresh ? slot : slot - 1, score | _AGED, aged);
        }
    }

    /// @notice Reads a table for the loops of a screening.
    /// @param table from `encode`
    /// @param policy emphasis is used
    /// @return risk pd and emphasis of slots that no byte leads to are of no meaning
    function decode(bytes memory table, IScreening.Policy memory policy) internal pure returns (Risk memory risk) {
        risk.codes = table;
        risk.pdPpm = new uint256[](SLOT_COUNT);
        risk.emphasis = new uint256[](SLOT_COUNT);
        for (uint256 slot = 0; slot < SLOT_COUNT; ++slot) {
            risk.pdPpm[slot] = _pdAt(table, 256 + 4 * slot);
            risk.emphasis[slot] = policy.emphasis[levelOf(slot)];
        }
    }

    /// @notice Level of a slot.
    /// @param slot below SLOT_COUNT
    /// @return 0 for level 1 to 9 for level 10
    function levelOf(uint256 slot) internal pure returns (uint256) {
        return (99 - slot / 2) / 10;
    }

    /// @notice First slot of a level.
    /// @param level 0 for level 1 to 9 for level 10
    /// @return its riskiest slot; it has 20
    function firstSlotOf(uint256 level) internal pure returns (uint256) {
        return 180 - 20 * level;
    }

    /// @notice Quotient, rounded up; 0 when there is nothing to divide by.
    /// @param numerator any
    /// @param denominator any
    /// @return the quotient
    function divideUp(uint256 numerator, uint256 denominator) internal pure returns (uint256) {
        return denominator == 0 ? 0 : (numerator + denominator - 1) / denominator;
    }

    function _fill(bytes memory table, uint256 slot, uint256 reportByte, uint256 pdPpm) private pure {
        table[reportByte] = bytes1(uint8(slot));
        for (uint256 i = 0; i < 4; ++i) {
            table[256 + 4 * slot + i] = bytes1(uint8(pdPpm >> (24 - 8 * i)));
        }
    }

    function _pdAt(bytes memory table, uint256 offset) private pure returns (uint256 value) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            value := shr(224, mload(add(add(table, 0x20), offset)))
        }
    }

    function _atMostOne(uint256 valuePpm) private pure returns (uint256) {
        return valuePpm < PPM ? valuePpm : PPM;
    }
}
