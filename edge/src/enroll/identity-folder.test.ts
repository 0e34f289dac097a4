import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CertificateAuthority, createAuthority } from '../../../test/support/pki.ts';
import { type FileSteps, fileSteps } from '../private-files.ts';
import { createIdentityFolder, identityPath } from './identity-folder.ts';
import type { IdentityFolder, Joined } from './types.ts';

let dir = '';
let ours: CertificateAuthority;
let other: CertificateAuthority;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hawser-identity-'));
  ours = await createAuthority('ours');
  other = await createAuthority('other');
});
after(() => rmSync(dir, { recursive: true, force: true }));

function dataDir(): string {
  return join(mkdtempSync(join(dir, 'd-')), 'data');
}

function folderIn(path: string, steps?: FileSteps) {
  const warnings: unknown[] = [];
  const logger = { warn: (...words: unknown[]) => warnings.push(words) };
  const folder = createIdentityFolder({ dataDir: path, logger, ...(steps === undefined ? {} : { steps }) });
  return Object.assign(folder, { warnings });
}

async function certificateFor(key: KeyObject, nodeName = 'truck-1', authority = ours): Promise<X509Certificate> {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return new X509Certificate(await authority.certifyNode(nodeName, spki));
}

async function joinedWith(folder: IdentityFolder, nodeName = 'truck-1', authority = ours): Promise<Joined> {
  return {
    nodeName,
    relays: [`wss://${authority.commonName}.example:8443`],
    certificates: [await certificateFor(folder.requestKey(), nodeName, authority)],
    authorities: [new X509Certificate(authority.certificatePem)],
  };
}

/** What a reader sees, as text. */
function seenIn(path: string): string {
  const identity = folderIn(path).read();
  if (identity === undefined) return 'not joined';
  const { nodeName, relays, authorities, current, next } = identity;
  const shown = [current, next].map((credential) => credential?.certificates.map(({ fingerprint256 }) => fingerprint256));
  return JSON.stringify([nodeName, relays, authorities.map(({ fingerprint256 }) => fingerprint256), shown]);
}

/** A process that ends before its step number `last`; of a write, half is in the file then. */
function endingAt(last: number): FileSteps & { readonly done: () => boolean } {
  let step = 0;
  const counted = <Arguments extends unknown[], Result>(
    work: (...given: Arguments) => Result,
    half?: (...given: Arguments) => void,
  ) => {
    return (...given: Arguments): Result => {
      step += 1;
      if (step === last) half?.(...given);
      if (step >= last) throw new Error('power cut');
      return work(...given);
    };
  };
  return {
    create: counted(fileSteps.create),
    write: counted(fileSteps.write, (file, text) => fileSteps.write(file, text.slice(0, text.length / 2))),
    sync: counted(fileSteps.sync),
    close: counted(fileSteps.close),
    createFolder: counted(fileSteps.createFolder),
    syncFolder: counted(fileSteps.syncFolder),
    rename: counted(fileSteps.rename),
    remove: counted(fileSteps.remove),
    done: () => step < last,
  };
}

/** Ends a change before each of its steps, in copies of one folder. @returns how many steps it has */
function interrupt(start: string, change: (folder: IdentityFolder) => void): number {
  const copy = () => {
    const path = dataDir();
    if (existsSync(start)) cpSync(start, path, { recursive: true });
    // Modes of folders are not copied.
    if (existsSync(identityPath(path))) chmodSync(identityPath(path), 0o700);
    return path;
  };
  const whole = copy();
  change(folderIn(whole));
  const [beforehand, afterwards] = [seenIn(start), seenIn(whole)];
  for (let last = 1; ; last += 1) {
    const path = copy();
    const steps = endingAt(last);
    try {
      change(folderIn(path, steps));
    } catch (error) {
      assert.match(String(error), /power cut/);
    }
    const seen = seenIn(path);
    if (steps.done()) {
      assert.equal(seen, afterwards);
      return last - 1;
    }
    assert.ok(seen === beforehand || seen === afterwards, `before step ${last}: ${seen}`);
    if (seen === beforehand) change(folderIn(path));
    else folderIn(path).requestKey();
    assert.equal(seenIn(path), afterwards, `repeated after an end before step ${last}`);
  }
}

