/** Which protocol the members of a group share, whether a new member fits in, and what they subscribe to. */

import { MillraceError } from '../base/errors.ts';
import { consumerSubscription, decodeVersioned } from '../protocol/consumer-protocol.ts';
import type { Group, GroupProtocol, Member } from './group-state.ts';

/** True when the group is free to choose or the joiner speaks a protocol that every member speaks. */
export function supportsProtocols(group: Group, protocolType: string, protocols: readonly GroupProtocol[]): boolean {
  if (protocolType === '' || protocols.length === 0) return false;
  if (group.members.size === 0) return true;
  if (group.protocolType !== protocolType) return false;
  const shared = sharedProtocolNames(group);
  return protocols.some((protocol) => shared.has(protocol.name));
}

/** Every member votes for its first protocol that all members speak; most votes win, the earlier voter's choice on a tie. */
export function selectProtocol(group: Group): string {
  const shared = sharedProtocolNames(group);
  const votes = new Map<string, number>();
  for (const member of group.members.values()) {
    const vote = member.protocols.find((protocol) => shared.has(protocol.name));
    if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1);
  }
  let winner = '';
  let winnerVotes = 0;
  for (const [name, count] of votes) {
    if (count > winnerVotes) {
      winner = name;
      winnerVotes = count;
    }
  }
  return winner;
}

/** True when a rejoin brings exactly what the member said before, so nobody else needs to hear of it. */
export function sameProtocols(member: Member, protocols: readonly GroupProtocol[]): boolean {
  if (member.protocols.length !== protocols.length) return false;
  return member.protocols.every((known, index) => {
    const given = protocols[index];
    return given !== undefined && given.name === known.name && given.metadata.equals(known.metadata);
  });
}

function sharedProtocolNames(group: Group): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const member of group.members.values()) {
    for (const name of new Set(member.protocols.map((protocol) => protocol.name))) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  const shared = new Set<string>();
  for (const [name, count] of counts) if (count === group.members.size) shared.add(name);
  return shared;
}

/**
 * The topics that the members of a consumer group want, under whatever protocol; undefined when some member's metadata
 * does not say. The only place where the broker looks into it.
 */
export function subscribedTopics(group: Group): ReadonlySet<string> | undefined {
  const topics = new Set<string>();
  for (const member of group.members.values()) {
    for (const { metadata } of member.protocols) {
      try {
        for (const topic of decodeVersioned(consumerSubscription, metadata).topics) topics.add(topic);
      } catch (error) {
        if (error instanceof MillraceError) return undefined;
        throw error;
      }
    }
  }
  return topics;
}
