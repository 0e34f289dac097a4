import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { GCProfiler, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What one call has cost. */
export interface Cost {
  /** Of this thread. */
  readonly ms: number;
  /** The most by which the process was larger than before. */
  readonly bytes: number;
}

/** /proc/self/status has some 1,500 bytes. */
const STATUS_BYTES = 4096;

/**
 * Measures calls one after the other. Time is that of the thread, so that what else the machine does is left out. Memory is the larger of
 * two: the highest that heap and buffers together were, seen at each collection of garbage and at the end, and (on Linux) the highest
 * resident size, native memory and all (proc(5): `clear_refs` sets that mark back). Garbage of the call itself counts as far as it was not
 * collected: run with a small young generation.
 */
export class Meter {
  readonly #status = openStatus();
  readonly #bytes = Buffer.alloc(STATUS_BYTES);
  /** In KB, as the kernel gives it. */
  #resident = 0;

  constructor() {
    // Else another thread frees the buffers that a collection has found, some time later: they would count as there before the next
    // call, and what that takes in their place as nothing.
    setFlagsFromString('--no-concurrent-array-buffer-sweeping');
    this.#begin();
  }

  async measure<T>(call: () => T | Promise<T>): Promise<{ readonly result: T; readonly cost: Cost }> {
    this.#resetPeak();
    const profiler = new GCProfiler();
    const heapBefore = heapNow();
    profiler.start();
    const before = process.threadCpuUsage();
    const given = call();
    const result = given instanceof Promise ? await given : given;
    const { user, system } = process.threadCpuUsage(before);
    const heapPeak = Math.max(heapNow(), ...collectionsOf(profiler));
    const bytes = Math.max(heapPeak - heapBefore, this.#residentGrowth());
    return { result, cost: { ms: (user + system) / 1000, bytes } };
  }

  /** Garbage of earlier calls is gone, and not counted as the next one's. */
  settle(): void {
    collectGarbage();
    this.#begin();
  }

  close(): void {
    if (this.#status === undefined) return;
    closeSync(this.#status.read);
    closeSync(this.#status.reset);
  }

  #begin(): void {
    this.#resetPeak();
    this.#residentGrowth();
  }

  #resetPeak(): void {
    if (this.#status !== undefined) writeSync(this.#status.reset, '5', 0);
  }

  /** In bytes, since the last call of it, which is where the next measure begins. */
  #residentGrowth(): number {
    if (this.#status === undefined) return 0;
    const length = readSync(this.#status.read, this.#bytes, 0, STATUS_BYTES, 0);
    const text = this.#bytes.toString('latin1', 0, length);
    const growth = kilobytes(text, 'VmHWM') - this.#resident;
    this.#resident = kilobytes(text, 'VmRSS');
    return growth * 1024;
  }
}

/** Heap and what buffers hold beside it. */
function heapNow(): number {
  const { external_memory: buffers, used_heap_size: heap } = getHeapStatistics();
  return heap + buffers;
}

/** What there was before each collection of garbage. */
function collectionsOf(profiler: GCProfiler): number[] {
  const profile: GCProfile | undefined = profiler.stop();
  return (profile?.statistics ?? []).map(
    ({ beforeGC: { heapStatistics } }) => heapStatistics.usedHeapSize + heapStatistics.externalMemory,
  );
}

/** Of its types the two that are read here. */
interface GCProfile {
  readonly statistics: readonly {
    readonly beforeGC: { readonly heapStatistics: { readonly usedHeapSize: number; readonly externalMemory: number } };
  }[];
}

function openStatus(): { readonly read: number; readonly reset: number } | undefined {
  if (process.platform !== 'linux') return undefined;
  return { read: openSync('/proc/self/status', 'r'), reset: openSync('/proc/self/clear_refs', 'w') };
}

function kilobytes(status: string, field: string): number {
  const at = status.indexOf(field);
  return at < 0 ? 0 : Number.parseInt(status.slice(at + field.length + 1), 10);
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
}