test('a device that has not joined has no identity, and nothing is made by looking', () => {
  const path = dataDir();
  assert.equal(folderIn(path).read(), undefined);
  assert.equal(existsSync(path), false);
});

test('the key of a request is written before it is used, and is the same until its certificate has come', async () => {
  const path = dataDir();
  const key = folderIn(path).requestKey();
  assert.ok(folderIn(path).requestKey().equals(key));
  const folder = folderIn(path);
  folder.writeJoined(await joinedWith(folder));
  assert.equal(folder.requestKey().equals(key), false);
});

test('folder and files are for the owner alone, and only the last is left in place', async () => {
  const path = dataDir();
  const folder = folderIn(path);
  folder.writeJoined(await joinedWith(folder));
  folder.requestKey();
  assert.equal(statSync(path).mode & 0o777, 0o700);
  assert.equal(statSync(identityPath(path)).mode & 0o777, 0o700);
  const names = readdirSync(identityPath(path)).toSorted();
  assert.deepEqual(names, ['authorities.pem', 'device.json', 'device.pem', 'key.pem']);
  for (const name of names) assert.equal(statSync(join(identityPath(path), name)).mode & 0o777, 0o600, name);
});

test('what was written comes back: a join, a renewal and another in its place, its success, other authorities', async () => {
  const path = dataDir();
  const folder = folderIn(path);
  const joined = await joinedWith(folder);
  folder.writeJoined(joined);
  const first = folder.read();
  assert.deepEqual([first?.nodeName, first?.relays, first?.next], ['truck-1', ['wss://ours.example:8443'], undefined]);
  assert.equal(first?.current.certificates[0].fingerprint256, joined.certificates[0]?.fingerprint256);

  const renewed = await certificateFor(folder.requestKey());
  folder.writeNext([renewed]);
  assert.equal(folder.read()?.next?.certificates[0].fingerprint256, renewed.fingerprint256);
  const again = await certificateFor(folder.requestKey());
  folder.writeNext([again]);
  folder.promoteNext();
  folder.promoteNext();
  assert.equal(folder.read()?.current.certificates[0].fingerprint256, again.fingerprint256);
  assert.equal(folder.read()?.next, undefined);

  const both = [ours, other].map(({ certificatePem }) => new X509Certificate(certificatePem));
  folder.writeAuthorities(both);
  assert.deepEqual(
    folder.read()?.authorities.map(({ subject }) => subject),
    both.map(({ subject }) => subject),
  );
  assert.throws(() => folder.writeAuthorities([]), { code: 'malformed_request' });
});

test('a first join that ends before any of its steps has happened whole or not at all', async () => {
  const start = dataDir();
  const joined = await joinedWith(folderIn(start));
  assert.ok(interrupt(start, (folder) => folder.writeJoined(joined)) > 20);
});

test('so has a join to another cluster under another name, also with a renewal under way', async () => {
  const start = dataDir();
  const folder = folderIn(start);
  folder.writeJoined(await joinedWith(folder));
  folder.writeNext([await certificateFor(folder.requestKey())]);
  const second = await joinedWith(folder, 'truck-2', other);
  assert.ok(interrupt(start, (changed) => changed.writeJoined(second)) > 20);
});

test('so has each step of a renewal, and other authorities', async () => {
  const start = dataDir();
  const folder = folderIn(start);
  assert.ok(interrupt(start, (changed) => void changed.requestKey()) > 5);
  folder.writeJoined(await joinedWith(folder));
  const renewed = await certificateFor(folder.requestKey());
  interrupt(start, (changed) => changed.writeNext([renewed]));
  interrupt(start, (changed) => changed.writeAuthorities([new X509Certificate(other.certificatePem)]));
  folder.writeNext([renewed]);
  interrupt(start, (changed) => changed.promoteNext());
});

