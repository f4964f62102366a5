/** Tarjan's algorithm without recursion: the sets of nodes of a directed graph that can all reach each other. */

/** Nodes are 0 to `edges.length - 1`. Only sets of two and more are told, since nothing here points to itself. */
export function stronglyConnected(edges: readonly (readonly number[])[]): number[][] {
  const order = new Int32Array(edges.length).fill(-1);
  const low = new Int32Array(edges.length);
  const isOnStack = new Uint8Array(edges.length);
  const stack: number[] = [];
  const components: number[][] = [];
  let visited = 0;
  const enter = (node: number) => {
    order[node] = visited;
    low[node] = visited;
    visited += 1;
    stack.push(node);
    isOnStack[node] = 1;
    return { node, next: 0 };
  };
  const leave = (node: number) => {
    if (low[node] !== order[node]) return;
    const component: number[] = [];
    for (let member = -1; member !== node; ) {
      member = stack.pop()!;
      isOnStack[member] = 0;
      component.push(member);
    }
    if (component.length > 1) components.push(component);
  };
  for (let root = 0; root < edges.length; root += 1) {
    if (order[root] !== -1) continue;
    const path = [enter(root)];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const target = edges[top.node]![top.next];
      top.next += 1;
      if (target === undefined) {
        path.pop();
        leave(top.node);
        const below = path.at(-1);
        if (below !== undefined) low[below.node] = Math.min(low[below.node]!, low[top.node]!);
      } else if (order[target] === -1) path.push(enter(target));
      else if (isOnStack[target] === 1) low[top.node] = Math.min(low[top.node]!, order[target]!);
    }
  }
  return components;
}
