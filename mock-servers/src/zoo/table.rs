//! The table: everything that is in the zoo.
//!
//! BR are the Baseline Requirements of the CA/Browser Forum for TLS server certificates.

use super::{
    GOOD, NAMELESS,
    case::{
        Case,
        Class::{
            Alert, BadRecord, BadSignature, CaAsLeaf, ChainTooLong, CriticalExtension, Expired, HandshakeCut,
            IllegalParameter, KeyMismatch, Malformed, NameConstraints, NoCertificate, NoCloseNotify, NoCommonSuite,
            NotACa, NotTls, NotYetValid, PathLength, ProtocolVersion, Purpose, Reset, SelfSigned, Silence, Tampered,
            UnexpectedMessage, UnknownIssuer, WeakKey, WeakSignature, WrongHost,
        },
        DetectedBy::{Client, Deadline},
    },
    certificates as make,
    defects::{
        self,
        Defect::{self, Answers, Flight, Only},
        Then,
        Version::{Tls12, Tls13},
    },
};

/// The cases, in the order of `--list`.
pub(super) const CASES: &[Case] = &[
    // Good certificates.
    Case::good(GOOD, "a good certificate, with a P-256 key", "RFC 5280, section 6.1", make::good),
    Case::good("rsa.test", "a good certificate, with an RSA key of 2048 bits", "BR 6.1.5", make::rsa),
    Case::good("p384.test", "a good certificate, with a P-384 key", "BR 6.1.5", make::p384),
    Case::good(
        "ed25519.test",
        "a good certificate, with an Ed25519 key",
        "RFC 8410; RFC 8446, section 4.2.3",
        make::ed25519,
    ),
    Case::good(
        NAMELESS,
        "a good certificate for addresses, shown to whoever names nobody",
        "RFC 9525, section 6.4: an address is compared with iPAddress",
        make::addresses,
    ),
    Case::good(
        "intermediate.test",
        "a certificate by an intermediate CA, which is sent with it",
        "RFC 8446, section 4.4.2",
        make::with_intermediate,
    ),
    Case::good(
        "a.wildcard.test",
        "a certificate for *.wildcard.test",
        "RFC 9525, section 6.3: a wildcard is one whole label, the leftmost",
        make::wildcard,
    ),
    Case::good(
        "xn--bcher-kva.test",
        "a certificate for a name that is not ASCII, in its ASCII form",
        "RFC 9525, section 6.3; RFC 5890: A-labels are compared",
        make::good,
    ),
    Case::good(
        "many-names.test",
        "a certificate for 1,000 names, of which the last one counts",
        "RFC 9525, section 6.1: any of the names may match",
        make::many_names,
    ),
    Case::good(
        "no-purpose.test",
        "a certificate without extended key usage",
        "RFC 5280, section 4.2.1.12: without the extension there is no restriction",
        make::no_purpose,
    ),
    Case::good(
        "no-key-usage.test",
        "a certificate without key usage",
        "RFC 5280, section 4.2.1.3; RFC 8446, section 4.4.2.2: it counts if it is present",
        make::no_usage,
    ),
    Case::good(
        "long-lived.test",
        "a certificate that is valid for forty years",
        "RFC 5280, section 4.1.2.5 sets no limit; BR 6.3.2 binds public CAs alone",
        make::long_lived,
    ),
    Case::good(
        "no-end.test",
        "a certificate that is valid until 99991231235959Z",
        "RFC 5280, section 4.1.2.5: no well-defined end",
        make::no_end,
    ),
    Case::good(
        "generalized-time.test",
        "an end before 2050, written as GeneralizedTime",
        "RFC 5280, section 4.1.2.5: a CA must write UTCTime, a client must read both",
        make::generalized_time,
    ),
    Case::good(
        "unknown-extension.test",
        "an extension that nobody knows, not critical",
        "RFC 5280, section 4.2: it is ignored",
        make::unknown_extension,
    ),
    Case::good(
        "empty-subject-critical.test",
        "no subject, but a critical SAN",
        "RFC 5280, section 4.1.2.6",
        make::empty_subject_critical,
    ),
    Case::good(
        "root-included.test",
        "a chain that ends with the root itself",
        "RFC 8446, section 4.4.2: the root may be omitted, and need not be",
        make::root_included,
    ),
    Case::good(
        "wrong-order.test",
        "the two intermediate CAs are sent in the wrong order",
        "RFC 8446, section 4.4.2: clients should be prepared for any order, but for the leaf",
        make::wrong_order,
    ),
    Case::good(
        "unrelated.test",
        "a certificate that has nothing to do with it is sent, too",
        "RFC 8446, section 4.4.2: clients should be prepared for it",
        make::unrelated,
    ),
    Case::good(
        "long-chain.test",
        "five intermediate CAs",
        "RFC 5280, section 6.1 sets no limit; rustls follows six",
        make::deep_enough,
    ),
    Case::good(
        "path-length-zero.test",
        "an intermediate CA that may have no CA below it, and has none",
        "RFC 5280, section 4.2.1.9",
        make::path_just_long_enough,
    ),
    Case::good(
        "permitted.test",
        "an intermediate CA that may vouch for this name alone",
        "RFC 5280, section 4.2.1.10",
        make::permitted,
    ),
    // Time.
    Case::bad("expired.test", "expired yesterday", Expired, "RFC 5280, section 6.1.3 (a)(2)", make::expired),
    Case::bad(
        "not-yet-valid.test",
        "is valid from tomorrow",
        NotYetValid,
        "RFC 5280, section 6.1.3 (a)(2)",
        make::not_yet_valid,
    ),
    Case::bad(
        "backwards.test",
        "ends before it begins",
        Expired,
        "RFC 5280, section 6.1.3 (a)(2): no moment is within it, and it has ended",
        make::backwards,
    ),
    Case::bad(
        "no-seconds.test",
        "an end without seconds",
        Malformed,
        "RFC 5280, section 4.1.2.5.1: UTCTime must have seconds",
        make::no_seconds,
    ),
    Case::bad(
        "time-offset.test",
        "an end in a time zone",
        Malformed,
        "RFC 5280, section 4.1.2.5.1: UTCTime must end with Z",
        make::time_offset,
    ),
    // Names.
    Case::bad(
        "wrong-host.test",
        "a certificate for somebody-else.test",
        WrongHost,
        "RFC 9525, section 6.1",
        make::other_name,
    ),
    Case::bad(
        "a.b.wildcard-deep.test",
        "a certificate for *.wildcard-deep.test, which is one label, not two",
        WrongHost,
        "RFC 9525, section 6.3",
        make::wildcard_too_deep,
    ),
    Case::bad(
        "wildcard-bare.test",
        "a certificate for *.wildcard-bare.test, which needs a label",
        WrongHost,
        "RFC 9525, section 6.3",
        make::wildcard_below,
    ),
    Case::bad(
        "wildcard-suffix.test",
        "a certificate for *.test, all names of a top-level domain",
        WrongHost,
        "BR 3.2.2.6: not directly below a public suffix; clients without the list of suffixes ask for \
         two labels after the wildcard",
        make::wildcard,
    ),
    Case::bad(
        "www.wildcard-part.test",
        "a certificate for w*.wildcard-part.test",
        WrongHost,
        "RFC 9525, section 6.3: a wildcard is a whole label",
        make::wildcard_in_label,
    )
    .openssl(
        "takes a wildcard that is part of a label, unless told otherwise \
         (X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS); Python tells it",
    ),
    Case::bad(
        "common-name.test",
        "its name stands in the common name, there is no SAN",
        WrongHost,
        "RFC 9525, section 2: the common name is no identity; BR 7.1.2.7.12",
        make::common_name_only,
    )
    .both(
        "takes the common name where there is no SAN, as RFC 2818 did, unless told otherwise \
         (X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)",
    ),
    Case::bad(
        "no-name.test",
        "a certificate without any name of a server",
        WrongHost,
        "RFC 9525, section 6.1; BR 7.1.2.7.12",
        make::no_name,
    ),
    Case::bad(
        "address-instead.test",
        "a certificate for 127.0.0.1 alone",
        WrongHost,
        "RFC 9525, section 6.1: a name is compared with dNSName",
        make::address_instead,
    ),
    Case::bad(
        "nul.test",
        "a certificate for nul.test\\0.attacker.test, which C programs took for nul.test",
        WrongHost,
        "RFC 5280, section 4.2.1.6: preferred name syntax",
        make::nul_in_name,
    ),
    Case::bad(
        "xn--bcher-kva.unicode.test",
        "a certificate for bücher.unicode.test, in UTF-8",
        WrongHost,
        "RFC 5280, section 7.2: dNSName is IA5String, ASCII",
        make::unicode_name,
    ),
    Case::bad(
        "empty-subject.test",
        "no subject, and a SAN that is not critical",
        Malformed,
        "RFC 5280, sections 4.1.2.6 and 4.2.1.6: it must be critical then",
        make::empty_subject,
    )
    .detected_by(Client)
    .both("looks at that only when told to be strict (X509_V_FLAG_X509_STRICT), as Python does from 3.13"),
    // Who vouches.
    Case::bad(
        "self-signed.test",
        "a certificate that it signed itself",
        SelfSigned,
        "RFC 5280, section 6.1: it leads to no CA",
        make::self_signed,
    )
    .detected_by(Client),
    Case::bad(
        "unknown-root.test",
        "a certificate by a CA that nobody trusts",
        UnknownIssuer,
        "RFC 5280, section 6.1",
        make::unknown_root,
    ),
    Case::bad(
        "unknown-root-included.test",
        "the same, and that CA's own certificate with it",
        UnknownIssuer,
        "RFC 5280, section 6.1: trust does not come over the wire",
        make::unknown_root_included,
    ),
    Case::bad(
        "impostor.test",
        "a certificate by another CA of the same name as the one that is trusted",
        BadSignature,
        "RFC 5280, section 6.1.3 (a)(1)",
        make::same_name_root,
    ),
    Case::bad(
        "missing-intermediate.test",
        "a certificate by an intermediate CA, which is not sent",
        UnknownIssuer,
        "RFC 8446, section 4.4.2: a server sends all but the root",
        make::missing_intermediate,
    ),
    Case::bad(
        "ca-as-leaf.test",
        "a CA's certificate as a server's",
        CaAsLeaf,
        "BR 7.1.2.7.8: cA is false in a server's certificate",
        make::ca_as_server,
    )
    .both("minds the key usage and the purpose of the leaf, not whether it is a CA"),
    Case::bad(
        "leaf-last.test",
        "the chain is sent the wrong way round, the server's certificate last",
        CaAsLeaf,
        "RFC 8446, section 4.4.2: the server's comes first",
        make::server_last,
    ),
    Case::bad(
        "not-a-ca.test",
        "an intermediate that is no CA (cA is false)",
        NotACa,
        "RFC 5280, section 6.1.4 (k)",
        make::server_as_ca,
    ),
    Case::bad(
        "no-basic-constraints.test",
        "an intermediate that does not say whether it is a CA",
        NotACa,
        "RFC 5280, section 6.1.4 (k)",
        make::no_basic_constraints,
    ),
    Case::bad(
        "ca-may-not-sign.test",
        "an intermediate CA whose key may not sign certificates",
        NotACa,
        "RFC 5280, section 6.1.4 (n): keyCertSign",
        make::ca_may_not_sign,
    )
    .detected_by(Client),
    Case::bad(
        "ca-for-clients.test",
        "an intermediate CA for clients",
        Purpose,
        "BR 7.1.2.10.6; RFC 5280, section 4.2.1.12, as all browsers read it: the purposes of a CA bind \
         what it signs",
        make::ca_for_clients,
    ),
    Case::bad(
        "expired-ca.test",
        "an intermediate CA that expired yesterday",
        Expired,
        "RFC 5280, section 6.1.3 (a)(2) holds for each of the chain",
        make::expired_ca,
    ),
    Case::bad(
        "version-1-ca.test",
        "an intermediate CA of X.509 version 1",
        Malformed,
        "RFC 5280, section 6.1.4 (k): version 1 cannot say that it is a CA",
        make::version_1_ca,
    ),
    Case::bad(
        "path-length.test",
        "a CA below one that may have none below it",
        PathLength,
        "RFC 5280, section 6.1.4 (l)",
        make::path_too_long,
    ),
    Case::bad(
        "not-permitted.test",
        "an intermediate CA that may vouch for elsewhere.test alone",
        NameConstraints,
        "RFC 5280, section 6.1.3 (b)",
        make::not_permitted,
    ),
    Case::bad(
        "excluded.test",
        "an intermediate CA that may vouch for anything but this",
        NameConstraints,
        "RFC 5280, section 6.1.3 (c)",
        make::excluded,
    ),
    Case::bad(
        "very-long-chain.test",
        "twelve intermediate CAs",
        ChainTooLong,
        "RFC 5280, section 6.1 sets no limit; a client needs one, or others decide how much it works",
        make::too_deep,
    )
    .both("follows a hundred certificates by default"),
    // Signatures and keys.
    Case::bad(
        "bad-signature.test",
        "a bit of the CA's signature is flipped",
        BadSignature,
        "RFC 5280, section 6.1.3 (a)(1)",
        make::bad_signature,
    ),
    Case::bad(
        "altered.test",
        "the name was exchanged after the CA had signed",
        BadSignature,
        "RFC 5280, section 6.1.3 (a)(1)",
        make::altered,
    ),
    Case::bad(
        "two-algorithms.test",
        "signed with SHA-256, but the signed part says SHA-384",
        Malformed,
        "RFC 5280, section 4.1.1.2: both must be the same",
        make::two_algorithms,
    ),
    Case::bad("rsa-1024.test", "an RSA key of 1024 bits", WeakKey, "BR 6.1.5: at least 2048", make::short_key)
        .detected_by(Client),
    Case::bad(
        "sha1.test",
        "signed with SHA-1",
        WeakSignature,
        "RFC 8446, section 4.4.2.4: a client should not accept it; BR 7.1.3.2",
        make::sha1,
    ),
    Case::bad(
        "md5.test",
        "signed with MD5",
        WeakSignature,
        "RFC 8446, section 4.4.2.4: it must not be used",
        make::md5,
    ),
    Case::bad(
        "other-key.test",
        "the server signs with another key than its certificate's",
        KeyMismatch,
        "RFC 8446, section 4.4.3: the signature must verify",
        make::other_key,
    )
    .detected_by(Client),
    // Purpose.
    Case::bad(
        "for-clients.test",
        "a certificate for clients",
        Purpose,
        "RFC 5280, section 4.2.1.12",
        make::for_clients,
    ),
    Case::bad(
        "for-code.test",
        "a certificate for the signing of programs",
        Purpose,
        "RFC 5280, section 4.2.1.12",
        make::for_code,
    ),
    Case::bad(
        "for-any.test",
        "a certificate for any purpose, but for no server by name",
        Purpose,
        "RFC 5280, section 4.2.1.12: an application may ask for its own; BR 7.1.2.7.10 forbids it",
        make::for_any,
    ),
    Case::bad(
        "for-encryption.test",
        "a key that may encrypt keys but not sign",
        Purpose,
        "RFC 8446, section 4.4.2.2: digitalSignature must be set",
        make::for_encryption,
    )
    .detected_by(Client)
    .both("is content with keyEncipherment, which RSA key exchange needed until TLS 1.2"),
    // Form.
    Case::bad(
        "serial-zero.test",
        "the serial number 0",
        Malformed,
        "RFC 5280, section 4.1.2.2: it must be positive",
        make::serial_zero,
    )
    .detected_by(Client)
    .both("reads any INTEGER, as RFC 5280 asks clients to do with the mistakes of old CAs"),
    Case::bad(
        "serial-negative.test",
        "a negative serial number",
        Malformed,
        "RFC 5280, section 4.1.2.2: it must be positive",
        make::serial_negative,
    )
    .detected_by(Client)
    .both("reads any INTEGER, as RFC 5280 asks clients to do with the mistakes of old CAs"),
    Case::bad(
        "serial-long.test",
        "a serial number of 21 octets",
        Malformed,
        "RFC 5280, section 4.1.2.2: at most 20",
        make::serial_long,
    )
    .detected_by(Client)
    .both("reads an INTEGER of any length"),
    Case::bad(
        "version-1.test",
        "a certificate of X.509 version 1, which has no extensions",
        Malformed,
        "RFC 5280, section 4.1.2.1; BR 7.1.1: version 3",
        make::version_1,
    )
    .both("takes any version for a server, and the common name where there is no SAN"),
    Case::bad(
        "critical-extension.test",
        "a critical extension that nobody knows",
        CriticalExtension,
        "RFC 5280, section 4.2",
        make::critical_extension,
    ),
    Case::bad(
        "duplicate-extension.test",
        "an extension that is there twice",
        Malformed,
        "RFC 5280, section 4.2: not more than one of a kind",
        make::twice_the_extension,
    ),
    Case::bad(
        "trailing.test",
        "seven bytes behind the certificate",
        Malformed,
        "RFC 5280, section 4.1: a certificate is one SEQUENCE",
        make::trailing_bytes,
    ),
    Case::bad("truncated.test", "the first half of a certificate", Malformed, "X.690, section 8.1.3", make::truncated),
    Case::bad(
        "long-form.test",
        "a length in more octets than it needs",
        Malformed,
        "X.690, section 10.1: DER has one way to write a length",
        make::long_form_length,
    )
    .both("reads BER, not DER alone"),
    Case::bad(
        "empty-certificate.test",
        "a certificate of no bytes",
        Malformed,
        "RFC 8446, section 4.4.2: at least one",
        make::empty_certificate,
    ),
    Case::bad(
        "no-certificate.test",
        "an empty list of certificates",
        NoCertificate,
        "RFC 8446, section 4.4.2.4: decode_error",
        make::no_certificate,
    ),
    // The protocol.
    Case::odd("tls12.test", "a good server that speaks TLS 1.2 only", "RFC 9325, section 3.1.1", Only(Tls12)),
    Case::odd("tls13.test", "a good server that speaks TLS 1.3 only", "RFC 9325, section 3.1.1", Only(Tls13)),
    Case::broken(
        "ssl3.test",
        "a ServerHello of SSL 3.0",
        ProtocolVersion,
        "RFC 7568",
        Answers(defects::ssl3, Then::Fin),
    ),
    Case::broken(
        "tls10.test",
        "a ServerHello of TLS 1.0",
        ProtocolVersion,
        "RFC 8996",
        Answers(defects::tls10, Then::Fin),
    ),
    Case::broken(
        "tls11.test",
        "a ServerHello of TLS 1.1",
        ProtocolVersion,
        "RFC 8996",
        Answers(defects::tls11, Then::Fin),
    ),
    Case::broken(
        "alert-version.test",
        "the alert protocol_version: no version in common",
        ProtocolVersion,
        "RFC 8446, section 6.2",
        Answers(defects::no_common_version, Then::Fin),
    ),
    Case::broken(
        "no-common-suite.test",
        "the alert handshake_failure: no cipher suite in common",
        NoCommonSuite,
        "RFC 8446, section 4.1.1",
        Answers(defects::no_common_suite, Then::Fin),
    ),
    Case::broken(
        "suite-not-offered.test",
        "a ServerHello with a cipher suite that was not offered",
        IllegalParameter,
        "RFC 8446, section 4.1.3; RFC 5246, section 7.4.1.3",
        Answers(defects::suite_not_offered, Then::Fin),
    ),
    Case::broken(
        "downgrade.test",
        "a ServerHello of TLS 1.2 with the mark of a server that speaks TLS 1.3",
        IllegalParameter,
        "RFC 8446, section 4.1.3: somebody on the way has taken TLS 1.3 out of the offer",
        Flight(Tls12, defects::downgrade_mark, Then::Fin),
    ),
    Case::broken(
        "retry-twice.test",
        "two HelloRetryRequests",
        UnexpectedMessage,
        "RFC 8446, section 4.1.4",
        Answers(defects::retry_with_p384, Then::Again),
    ),
    Case::broken(
        "retry-in-vain.test",
        "a HelloRetryRequest for a key that was there already",
        IllegalParameter,
        "RFC 8446, section 4.2.8",
        Answers(defects::retry_with_x25519, Then::Fin),
    ),
    Case::broken(
        "alert-internal-error.test",
        "the alert internal_error",
        Alert,
        "RFC 8446, section 6.2",
        Answers(defects::internal_error, Then::Fin),
    ),
    Case::broken(
        "alert-unrecognized-name.test",
        "the alert unrecognized_name",
        Alert,
        "RFC 6066, section 3",
        Answers(defects::unrecognized_name, Then::Fin),
    ),
    Case::broken(
        "alert-undefined.test",
        "an alert that nobody has defined, 200",
        Alert,
        "RFC 8446, section 6: unknown alerts are errors",
        Answers(defects::undefined_alert, Then::Fin),
    ),
    Case::broken(
        "warning.test",
        "a warning (unrecognized_name), then silence",
        Silence,
        "RFC 6066, section 3: a warning may be ignored, the silence not",
        Answers(defects::warning, Then::Silence),
    )
    .detected_by(Deadline),
    Case::broken(
        "silence.test",
        "nothing at all",
        Silence,
        "nobody waits for ever: a client needs a deadline",
        Answers(defects::nothing, Then::Silence),
    )
    .detected_by(Deadline),
    Case::broken(
        "slow.test",
        "a ServerHello, a byte a second",
        Silence,
        "a deadline is for the whole handshake, not for each byte",
        Answers(defects::slow_hello, Then::Drip),
    )
    .detected_by(Deadline),
    Case::broken(
        "cut-before-hello.test",
        "the end of the connection (FIN) instead of a ServerHello",
        HandshakeCut,
        "RFC 8446, section 6.1",
        Answers(defects::nothing, Then::Fin),
    ),
    Case::broken(
        "cut-in-record.test",
        "the end of the connection within the ServerHello",
        HandshakeCut,
        "RFC 8446, section 6.1",
        Flight(Tls13, defects::half_a_record, Then::Fin),
    ),
    Case::broken(
        "cut-after-hello.test",
        "the end of the connection after the ServerHello",
        HandshakeCut,
        "RFC 8446, section 6.1",
        Flight(Tls13, defects::hello_alone, Then::Fin),
    ),
    Case::broken(
        "cut-after-certificate.test",
        "the end of the connection after the Certificate (TLS 1.2)",
        HandshakeCut,
        "RFC 5246, section 7.2.1",
        Flight(Tls12, defects::to_certificate, Then::Fin),
    ),
    Case::broken(
        "reset.test",
        "a TCP reset after the ServerHello",
        Reset,
        "RFC 9293, section 3.5.2",
        Flight(Tls13, defects::hello_alone, Then::Reset),
    ),
    Case::broken(
        "reset-at-once.test",
        "a TCP reset instead of a ServerHello",
        Reset,
        "RFC 9293, section 3.5.2",
        Answers(defects::nothing, Then::Reset),
    ),
    Case::broken(
        "bad-finished.test",
        "a flipped bit in the last record of the handshake, Finished",
        Tampered,
        "RFC 8446, section 5.2: bad_record_mac",
        Flight(Tls13, defects::last_bit_flipped, Then::Fin),
    ),
    Case::broken(
        "http.test",
        "plain HTTP",
        NotTls,
        "RFC 8446, section 5.1: no such type of record",
        Answers(defects::http, Then::Fin),
    ),
    Case::broken(
        "ssh.test",
        "the greeting of an SSH server",
        NotTls,
        "RFC 8446, section 5.1: no such type of record",
        Answers(defects::ssh, Then::Fin),
    ),
    Case::broken(
        "garbage.test",
        "random bytes",
        NotTls,
        "RFC 8446, section 5.1: no such type of record",
        Answers(defects::garbage, Then::Fin),
    ),
    Case::broken(
        "oversized.test",
        "a record of 18,433 bytes",
        BadRecord,
        "RFC 8446, section 5.1; RFC 5246, section 6.2.3: record_overflow, more than any version allows",
        Answers(defects::oversized, Then::Fin),
    ),
    Case::broken(
        "empty-records.test",
        "1,000 handshake records without a byte in them",
        BadRecord,
        "RFC 8446, section 5.1: handshake records must not be empty",
        Answers(defects::empty_records, Then::Fin),
    ),
    Case::broken(
        "no-close-notify.test",
        "a page of no given length that ends with a FIN alone",
        NoCloseNotify,
        "RFC 8446, section 6.1; RFC 9112, section 9.8: it may have been cut short",
        Defect::NoCloseNotify,
    )
    .at_end(),
    Case::odd(
        "data-after-end.test",
        "more bytes after close_notify",
        "RFC 8446, section 6.1: they must be ignored",
        Defect::DataAfterCloseNotify,
    )
    .at_end(),
];
