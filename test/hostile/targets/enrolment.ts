import {
  decodeEnrolled,
  decodeJoinRequest,
  decodeLateRenewalRequest,
  decodeNonce,
  decodeRefusal,
  MAX_ENROL_BODY_BYTES,
  parseKeyHash,
  parseToken,
} from '@hawser/protocol';
import fc from 'fast-check';
import { attempt, type Target } from '../engine/target.ts';
import { mutateJson } from '../mutate/json.ts';
import { MB, MS } from './limits.ts';

const base64 = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const nonce = fc.oneof(fc.stringMatching(/^[A-Za-z0-9_-]{43}$/), fc.string());
const name = fc.oneof(
  fc.constantFrom('edge-1', 'EDGE', 'a..b', `${'a'.repeat(63)}.`.repeat(4), '-a', 'system:node:a'),
  fc.string(),
);
const certificates = fc.oneof(
  fc.array(base64, { maxLength: 4 }),
  fc.array(base64, { minLength: 17, maxLength: 20 }),
  fc.anything(),
);

/** All bodies of requests and answers: one text is given to each decoder. */
export const enrolment: Target = {
  name: 'enrolment',
  what: 'bodies of the enrolment endpoint, both ways, tokens and hashes of keys',
  corpus: ['enrolment'],
  // 64 KB as text, parsed, and its parts out of base64.
  bounds: { ms: MS, bytes: 16 * MB, inputBytes: MAX_ENROL_BODY_BYTES + 1 },
  mutators: [mutateJson],
  shape: fc
    .record(
      {
        nonce,
        token: fc.oneof(fc.stringMatching(/^[a-z0-9]{6}\.[a-z0-9]{16}$/), fc.string()),
        nodeName: name,
        publicKey: fc.oneof(base64, fc.string()),
        proof: base64,
        signature: base64,
        replace: fc.anything(),
        certificates,
        authorities: certificates,
        reason: fc.constantFrom('badToken', 'no', '__proto__'),
        message: fc.string(),
      },
      { requiredKeys: [] },
    )
    .map((fields) => Buffer.from(JSON.stringify(fields))),
  open: () => ({
    run(input) {
      const text = Buffer.from(input).toString('utf8');
      const verdicts = [decodeJoinRequest, decodeLateRenewalRequest, decodeEnrolled, decodeNonce].map((decode) =>
        attempt(() => decode(text)),
      );
      const others = [decodeRefusal(text), parseToken(text), parseKeyHash(text)];
      return verdicts.includes('taken') || others.some((value) => value !== undefined) ? 'taken' : 'refused';
    },
  }),
};
