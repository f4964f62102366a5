/** How the partitions of a group's topics are shared out among its members: Kafka's round robin and range. Pure. */

interface GroupMemberTopics {
  readonly memberId: string;
  readonly topics: readonly string[];
}

/** By member id, then by topic. */
type Assignment = Map<string, Map<string, number[]>>;

export type Assignor = (members: readonly GroupMemberTopics[], partitionCount: (topic: string) => number) => Assignment;

/** All partitions in turn over all members that want them: even also when every topic is small. */
export const roundRobin: Assignor = (members, partitionCount) => {
  const sorted = byId(members);
  const assignment = emptyAssignment(sorted);
  let turn = 0;
  for (const topic of topicsOf(sorted)) {
    for (let partition = 0; partition < partitionCount(topic); partition++) {
      while (!sorted[turn % sorted.length]!.topics.includes(topic)) turn++;
      give(assignment, sorted[turn % sorted.length]!.memberId, topic, partition);
      turn++;
    }
  }
  return assignment;
};

/** Each topic in contiguous runs: the same partition of several topics meets at the same member. */
export const range: Assignor = (members, partitionCount) => {
  const sorted = byId(members);
  const assignment = emptyAssignment(sorted);
  for (const topic of topicsOf(sorted)) {
    const takers = sorted.filter(({ topics }) => topics.includes(topic));
    const count = partitionCount(topic);
    const least = Math.floor(count / takers.length);
    const extra = count % takers.length;
    let partition = 0;
    for (const [i, { memberId }] of takers.entries()) {
      for (let left = least + (i < extra ? 1 : 0); left > 0; left--) give(assignment, memberId, topic, partition++);
    }
  }
  return assignment;
};

function byId(members: readonly GroupMemberTopics[]): GroupMemberTopics[] {
  return members.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1));
}

function topicsOf(members: readonly GroupMemberTopics[]): string[] {
  return [...new Set(members.flatMap(({ topics }) => topics))].toSorted();
}

function emptyAssignment(members: readonly GroupMemberTopics[]): Assignment {
  return new Map(members.map(({ memberId }) => [memberId, new Map()]));
}

function give(assignment: Assignment, memberId: string, topic: string, partition: number): void {
  const topics = assignment.get(memberId)!;
  const partitions = topics.get(topic);
  if (partitions === undefined) topics.set(topic, [partition]);
  else partitions.push(partition);
}
