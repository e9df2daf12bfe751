//! Which cryptography TLS uses.

/// Makes ring the process's choice where it has made none: one that an embedding program made before stands. Whoever
/// makes a client of HTTP or TLS calls it first, for plain HTTP as well: `reqwest` wants a choice even there.
pub fn choose_cryptography() {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
