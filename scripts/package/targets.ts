import { PROGRAMS, type Program } from '../bundle.ts';

/** As Node and npm name them. */
export const ARCHITECTURES = ['x64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** By that name or by Debian's and images', which call x64 amd64. */
export function architectureNamed(name: string | undefined): Architecture | undefined {
  return ARCHITECTURES.find((one) => one === (name === 'amd64' ? 'x64' : name));
}

/** One executable. */
export interface Target {
  readonly program: Program;
  readonly arch: Architecture;
}

export interface TargetChoice {
  /** Default: both. */
  readonly only?: Program;
  /** Default: both. */
  readonly arch?: Architecture;
}

export function targetsOf({ only, arch }: TargetChoice = {}): readonly Target[] {
  const programs = PROGRAMS.filter((program) => only === undefined || program === only);
  return ARCHITECTURES.filter((one) => arch === undefined || one === arch).flatMap((one) =>
    programs.map((program) => ({ program, arch: one })),
  );
}

export function fileNameOf({ program, arch }: Target): string {
  return `hawser-${program}-linux-${arch}`;
}
