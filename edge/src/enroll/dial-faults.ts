import type { LinkFailureKind } from '../link/index.ts';
import type { DialFault, Which } from './renewal.ts';

/**
 * Dials in a row that a relay cut off after it had shown its certificate. A relay has no other way to say that it does not take ours, but
 * one that is just being stopped does the same. After `doubt` of them the next certificate is doubted; after `late`, whatever our clock says
 * of the certificate, the enrolment endpoint is asked, which answers in words.
 */
const CUT_OFF = { doubt: 2, late: 4 };

export interface FailedDial {
  readonly kind: LinkFailureKind;
  readonly which: Which;
  /** The certificate that was dialled with, as far as we know the time. */
  readonly hasEnded: boolean;
  /** The relay has said goodbye, since it does not want the device that has our key. */
  readonly isUnwanted: boolean;
}

/** What failed dials say about our certificates. */
export class DialFaults {
  /** Dials in a row that were cut off. */
  #cutOffs = 0;

  opened(): void {
    this.#cutOffs = 0;
  }

  failed({ kind, which, hasEnded, isUnwanted }: FailedDial): DialFault {
    this.#cutOffs = kind === 'cutOff' ? this.#cutOffs + 1 : 0;
    switch (kind) {
      case 'ownCertificateEnded':
        return 'ended';
      case 'ownCertificate':
        return hasEnded ? 'ended' : 'refused';
      case 'cutOff':
        if (hasEnded || this.#cutOffs >= CUT_OFF.late) return 'ended';
        return which === 'next' && this.#cutOffs >= CUT_OFF.doubt ? 'refused' : 'other';
      case 'forbidden':
        return 'refused';
      default:
        return isUnwanted ? 'refused' : 'other';
    }
  }
}
