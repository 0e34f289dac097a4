/**
 * What makes certificates, loaded when the first one is made: with its ASN.1 schemas it takes some MB, which a relay with an operator's
 * own certificates never needs. The metadata come first: decorators of the library use them while it is loaded.
 */
import 'reflect-metadata';

export {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
