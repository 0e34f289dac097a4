import { readAuthoritySecret, readPublished, readRecord, readTokenSecret } from '@hawser/cloud';
import { isJsonObject, type JsonValue } from '@hawser/protocol';
import { createAuthority } from '../../support/pki.ts';
import { attempt, type Target, type Verdict } from '../engine/target.ts';
import { mutateJson } from '../mutate/json.ts';
import { MB, MS } from './limits.ts';

/** Objects in the cluster that administrators and others may edit, and that the relay believes what they say about trust. */

/** An object of 3 MB parsed, of which a few texts are read. */
const bounds = { ms: MS, bytes: 64 * MB, inputBytes: 256 * 1024 };

export const tokenSecrets: Target = {
  name: 'token-secrets',
  what: 'Secrets of bootstrap tokens',
  corpus: ['token-secrets'],
  bounds,
  mutators: [mutateJson],
  open: () => ({ run: (input) => readJson(input, (object) => readTokenSecret(object) !== undefined) }),
};

export const deviceRecords: Target = {
  name: 'device-records',
  what: 'ConfigMaps of enrolled devices',
  corpus: ['device-records'],
  bounds,
  mutators: [mutateJson],
  open: () => ({
    run: (input) =>
      readJson(input, (object) => {
        const record = readRecord(object);
        return record !== undefined && record.entry.type !== 'unreadable';
      }),
  }),
};

/** Stand in the corpus for the key and the certificate of an authority: no private key is kept in the repository. */
export const AUTHORITY_KEY = '@KEY@';
export const AUTHORITY_CERTIFICATE = '@CERTIFICATE@';

export const authorityObjects: Target = {
  name: 'authority-objects',
  what: 'Secret and ConfigMap of the authority',
  corpus: ['authority-objects'],
  bounds,
  mutators: [mutateJson],
  async open() {
    const { certificatePem, keyPem } = await createAuthority('fuzz');
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    return {
      run(input) {
        const text = Buffer.from(input)
          .toString('utf8')
          .replace(AUTHORITY_KEY, base64(keyPem))
          .replace(AUTHORITY_CERTIFICATE, base64(certificatePem));
        const verdicts = [attempt(() => readAuthoritySecret(text)), attempt(() => readPublished(text))];
        return verdicts.includes('taken') ? 'taken' : 'refused';
      },
    };
  },
};

/** What is no JSON object is refused by the client of the API server. */
function readJson(input: Uint8Array, read: (object: { [name: string]: JsonValue }) => boolean): Verdict {
  let value: JsonValue;
  try {
    value = JSON.parse(Buffer.from(input).toString('utf8'));
  } catch {
    return 'refused';
  }
  return isJsonObject(value) && read(value) ? 'taken' : 'refused';
}
