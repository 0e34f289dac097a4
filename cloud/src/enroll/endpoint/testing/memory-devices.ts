import type { KeyHash } from '@hawser/protocol';
import { type Decision, decideEnrol, decideRenewing, decideRevoke } from '../../devices/decide.ts';
import type { DeviceEntry } from '../../devices/record.ts';
import { judge } from '../../devices/verdict.ts';
import type { Devices, DeviceVerdict, EnrolRequest, RecordOutcome } from '../../types.ts';

/** The rules of records of devices, over memory. */
export class MemoryDevices implements Pick<Devices, 'verdict' | 'enrol' | 'renewing'> {
  readonly entries = new Map<string, DeviceEntry>();
  readonly #graceMs: number;
  readonly #now: () => Date;
  isSynced = true;

  constructor(graceMs: number, now: () => Date) {
    this.#graceMs = graceMs;
    this.#now = now;
  }

  revoke(nodeName: string): void {
    this.#carryOut(nodeName, decideRevoke(this.entries.get(nodeName), nodeName, 'stolen', this.#now()));
  }

  verdict(nodeName: string, key: KeyHash, issuedAt?: Date): DeviceVerdict {
    if (!this.isSynced) return { type: 'refused', why: 'notSynced', text: 'the records are not read yet' };
    return judge(nodeName, this.entries.get(nodeName), key, issuedAt);
  }

  async enrol(request: EnrolRequest): Promise<RecordOutcome> {
    const circumstances = { hasNode: false, now: this.#now(), graceMs: this.#graceMs };
    return this.#carryOut(request.nodeName, decideEnrol(this.entries.get(request.nodeName), request, circumstances));
  }

  async renewing(nodeName: string, key: KeyHash, nextKey: KeyHash, validTo: Date, issuedAt?: Date): Promise<RecordOutcome> {
    const renewal = { nodeName, key, issuedAt, nextKey, validTo, now: this.#now() };
    return this.#carryOut(nodeName, decideRenewing(this.entries.get(nodeName), renewal));
  }

  #carryOut(nodeName: string, decision: Decision): RecordOutcome {
    if (decision.type === 'refused') return decision;
    if (decision.type === 'write') this.entries.set(nodeName, decision.entry);
    return { type: 'written' };
  }
}
