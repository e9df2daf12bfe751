//! The tool that reads a page: from hosts that the operator allows, never from what lies behind this machine.

use std::net::IpAddr;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Attempt, Policy};

use super::super::setting::{FetchHosts, Reach};
use super::public::is_public;
use crate::agent::fetch;
use crate::outbound;

/// See the module.
pub(super) struct Fetcher {
    hosts: FetchHosts,
    client: reqwest::Client,
}

impl Fetcher {
    pub(super) fn new(hosts: &FetchHosts) -> Result<Self, String> {
        let (asked, followed) = (hosts.clone(), hosts.clone());
        let client = outbound::client()
            // What a proxy finds behind a name nobody could look at here.
            .no_proxy()
            .dns_resolver(Arc::new(Names(asked)))
            .redirect(Policy::custom(move |attempt| follow(&followed, attempt)));
        Ok(Self {
            hosts: hosts.clone(),
            client: outbound::built(client)?,
        })
    }

    /// Whether any page may be read at all.
    pub(super) fn may_read(&self) -> bool {
        self.hosts != FetchHosts::Only(Vec::new())
    }

    /// The text of a page, or why there is none.
    pub(super) async fn page(&self, url: &str) -> Result<String, String> {
        let url = Url::parse(url).map_err(|error| format!("{url:?} is no address: {error}"))?;
        check(&self.hosts, &url)?;
        let page = fetch::text(&self.client, url.as_str()).await;
        page.map_err(|error| error.message)
    }
}

/// Whether an address may be read, as far as it says itself where it leads.
fn check(hosts: &FetchHosts, url: &Url) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{url}: only http and https addresses are read"));
    }
    let host = url.host_str().unwrap_or_default();
    let Some(reach) = hosts.allows(host) else {
        return Err(format!(
            "{host} is none of the hosts that the operator allows (`fetch_hosts`)"
        ));
    };
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    match address {
        Ok(address) if reach == Reach::Public && !is_public(address) => Err(private(host)),
        _ => Ok(()),
    }
}

fn private(host: &str) -> String {
    format!("{host} is no address of the public network, and is not read")
}

fn follow(hosts: &FetchHosts, attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > fetch::REDIRECTS_MAX {
        return attempt.error("too many redirects");
    }
    match check(hosts, attempt.url()) {
        Ok(()) => attempt.follow(),
        Err(why) => attempt.error(why),
    }
}

/// Names, looked up once: what was looked at is what is connected to.
struct Names(FetchHosts);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.allows(name.as_str());
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let fits = |address: &std::net::SocketAddr| match reach {
                Some(Reach::Anywhere) => true,
                Some(Reach::Public) => is_public(address.ip()),
                None => false,
            };
            let fitting: Vec<_> = found.filter(fits).collect();
            if fitting.is_empty() {
                return Err(private(&host).into());
            }
            Ok(Box::new(fitting.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{FetchHosts, Fetcher};

    fn fetcher(hosts: &str) -> Fetcher {
        Fetcher::new(&hosts.parse::<FetchHosts>().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn what_lies_behind_this_machine_is_not_read() {
        let all = fetcher("public");
        for (url, told) in [
            ("http://127.0.0.1:1/", "no address of the public network"),
            ("http://[::1]:1/", "no address of the public network"),
            (
                "http://169.254.169.254/latest/meta-data",
                "no address of the public network",
            ),
            // Other ways to write one.
            ("http://2130706433/", "no address of the public network"),
            ("http://0x7f.1/", "no address of the public network"),
            // A name that leads there.
            ("http://localhost:1/", "no address of the public network"),
            ("file:///etc/passwd", "only http and https"),
            ("nothing", "is no address"),
        ] {
            let error = all.page(url).await.unwrap_err();
            assert!(error.contains(told), "{url}: {error}");
        }
        let some = fetcher("example.com,*.0.0.1");
        for (url, told) in [
            (
                "http://example.org/",
                "none of the hosts that the operator allows",
            ),
            // Below a name that is allowed, and of this machine all the same.
            ("http://127.0.0.1:1/", "no address of the public network"),
        ] {
            let error = some.page(url).await.unwrap_err();
            assert!(error.contains(told), "{url}: {error}");
        }
        assert!(!fetcher("none").may_read() && some.may_read());
    }
}
