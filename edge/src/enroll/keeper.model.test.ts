import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { keyHash } from '@hawser/protocol';
import fc from 'fast-check';
import { pino } from 'pino';
import { type CertificateAuthority, createAuthority } from '../../../test/support/pki.ts';
import { createIdentityFolder } from './identity-folder.ts';
import { ModelDevice } from './keeper-model/device.ts';
import { ModelRelay } from './keeper-model/relay.ts';
import { type Happening, happenings } from './keeper-model/schedule.ts';

/** Of certificates in the model: so long that the slack of the clock does not matter, and no longer, as all looks at it are made. */
const LIFE_SECONDS = 2 * 86_400;
const LIFE_MS = LIFE_SECONDS * 1_000;
const YEAR_MS = 365 * 86_400_000;
const RUNS = 60;
/** With a whole network: the next certificate, the one before it, a late renewal, and what it brings; each with a wait before it. */
const MOST_DIALS = 10;

let authority: CertificateAuthority;

before(async () => {
  authority = await createAuthority('ca');
});

test('killed between any two steps, with answers lost, replicas that lag and clocks that jump, a device always has a certificate whose key its relay lets in, and links again', async () => {
  const counts = { issued: 0, killed: 0 };
  await fc.assert(
    fc.asyncProperty(happenings, fc.nat(), (schedule, seed) => live(schedule, randomOf(seed), counts)),
    { numRuns: RUNS },
  );
  assert.ok(counts.issued > RUNS / 4, `only ${counts.issued} certificates were issued`);
  assert.ok(counts.killed > RUNS / 4, `only ${counts.killed} processes were killed`);
});

async function live(
  schedule: readonly Happening[],
  random: () => number,
  counts: { issued: number; killed: number },
): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'hawser-keeper-'));
  // The authority begins a little before.
  let nowMs = Date.now();
  const world = { nowMs: () => nowMs };
  const first = await joined(dataDir, nowMs);
  const relay = new ModelRelay(authority, keyHash(first.publicKey), world.nowMs, LIFE_SECONDS);
  const device = new ModelDevice({ dataDir, relay, world, random });
  device.boot();
  const pass = (milliseconds: number) => {
    nowMs += milliseconds;
    device.pass(milliseconds);
  };
  try {
    for (const happening of schedule) {
      await happen(happening);
      await device.settled();
      counts.killed += device.revive() ? 1 : 0;
      assert.ok(
        device.keys().some((key) => relay.admits(key)),
        `${happening.type}: no key that is let in`,
      );
    }
    // The network is whole, the replicas know all, the clock is right.
    device.enrolment = 'answers';
    device.killAfter(Number.POSITIVE_INFINITY);
    device.setClockOff(0);
    for (let dial = 0; dial < MOST_DIALS && !device.isLinked; dial += 1) {
      device.dial('answered', 0);
      await device.settled();
      pass(LIFE_MS / 40);
      await device.settled();
    }
    assert.ok(device.isLinked, 'no link');
    counts.issued += relay.issued;
  } finally {
    device.close();
    rmSync(dataDir, { recursive: true });
  }

  async function happen(happening: Happening): Promise<void> {
    switch (happening.type) {
      case 'dial':
        return device.dial(happening.fate, happening.lag);
      case 'answer':
        return device.answer(happening.isLost);
      case 'drop':
        return device.drop();
      case 'pass':
        return pass(happening.part * LIFE_MS);
      case 'killAfter':
        return device.killAfter(happening.steps);
      case 'kill':
        return device.kill();
      case 'enrolment':
        device.enrolment = happening.state;
        return;
      case 'clock':
        return device.setClockOff(happening.offYears * YEAR_MS);
    }
  }
}

async function joined(dataDir: string, nowMs: number): Promise<X509Certificate> {
  const folder = createIdentityFolder({ dataDir, logger: pino({ level: 'silent' }) });
  const key = folder.requestKey();
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const certificate = new X509Certificate(await authority.certifyNode('truck-1', spki, LIFE_SECONDS, new Date(nowMs)));
  folder.writeJoined({
    nodeName: 'truck-1',
    relays: ['wss://relay:1'],
    certificates: [certificate],
    authorities: [new X509Certificate(authority.certificatePem)],
  });
  return certificate;
}

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
