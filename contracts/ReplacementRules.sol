// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IMeasures} from "./interfaces/IMeasures.sol";
import {IMonitoring} from "./interfaces/IMonitoring.sol";
import {IReplacementRules} from "./interfaces/IReplacementRules.sol";
import {IRiskModelRegistry} from "./interfaces/IRiskModelRegistry.sol";
import {IScoringRounds} from "./interfaces/IScoringRounds.sol";
import {IScreening} from "./interfaces/IScreening.sol";
import {IScreeningViews} from "./interfaces/IScreeningViews.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {PackStatus} from "./libraries/PackStatus.sol";

/// @title What an asset of a reserve pack must be to replace one of a pool
/// @notice See {IReplacementRules}. Without state: a part of {IMeasures} that has no room there.
contract ReplacementRules is IReplacementRules, GovernedContract {
    /// @dev What every asset of an offer is judged by.
    struct Reserve {
        IAssetPackRegistry packs;
        IScreeningViews screening;
        IScoringRounds rounds;
        uint256 dimensionCount;
        bytes pdTable;
        uint32[10] marginPpm;
        uint256 pdNumerator;
        uint256 pdDenominator;
    }

    uint256 private constant _CHUNK = 256;
    uint256 private constant _SCORE_COUNT = 100;
    uint256 private constant _PPM = 1_000_000;
    uint32 private constant _WORDS_PER_CHUNK = 8_192;
    uint8 private constant _UNKNOWN_CLASS = 255;
    /// @dev Status of a round whose scores are on the chain.
    uint8 private constant _FINAL = 3;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IReplacementRules
    function judge(
        uint256 packId,
        IMeasures.Terms calldata terms,
        IMeasures.Offer calldata offer,
        uint256[] calldata places
    ) external view returns (uint32[] memory entries) {
        Reserve memory reserve = _open(packId, offer);
        entries = new uint32[](offer.incoming.length);
        for (uint256 i = 0; i < entries.length; ++i) {
            uint32 index = offer.incoming[i];
            uint256 score = _checkScore(reserve, offer, index);
            (uint256 class, bytes memory buckets) = _placeOf(reserve, offer.reservePackId, index);
            (, bytes memory replaced) = _placeOf(reserve, places[i] >> 32, uint32(places[i]));
            if (buckets[terms.dpdDimension] != 0) revert IMeasures.MeasuresBadReplacement(index, "dpd");
            uint8 rateClass = uint8(buckets[terms.rateDimension]);
            if (rateClass < uint8(replaced[terms.rateDimension]) || rateClass == _UNKNOWN_CLASS) {
                revert IMeasures.MeasuresBadReplacement(index, "rate");
            }
            entries[i] = uint32(score << 24 | class);
        }
    }

    /// @inheritdoc IReplacementRules
    function meanPd(uint256 packId) public view returns (uint256 numerator, uint256 denominator) {
        uint256 runId = IMonitoring(_addressOf("Monitoring")).pool(packId).closingRunId;
        IScreening screening = IScreening(_addressOf("Screening"));
        (, uint64[100] memory classes) = screening.histogram(runId, true);
        IRiskModelRegistry models = _models();
        uint256 modelId = screening.run(runId).modelId;
        bytes memory table = models.pdTable(modelId);
        uint32[10] memory marginPpm = models.model(modelId).marginPpm;
        for (uint256 score = 1; score <= _SCORE_COUNT; ++score) {
            numerator += classes[score - 1] * _pdPpm(table, marginPpm, score);
            denominator += classes[score - 1];
        }
    }

    /// @dev Checks the reserve pack against the pool's, and reads what its assets are judged by.
    function _open(uint256 packId, IMeasures.Offer calldata offer) private view returns (Reserve memory reserve) {
        IAssetPackRegistry packs = IAssetPackRegistry(_addressOf("AssetPackRegistry"));
        IScoringRounds rounds = IScoringRounds(_addressOf("ScoringRounds"));
        uint32 layoutId = _checkReserve(packs, packId, offer.reservePackId);
        IScoringRounds.Round memory round = rounds.round(offer.roundId);
        if (round.packId != offer.reservePackId || round.status != _FINAL) {
            revert IMeasures.MeasuresBadReserve(offer.reservePackId, "roundId");
        }
        IRiskModelRegistry models = _models();
        if (!models.isChampion(round.modelId)) revert IMeasures.MeasuresBadReserve(offer.reservePackId, "model");
        (reserve.packs, reserve.rounds) = (packs, rounds);
        reserve.screening = IScreeningViews(_addressOf("Screening"));
        (reserve.dimensionCount,) = packs.layout(layoutId);
        reserve.pdTable = models.pdTable(round.modelId);
        reserve.marginPpm = models.model(round.modelId).marginPpm;
        (reserve.pdNumerator, reserve.pdDenominator) = meanPd(packId);
    }

    function _checkScore(Reserve memory reserve, IMeasures.Offer calldata offer, uint32 index)
        private
        view
        returns (uint256 score)
    {
        if (!reserve.screening.isKept(offer.reservePackId, index)) {
            revert IMeasures.MeasuresBadReplacement(index, "kept");
        }
        address pointer = reserve.rounds.scoreChunkPointer(offer.roundId, index / _WORDS_PER_CHUNK);
        score = uint16(bytes2(ChunkStore.readSlice(pointer, 2 * (index % _WORDS_PER_CHUNK), 2)));
        // Aged records, and those spread from others, have a bit above the score.
        if (score == 0 || score > _SCORE_COUNT) revert IMeasures.MeasuresBadReplacement(index, "record");
        uint256 pdPpm = _pdPpm(reserve.pdTable, reserve.marginPpm, score);
        if (pdPpm * reserve.pdDenominator > reserve.pdNumerator) {
            revert IMeasures.MeasuresBadReplacement(index, "pd");
        }
    }

    /// @dev Principal class and buckets of an asset at the cut-off of its pack; chunks are classes, then buckets.
    function _placeOf(Reserve memory reserve, uint256 packId, uint32 index)
        private
        view
        returns (uint256 class, bytes memory buckets)
    {
        address pointer = reserve.packs.chunkPointer(packId, index / _CHUNK);
        uint256 width = reserve.dimensionCount;
        uint256 count = (pointer.code.length - 1) / (2 + width);
        uint256 at = index % _CHUNK;
        class = uint16(bytes2(ChunkStore.readSlice(pointer, 2 * at, 2)));
        buckets = ChunkStore.readSlice(pointer, 2 * count + width * at, width);
    }

    function _models() private view returns (IRiskModelRegistry) {
        return IRiskModelRegistry(_addressOf("RiskModelRegistry"));
    }

    function _checkReserve(IAssetPackRegistry packs, uint256 packId, uint256 reserveId)
        private
        view
        returns (uint32 layoutId)
    {
        IAssetPackRegistry.Pack memory pool = packs.pack(packId);
        IAssetPackRegistry.Pack memory pack = packs.pack(reserveId);
        bool screened = pack.status == PackStatus.SCREENED || pack.status == PackStatus.BROUGHT_DOWN;
        if (!screened || pack.documentHash != 0) revert IMeasures.MeasuresBadReserve(reserveId, "status");
        if (pack.originator != pool.originator) revert IMeasures.MeasuresBadReserve(reserveId, "originator");
        if (pack.currency != pool.currency) revert IMeasures.MeasuresBadReserve(reserveId, "currency");
        if (pack.classUnit != pool.classUnit) revert IMeasures.MeasuresBadReserve(reserveId, "classUnit");
        if (pack.layoutId != pool.layoutId) revert IMeasures.MeasuresBadReserve(reserveId, "layoutId");
        return pool.layoutId;
    }

    /// @dev Probability of default of a score, with margin, rounded up, at most 1,000,000.
    function _pdPpm(bytes memory table, uint32[10] memory marginPpm, uint256 score) private pure returns (uint256 pd) {
        for (uint256 i = 4 * score - 4; i < 4 * score; ++i) {
            pd = pd << 8 | uint8(table[i]);
        }
        pd = (pd * marginPpm[(score - 1) / 10] + _PPM - 1) / _PPM;
        if (pd > _PPM) pd = _PPM;
    }
}
