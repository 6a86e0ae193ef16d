// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMeasuresViews} from "./IMeasuresViews.sol";

/// @title Measures on monitored pools
/// @notice Risk control orders a measure with a deadline, the servicer or the originator carries it out, the trustee confirms.
/// What is not carried out by the deadline, or not confirmed in time, anyone may escalate to all members. Kind: 1 collect more
/// often (reminders and remittance of the assets weekly instead of monthly), 2 change of borrowers' schedules with their
/// recorded consent, 3 replacement, 4 repurchase at par for a breached representation. Status: 1 ordered, 2 carried out,
/// 3 confirmed, 4 cancelled. Representation: 1 eligibility, 2 title, 3 not pledged elsewhere, 4 correct data, 5 borrower's
/// consent, 6 no arrears at cut-off.
interface IMeasures is IMeasuresViews {
    /// @notice A measure. What does not concern its kind is zero.
    /// @param packId monitored pack
    /// @param kind see above
    /// @param status see above
    /// @param breach representation that is breached, of a repurchase
    /// @param assetCount assets concerned
    /// @param orderedAt second
    /// @param deadline second after which it cannot be carried out
    /// @param carriedOutAt second
    /// @param confirmedAt second
    /// @param escalatedAt second
    /// @param orderedBy account of risk control
    /// @param carriedOutBy account of the servicer or the originator
    /// @param groundsHash document that says why
    /// @param evidenceHash document that shows it was carried out
    /// @param consentsRoot root over the salted hashes of the borrowers' consents to another schedule
    /// @param reservePackId pack that replacements come from
    /// @param roundId scoring round of that pack
    /// @param outgoingClasses balance classes that were replaced
    /// @param cashCents shortfall paid with a replacement, or price paid of a repurchase
    struct Measure {
        uint256 packId;
        uint8 kind;
        uint8 status;
        uint8 breach;
        uint32 assetCount;
        uint40 orderedAt;
        uint40 deadline;
        uint40 carriedOutAt;
        uint40 confirmedAt;
        uint40 escalatedAt;
        address orderedBy;
        address carriedOutBy;
        bytes32 groundsHash;
        bytes32 evidenceHash;
        bytes32 consentsRoot;
        uint256 reservePackId;
        uint256 roundId;
        uint64 outgoingClasses;
        uint256 cashCents;
    }

    /// @notice What replaces the assets of a measure.
    /// @param reservePackId pack that they come from
    /// @param roundId its final round, whose model is the champion
    /// @param incoming indices there, one for each asset of the measure in its order
    /// @param cashCents shortfall of principal paid
    /// @param evidenceHash assignment of the replacements
    struct Offer {
        uint256 reservePackId;
        uint256 roundId;
        uint32[] incoming;
        uint256 cashCents;
        bytes32 evidenceHash;
    }

    /// @notice Where the buckets of a pool's layout say what replacements are judged by.
    /// @param set whether risk control said so
    /// @param rateDimension whose class rises with the rate of interest
    /// @param dpdDimension whose class 0 is 0 days past due
    struct Terms {
        bool set;
        uint8 rateDimension;
        uint8 dpdDimension;
    }

    /// @notice Replacements of a pack can be judged.
    /// @param packId monitored pack
    /// @param rateDimension whose class rises with the rate of interest
    /// @param dpdDimension whose class 0 is 0 days past due
    event MeasureTermsSet(uint256 indexed packId, uint8 rateDimension, uint8 dpdDimension);

    /// @notice A measure was ordered.
    /// @param measureId from 1
    /// @param packId monitored pack
    /// @param kind see above
    /// @param assets concerned, ascending
    /// @param deadline second after which it cannot be carried out
    /// @param breach representation that is breached; 0 for none
    /// @param groundsHash document that says why
    event MeasureOrdered(
        uint256 indexed measureId,
        uint256 indexed packId,
        uint8 indexed kind,
        uint32[] assets,
        uint40 deadline,
        uint8 breach,
        bytes32 groundsHash
    );

    /// @notice A measure was carried out; the trustee is to confirm.
    /// @param measureId of the measure
    /// @param packId monitored pack
    /// @param by account of the servicer or the originator
    /// @param evidenceHash document that shows it
    event MeasureCarriedOut(
        uint256 indexed measureId, uint256 indexed packId, address indexed by, bytes32 evidenceHash
    );