test('a file is on the disk before it is in its place, and its place before anything follows', async () => {
  const path = dataDir();
  const order: string[] = [];
  const named = new Map<number, string>();
  const steps: FileSteps = {
    ...fileSteps,
    create(file) {
      const descriptor = fileSteps.create(file);
      named.set(descriptor, file);
      return descriptor;
    },
    sync(file) {
      fileSteps.sync(file);
      order.push(`sync ${named.get(file)}`);
    },
    rename(from, to) {
      fileSteps.rename(from, to);
      order.push(`rename ${from}`);
    },
    syncFolder(folder) {
      fileSteps.syncFolder(folder);
      order.push('sync folder');
    },
  };
  const folder = folderIn(path, steps);
  folder.writeJoined(await joinedWith(folder));
  const renames = order.flatMap((step, index) => (step.startsWith('rename') ? [index] : []));
  assert.equal(renames.length, 5);
  for (const index of renames) {
    assert.equal(order[index - 1], order[index]?.replace('rename', 'sync'));
    assert.equal(order[index + 1], 'sync folder');
  }
});

test('a half written file that an ended process has left is removed by the next request', () => {
  const path = dataDir();
  folderIn(path).requestKey();
  const ended = 2 ** 22 + 1;
  writeFileSync(join(identityPath(path), `device.pem.${ended}.new`), 'half', { mode: 0o600 });
  writeFileSync(join(identityPath(path), `device.pem.${process.ppid}.new`), 'half', { mode: 0o600 });
  folderIn(path).requestKey();
  assert.deepEqual(readdirSync(identityPath(path)).toSorted(), [`device.pem.${process.ppid}.new`, 'key.pem']);
});

test('what others can reach is refused with the command that mends it', async () => {
  const path = dataDir();
  const folder = folderIn(path);
  folder.writeJoined(await joinedWith(folder));
  for (const name of ['device.pem', 'authorities.pem', 'device.json']) {
    const file = join(identityPath(path), name);
    chmodSync(file, 0o640);
    assert.throws(() => folder.read(), {
      code: 'bad_config',
      message: new RegExp(`has mode 0640 .*To mend: chmod 600 ${file}$`),
    });
    chmodSync(file, 0o600);
  }
  chmodSync(identityPath(path), 0o750);
  const mending = { code: 'bad_config', message: /To mend: chmod 700 \S+identity$/ };
  assert.throws(() => folder.read(), mending);
  assert.throws(() => folder.requestKey(), mending);
  assert.throws(() => folder.promoteNext(), mending);
});

test('a folder that this user may not look into is not taken for none', { skip: process.geteuid?.() !== 0 }, async (t) => {
  const path = dataDir();
  const folder = folderIn(path);
  folder.writeJoined(await joinedWith(folder));
  process.seteuid?.(65_534);
  t.after(() => process.seteuid?.(0));
  assert.throws(() => folder.read(), {
    code: 'bad_config',
    message: /identity may not be read by this user: run it as the user/,
  });
});

