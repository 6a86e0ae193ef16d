// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManagedUpgradeable} from "@openzeppelin/contracts-upgradeable/access/manager/AccessManagedUpgradeable.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {ConsortiumStorage} from "../libraries/ConsortiumStorage.sol";

/// @title Votes of the members
/// @notice m of n by organisation: a majority of the members that are not suspended at the time of execution.
abstract contract ConsortiumProposals is IConsortium, AccessManagedUpgradeable {
    /// @notice Age in seconds from which a proposal can neither be approved nor carried out.
    uint256 public constant PROPOSAL_LIFETIME_SECONDS = 30 days;

    /// @inheritdoc IConsortium
    function propose(Call[] calldata calls, string calldata description) external restricted returns (uint256 id) {
        uint32 organisation = _votingOrganisation();
        if (calls.length == 0) revert ConsortiumNoCalls();
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        id = ++$.proposalCount;
        $.proposals[id] = Proposal({
            callsHash: keccak256(abi.encode(calls)),
            proposer: organisation,
            createdAt: uint40(block.timestamp),
            executed: false,
            approvals: 1 << organisation
        });
        emit ProposalCreated(id, organisation, calls, description);
        emit ProposalApproved(id, organisation);
    }

    /// @inheritdoc IConsortium
    function approve(uint256 id) external restricted {
        uint32 organisation = _votingOrganisation();
        Proposal storage stored = _openProposal(id);
        uint256 vote = 1 << organisation;
        if (stored.approvals & vote != 0) revert ConsortiumAlreadyApproved(id, organisation);
        stored.approvals |= vote;
        emit ProposalApproved(id, organisation);
    }

    /// @inheritdoc IConsortium
    function execute(uint256 id, Call[] calldata calls) external restricted {
        _votingOrganisation();
        Proposal storage stored = _openProposal(id);
        bytes32 callsHash = keccak256(abi.encode(calls));
        if (stored.callsHash != callsHash) revert ConsortiumWrongCalls(stored.callsHash, callsHash);
        (uint256 approvals, uint256 needed) = _count(stored.approvals);
        if (approvals < needed) revert ConsortiumNotApproved(id, approvals, needed);
        stored.executed = true;
        emit ProposalExecuted(id);
        for (uint256 i = 0; i < calls.length; ++i) {
            _perform(i, calls[i]);
        }
    }

    /// @inheritdoc IConsortium
    function proposal(uint256 id) external view returns (Proposal memory) {
        return ConsortiumStorage.load().proposals[id];
    }

    /// @inheritdoc IConsortium
    function proposalCount() external view returns (uint256) {
        return ConsortiumStorage.load().proposalCount;
    }

    function _perform(uint256 index, Call calldata step) private {
        // solhint-disable-next-line avoid-low-level-calls
        (bool succeeded, bytes memory result) = step.target.call(step.data);
        if (succeeded && step.target.code.length != 0) return;
        if (succeeded || result.length == 0) revert ConsortiumCallFailed(index, step.target);
        // The reason of the called contract reaches the client unchanged.
        // solhint-disable-next-line no-inline-assembly
        assembly {
            revert(add(result, 0x20), mload(result))
        }
    }

    function _openProposal(uint256 id) private view returns (Proposal storage stored) {
        stored = ConsortiumStorage.load().proposals[id];
        if (stored.callsHash == 0) revert ConsortiumUnknownProposal(id);
        if (stored.executed) revert ConsortiumAlreadyExecuted(id);
        uint256 expiresAt = stored.createdAt + PROPOSAL_LIFETIME_SECONDS;
        if (block.timestamp >= expiresAt) revert ConsortiumProposalExpired(id, expiresAt);
    }

    /// @dev Member of the caller, who has GOVERNOR in force; a suspended member has no role in force.
    function _votingOrganisation() private view returns (uint32) {
        return ConsortiumStorage.load().accounts[msg.sender].organisation;
    }

    /// @dev Votes of members that are not suspended now, and their majority.
    function _count(uint256 votes) private view returns (uint256 approvals, uint256 needed) {
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        uint256 voters = 0;
        for (uint32 organisation = 1; organisation <= $.organisationCount; ++organisation) {
            if ($.organisations[organisation].suspended) continue;
            ++voters;
            approvals += (votes >> organisation) & 1;
        }
        needed = voters / 2 + 1;
    }
}
