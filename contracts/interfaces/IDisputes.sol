// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Disputes about scores
/// @notice Who may read what a score was made of computes it again on the own node and signs the word that came out; nobody
/// publishes what it was made of. Entitled are the recipients of the round's query, the pack's risk control and the auditors
/// of their organisations. Organisations whose oracle reported the disputed scores do not vote; a majority of the other
/// entitled ones voids the round, and what can no longer reach one is rejected. An arbiter decides where nobody is left to
/// vote, where the pack had a void round before, and once the time for verdicts is over.
/// Status: 1 open, 2 won (the round is void), 3 rejected (the dispute was false).
/// Standing of an organisation: 0 none, 1 voter, 2 contested.
interface IDisputes {
    /// @notice A dispute.
    /// @param roundId disputed round
    /// @param packId its pack
    /// @param account that opened it
    /// @param organisation of that account
    /// @param openedAt second
    /// @param assetIndex asset whose score is said to be wrong
    /// @param voterCount organisations that vote
    /// @param wrongCount verdicts that the score is wrong
    /// @param rightCount verdicts that it is right
    /// @param byArbiter whether an arbiter decides from the beginning
    /// @param status see above
    struct Dispute {
        uint256 roundId;
        uint256 packId;
        address account;
        uint32 organisation;
        uint40 openedAt;
        uint32 assetIndex;
        uint32 voterCount;
        uint32 wrongCount;
        uint32 rightCount;
        bool byArbiter;
        uint8 status;
    }

    /// @notice What an organisation found.
    /// @param account that signed, zero before
    /// @param givenAt second
    /// @param word of the report, as that account computed it
    struct Verdict {
        address account;
        uint40 givenAt;
        uint16 word;
    }

    /// @notice A score is disputed. Title does not pass and nothing is issued until it is decided.
    /// @param disputeId of the dispute
    /// @param roundId disputed round
    /// @param packId its pack
    /// @param assetIndex asset whose score is said to be wrong
    /// @param account that opened it
    /// @param voterCount organisations that vote
    /// @param byArbiter whether an arbiter decides from the beginning
    event DisputeOpened(
        uint256 indexed disputeId,
        uint256 indexed roundId,
        uint256 indexed packId,
        uint32 assetIndex,
        address account,
        uint32 voterCount,
        bool byArbiter
    );

    /// @notice An organisation gave its verdict.
    /// @param disputeId of the dispute
    /// @param organisation that gave it
    /// @param account that signed
    /// @param word of the report, as that account computed it
    /// @param isWrong whether the score on the chain is another
    event VerdictGiven(
        uint256 indexed disputeId,
        uint32 indexed organisation,
        address account,
        uint16 word,
        bool isWrong
    );

    /// @notice A dispute is over.
    /// @param disputeId of the dispute
    /// @param roundId disputed round
    /// @param status 2 won, 3 rejected
    /// @param arbiter account that decided, zero when verdicts did
    /// @param documentHash grounds of the arbiter, zero when verdicts decided
    event DisputeDecided(
        uint256 indexed disputeId,
        uint256 indexed roundId,
        uint8 status,
        address arbiter,
        bytes32 documentHash
    );

    /// @notice Organisations have this long for verdicts from now on.
    /// @param windowSeconds from the opening of a dispute
    event VerdictWindowSet(uint32 windowSeconds);

    /// @notice Thrown when the caller may not read what the scores were made of.
    /// @param roundId of the round
    /// @param caller who called
    error DisputesNotEntitled(uint256 roundId, address caller);

    /// @notice Thrown when the scores of the round do not count.
    /// @param roundId of the round
    /// @param status of the round
    error DisputesRoundNotFinal(uint256 roundId, uint8 status);

    /// @notice Thrown when a product was issued on the scores, or the pack was withdrawn.
    /// @param packId of the pack
    /// @param status of the pack
    error DisputesTooLate(uint256 packId, uint8 status);

    /// @notice Thrown when the round is disputed already.
    /// @param roundId of the round
    /// @param disputeId that is open
    error DisputesAlreadyOpen(uint256 roundId, uint256 disputeId);

    /// @notice Thrown when a dispute of the same organisation about the round was rejected.
    /// @param roundId of the round
    /// @param organisation of the caller
    error DisputesRejectedBefore(uint256 roundId, uint32 organisation);