    /// @notice Replacements were offered.
    /// @param measureId of the measure
    /// @param reservePackId pack that they come from
    /// @param incoming their indices there, in the order of the assets that they replace
    /// @param cashCents shortfall of principal paid
    event ReplacementOffered(
        uint256 indexed measureId, uint256 indexed reservePackId, uint32[] incoming, uint256 cashCents
    );

    /// @notice The trustee found a measure as it should be, and it takes effect.
    /// @param measureId of the measure
    /// @param packId monitored pack
    /// @param trustee who confirmed
    event MeasureConfirmed(uint256 indexed measureId, uint256 indexed packId, address indexed trustee);

    /// @notice The trustee found a measure not carried out as it should be; until the deadline it can be carried out anew.
    /// @param measureId of the measure
    /// @param packId monitored pack
    /// @param reasonHash document that says why
    event MeasureRejected(uint256 indexed measureId, uint256 indexed packId, bytes32 reasonHash);

    /// @notice Risk control took an order back.
    /// @param measureId of the measure
    /// @param packId monitored pack
    /// @param reasonHash document that says why
    event MeasureCancelled(uint256 indexed measureId, uint256 indexed packId, bytes32 reasonHash);

    /// @notice To all members: a measure is overdue.
    /// @param measureId of the measure
    /// @param packId monitored pack
    /// @param late account that did not do its part
    /// @param kind see above
    /// @param deadline second until which it had time
    event MeasureEscalated(
        uint256 indexed measureId, uint256 indexed packId, address indexed late, uint8 kind, uint40 deadline
    );

    /// @notice Thrown when the caller has no part in the measures of a pack.
    /// @param packId monitored pack
    /// @param expected account that has
    /// @param caller who called
    error MeasuresWrongAccount(uint256 packId, address expected, address caller);

    /// @notice Thrown when the pack is not monitored.
    /// @param packId given
    error MeasuresNotMonitored(uint256 packId);

    /// @notice Thrown when the terms of a pack are set, or are not yet.
    /// @param packId given
    error MeasuresWrongTerms(uint256 packId);

    /// @notice Thrown when a field cannot be as given.
    /// @param field its name
    error MeasuresBadField(string field);

    /// @notice Thrown when an asset cannot be concerned by a measure: unknown, not ascending, not in the pool, or, for a
    /// replacement, defaulted or not in levels 8 to 10.
    /// @param index of the asset
    error MeasuresBadAsset(uint32 index);

    /// @notice Thrown when another measure takes the asset out.
    /// @param index of the asset
    /// @param measureId of that measure
    error MeasuresAssetTaken(uint32 index, uint256 measureId);

    /// @notice Thrown when the measure is not in a status that allows the call.
    /// @param measureId given
    /// @param status in force; 0 when unknown
    error MeasuresWrongStatus(uint256 measureId, uint8 status);

    /// @notice Thrown when the measure is of another kind.
    /// @param measureId given
    /// @param kind of it
    error MeasuresWrongKind(uint256 measureId, uint8 kind);

    /// @notice Thrown when a measure is carried out after its deadline.
    /// @param measureId given
    /// @param deadline second
    /// @param time of the block
    error MeasuresDeadlinePassed(uint256 measureId, uint40 deadline, uint256 time);

    /// @notice Thrown when a measure is not overdue, or was escalated before.
    /// @param measureId given
    /// @param dueAt second until which there is time; 0 when nothing is due
    error MeasuresNotOverdue(uint256 measureId, uint256 dueAt);

    /// @notice Thrown when a reserve pack is of another originator, currency, class unit or layout, or not screened, or its
    /// title was offered or transferred, or when the round is not a final one of it by the champion.
    /// @param packId of the reserve
    /// @param field that does not fit
    error MeasuresBadReserve(uint256 packId, string field);

    /// @notice Thrown when a replacement was used before.
    /// @param packId of the reserve
    /// @param index of the asset
    /// @param measureId that used it
    error MeasuresReserveUsed(uint256 packId, uint32 index, uint256 measureId);

    /// @notice Thrown when an asset cannot replace another.
    /// @param index of the asset in the reserve
    /// @param field that does not fit: kept, record, pd, dpd, rate
    error MeasuresBadReplacement(uint32 index, string field);

    /// @notice Thrown when all replacements together would be more than a twentieth of the cut-off balance.
    /// @param wantedCents outgoing balance of all replacements
    /// @param limitCents a twentieth
    error MeasuresTooMuchReplaced(uint256 wantedCents, uint256 limitCents);

