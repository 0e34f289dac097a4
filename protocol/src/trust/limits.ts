/** Bounds of what travels about keys and certificates, each far above what P-256 needs. In bytes unless said otherwise. */

/** A P-256 SubjectPublicKeyInfo has 91. */
export const MAX_PUBLIC_KEY_BYTES = 512;
/** An ECDSA signature of P-256 in DER has at most 72. */
export const MAX_SIGNATURE_BYTES = 256;
/** A device's certificate has some 450; an operator's own issuer may use RSA. */
export const MAX_CERTIFICATE_BYTES = 8 * 1024;
/** Authorities in an overlap, or a chain: two or three. */
export const MAX_CERTIFICATES = 16;
