import fc from 'fast-check';
import type { DialFate } from './device.ts';

/** What may happen to a device, its link, its relay and the time. */
export type Happening =
  | { readonly type: 'dial'; readonly fate: DialFate; readonly lag: number }
  | { readonly type: 'answer'; readonly isLost: boolean }
  | { readonly type: 'drop' }
  /** In parts of a certificate's life. */
  | { readonly type: 'pass'; readonly part: number }
  | { readonly type: 'killAfter'; readonly steps: number }
  | { readonly type: 'kill' }
  | { readonly type: 'enrolment'; readonly state: 'answers' | 'unreached' | 'answerLost' }
  | { readonly type: 'clock'; readonly offYears: number };

export const happenings: fc.Arbitrary<readonly Happening[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant('dial' as const),
        fate: fc.constantFrom<DialFate>('answered', 'answered', 'answered', 'unreached', 'helloOnly'),
        lag: fc.constantFrom(0, 0, 0, 1, 2),
      }),
    },
    { weight: 4, arbitrary: fc.record({ type: fc.constant('answer' as const), isLost: fc.constantFrom(false, false, true) }) },
    { weight: 2, arbitrary: fc.constant({ type: 'drop' as const }) },
    { weight: 5, arbitrary: fc.record({ type: fc.constant('pass' as const), part: fc.constantFrom(0.03, 0.1, 0.3, 0.75, 1.2) }) },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('killAfter' as const), steps: fc.nat(12) }) },
    { weight: 1, arbitrary: fc.constant({ type: 'kill' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant('enrolment' as const),
        state: fc.constantFrom<'answers' | 'unreached' | 'answerLost'>('answers', 'unreached', 'answerLost'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('clock' as const), offYears: fc.constantFrom(0, 0, -50, -2, 70) }) },
  ),
  { minLength: 5, maxLength: 60 },
);