    /// @notice Thrown when the cash is not what balances allow: the shortfall of principal, or par.
    /// @param cents given
    /// @param leastCents by balance classes
    /// @param mostCents by balance classes
    error MeasuresWrongCash(uint256 cents, uint256 leastCents, uint256 mostCents);

    /// @notice Says what replacements are judged by; called once by the pool's risk control.
    /// @param packId monitored pack
    /// @param rateDimension whose class rises with the rate of interest
    /// @param dpdDimension whose class 0 is 0 days past due
    function setTerms(uint256 packId, uint8 rateDimension, uint8 dpdDimension) external;

    /// @notice Orders a measure; called by the pool's risk control.
    /// @param packId monitored pack
    /// @param kind see above
    /// @param assets concerned, ascending; at most 100, of a replacement 16
    /// @param deadline second after which it cannot be carried out
    /// @param breach representation that is breached; 0 but for a repurchase
    /// @param groundsHash document that says why
    /// @return measureId from 1
    function order(
        uint256 packId,
        uint8 kind,
        uint32[] calldata assets,
        uint40 deadline,
        uint8 breach,
        bytes32 groundsHash
    ) external returns (uint256 measureId);

    /// @notice Says that the assets are collected weekly; called by the pool's servicer.
    /// @param measureId of kind 1
    /// @param evidenceHash document that shows it
    function collectMoreOften(uint256 measureId, bytes32 evidenceHash) external;

    /// @notice Says that the borrowers agreed to another schedule; called by the pool's servicer.
    /// @param measureId of kind 2
    /// @param consentsRoot root over the salted hashes of their consents
    /// @param evidenceHash document with the new schedules
    function changeSchedule(uint256 measureId, bytes32 consentsRoot, bytes32 evidenceHash) external;

    /// @notice Offers replacements; called by the pool's originator.
    /// @param measureId of kind 3
    /// @param offer what it offers
    function replace(uint256 measureId, Offer calldata offer) external;

    /// @notice Says that the assets were bought back; called by the pool's originator.
    /// @param measureId of kind 4
    /// @param cashCents price paid: the outstanding principal
    /// @param evidenceHash document that shows it
    function repurchase(uint256 measureId, uint256 cashCents, bytes32 evidenceHash) external;

    /// @notice Lets what was carried out take effect; called by the pack's trustee after recomputing what rows alone show.
    /// @param measureId carried out
    function confirm(uint256 measureId) external;

    /// @notice Sends a measure back; called by the pack's trustee.
    /// @param measureId carried out
    /// @param reasonHash document that says why
    function reject(uint256 measureId, bytes32 reasonHash) external;

    /// @notice Takes an order back; called by the pool's risk control.
    /// @param measureId ordered
    /// @param reasonHash document that says why
    function cancel(uint256 measureId, bytes32 reasonHash) external;

    /// @notice Tells all members that a measure is overdue; anyone may call.
    /// @param measureId not carried out by its deadline, or not confirmed within two weeks
    function escalate(uint256 measureId) external;

    /// @notice Number of measures; ids are 1 to this.
    /// @return count of measures
    function measureCount() external view returns (uint256 count);

    /// @notice A measure.
    /// @param measureId of the measure
    /// @return all zero when unknown
    function measure(uint256 measureId) external view returns (Measure memory);

    /// @notice Assets of a measure.
    /// @param measureId of the measure
    /// @return concerned indices in the pool, ascending
    /// @return incoming indices in the reserve pack, in the same order; empty where there are none
    function assetsOf(uint256 measureId) external view returns (uint32[] memory concerned, uint32[] memory incoming);

    /// @notice Terms of a pack.
    /// @param packId monitored pack
    /// @return as set
    function terms(uint256 packId) external view returns (Terms memory);

    /// @notice Balance classes of a pool that were replaced, confirmed or not yet.
    /// @param packId monitored pack
    /// @return classes sum of the outgoing balance classes
    function replacedClasses(uint256 packId) external view returns (uint64 classes);

    /// @notice Where an asset that a pool took in was first offered.
    /// @param packId pack of the pool
    /// @param index of the asset there
    /// @return reserveId reserve pack; 0 for an asset of the pack itself
    /// @return reserveIndex its index there
    function originOf(uint256 packId, uint32 index) external view returns (uint256 reserveId, uint32 reserveIndex);
}
