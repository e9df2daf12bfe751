//! Signatures as the Standard Webhooks specification has them (<https://www.standardwebhooks.com>), version 1:
//! HMAC-SHA256 over `ID.TIMESTAMP.BODY`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// What a secret may begin with.
const PREFIX: &str = "whsec_";

/// Bytes of a key: the specification's 192 to 512 bits.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The keys that both sides know. Nothing shows them.
pub struct Secret {
    keys: Vec<hmac::Key>,
    texts: Vec<String>,
}

impl Secret {
    /// `whsec_` and the key in base64; several, separated by spaces, while one is exchanged for another:
    /// each signs.
    ///
    /// # Errors
    /// When it is none. The error does not have it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let texts: Vec<String> = text
            .split_whitespace()
            .map(|text| text.strip_prefix(PREFIX).unwrap_or(text).to_owned())
            .collect();
        let key = |text: &String| {
            let bytes = STANDARD.decode(text).ok();
            let bytes = bytes.filter(|bytes| KEY_BYTES.contains(&bytes.len()))?;
            Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        };
        match texts.iter().map(key).collect::<Option<Vec<_>>>() {
            Some(keys) if !keys.is_empty() => Ok(Self { keys, texts }),
            _ => Err(format!(
                "is no secret of Standard Webhooks: that is `{PREFIX}` and {} to {} random bytes in base64, such as \
                 `echo \"{PREFIX}$(openssl rand -base64 32)\"` makes",
                KEY_BYTES.start(),
                KEY_BYTES.end()
            )),
        }
    }

    /// The header `webhook-signature` of a message. Neither `id` nor `timestamp` (seconds since 1970) has a dot.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let signature = |key: &hmac::Key| {
            let mut signed = hmac::Context::with_key(key);
            signed.update(format!("{id}.{timestamp}.").as_bytes());
            signed.update(body);
            format!("v1,{}", STANDARD.encode(signed.sign()))
        };
        self.keys.iter().map(signature).collect::<Vec<_>>().join(" ")
    }

    /// A foreign text without the keys, should they stand in it.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let texts = self.texts.iter();
        texts.fold(text.to_owned(), |text, key| text.replace(key.as_str(), "***"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    /// The example that the specification's libraries test themselves with.
    const EXAMPLE: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: u64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_published_example_is_signed_as_published() {
        for secret in [EXAMPLE, &EXAMPLE["whsec_".len()..], &format!(" {EXAMPLE}\n")] {
            assert_eq!(
                Secret::parse(secret).unwrap().sign(ID, TIMESTAMP, BODY),
                SIGNATURE
            );
        }
    }

    #[test]
    fn while_a_key_is_exchanged_both_sign() {
        let both = Secret::parse(&format!("whsec_{} {EXAMPLE}", "A".repeat(32))).unwrap();
        let signatures = both.sign(ID, TIMESTAMP, BODY);
        let signatures: Vec<&str> = signatures.split(' ').collect();
        assert_eq!((signatures.len(), signatures[1]), (2, SIGNATURE));
        assert_ne!(signatures[0], SIGNATURE);
    }

    #[test]
    fn what_is_no_secret_is_refused_and_no_secret_is_shown() {
        for wrong in [
            "",
            "whsec_",
            "s3cret",
            "whsec_czNjcmV0",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
        ] {
            let error = Secret::parse(wrong).unwrap_err();
            assert!(
                error.contains("openssl rand") && !error.contains("czNj") && !error.contains("MfKQ"),
                "{error}"
            );
        }
        let secret = Secret::parse(EXAMPLE).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.hidden_in(&format!("key {EXAMPLE}!")), "key whsec_***!");
    }
}
