/** Asks the operating system to report changes. Reports get lost and merged, so they only say where to look at once. */

import type { Stats } from 'node:fs';
import path from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { messageOf } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import { errorCode, isRemoteOrMissing } from './file-access.ts';
import type { GlobPlan } from './glob-plan.ts';

/** Paths noted until somebody looks; past it a scan is due anyway. */
const mostPaths = 10_000;

export interface HintsOptions {
  readonly plan: GlobPlan;
  readonly logger: Logger;
  /** Something happened; called at once and often. */
  readonly onHint: () => void;
}

export class Hints {
  readonly #options: HintsOptions;
  #watcher: FSWatcher | undefined;
  #paths = new Set<string>();

  constructor(options: HintsOptions) {
    this.#options = options;
  }

  get isWatching(): boolean {
    return this.#watcher !== undefined;
  }

  /** Resolves when it is known which folders can be watched; watching itself begins a little later. */
  async start(): Promise<void> {
    const { plan, logger } = this.#options;
    const folders: string[] = [];
    for (const folder of plan.watchFolders) {
      if (await isRemoteOrMissing(folder)) {
        logger.info(
          { folder },
          'changes are found by scanning alone: the folder is missing or on a network file system',
        );
      } else folders.push(folder);
    }
    if (folders.length > 0) this.#watch(folders);
  }

  /** The paths hinted at since the last call. */
  take(): Set<string> {
    const taken = this.#paths;
    if (taken.size > 0) this.#paths = new Set();
    return taken;
  }

  async close(): Promise<void> {
    const watcher = this.#watcher;
    this.#watcher = undefined;
    await watcher?.close();
  }

  #watch(folders: string[]): void {
    const { plan, onHint, logger } = this.#options;
    const watcher = watch(folders, {
      ignoreInitial: true,
      atomic: false,
      ignored: (each, stats) => isIgnored(plan, each, stats),
    });
    this.#watcher = watcher;
    const note = (each: string) => {
      if (this.#paths.size < mostPaths) this.#paths.add(each);
      onHint();
    };
    // The raw report comes at once; the refined one comes later and for folders that appear.
    watcher.on('raw', (_event, name, details) => {
      const { watchedPath } = details as { watchedPath?: string };
      if (typeof name === 'string' && watchedPath !== undefined) note(path.resolve(watchedPath, name));
    });
    watcher.on('all', (_event, each) => note(path.resolve(each)));
    watcher.on('error', (error) => {
      const code = errorCode(error);
      logger.warn({ code }, `changes are found by scanning alone: watching failed (${messageOf(error)})`);
      this.close().catch(() => {});
    });
  }
}

function isIgnored(plan: GlobPlan, each: string, stats: Stats | undefined): boolean {
  if (stats?.isFile()) return !plan.matches(each);
  if (stats?.isDirectory() !== true || plan.watchFolders.includes(each)) return false;
  return !plan.roots.some(({ folder, entersFolder }) => {
    const below = path.relative(folder, each);
    return !below.startsWith('..') && entersFolder(below.split(path.sep));
  });
}