    /// @notice Thrown when the dispute does not exist or is over.
    /// @param disputeId asked for
    /// @param status in force, zero when unknown
    error DisputesNotOpen(uint256 disputeId, uint8 status);

    /// @notice Thrown when the caller's organisation does not vote.
    /// @param disputeId of the dispute
    /// @param organisation of the caller
    error DisputesNotVoter(uint256 disputeId, uint32 organisation);

    /// @notice Thrown when the organisation gave its verdict before.
    /// @param disputeId of the dispute
    /// @param organisation of the caller
    error DisputesAlreadyJudged(uint256 disputeId, uint32 organisation);

    /// @notice Thrown when an arbiter decides, and nobody else.
    /// @param disputeId of the dispute
    error DisputesArbiterDecides(uint256 disputeId);

    /// @notice Thrown when the caller is no arbiter of the dispute.
    /// @param disputeId of the dispute
    /// @param caller who called
    error DisputesNotArbiter(uint256 disputeId, address caller);

    /// @notice Thrown when organisations still have time for their verdicts.
    /// @param disputeId of the dispute
    /// @param until second from which an arbiter decides
    error DisputesTooEarly(uint256 disputeId, uint256 until);

    /// @notice Thrown when an arbiter gives no grounds.
    error DisputesGroundsMissing();

    /// @notice Says that a score of a final round is wrong; called by an entitled account.
    /// @param roundId of the round
    /// @param assetIndex asset whose score is said to be wrong
    /// @return disputeId from 1
    function open(uint256 roundId, uint32 assetIndex) external returns (uint256 disputeId);

    /// @notice Gives the verdict of the caller's organisation, once.
    /// @param disputeId of the dispute
    /// @param word of the report, as the caller computed it
    function judge(uint256 disputeId, uint16 word) external;

    /// @notice Decides as an arbiter.
    /// @param disputeId of the dispute
    /// @param isWrong whether the score on the chain is wrong
    /// @param documentHash hash of the grounds
    function decide(uint256 disputeId, bool isWrong, bytes32 documentHash) external;

    /// @notice Sets the time for verdicts; governance.
    /// @param windowSeconds from the opening of a dispute
    function setVerdictWindow(uint32 windowSeconds) external;

    /// @notice The time for verdicts.
    /// @return windowSeconds from the opening of a dispute
    function verdictWindow() external view returns (uint32 windowSeconds);

    /// @notice Number of disputes; ids are 1 to this.
    /// @return count of disputes
    function disputeCount() external view returns (uint256 count);

    /// @notice A dispute.
    /// @param disputeId of the dispute
    /// @return all zero when unknown
    function dispute(uint256 disputeId) external view returns (Dispute memory);

    /// @notice Standing and verdict of an organisation.
    /// @param disputeId of the dispute
    /// @param organisation asked about
    /// @return standing see above
    /// @return verdict all zero before
    function verdictOf(uint256 disputeId, uint32 organisation)
        external
        view
        returns (uint8 standing, Verdict memory verdict);

    /// @notice Whether an account may decide as arbiter, when it is an arbiter's turn: a regulator, or an auditor where no
    /// regulator is enrolled; of these, those of organisations neither contested nor disputing, else those of contested
    /// ones, else any.
    /// @param disputeId of the dispute
    /// @param account asked about
    /// @return may true when it may
    function isArbiter(uint256 disputeId, address account) external view returns (bool may);

    /// @notice Whether a score that the pack's way to a product rests on is disputed.
    /// @param packId of the pack
    /// @return disputed true while it is
    function hasOpenDispute(uint256 packId) external view returns (bool disputed);

    /// @notice Void rounds of a pack by disputes.
    /// @param packId of the pack
    /// @return count of them
    function voidsOf(uint256 packId) external view returns (uint32 count);

    /// @notice How often disputes were false.
    /// @param account asked about
    /// @param organisation asked about
    /// @return byAccount disputes of the account that were rejected
    /// @return byOrganisation disputes of the organisation that were rejected
    function falseDisputesOf(address account, uint32 organisation)
        external
        view
        returns (uint32 byAccount, uint32 byOrganisation);
}