test('a file that is damaged or missing is named, with what to do', async () => {
  const path = dataDir();
  const folder = folderIn(path);
  folder.writeJoined(await joinedWith(folder));
  const at = (name: string) => join(identityPath(path), name);
  const otherDevice = dataDir();
  const stranger = folderIn(otherDevice);
  stranger.writeJoined(await joinedWith(stranger, 'truck-2'));
  const strangers = readFileSync(join(identityPath(otherDevice), 'device.pem'), 'utf8');
  const own = readFileSync(at('device.pem'), 'utf8');
  const [certificate = ''] = /-----BEGIN CERTIFICATE-----[\s\S]+/.exec(own) ?? [];
  const cases: readonly (readonly [name: string, text: string | undefined, why: RegExp])[] = [
    ['device.pem', own.slice(0, 40), /no certificate/],
    ['device.pem', certificate, /one private key/],
    ['device.pem', own.replace(/MI[A-Za-z]{4}/g, 'AAAAAA'), /damaged/],
    ['device.pem', strangers.replace(/-----BEGIN CERTIFICATE-----[\s\S]+/, certificate), /not the one of the certificate/],
    ['device.pem', strangers, /this is truck-1, and the certificate in device.pem is of truck-2/],
    ['device.pem', 'x'.repeat(1024 * 1024), /has 1048576 bytes/],
    ['authorities.pem', '', /no certificate/],
    ['authorities.pem', undefined, /not there/],
    ['device.json', '{"nodeName":"Truck 1","relays":["wss://a"]}', /no name of a Node/],
    ['device.json', '{"nodeName":"truck-1","relays":[]}', /list of 1 to/],
    ['device.json', '{"nodeName":"truck-1","relays":["https://a"]}', /wss:\/\/HOST:PORT/],
    ['device.json', '[', /no JSON/],
    ['device.json', undefined, /not there/],
    ['joined.json', '{}', /must be texts/],
  ];
  for (const [name, text, why] of cases) {
    const kept = existsSync(at(name)) ? readFileSync(at(name)) : undefined;
    if (text === undefined) rmSync(at(name));
    else writeFileSync(at(name), text, { mode: 0o600 });
    assert.throws(
      () => folder.read(),
      (error: Error) => {
        assert.match(error.message, why);
        assert.match(error.message, /^\S+identity\//);
        if (text?.length !== 1024 * 1024) assert.match(error.message, /mv .*\.broken.* and join again/);
        assert.ok(!error.message.includes('BEGIN'));
        return true;
      },
    );
    if (kept === undefined) rmSync(at(name));
    else writeFileSync(at(name), kept, { mode: 0o600 });
  }
  assert.equal(folder.read()?.nodeName, 'truck-1');
});

test('a damaged renewal, or one of another node, costs the renewal and not the identity', async () => {
  const path = dataDir();
  const folder = folderIn(path);
  folder.writeJoined(await joinedWith(folder));
  writeFileSync(join(identityPath(path), 'next.pem'), 'text', { mode: 0o600 });
  assert.equal(folder.read()?.next, undefined);
  assert.equal(folder.warnings.length, 1);
  rmSync(join(identityPath(path), 'next.pem'));
  folder.writeNext([await certificateFor(folder.requestKey(), 'truck-2')]);
  assert.equal(folder.read()?.next, undefined);
  assert.equal(folder.warnings.length, 2);
});

test('a certificate for a key that is not here changes nothing', async () => {
  const path = dataDir();
  const folder = folderIn(path);
  folder.writeJoined(await joinedWith(folder));
  const seen = seenIn(path);
  const foreign = await joinedWith(folderIn(dataDir()));
  assert.throws(() => folder.writeJoined(foreign), { code: 'malformed_request', message: /joined a second time/ });
  assert.throws(() => folder.writeNext(foreign.certificates), { code: 'malformed_request' });
  assert.equal(seenIn(path), seen);
});

test('a join may come for the key that is in use, so that it can be repeated', async () => {
  const path = dataDir();
  const folder = folderIn(path);
  folder.writeJoined(await joinedWith(folder));
  const key = folder.read()?.current.key;
  assert.ok(key);
  const again = await certificateFor(key);
  folder.writeJoined({ ...(await joinedWith(folder)), certificates: [again] });
  assert.equal(folder.read()?.current.certificates[0].fingerprint256, again.fingerprint256);
});

test('what root makes in the folder of another user is that user’s', {
  skip: process.geteuid?.() === 0 ? false : 'needs root',
}, async () => {
  const path = dataDir();
  mkdirSync(path, { mode: 0o700 });
  chownSync(path, 4711, 4712);
  const folder = folderIn(path);
  folder.writeJoined(await joinedWith(folder));
  for (const name of ['.', 'device.pem', 'device.json', 'authorities.pem']) {
    const { uid, gid } = statSync(join(identityPath(path), name));
    assert.deepEqual([uid, gid], [4711, 4712], name);
  }
});
