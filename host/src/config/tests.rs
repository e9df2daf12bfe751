#![allow(clippy::unwrap_used)]
use super::*;

fn with(environment: &[(&str, &str)], args: &ServeArgs) -> Result<ServeSettings, ConfigError> {
    ServeSettings::resolve(
        args,
        environment
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into())),
    )
}

#[test]
fn flags_go_over_environment_over_defaults() {
    let args = ServeArgs {
        store: Some("memory".into()),
        ..ServeArgs::default()
    };
    let environment = [("MEANWHILE_STORE", "sqlite:x"), ("MEANWHILE_PARALLEL_RUNS", "7")];
    let settings = with(&environment, &args).unwrap();
    assert_eq!(
        (settings.store, settings.limits.parallel_runs),
        (Store::Memory, 7)
    );
    assert_eq!(settings.outside.listen.to_string(), LISTEN_DEFAULT);
}

#[test]
fn errors_name_the_setting() {
    let message = |name: &str, value: &str| {
        with(&[(name, value)], &ServeArgs::default())
            .unwrap_err()
            .to_string()
    };
    assert!(message("MEANWHILE_LISTN", "x").contains("MEANWHILE_LISTN"));
    assert!(message("MEANWHILE_LISTEN", "here").contains("ADDRESS:PORT"));
    assert!(message("MEANWHILE_CLOCK", "manual:today").contains("MEANWHILE_CLOCK"));
    assert!(message("MEANWHILE_STORE", "sqlite:").contains("sqlite:PATH"));
    assert!(message("MEANWHILE_STORE", "postgres:db").contains("postgres://USER:PASSWORD@HOST/DATABASE"));
    assert!(message("MEANWHILE_AGENT", "nobody").contains("nobody"));
    assert!(message("MEANWHILE_TIMEZONE", "CST6").contains("IANA"));
    assert!(message("MEANWHILE_PARALLEL_RUNS", "0").contains("parallel_runs"));
    assert!(message("MEANWHILE_COMPILATION_CACHE", "").contains("`user`, `none` or a directory"));
}

#[test]
fn what_finds_by_meaning_is_a_setting_and_its_key_is_none() {
    let set = |value: &str| with(&[("MEANWHILE_EMBEDDER", value)], &ServeArgs::default());
    assert_eq!(set("none").unwrap().embedder, EmbedderSetting::None);
    let default = with(&[], &ServeArgs::default()).unwrap();
    assert_eq!(default.embedder, EmbedderSetting::User);
    let error = set("llm").unwrap_err().to_string();
    assert!(
        error.contains("`llm`") && error.contains("candle:DIRECTORY"),
        "{error}"
    );
    let error = set("http:https://me:s3cret@ai.example.com/v1#m")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("MEANWHILE_EMBEDDER_KEY_FILE") && !error.contains("s3cret"),
        "{error}"
    );
    let key = [
        ("MEANWHILE_EMBEDDER_KEY", "s3cret"),
        ("MEANWHILE_EMBEDDER_KEY_FILE", "key"),
    ];
    let shown = with(&key, &ServeArgs::default()).unwrap().to_toml();
    assert!(
        shown.contains("embedder = \"candle\"") && !shown.contains("s3cret"),
        "{shown}"
    );
}

#[test]
fn what_is_printed_can_be_read() {
    let settings = with(&[("MEANWHILE_TIMEZONE", "Europe/Berlin")], &ServeArgs::default()).unwrap();
    let table: toml::Table = settings.to_toml().parse().unwrap();
    assert_eq!(table["timezone"].as_str(), Some("Europe/Berlin"));
    assert!(table.keys().all(|key| KEYS.contains(&key.as_str())));
}

/// Settings from the environment: what is wrong with them, or nothing.
fn wrong(environment: &[(&str, &str)]) -> Option<String> {
    with(environment, &ServeArgs::default())
        .err()
        .map(|error| error.to_string())
}

#[test]
fn who_listens_to_others_wants_tokens_and_says_its_name() {
    let anywhere = ("MEANWHILE_LISTEN", "0.0.0.0:7803");
    let token = ("MEANWHILE_AUTH", "token");
    let named = ("MEANWHILE_PUBLIC_URL", "https://jobs.example.com");
    let error = wrong(&[anywhere]).unwrap();
    assert!(
        error.contains("MEANWHILE_LISTEN") && error.contains("auth = token"),
        "{error}"
    );
    assert!(wrong(&[anywhere, named]).unwrap().contains("auth = token"));
    assert!(wrong(&[anywhere, token]).unwrap().contains("public_url"));
    assert_eq!(wrong(&[anywhere, token, named]), None);
    assert!(wrong(&[("MEANWHILE_LISTEN", "[::]:7803")]).is_some());
    assert_eq!(wrong(&[("MEANWHILE_LISTEN", "[::1]:7803")]), None);
    // A proxy in front of a host that listens on this machine only opens it to others too.
    assert!(wrong(&[named]).unwrap().contains("MEANWHILE_PUBLIC_URL"));
    assert_eq!(wrong(&[named, token]), None);
}

#[test]
fn addresses_are_addresses() {
    let token = ("MEANWHILE_AUTH", "token");
    for (name, value, told) in [
        ("MEANWHILE_PUBLIC_URL", "jobs.example.com", "https://"),
        (
            "MEANWHILE_PUBLIC_URL",
            "https://example.com/jobs",
            "a host and a port",
        ),
        ("MEANWHILE_ALLOWED_ORIGINS", "https://a.test,*", "`*`"),
        ("MEANWHILE_OAUTH_ISSUER", "http://login.example.com", "https"),
        ("MEANWHILE_OAUTH_AUDIENCE", "jobs", "without `oauth_issuer`"),
        ("MEANWHILE_OAUTH_TENANT_CLAIM", "org", "without `oauth_issuer`"),
    ] {
        let error = wrong(&[token, (name, value)]).unwrap();
        assert!(error.contains(name) && error.contains(told), "{error}");
    }
    let origins = (
        "MEANWHILE_ALLOWED_ORIGINS",
        "https://a.test, http://localhost:3000",
    );
    let settings = with(&[origins], &ServeArgs::default()).unwrap();
    assert_eq!(settings.outside.allowed_origins.len(), 2);
}

#[test]
fn access_tokens_need_authentication_and_travel_encrypted() {
    let issuer = ("MEANWHILE_OAUTH_ISSUER", "https://login.example.com/");
    let token = ("MEANWHILE_AUTH", "token");
    assert!(wrong(&[issuer]).unwrap().contains("auth = token"));
    let plain = ("MEANWHILE_PUBLIC_URL", "http://jobs.example.com");
    assert!(wrong(&[issuer, token, plain]).unwrap().contains("https"));
    let settings = with(&[issuer, token], &ServeArgs::default()).unwrap();
    let oauth = settings.outside.oauth.unwrap();
    assert_eq!(
        (oauth.issuer.as_str(), oauth.tenant_claim.as_str()),
        ("https://login.example.com/", "tenant")
    );
}

#[test]
fn a_password_is_not_shown() {
    for url in [
        "postgres://ada:s3cret@db/jobs",
        "postgresql://ada@db/jobs?password=s3cret&sslmode=require",
    ] {
        let settings = with(&[("MEANWHILE_STORE", url)], &ServeArgs::default()).unwrap();
        assert_eq!(settings.store, Store::Postgres(url.into()));
        let shown = settings.to_toml();
        assert!(shown.contains("@db/jobs") && !shown.contains("s3cret"), "{shown}");
    }
}
