/** The first Ctrl-C (or SIGTERM) asks for a drain, the second ends the process at once. */

export interface StopRequest {
  /** Resolves at the first signal with its name. */
  readonly requested: Promise<NodeJS.Signals>;
  dispose(): void;
}

const signals = ['SIGINT', 'SIGTERM'] as const;
const longestDelayMs = 2_147_483_647;
const signalExitBase = 128;
const signalNumbers = { SIGINT: 2, SIGTERM: 15 } as const;

export function onStopSignal(announce: (signal: NodeJS.Signals) => void): StopRequest {
  let asked = false;
  let resolveRequested: (signal: NodeJS.Signals) => void;
  const requested = new Promise<NodeJS.Signals>((resolve) => {
    resolveRequested = resolve;
  });
  const handlers = signals.map((signal) => {
    const handler = () => {
      if (asked) process.exit(signalExitBase + signalNumbers[signal]);
      asked = true;
      announce(signal);
      resolveRequested(signal);
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  // Clients wait for brokers on timers that keep no process alive; whoever is to be stopped waits with them.
  const alive = setInterval(() => {}, longestDelayMs);
  return {
    requested,
    dispose() {
      clearInterval(alive);
      for (const off of handlers) off();
    },
  };
}
