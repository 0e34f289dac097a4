/** How long the simulated steps take, in milliseconds. */
export interface HollowTimings {
  /** Network and sandbox of a pod. */
  readonly sandboxMs: number;
  /** From its turn to the start of a container: pulling and creating. */
  readonly containerMs: number;
  /** An init container's work. */
  readonly initMs: number;
  /** A container's last breath after it was asked to end. */
  readonly stopMs: number;
}

/** About what a real kubelet needs on a small machine when images are there. */
export const DEFAULT_TIMINGS: HollowTimings = { sandboxMs: 100, containerMs: 100, initMs: 200, stopMs: 200 };
